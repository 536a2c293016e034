/* SPDX-License-Identifier: MIT
 *
 * score_sum.h - what trials come to: counts, times, and who was blamed for what.
 */
#ifndef FLATLINE_TOOLS_SCORE_SUM_H
#define FLATLINE_TOOLS_SCORE_SUM_H

#include "flatline/layout.h"
#include "tools/score_rival.h"

#include <stdint.h>

/* Who was told to be at fault: a scope, or one of these. */
enum { TOLD_UNKNOWN = FLATLINE_SCOPE_UNKNOWN, TOLD_NOTHING, TOLD_COUNT };

#define TOLD_CONFIDENCE_MIN 50U /* a blame less sure than this is UNKNOWN */

struct rival_sum {
    uint64_t detected;
    uint64_t false_alarms;
    struct flatline_histogram *exposure;
};

/* One injection in one market. */
struct score_sum {
    uint64_t trials; /* those with something to be hit */
    uint64_t detected;
    uint64_t in_time;          /* as soon as was promised */
    uint64_t told[TOLD_COUNT]; /* by whom the blame was put on */
    uint64_t blame_right;
    uint64_t false_alarms; /* faults that are neither right nor follow from it */
    uint64_t false_by_kind[FLATLINE_FAULT_COUNT];
    uint64_t stream_ns;                  /* watched */
    uint64_t unproven_ns;                /* of these without a lease */
    struct flatline_histogram *exposure; /* from the first missed event */
    struct flatline_histogram *late;     /* beyond what was promised */
    struct flatline_histogram *blamed;   /* until somebody is blamed, from the same */
    struct flatline_histogram *mistake;  /* how long a false alarm stood */
    struct rival_sum rivals[RIVALS];
};

/** Returns 0 or -ENOMEM. */
int sum_begin(struct score_sum *sum);
void sum_end(struct score_sum *sum);

/** An empty histogram of times up to an hour; freed by free(). NULL: out of memory. */
struct flatline_histogram *sum_histogram(void);

/** Adds one to another; both begun. */
void sum_add(struct score_sum *to, const struct score_sum *from);

/** Bounds of the rate that a count of `count` events is consistent with at 95 %, in events: exact
 *  (Garwood), by bisection. */
double poisson_low(uint64_t count);
double poisson_high(uint64_t count);

#endif
