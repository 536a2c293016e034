/* SPDX-License-Identifier: MIT
 *
 * score_work.h - many jobs on a few threads. What comes of a job hangs on its number alone, so all
 * comes out the same however many threads there are.
 */
#ifndef FLATLINE_TOOLS_SCORE_WORK_H
#define FLATLINE_TOOLS_SCORE_WORK_H

#include <stdint.h>

#define WORKERS_MAX 64U

/** As many threads as this machine has CPUs for us, at most WORKERS_MAX. */
uint32_t work_workers(void);

/** Does jobs 0 .. count - 1, each once, in this order but side by side on `workers` threads. After a
 *  job that returns other than 0 no further one begins. Returns 0, or what the first of these
 *  returned, whose number is ret_failed. */
int work_run(uint32_t workers,
             uint32_t count,
             int (*job)(void *context, uint32_t number),
             void *context,
             uint32_t *ret_failed);

#endif
