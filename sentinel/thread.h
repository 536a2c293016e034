/* SPDX-License-Identifier: MIT
 *
 * thread.h - a thread as this project wants it: named, pinned, deaf to signals; and what it has
 * allocated.
 */
#ifndef FLATLINE_SENTINEL_THREAD_H
#define FLATLINE_SENTINEL_THREAD_H

#include <pthread.h>
#include <stdint.h>

#define THREAD_ANY_CPU (-1)

/** Starts body(user) in a thread that blocks all signals, SIGPIPE included, and is bound to cpu
 *  (THREAD_ANY_CPU: not bound). name: at most 15 bytes. Returns 0, or -errno (-EINVAL: no such
 *  CPU). */
int thread_start(
    pthread_t *ret_thread, const char *name, int cpu, void *(*body)(void *), void *user);

/** Where jemalloc counts the bytes this thread ever allocated; NULL where the program is not
 *  linked with jemalloc. Reading through it is a plain load. */
const uint64_t *thread_allocated_bytes(void);

#endif
