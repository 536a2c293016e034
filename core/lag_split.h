/* SPDX-License-Identifier: MIT
 *
 * lag_split.h - whose is a frame's lag? A connection delivers in order. So a frame that was sent before
 * one which the connection has already delivered was late before it came to the connection, by the
 * difference: that part is its stream's. What is left is the connection's.
 *
 * Where all streams go back at once it is neither: then the venue's clock has been set back. Delay alone
 * cannot do that.
 */
#ifndef FLATLINE_CORE_LAG_SPLIT_H
#define FLATLINE_CORE_LAG_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#define LAG_STEP_NS      250000000ULL /* gone back by less is no step of a clock */
#define LAG_STEP_SAMPLES 8U

struct lag_split {
    uint64_t newest_sent_ns; /* of what came, by our clock */
    uint64_t first_back_ns;  /* of a run of samples that went back: how far, when, and of whom */
    uint64_t first_back_at_ns;
    uint32_t back_leg;
    uint32_t back_run;
    bool back_others; /* of several streams */
    uint64_t step_ns; /* the last step of the venue's clock, back */
    uint64_t step_at_ns;
};

struct lag_parts {
    uint64_t connection_ns;
    uint64_t stream_ns;
};

/** Splits one sample's excess lag.
 *
 *  leg       whose frame it is
 *  is_alone  the connection carries no other leg */
struct lag_parts lag_split_feed(
    struct lag_split *split, uint64_t recv_ns, uint64_t excess_ns, uint32_t leg, bool is_alone);

#endif
