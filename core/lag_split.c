/* SPDX-License-Identifier: MIT */
#include "core/lag_split.h"

/* true: the clock stepped, and what came before says nothing of what is newest. */
static bool
back_count(struct lag_split *split, uint64_t recv_ns, uint64_t back_ns, uint32_t leg, bool is_alone)
{
    if (split->back_run == 0) {
        split->first_back_ns = back_ns;
        split->first_back_at_ns = recv_ns;
        split->back_leg = leg;
        split->back_others = false;
    }
    split->back_others |= leg != split->back_leg;
    split->back_run++;
    return is_alone || (split->back_others && split->back_run >= LAG_STEP_SAMPLES);
}

struct lag_parts lag_split_feed(
    struct lag_split *split, uint64_t recv_ns, uint64_t excess_ns, uint32_t leg, bool is_alone)
{
    const uint64_t sent_ns = recv_ns > excess_ns ? recv_ns - excess_ns : 0;
    if (sent_ns >= split->newest_sent_ns) {
        split->newest_sent_ns = sent_ns;
        split->back_run = 0;
        return (struct lag_parts){.connection_ns = excess_ns};
    }
    const uint64_t back_ns = split->newest_sent_ns - sent_ns;
    if (back_ns < LAG_STEP_NS) {
        split->back_run = 0;
    } else if (back_count(split, recv_ns, back_ns, leg, is_alone)) {
        split->step_ns = split->first_back_ns;
        split->step_at_ns = split->first_back_at_ns;
        split->newest_sent_ns = sent_ns;
        split->back_run = 0;
        return (struct lag_parts){.connection_ns = excess_ns};
    }
    return (struct lag_parts){.connection_ns = recv_ns - split->newest_sent_ns,
                              .stream_ns = back_ns};
}
