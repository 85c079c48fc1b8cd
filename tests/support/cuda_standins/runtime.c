/* libcudart: memory, copies, streams, captures and launches. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "standins.h"

enum {
    SUCCESS = 0,
    OUT_OF_MEMORY = 2,
    DRIVER_TOO_OLD = 35,
    NO_DEVICE = 100,
    NOT_SUPPORTED = 801,
    NOT_WHILE_CAPTURING = 900
};
enum { TO_DEVICE = 1, TO_HOST = 2, WITHIN_DEVICE = 3 };
enum { PAGEABLE, DEVICE, PINNED };
enum { ALIGNMENT = 256 };

/* --- What is told ------------------------------------------------------------------------------ */

#define NAME(name) #name " "
static long counts[COUNT_ALL];
static char complaints[4096];

/* While it is recorded, what is counted is stamped as well. There is a pause on either side, so that
   a profile of whole microseconds says for certain which node asked for it. */
enum { MOST_STAMPS = 1 << 14, APART = 4000 /* ns */ };
struct stamp {
    int64_t counter, at; /* ns of the system's clock */
};
static struct stamp stamps[MOST_STAMPS];
static int64_t stamped = -1; /* not recording */

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * (int64_t)1000000000 + at.tv_nsec;
}
static void pause_for(int64_t nanoseconds) {
    for (int64_t end = now() + nanoseconds; now() < end;) {}
}

void standin_record(void) { stamped = 0; }
int64_t standin_recorded(const struct stamp **found) {
    int64_t all = stamped;
    *found = stamps;
    stamped = -1;
    return all;
}

void standin_count(int counter) {
    counts[counter]++;
    if (stamped < 0 || stamped == MOST_STAMPS) return;
    pause_for(APART);
    stamps[stamped++] = (struct stamp){counter, now()};
    pause_for(APART);
}
long *standin_counts(void) { return counts; }
const char *standin_names(void) { return COUNTERS(NAME); }
const char *standin_complaints(void) { return complaints; }

void standin_complain(const char *what, const char *name) {
    size_t used = strlen(complaints);
    snprintf(complaints + used, sizeof complaints - used, "%s: %s\n", what, name);
}

/* --- What is injected -------------------------------------------------------------------------- */

static size_t memory_limit = (size_t)80 << 30;

void standin_set_memory(size_t bytes) { memory_limit = bytes; }

static int is_set(const char *variable) { return getenv(variable) != NULL; }

static int device_error(void) {
    if (is_set("STANDIN_OLD_DRIVER")) return DRIVER_TOO_OLD;
    return is_set("STANDIN_NO_DEVICE") ? NO_DEVICE : SUCCESS;
}

/* --- Captures ---------------------------------------------------------------------------------- */

static int capturing;

static int not_captured(const char *call) {
    if (!capturing) return SUCCESS;
    standin_count(COUNT_forbidden);
    standin_complain("not allowed in a capture", call);
    return NOT_WHILE_CAPTURING;
}

struct host_copy { /* that a graph replays */
    struct host_copy *next;
    const void *source;
    size_t size;
    char content[];
};
struct graph {
    struct host_copy *copies;
};
static struct graph *captured;

static void record(const void *source, size_t size) {
    struct host_copy *copy = malloc(sizeof *copy + size);
    copy->source = source;
    copy->size = size;
    memcpy(copy->content, source, size);
    copy->next = captured->copies;
    captured->copies = copy;
}

int cudaStreamBeginCapture(void *stream, int mode) {
    standin_count(COUNT_captures);
    captured = calloc(1, sizeof *captured);
    capturing = 1;
    return SUCCESS;
}

int cudaStreamEndCapture(void *stream, void **graph) {
    capturing = 0;
    *graph = captured;
    return SUCCESS;
}

int cudaStreamIsCapturing(void *stream, int *status) {
    *status = capturing;
    return SUCCESS;
}

int cudaGraphInstantiate(void **executable, void *graph, unsigned long long flags) {
    *executable = graph;
    return SUCCESS;
}

int cudaGraphLaunch(void *executable, void *stream) {
    struct graph *graph = executable;
    standin_count(COUNT_graph_launches);
    for (struct host_copy *copy = graph->copies; copy; copy = copy->next)
        if (memcmp(copy->source, copy->content, copy->size)) standin_count(COUNT_stale_replays);
    return SUCCESS;
}

/* An executable is its graph here, and lives as long as the process. */
int cudaGraphDestroy(void *graph) { return SUCCESS; }
int cudaGraphExecDestroy(void *executable) { return SUCCESS; }

/* --- Memory ------------------------------------------------------------------------------------ */

struct block {
    struct block *next;
    char *begin;
    size_t size;
    int kind;
};
static struct block *blocks;
static size_t held;

size_t standin_bytes(void) { return held; }

static int kind_of(const void *address) {
    for (struct block *block = blocks; block; block = block->next)
        if ((char *)address >= block->begin && (char *)address < block->begin + block->size)
            return block->kind;
    return PAGEABLE;
}

