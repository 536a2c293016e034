/* SPDX-License-Identifier: MIT */
#include "sentinel/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

/* jemalloc's control call, if the program has one: the library itself does not ask for jemalloc. */
extern int
mallctl(const char *name, void *old_value, size_t *old_bytes, void *new_value, size_t new_bytes)
    __attribute__((weak));

int thread_start(
    pthread_t *ret_thread, const char *name, int cpu, void *(*body)(void *), void *user)
{
    pthread_attr_t attributes;
    int result = pthread_attr_init(&attributes);
    if (result != 0) {
        return -result;
    }
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        /* Before the thread exists: it must not run a single instruction elsewhere. */
        result = pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
    }
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    if (result == 0) {
        result = pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread inherits the mask */
    }
    if (result == 0) {
        result = pthread_create(ret_thread, &attributes, body, user);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    if (result == 0) {
        (void)pthread_setname_np(*ret_thread, name);
    }
    return -result;
}

const uint64_t *thread_allocated_bytes(void)
{
    uint64_t *counter = NULL;
    size_t counter_bytes = sizeof(counter);
    if (mallctl == NULL || mallctl("thread.allocatedp", &counter, &counter_bytes, NULL, 0) != 0) {
        return NULL;
    }
    return counter;
}
