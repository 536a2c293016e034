/* SPDX-License-Identifier: MIT
 *
 * score_rival.h - what others use for silence, on the same events: a flat timeout, and phi accrual
 * in its normal form. They look at one stream's arrivals and know nothing else.
 */
#ifndef FLATLINE_TOOLS_SCORE_RIVAL_H
#define FLATLINE_TOOLS_SCORE_RIVAL_H

#include "core/base.h"

#include <math.h>
#include <stdint.h>

enum rival_kind { RIVAL_FLAT_3S, RIVAL_FLAT_10S, RIVAL_FLAT_120S, RIVAL_PHI_8, RIVALS };

/* Short-term mean and variance of gaps, over some thousand arrivals, as phi accrual keeps them. */
struct rival {
    uint64_t last_ns; /* 0 = none yet */
    double mean_ns;
    double square_ns; /* mean of squares */
    uint64_t gaps;
};

#define RIVAL_MEMORY      1000.0
#define RIVAL_PHI_8_SIGMA 5.61 /* standard deviations beyond the mean where 10^-8 are left */
#define RIVAL_SIGMA_MIN   1e8  /* Akka's least standard deviation, 100 ms */

/* The deviation, at least the least. sqrt is exact to the last bit on every machine (IEEE 754). */
static inline double rival_sigma(const struct rival *rival)
{
    const double variance = rival->square_ns - rival->mean_ns * rival->mean_ns;
    return variance > RIVAL_SIGMA_MIN * RIVAL_SIGMA_MIN ? sqrt(variance) : RIVAL_SIGMA_MIN;
}

/** The silence at which it would cry, as things stand; UINT64_MAX: it would not yet. */
static inline uint64_t
rival_limit_ns(const struct rival *rival, enum rival_kind kind, double sigmas)
{
    static const uint64_t flat_ns[] = {3 * NS_PER_S, 10 * NS_PER_S, 120 * NS_PER_S};
    if (kind != RIVAL_PHI_8) {
        return flat_ns[kind];
    }
    if (rival->gaps < 100) {
        return UINT64_MAX;
    }
    return (uint64_t)(rival->mean_ns + sigmas * rival_sigma(rival));
}

/** How many deviations beyond the mean a gap is. */
static inline double rival_sigmas(const struct rival *rival, uint64_t gap_ns)
{
    return ((double)gap_ns - rival->mean_ns) / rival_sigma(rival);
}

/** Takes an arrival. */
static inline void rival_arrive(struct rival *rival, uint64_t recv_ns)
{
    if (rival->last_ns != 0 && recv_ns > rival->last_ns) {
        const double gap_ns = (double)(recv_ns - rival->last_ns);
        const double weight =
            rival->gaps < 999 ? 1.0 / (double)(rival->gaps + 1) : 1.0 / RIVAL_MEMORY;
        rival->mean_ns += (gap_ns - rival->mean_ns) * weight;
        rival->square_ns += (gap_ns * gap_ns - rival->square_ns) * weight;
        rival->gaps++;
    }
    rival->last_ns = recv_ns > rival->last_ns ? recv_ns : rival->last_ns;
}

#endif