/* Each device address is above the last and none is given twice: of two blocks of a size ONNX Runtime
   takes the lower, and so holds as much whatever was there before. */
static char *device_address = (char *)0x200000000000;
enum { APART_BY = 1 << 21 };

static void *device_memory(size_t room) { /* which takes none of the host's until it is written */
    void *made = mmap(device_address, room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    device_address += (room + APART_BY) / APART_BY * APART_BY;
    return made;
}

static int allocate(void **address, size_t size, int kind) {
    size_t room = (size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    struct block *block = malloc(sizeof *block);
    *address = kind == DEVICE ? device_memory(room) : aligned_alloc(ALIGNMENT, room);
    *block = (struct block){blocks, *address, room, kind};
    blocks = block;
    return SUCCESS;
}

static void release(void *address) {
    for (struct block **link = &blocks; *link; link = &(*link)->next)
        if ((*link)->begin == address) {
            struct block *block = *link;
            *link = block->next;
            if (block->kind == DEVICE) {
                held -= block->size;
                munmap(block->begin, block->size);
            } else {
                free(block->begin);
            }
            free(block);
            return;
        }
}

int cudaMalloc(void **address, size_t size) {
    int error = not_captured("cudaMalloc");
    if (error) return error;
    if (held + size > memory_limit) return OUT_OF_MEMORY;
    standin_count(COUNT_allocations);
    error = allocate(address, size, DEVICE);
    held += blocks->size;
    return error;
}

int cudaFree(void *address) {
    if (!address) return SUCCESS;
    int error = not_captured("cudaFree");
    if (error) return error;
    standin_count(COUNT_frees);
    release(address);
    return SUCCESS;
}

int cudaHostAlloc(void **address, size_t size, unsigned flags) {
    int error = not_captured("cudaHostAlloc");
    if (error) return error;
    standin_count(COUNT_pinned_allocations);
    return allocate(address, size, PINNED);
}
int cudaMallocHost(void **address, size_t size) { return cudaHostAlloc(address, size, 0); }

int cudaFreeHost(void *address) {
    release(address);
    return SUCCESS;
}

int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    *free_bytes = memory_limit - held;
    *total = memory_limit;
    return SUCCESS;
}

int cudaPointerGetAttributes(int *attributes, const void *address) { /* their first is the kind */
    int kind = kind_of(address);
    attributes[0] = kind == DEVICE ? 2 : kind == PINNED ? 1 : 0;
    return SUCCESS;
}

static void count_copy(int direction) {
    standin_count(direction == TO_DEVICE ? COUNT_copies_in
                  : direction == TO_HOST ? COUNT_copies_out
                                         : COUNT_copies_within);
}

static void copy(void *target, const void *source, size_t size, int direction) {
    if (direction != WITHIN_DEVICE) memmove(target, source, size); /* within, nothing is computed */
}

int cudaMemcpy(void *target, const void *source, size_t size, int direction) {
    int error = not_captured("cudaMemcpy");
    if (error) return error;
    count_copy(direction);
    copy(target, source, size, direction);
    return SUCCESS;
}

int cudaMemcpyAsync(void *target, const void *source, size_t size, int direction, void *stream) {
    const void *host = direction == TO_DEVICE ? source : direction == TO_HOST ? target : NULL;
    count_copy(direction);
    if (capturing && host) {
        standin_count(COUNT_captured_host_copies);
        if (kind_of(host) == PAGEABLE) return not_captured("a copy of pageable memory");
        if (direction == TO_DEVICE) record(source, size);
    }
    copy(target, source, size, direction);
    return SUCCESS;
}

int cudaMemcpy2DAsync(void *target, size_t target_pitch, const void *source, size_t source_pitch,
                      size_t width, size_t height, int direction, void *stream) {
    count_copy(direction);
    return SUCCESS;
}

int cudaMemset(void *target, int value, size_t size) {
    int error = not_captured("cudaMemset");
    if (error) return error;
    standin_count(COUNT_fills);
    memset(target, value, size);
    return SUCCESS;
}

int cudaMemsetAsync(void *target, int value, size_t size, void *stream) {
    standin_count(COUNT_fills); /* its memory stays untouched: nothing reads it */
    return SUCCESS;
}

/* --- Streams and events ------------------------------------------------------------------------ */

static uintptr_t streams = 0x1000;

int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
    *stream = (void *)(streams += 16);
    return SUCCESS;
}
int cudaStreamCreate(void **stream) { return cudaStreamCreateWithFlags(stream, 0); }
int cudaStreamDestroy(void *stream) { return SUCCESS; }
int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) { return SUCCESS; }

int cudaStreamSynchronize(void *stream) {
    int error = stream ? not_captured("cudaStreamSynchronize") : SUCCESS;
    if (!error) standin_count(COUNT_synchronisations);
    return error;
}

int cudaDeviceSynchronize(void) {
    int error = not_captured("cudaDeviceSynchronize");
    if (!error) standin_count(COUNT_synchronisations);
    return error;
}

