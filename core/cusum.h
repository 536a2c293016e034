/* SPDX-License-Identifier: MIT
 *
 * cusum.h - since when is a level up? Page's cumulative sum: it grows by what a sample lies above a
 * reference and shrinks by what it lies below, never below nothing. Where it last left nothing is the
 * change point: found after the fact, when something else has decided that there was a change.
 */
#ifndef FLATLINE_CORE_CUSUM_H
#define FLATLINE_CORE_CUSUM_H

#include <stdint.h>

struct cusum {
    uint64_t sum;
    uint64_t since_ns; /* the first sample of what makes the sum; 0: there is none */
};

/** most bounds the sum, and so how many good samples it takes to forget the worst past. */
static inline void
cusum_feed(struct cusum *cusum, uint64_t value, uint64_t reference, uint64_t most, uint64_t at_ns)
{
    const uint64_t bounded = value < reference + most ? value : reference + most;
    const uint64_t raised = cusum->sum + bounded;
    if (raised <= reference) {
        *cusum = (struct cusum){0};
        return;
    }
    if (cusum->sum == 0) {
        cusum->since_ns = at_ns;
    }
    cusum->sum = raised - reference < most ? raised - reference : most;
}

#endif
