/* What the stand-ins for NVIDIA's libraries share: counters, and complaints.

   Kernels do nothing, device memory is the host's, and every call is counted. So what ONNX Runtime's
   CUDA provider asks for is real; numbers, pictures and time are not. */

#include <stddef.h>

/* One name for each counter, which the tests use too. */
#define COUNTERS(X) \
    X(launches) /* kernels, of ONNX Runtime or a library, in a capture as well */ \
    X(graph_launches) \
    X(copies_in) X(copies_out) X(copies_within) /* the device */ \
    X(fills) \
    X(synchronisations) \
    X(host_callbacks) \
    X(allocations) X(frees) \
    X(pinned_allocations) \
    X(captures) \
    X(forbidden) /* calls that a capture does not allow */ \
    X(captured_host_copies) /* copies between host and device that a graph replays */ \
    X(stale_replays) /* of those, whose source on the host was another by the time of a launch */ \
    X(convolutions) X(poolings) X(reductions) X(products) /* cuDNN's and cuBLAS's launches by kind */

#define MEMBER(name) COUNT_##name,
enum { COUNTERS(MEMBER) COUNT_ALL };

void standin_count(int counter);
void standin_complain(const char *what, const char *name);
