/* SPDX-License-Identifier: MIT
 *
 * lag_window.h - the worst excess lag a connection has shown since some moment of the last four
 * seconds, to 32 ms.
 */
#ifndef FLATLINE_CORE_LAG_WINDOW_H
#define FLATLINE_CORE_LAG_WINDOW_H

#include "core/base.h"

#include <stdint.h>
#include <string.h>

#define LAG_SLOTS   128U
#define LAG_SLOT_NS (32 * NS_PER_MS)

struct lag_window {
    uint64_t newest; /* number of the newest slot; 0 = no sample yet */
    uint64_t worst_ns[LAG_SLOTS];
};

static inline void lag_window_note(struct lag_window *window, uint64_t now_ns, uint64_t lag_ns)
{
    const uint64_t slot = now_ns / LAG_SLOT_NS;
    if (slot > window->newest) {
        if (slot - window->newest >= LAG_SLOTS) {
            memset(window->worst_ns, 0, sizeof(window->worst_ns));
        } else {
            for (uint64_t i = window->newest + 1U; i <= slot; i++) {
                window->worst_ns[i % LAG_SLOTS] = 0;
            }
        }
        window->newest = slot;
    }
    uint64_t *worst_ns = &window->worst_ns[slot % LAG_SLOTS];
    *worst_ns = lag_ns > *worst_ns ? lag_ns : *worst_ns;
}

/** The worst since from_ns; 0 if nothing was shown. */
static inline uint64_t lag_window_worst(const struct lag_window *window, uint64_t from_ns)
{
    const uint64_t oldest = window->newest >= LAG_SLOTS ? window->newest - LAG_SLOTS + 1U : 0;
    uint64_t slot = from_ns / LAG_SLOT_NS;
    slot = slot > oldest ? slot : oldest;
    uint64_t worst_ns = 0;
    for (; slot <= window->newest; slot++) {
        const uint64_t shown_ns = window->worst_ns[slot % LAG_SLOTS];
        worst_ns = shown_ns > worst_ns ? shown_ns : worst_ns;
    }
    return worst_ns;
}

#endif
