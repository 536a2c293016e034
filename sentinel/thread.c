/* SPDX-License-Identifier: MIT */
#include "sentinel/thread.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

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

static _Thread_local uint64_t openssl_bytes;

static void *openssl_malloc(size_t size_bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    void *memory = malloc(size_bytes);
    openssl_bytes += malloc_usable_size(memory); /* as jemalloc counts */
    return memory;
}

static void *openssl_realloc(void *old, size_t size_bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    void *memory = realloc(old, size_bytes);
    openssl_bytes += malloc_usable_size(memory);
    return memory;
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

uint64_t thread_meter_openssl_bytes(void)
{
    return openssl_bytes;
}

void thread_meter_split_openssl(void)
{
    if (mallctl != NULL) {
        (void)CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
    }
}

struct thread_meter thread_meter_begin(void)
{
    struct thread_meter meter = {0};
    uint64_t *counter = NULL;
    size_t counter_bytes = sizeof(counter);
    if (mallctl != NULL && mallctl("thread.allocatedp", &counter, &counter_bytes, NULL, 0) == 0) {
        meter.allocated = counter;
        meter.at_start = *counter - openssl_bytes;
    }
    return meter;
}

uint64_t thread_meter_bytes(const struct thread_meter *meter)
{
    return meter->allocated != NULL ? *meter->allocated - openssl_bytes - meter->at_start : 0;
}
