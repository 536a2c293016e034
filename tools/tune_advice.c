/* SPDX-License-Identifier: MIT */
#include "tools/tune_advice.h"

#include "core/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define DAY_NS          (86400.0 * (double)NS_PER_S)
#define BOOK_CEILING_NS (10 * NS_PER_S)
#define TIMER_PERIODS   3
#define NORMAL_95       1.6449 /* one-sided */

const uint64_t tune_candidates_ns[TUNE_CANDIDATES] = {
    1 * NS_PER_S, 3 * NS_PER_S, 10 * NS_PER_S, 30 * NS_PER_S};

const char *tune_verdict_name(enum tune_verdict verdict)
{
    switch (verdict) {
    case TUNE_TOO_SHORT:
        return "too-short";
    case TUNE_PROVISIONAL:
        return "provisional";
    case TUNE_SHOWN:
        return "shown";
    case TUNE_NONE:
        break;
    }
    return "none";
}

double tune_a_day(uint64_t closures, uint64_t span_ns)
{
    return (double)closures * DAY_NS / (double)span_ns;
}

double tune_a_day_at_most(uint64_t closures, uint64_t span_ns)
{
    const double n = (double)closures + 1;
    const double root = 1 - 1 / (9 * n) + NORMAL_95 / (3 * sqrt(n));
    return n * root * root * root * DAY_NS / (double)span_ns;
}

static uint64_t seconds(uint64_t ns)
{
    return ns / NS_PER_S;
}

static bool is_within_class(const struct tune_sums *sums, uint64_t candidate_ns)
{
    if (sums->stream_class == FLATLINE_CLASS_BOOK && candidate_ns > BOOK_CEILING_NS) {
        return false;
    }
    return candidate_ns >= TIMER_PERIODS * sums->period_ns;
}

static void
value_explain(const struct tune_sums *sums, uint64_t max, int chosen, struct tune_advice *advice)
{
    const uint64_t closures = sums->closures[chosen];
    const double a_day = tune_a_day(closures, sums->span_ns);
    const double at_most = tune_a_day_at_most(closures, sums->span_ns);
    const uint64_t span_s = seconds(sums->span_ns);
    advice->value_ns = tune_candidates_ns[chosen];
    advice->verdict = at_most <= (double)max ? TUNE_SHOWN : TUNE_PROVISIONAL;
    (void)snprintf(advice->reason,
                   sizeof(advice->reason),
                   "smallest tried with at most %" PRIu64 " closures a day: %" PRIu64 " in %" PRIu64
                   " s, extrapolated to %.1f a day (below %.0f at 95 %%)%s",
                   max,
                   closures,
                   span_s,
                   a_day,
                   at_most,
                   advice->verdict == TUNE_SHOWN ? "" : "; record longer to prove it");
}

void tune_advise(const struct tune_sums *sums,
                 uint64_t closures_a_day_max,
                 struct tune_advice *ret_advice)
{
    *ret_advice = (struct tune_advice){.verdict = TUNE_TOO_SHORT};
    if (sums->span_ns < TUNE_SPAN_MIN_NS) {
        (void)snprintf(ret_advice->reason,
                       sizeof(ret_advice->reason),
                       "too short to tell: %.1f s recorded, a rate a day needs %llu s or more",
                       (double)sums->span_ns / (double)NS_PER_S,
                       TUNE_SPAN_MIN_NS / NS_PER_S);
        return;
    }
    int longest = -1;
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        if (!is_within_class(sums, tune_candidates_ns[i])) {
            continue;
        }
        longest = i;
        if (tune_a_day(sums->closures[i], sums->span_ns) <= (double)closures_a_day_max) {
            value_explain(sums, closures_a_day_max, i, ret_advice);
            return;
        }
    }
    ret_advice->verdict = TUNE_NONE;
    if (longest < 0) {
        (void)snprintf(ret_advice->reason,
                       sizeof(ret_advice->reason),
                       "its timer is slower than any value tried: keep %" PRIu64 " s",
                       seconds(sums->default_ns));
        return;
    }
    (void)snprintf(ret_advice->reason,
                   sizeof(ret_advice->reason),
                   "closes %.1f times a day even at %" PRIu64
                   " s, the longest for its class: keep it observed, out of gates",
                   tune_a_day(sums->closures[longest], sums->span_ns),
                   seconds(tune_candidates_ns[longest]));
}