int cudaEventCreateWithFlags(void **event, unsigned flags) {
    *event = (void *)(streams += 16);
    return SUCCESS;
}
int cudaEventCreate(void **event) { return cudaEventCreateWithFlags(event, 0); }
int cudaEventDestroy(void *event) { return SUCCESS; }
int cudaEventRecord(void *event, void *stream) { return SUCCESS; }
int cudaEventRecordWithFlags(void *event, void *stream, unsigned flags) { return SUCCESS; }
int cudaEventSynchronize(void *event) { return SUCCESS; }

int cudaLaunchHostFunc(void *stream, void (*callback)(void *), void *data) {
    standin_count(COUNT_host_callbacks);
    callback(data);
    return SUCCESS;
}

/* --- Kernels ----------------------------------------------------------------------------------- */

struct three {
    unsigned x, y, z;
};

void **__cudaRegisterFatBinary(void *binary) {
    static void *handle;
    return &handle;
}
void __cudaRegisterFatBinaryEnd(void **handle) {}
void __cudaRegisterFunction(void) {}
void __cudaRegisterVar(void) {}
void __cudaUnregisterFatBinary(void **handle) {}
int __cudaPushCallConfiguration(void) { return SUCCESS; }

int __cudaPopCallConfiguration(struct three *grid, struct three *block, size_t *shared,
                               void **stream) {
    *grid = *block = (struct three){1, 1, 1};
    *shared = 0;
    *stream = NULL;
    return SUCCESS;
}

int __cudaGetKernel(const void **kernel, const void *function) {
    *kernel = function;
    return SUCCESS;
}

static int launch(void) {
    standin_count(COUNT_launches);
    return SUCCESS;
}
int __cudaLaunchKernel(void *kernel) { return launch(); }
int cudaLaunchKernel(const void *function) { return launch(); }
int cudaLaunchKernelExC(const void *configuration) { return launch(); }
int cudaLaunchCooperativeKernel(const void *function) { return launch(); }

int cudaFuncGetAttributes(void *attributes, const void *function) {
    memset(attributes, 0, 64);
    return SUCCESS;
}
int cudaFuncSetAttribute(const void *function, int attribute, int value) { return SUCCESS; }

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *count, const void *function,
                                                           int block, size_t shared,
                                                           unsigned flags) {
    *count = 4;
    return SUCCESS;
}

/* --- The device: an H100 ----------------------------------------------------------------------- */

struct properties { /* cudaDeviceProp of CUDA 13 as far as it is read */
    char name[256], uuid[16], luid[8];
    unsigned nodes;
    size_t memory, shared;
    int registers, warp;
    size_t pitch;
    int threads, threads_along[3], blocks_along[3];
    size_t constants;
    int major, minor;
    size_t texture, texture_pitch;
    int multiprocessors;
    char rest[300];
};

int cudaGetDeviceCount(int *count) {
    *count = device_error() ? 0 : 1;
    return device_error();
}

int cudaGetDevice(int *device) {
    *device = 0;
    return device_error();
}
int cudaSetDevice(int device) { return device_error(); }

int cudaGetDeviceProperties(struct properties *found, int device) {
    memset(found, 0, sizeof *found);
    strcpy(found->name, "Stand-in");
    found->memory = memory_limit;
    found->shared = 49152;
    found->registers = 65536;
    found->warp = 32;
    found->threads = found->threads_along[0] = found->threads_along[1] = 1024;
    found->threads_along[2] = 64;
    found->blocks_along[0] = 2147483647;
    found->blocks_along[1] = found->blocks_along[2] = 65535;
    found->constants = 65536;
    found->major = 9;
    found->multiprocessors = 132;
    return device_error();
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
        case 1: *value = 1024; break;    /* threads of a block */
        case 8: *value = 49152; break;   /* bytes that they share */
        case 10: *value = 32; break;     /* threads of a warp */
        case 16: *value = 132; break;    /* multiprocessors */
        case 75: *value = 9; break;      /* compute capability, major */
        case 97: *value = 232448; break; /* bytes that a block may ask for */
        default: *value = 0;
    }
    return SUCCESS;
}

int cudaDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}
int cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}

int cudaGetLastError(void) { return SUCCESS; }
int cudaPeekAtLastError(void) { return SUCCESS; }

const char *cudaGetErrorString(int error) {
    switch (error) {
        case SUCCESS: return "no error";
        case OUT_OF_MEMORY: return "out of memory";
        case DRIVER_TOO_OLD:
            return "CUDA driver version is insufficient for CUDA runtime version";
        case NO_DEVICE: return "no CUDA-capable device is detected";
        case NOT_WHILE_CAPTURING: return "operation not permitted when stream is capturing";
        default: return "operation not supported";
    }
}
const char *cudaGetErrorName(int error) {
    return error == OUT_OF_MEMORY ? "cudaErrorMemoryAllocation" : "cudaError";
}

/* Its entry points are for what an H100 is not asked to do here. */
static int unsupported(void) { return NOT_SUPPORTED; }
int cudaGetDriverEntryPointByVersion(const char *name, int (**function)(void), unsigned version,
                                     unsigned long long flags, int *status) {
    *function = unsupported;
    if (status) *status = 0;
    return SUCCESS;
}
