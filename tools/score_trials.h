/* SPDX-License-Identifier: MIT
 *
 * score_trials.h - all the trials of a run: each injection in each market, generated or recorded, and
 * the silences; on several threads.
 */
#ifndef FLATLINE_TOOLS_SCORE_TRIALS_H
#define FLATLINE_TOOLS_SCORE_TRIALS_H

#include "tools/score_card.h"
#include "tools/score_recording.h"

#include <stdbool.h>
#include <stdint.h>

struct trial_terms {
    uint64_t seed;
    uint32_t trials;      /* of each injection in each market */
    uint32_t quiet_hours; /* without any, in each market; 0: minutes alone */
    bool has_silences;    /* the days of silence, too */
    bool quick;           /* these are few */
    bool misses;          /* each trial that goes wrong is told of on standard error */
    uint32_t workers;     /* threads; what comes out does not hang on them */
    struct recording *const *recordings;
    const char *const *recording_names;
    uint32_t recording_count;
};

/** Fills a card, empty so far. Returns 0, or -errno: ret_where is the market it happened in. */
int trials_run(const struct trial_terms *terms, struct card *card, const char **ret_where);

#endif
