/* SPDX-License-Identifier: MIT
 *
 * guarded.h - bytes that end exactly where an unmapped page begins: one byte read too far is a
 * SIGSEGV, sanitizer or not.
 */
#ifndef FLATLINE_TESTS_GUARDED_H
#define FLATLINE_TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARDED_BYTES_MAX (2U * 1024U * 1024U)

struct guarded {
    uint8_t *map;
    uint8_t *end; /* first byte of the unmapped page */
};

static inline struct guarded guarded_open(void)
{
    struct guarded guarded;
    guarded.map = mmap(
        NULL, GUARDED_BYTES_MAX + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded.map == MAP_FAILED ||
        mprotect(guarded.map + GUARDED_BYTES_MAX, 4096, PROT_NONE) != 0) {
        perror("guard page");
        abort();
    }
    guarded.end = guarded.map + GUARDED_BYTES_MAX;
    return guarded;
}

static inline void guarded_close(struct guarded *guarded)
{
    (void)munmap(guarded->map, GUARDED_BYTES_MAX + 4096);
}

/* A copy of bytes that ends at the guard page. */
static inline uint8_t *
guarded_copy(const struct guarded *guarded, const void *bytes, size_t size_bytes)
{
    uint8_t *const copy = guarded->end - size_bytes;
    if (size_bytes > 0) {
        memcpy(copy, bytes, size_bytes);
    }
    return copy;
}

#endif
