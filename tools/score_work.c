/* SPDX-License-Identifier: MIT */
#include "tools/score_work.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

struct work {
    pthread_mutex_t lock; /* guards all below it */
    uint32_t next;
    uint32_t failed;
    int status;
    /* what is the same for all */
    uint32_t count;
    int (*job)(void *context, uint32_t number);
    void *context;
};

uint32_t work_workers(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus < 1 ? 1 : cpus > (long)WORKERS_MAX ? WORKERS_MAX : (uint32_t)cpus;
}

static bool job_take(struct work *work, uint32_t *ret_number)
{
    (void)pthread_mutex_lock(&work->lock);
    const bool is_left = work->status == 0 && work->next < work->count;
    *ret_number = work->next;
    work->next += is_left;
    (void)pthread_mutex_unlock(&work->lock);
    return is_left;
}

static void job_fail(struct work *work, uint32_t number, int status)
{
    (void)pthread_mutex_lock(&work->lock);
    if (work->status == 0 || number < work->failed) {
        work->status = status;
        work->failed = number;
    }
    (void)pthread_mutex_unlock(&work->lock);
}

static void *worker_main(void *context)
{
    struct work *work = context;
    for (uint32_t number; job_take(work, &number);) {
        const int status = work->job(work->context, number);
        if (status != 0) {
            job_fail(work, number, status);
        }
    }
    return NULL;
}

int work_run(uint32_t workers,
             uint32_t count,
             int (*job)(void *context, uint32_t number),
             void *context,
             uint32_t *ret_failed)
{
    struct work work = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .count = count, .job = job, .context = context};
    pthread_t threads[WORKERS_MAX];
    uint32_t started = 0;
    while (started + 1U < workers && started < WORKERS_MAX &&
           pthread_create(&threads[started], NULL, worker_main, &work) == 0) {
        started++; /* where one cannot be had, the others do its share */
    }
    (void)worker_main(&work);
    for (uint32_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_mutex_destroy(&work.lock);
    *ret_failed = work.failed;
    return work.status;
}
