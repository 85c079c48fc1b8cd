/* libcudnn: descriptors that hold nothing, and executions that are launches. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "standins.h"

static int launch(int kind) {
    standin_count(COUNT_launches);
    standin_count(kind);
    return 0;
}

/* --- What every part uses ---------------------------------------------------------------------- */

size_t cudnnGetVersion(void) { return 91400; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char *cudnnGetErrorString(int status) { return "CUDNN_STATUS_EXECUTION_FAILED"; }
void cudnnGetLastErrorString(char *text, size_t size) {
    if (size) text[0] = 0;
}

static int make(void **made) {
    *made = calloc(1, 64);
    return 0;
}
int cudnnCreate(void **handle) { return make(handle); }
int cudnnDestroy(void *handle) { return 0; }
int cudnnSetStream(void *handle, void *stream) { return 0; }
int cudnnGetStream(void *handle, void **stream) {
    *stream = NULL;
    return 0;
}

#define DESCRIPTOR(name) \
    int cudnnCreate##name##Descriptor(void **made) { return make(made); } \
    int cudnnDestroy##name##Descriptor(void *made) { free(made); return 0; }
DESCRIPTOR(Tensor) DESCRIPTOR(Filter) DESCRIPTOR(Convolution) DESCRIPTOR(Pooling)
DESCRIPTOR(LRN) DESCRIPTOR(Activation) DESCRIPTOR(ReduceTensor)

#define SET(name) int cudnnSet##name(void) { return 0; }
SET(TensorNdDescriptor) SET(Tensor4dDescriptor) SET(FilterNdDescriptor) SET(Filter4dDescriptor)
SET(ConvolutionNdDescriptor) SET(ConvolutionGroupCount) SET(ConvolutionMathType)
SET(PoolingNdDescriptor) SET(LRNDescriptor) SET(ActivationDescriptor) SET(ReduceTensorDescriptor)

/* --- The graph interface, by which convolutions run --------------------------------------------- */

enum { INT64 = 3, DESCRIPTOR = 15, BEHAVIOUR = 23 }; /* kinds of an attribute */
enum { KNOBS = 302, LAYOUT = 1302 };                 /* attributes of which there are none */

int cudnnBackendCreateDescriptor(int kind, void **made) { return make(made); }
int cudnnBackendDestroyDescriptor(void *made) {
    free(made);
    return 0;
}
int cudnnBackendFinalize(void *made) { return 0; }
int cudnnBackendSetAttribute(void *made, int name, int kind, int64_t count, const void *values) {
    return 0;
}

/* One engine, one configuration of it, and no bytes of workspace. */
int cudnnBackendGetAttribute(void *made, int name, int kind, int64_t wanted, int64_t *count,
                             void *values) {
    int64_t found = kind == DESCRIPTOR ? name != KNOBS && name != LAYOUT
                                       : kind == INT64 || kind == BEHAVIOUR;
    if (count) *count = found;
    if (values && wanted && kind == INT64) *(int64_t *)values = 0;
    if (values && wanted && kind == BEHAVIOUR) *(int *)values = 0;
    return 0;
}

int cudnnBackendExecute(void *handle, void *plan, void *variables) {
    if (getenv("STANDIN_CUDNN_FAILS")) return 5000; /* CUDNN_STATUS_EXECUTION_FAILED */
    return launch(COUNT_convolutions);
}

/* --- The older interface ------------------------------------------------------------------------ */

int cudnnConvolutionForward(void) { return launch(COUNT_convolutions); }
int cudnnConvolutionBackwardData(void) { return launch(COUNT_convolutions); }
int cudnnConvolutionBiasActivationForward(void) { return launch(COUNT_convolutions); }
int cudnnPoolingForward(void) { return launch(COUNT_poolings); }
int cudnnReduceTensor(void) { return launch(COUNT_reductions); }
int cudnnAddTensor(void) {
    standin_count(COUNT_launches);
    return 0;
}
int cudnnActivationForward(void) { return cudnnAddTensor(); }
int cudnnLRNCrossChannelForward(void) { return cudnnAddTensor(); }

int cudnnGetReductionWorkspaceSize(void *handle, void *reduction, void *x, void *y, size_t *size) {
    *size = 4096;
    return 0;
}
int cudnnGetReductionIndicesSize(void *handle, void *reduction, void *x, void *y, size_t *size) {
    *size = 0;
    return 0;
}

struct choice { /* cudnnConvolutionFwdAlgoPerf_t */
    int algorithm, status;
    float time;
    int rest[9];
};

int cudnnGetConvolutionForwardAlgorithm_v7(void *handle, void *x, void *w, void *convolution,
                                           void *y, int wanted, int *count, struct choice *found) {
    *count = 1;
    memset(found, 0, sizeof *found);
    return 0;
}
int cudnnFindConvolutionForwardAlgorithmEx(void *handle, void *x, const void *xs, void *w,
                                           const void *ws, void *convolution, void *y, void *ys,
                                           int wanted, int *count, struct choice *found,
                                           void *workspace, size_t size) {
    return cudnnGetConvolutionForwardAlgorithm_v7(handle, x, w, convolution, y, wanted, count,
                                                  found);
}
int cudnnGetConvolutionForwardWorkspaceSize(void *handle, void *x, void *w, void *convolution,
                                            void *y, int algorithm, size_t *size) {
    *size = 0;
    return 0;
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(void *handle, void *w, void *dy, void *convolution,
                                                void *dx, int wanted, int *count,
                                                struct choice *found) {
    return cudnnGetConvolutionForwardAlgorithm_v7(handle, dy, w, convolution, dx, wanted, count,
                                                  found);
}
