/* Bytes that a process asks for in pieces of a kilobyte or more, counted in front of libc. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>

enum { LEAST = 1024 };

_Atomic long asked_for;

extern void *__libc_malloc(size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void count(size_t size) {
    if (size >= LEAST)
        asked_for += size;
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    count(size);
    *place = __libc_memalign(alignment, size);
    return *place ? 0 : 12; /* ENOMEM */
}
