/* SPDX-License-Identifier: MIT
 *
 * silence.h - how long one stream may be silent before that is improbable, with a stated rate of
 * false alarms.
 *
 * A gap is measured by the short-term root mean square of the gaps before it, which takes out the
 * hour and the mood of the market: the few long gaps of a bursty stream tell more of the next long
 * one than the many short ones. A histogram keeps these ratios, in eighths of an octave from 1 to
 * 2^16. Behind the largest few hundred of them a generalized Pareto tail is fitted (peaks over
 * threshold), and the limit is where that tail leaves one gap in as many as the budget allows:
 *
 *     limit = root mean square * quantile(1 - alpha),   alpha = budget / gaps in the same time
 *
 * Frames closer than SILENCE_BATCH_NS to the first of a batch are one arrival: a burst says nothing
 * of silence. Pure; bounded memory; integers only for each frame; a fit at every 256th arrival, in
 * plain IEEE arithmetic without libm, so that every machine comes to the same limit.
 */
#ifndef FLATLINE_CORE_SILENCE_H
#define FLATLINE_CORE_SILENCE_H

#include "core/base.h"

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_BINS     128U
#define SILENCE_WEIGHT   16U /* of a gap: what is halved as it ages still says something */
#define SILENCE_BATCH_NS (50 * NS_PER_MS)
/* The short-term means' memory, in arrivals; until it is full nothing is provable. */
#define SILENCE_MEAN_ARRIVALS  64U
#define SILENCE_REFIT_ARRIVALS 256U
#define SILENCE_LEAST_GAPS     2000U                 /* and nothing before so many */
#define SILENCE_DAY_NS         (86400 * NS_PER_S)    /* nor is the whole budget spent before */
#define SILENCE_MEMORY_NS      (14 * SILENCE_DAY_NS) /* then all that was learned counts half */

/* What is learned, and what a file keeps. */
struct silence_tail {
    uint64_t observed_ns; /* how long was listened; ages with the counts */
    uint64_t total;       /* gaps, weighted: those below a ratio of one too */
    uint32_t counts[SILENCE_BINS];
};

struct silence_terms {
    uint64_t every_ns;   /* one false alarm of this stream in so long */
    uint64_t warm_up_ns; /* nothing is provable before so much was observed */
};

struct silence {
    uint64_t batch_ns; /* when the present batch began; 0: the next frame begins anew */
    uint64_t mean_ns;  /* short-term mean gap */
    uint64_t square;   /* short-term mean of its square, in units of its own */
    uint64_t limit_ns; /* a silence this long is improbable enough; 0: none is, yet */
    uint32_t scale;    /* limit over that root, on the logarithmic scale; 0: not fitted */
    uint32_t arrivals; /* in the means, up to SILENCE_MEAN_ARRIVALS */
    uint32_t refit_in;
    struct silence_tail tail;
};

/** A frame came. `learns`: the gap before it was the market's own, so it may be learned from; a gap
 *  beyond the limit teaches twice the limit at most. Cost: a compare within a batch, some ns at its
 *  head, some us for a fit. */
void silence_arrive(struct silence *silence,
                    const struct silence_terms *terms,
                    uint64_t recv_ns,
                    bool learns);

/** The gap that is going on proves nothing: our own stall, a lost connection. */
static inline void silence_forget(struct silence *silence)
{
    silence->batch_ns = 0;
}

/** The market's mood is another from here: the short-term mean is learned anew, and until then nothing is provable. */
static inline void silence_anew(struct silence *silence)
{
    silence->batch_ns = 0;
    silence->mean_ns = 0;
    silence->square = 0;
    silence->limit_ns = 0;
    silence->arrivals = 0;
}

/** One gap in how many is expected to be as long as the limit; 0 while there is none. */
uint64_t silence_one_in(const struct silence *silence, const struct silence_terms *terms);

/** Takes over what an earlier life learned. The mean is learned anew: it is the market's mood of
 *  then. false: it cannot be so, and nothing is taken. */
bool silence_recall(struct silence *silence, const struct silence_tail *tail);

#endif
