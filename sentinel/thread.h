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

/* What a thread has allocated, by jemalloc's own counter, less what OpenSSL did where that is
 * counted: OpenSSL 3.0 takes and gives back 48 bytes for every TLS record, whatever we do. */
struct thread_meter {
    const uint64_t *allocated; /* NULL where the program is not linked with jemalloc */
    uint64_t at_start;
};

/** Begins to count; call it in the thread itself. */
struct thread_meter thread_meter_begin(void);

/** Bytes allocated by this thread since; 0 where nobody counts. Two plain loads. */
uint64_t thread_meter_bytes(const struct thread_meter *meter);

/** Bytes that OpenSSL allocated in this thread, where they are counted apart. */
uint64_t thread_meter_openssl_bytes(void);

/** Counts OpenSSL's allocations apart, for the whole process: for a program's main(), before
 *  anything else has used OpenSSL; the library never calls it. Without jemalloc it does nothing. */
void thread_meter_split_openssl(void);

#endif
