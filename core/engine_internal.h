/* SPDX-License-Identifier: MIT
 *
 * engine_internal.h - what the writer and the reader of an engine's file share.
 */
#ifndef FLATLINE_CORE_ENGINE_INTERNAL_H
#define FLATLINE_CORE_ENGINE_INTERNAL_H

#include "flatline/engine.h"

#include <limits.h>

/** State letter, threads and start time of a process, from /proc/<pid>/stat. false: no such process,
 *  or nothing to read. */
bool process_stat(uint64_t pid, char *ret_state, uint64_t *ret_threads, uint64_t *ret_start_ticks);

/** Inode of our own pid namespace; 0: not known. */
uint64_t process_namespace(void);

/** Printable bytes alone? What comes out of a file is shown on terminals. */
static inline bool name_is_plain(const char *name)
{
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < 0x20 || *name == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Bucket of a value in units, as flatline_latency() finds it. */
static inline uint64_t latency_bucket(uint64_t units, uint32_t bits)
{
    const uint32_t doubling = 64U - (uint32_t)__builtin_clzll(units | ((1ULL << bits) - 1U)) - bits;
    return ((uint64_t)doubling << (bits - 1U)) + (units >> doubling);
}

/* Largest value of a bucket, in units: the other way round. */
static inline uint64_t latency_edge(uint64_t bucket, uint32_t bits)
{
    const uint64_t half = 1ULL << (bits - 1U);
    if (bucket < 2U * half) {
        return bucket;
    }
    const uint64_t doubling = bucket / half - 1U;
    return ((bucket - doubling * half + 1U) << doubling) - 1U;
}

#endif
