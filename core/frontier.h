/* SPDX-License-Identifier: MIT
 *
 * frontier.h - how far a book, or a stream, has been shown by anyone, and when: for each key the
 * time it was first seen. What a leg owes is the first key beyond the one it has shown itself.
 *
 * Keys seen within half a millisecond share a mark: it has the newest of their keys and the time of
 * the first, so that a debt found by it is dated half a millisecond early at most. Where marks run
 * out the oldest is forgotten, and a debt is dated by the oldest that is left: later, never
 * earlier.
 */
#ifndef FLATLINE_CORE_FRONTIER_H
#define FLATLINE_CORE_FRONTIER_H

#include "core/base.h"

#include <stdbool.h>
#include <stdint.h>

#define FRONTIER_MARKS      256U
#define FRONTIER_SPACING_NS (NS_PER_MS / 2)

struct frontier_mark {
    uint64_t key;     /* the newest in the mark */
    uint64_t seen_ns; /* when the first of them came */
};

struct frontier {
    uint64_t newest;
    uint32_t made; /* marks ever made */
    uint32_t kept; /* of these, not forgotten; 0 = nothing has been shown */
    struct frontier_mark marks[FRONTIER_MARKS];
};

static inline void frontier_restart(struct frontier *frontier)
{
    frontier->kept = 0;
}

/** Notes a key shown now. false: it is not new to anyone. */
static inline bool frontier_show(struct frontier *frontier, uint64_t key, uint64_t now_ns)
{
    if (frontier->kept != 0 && key <= frontier->newest) {
        return false;
    }
    frontier->newest = key;
    struct frontier_mark *last = &frontier->marks[(frontier->made - 1U) % FRONTIER_MARKS];
    if (frontier->kept != 0 && now_ns < last->seen_ns + FRONTIER_SPACING_NS) {
        last->key = key;
        return true;
    }
    frontier->marks[frontier->made % FRONTIER_MARKS] = (struct frontier_mark){key, now_ns};
    frontier->made++;
    frontier->kept += frontier->kept < FRONTIER_MARKS;
    return true;
}

/** The first mark beyond what a leg has shown. NULL: it is level. Cost: a compare when it is, else
 *  eight steps. */
static inline const struct frontier_mark *frontier_beyond(const struct frontier *frontier,
                                                          uint64_t shown)
{
    if (frontier->kept == 0 || frontier->newest <= shown) {
        return NULL;
    }
    uint32_t low = frontier->made - frontier->kept; /* may be the one */
    uint32_t high = frontier->made - 1U;            /* is beyond, certainly */
    while (low != high) {
        const uint32_t middle = low + (high - low) / 2U;
        if (frontier->marks[middle % FRONTIER_MARKS].key > shown) {
            high = middle;
        } else {
            low = middle + 1U;
        }
    }
    return &frontier->marks[high % FRONTIER_MARKS];
}

#endif
