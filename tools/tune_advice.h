/* SPDX-License-Identifier: MIT
 *
 * tune_advice.h - from what a stream did in recordings to a value of its stale_after. Pure.
 */
#ifndef FLATLINE_TOOLS_TUNE_ADVICE_H
#define FLATLINE_TOOLS_TUNE_ADVICE_H

#include "core/stream.h"

#include <stdint.h>

#define TUNE_CANDIDATES   4
#define TUNE_REASON_BYTES 240

/* Below this a recording is too short to tell a rate a day: one closure would be 720 of them. */
#define TUNE_SPAN_MIN_NS (120ULL * 1000000000ULL)

/* The values of stale_after that are tried, shortest first. */
extern const uint64_t tune_candidates_ns[TUNE_CANDIDATES];

/* One stream over all recordings that hold it. */
struct tune_sums {
    enum flatline_class stream_class;
    uint64_t default_ns; /* its stale_after without a configuration */
    uint64_t period_ns;  /* of its timer; 0 = none */
    uint64_t span_ns;    /* from its first frame to the recording's last */
    uint64_t frames;
    uint64_t files;
    uint64_t closures[TUNE_CANDIDATES];
    uint64_t closed_ns[TUNE_CANDIDATES];
};

enum tune_verdict {
    TUNE_TOO_SHORT,   /* no value */
    TUNE_PROVISIONAL, /* the closures seen allow the value, but the span cannot prove it */
    TUNE_SHOWN,       /* the span is long enough to prove it, at 95 % */
    TUNE_NONE,        /* every candidate of this class closes too often: no value */
};

struct tune_advice {
    enum tune_verdict verdict;
    uint64_t value_ns; /* 0 = none */
    char reason[TUNE_REASON_BYTES];
};

/** The word of a verdict, as in `--json`. */
const char *tune_verdict_name(enum tune_verdict verdict);

/** Closures a day if it went on like this. span_ns > 0. */
double tune_a_day(uint64_t closures, uint64_t span_ns);

/** The 95 % upper bound of that rate, closures taken as independent (Wilson and Hilferty's
 *  approximation of the chi-squared quantile: within 1 % of the exact bound). span_ns > 0. */
double tune_a_day_at_most(uint64_t closures, uint64_t span_ns);

/** The smallest candidate that closed at most closures_a_day_max times a day, within what its
 *  class allows: never under three periods of a timer; for books and best bids and asks never
 *  above 10 s, where an engine would quote on a book that nobody has confirmed for as long as
 *  a plain timeout takes. */
void tune_advise(const struct tune_sums *sums,
                 uint64_t closures_a_day_max,
                 struct tune_advice *ret_advice);

#endif
