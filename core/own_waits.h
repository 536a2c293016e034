/* SPDX-License-Identifier: MIT
 *
 * own_waits.h - how long a leg itself takes to show what another channel has shown, and what it is allowed
 * for that. The rule of its channel holds from the first frame; a leg that has shown a thousand
 * times that it needs less is allowed less. Never more: decision 38.
 */
#ifndef FLATLINE_CORE_OWN_WAITS_H
#define FLATLINE_CORE_OWN_WAITS_H

#include "core/base.h"

#include <stdint.h>

#define OWN_WAITS_MIN 1000U
#define OWN_WAITS_CUT 5U /* an allowance sinks by a fifth at most */

struct own_waits {
    uint64_t worst_ns;
    uint32_t count; /* up to OWN_WAITS_MIN */
};

/** A wait that ended in time by the rule; longer ones are faults, or excused. */
static inline void own_waits_note(struct own_waits *waits, uint64_t wait_ns)
{
    waits->worst_ns = wait_ns > waits->worst_ns ? wait_ns : waits->worst_ns;
    waits->count += waits->count < OWN_WAITS_MIN;
}

/** Half as much again as the worst wait so far, as far as that is within a fifth below the rule. */
static inline uint64_t own_waits_allowance_ns(const struct own_waits *waits, uint64_t rule_ns)
{
    const uint64_t least_ns = rule_ns - rule_ns / OWN_WAITS_CUT;
    const uint64_t learned_ns = waits->worst_ns + waits->worst_ns / 2;
    if (waits->count < OWN_WAITS_MIN || learned_ns >= rule_ns) {
        return rule_ns;
    }
    return learned_ns > least_ns ? learned_ns : least_ns;
}

#endif
