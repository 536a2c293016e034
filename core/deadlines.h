/* SPDX-License-Identifier: MIT
 *
 * deadlines.h - one deadline each for many things: moved with every frame, asked "is anything
 * due?" on every pass.
 *
 * A flat array, a lower bound for each block of 64, and one for the whole. Moving a deadline
 * forward is one store and leaves the bounds too early, which costs a rescan of that block once
 * the bound is reached; asking when nothing is due is one compare.
 */
#ifndef FLATLINE_CORE_DEADLINES_H
#define FLATLINE_CORE_DEADLINES_H

#include "core/base.h"

#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NEVER  UINT64_MAX
#define DEADLINES_BLOCK 64U

struct deadlines {
    uint64_t *at_ns;
    uint64_t *block_bound_ns;
    uint64_t bound_ns; /* no deadline is earlier */
    uint32_t count;
};

/** Words of memory deadlines_init() needs. */
static inline uint32_t deadlines_words(uint32_t count)
{
    return count + (count + DEADLINES_BLOCK - 1) / DEADLINES_BLOCK;
}

/** Sets all to DEADLINE_NEVER; words is kept. */
void deadlines_init(struct deadlines *deadlines, uint64_t *words, uint32_t count);

/** Moves one deadline, to any time. */
static inline void deadlines_set(struct deadlines *deadlines, uint32_t index, uint64_t at_ns)
{
    deadlines->at_ns[index] = at_ns;
    if (at_ns < deadlines->block_bound_ns[index / DEADLINES_BLOCK]) {
        deadlines->block_bound_ns[index / DEADLINES_BLOCK] = at_ns;
    }
    if (at_ns < deadlines->bound_ns) {
        deadlines->bound_ns = at_ns;
    }
}

static inline uint64_t deadlines_get(const struct deadlines *deadlines, uint32_t index)
{
    return deadlines->at_ns[index];
}

/** Finds the next deadline <= limit_ns at or behind *cursor (start at 0) and sets *cursor
 *  behind it; its index is then *cursor - 1. false: none left, and the bounds are tight again.
 *  A deadline that its owner does not move stays due for the next walk. Cost: a compare when
 *  nothing is due. */
bool deadlines_due(struct deadlines *deadlines, uint64_t limit_ns, uint32_t *cursor);

#endif
