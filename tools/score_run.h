/* SPDX-License-Identifier: MIT
 *
 * score_run.h - trials: a market, one injection after the other, the detector, and what it said.
 */
#ifndef FLATLINE_TOOLS_SCORE_RUN_H
#define FLATLINE_TOOLS_SCORE_RUN_H

#include "tools/score_fault.h"
#include "tools/score_miss.h"
#include "tools/score_sum.h"

struct session {
    struct source *source;
    const struct injection *injection;
    const struct detector_policy *policy;
    const struct lesson *lesson; /* what the detector's earlier lives learned; NULL: nothing */
    struct miss_log misses;      /* where trials that went wrong are told of */
    struct dice dice;
    uint64_t from_ns;    /* where the source begins */
    uint64_t episode_ns; /* one injection each */
    uint64_t lead_ns;    /* of an episode before its injection, at least */
    uint32_t episodes;   /* at most; fewer where the source ends */
};

/** Runs the episodes of a session in one life of a detector and adds what came of them to sum.
 *  ret_done: how many there were. Returns 0 or -errno. */
int session_run(const struct session *session, struct score_sum *sum, uint32_t *ret_done);

/** Lives through a market as it is until until_ns and keeps what was learned of it. Returns 0 or
 *  -errno. */
int lesson_learn(struct source *source,
                 const struct detector_policy *policy,
                 uint64_t until_ns,
                 struct lesson *ret_lesson);

#endif
