/* libcublas: handles, and products that are launches. */

#include "standins.h"

static int product(void) {
    standin_count(COUNT_launches);
    standin_count(COUNT_products);
    return 0;
}

int cublasCreate_v2(void **handle) {
    static int made;
    *handle = &made;
    return 0;
}
int cublasDestroy_v2(void *handle) { return 0; }
int cublasSetStream_v2(void *handle, void *stream) { return 0; }
int cublasSetMathMode(void *handle, int mode) { return 0; }
int cublasGetMathMode(void *handle, int *mode) {
    *mode = 0;
    return 0;
}
const char *cublasGetStatusName(int status) { return "status"; }
const char *cublasGetStatusString(int status) { return "status"; }
int cublasSgemm_v2(void) { return product(); }
int cublasGemmEx(void) { return product(); }
int cublasSgemmBatched(void) { return product(); }
int cublasSgemmStridedBatched(void) { return product(); }
int cublasGemmStridedBatchedEx(void) { return product(); }
int cublasSgeam(void) { return product(); }
