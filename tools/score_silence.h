/* SPDX-License-Identifier: MIT
 *
 * score_silence.h - where silence is all there is: one stream without ids to owe and without a
 * sibling, over days. What SILENT's stated rate of false alarms is worth, and how much sooner it finds
 * a cut than a timeout and phi accrual that cry as often.
 */
#ifndef FLATLINE_TOOLS_SCORE_SILENCE_H
#define FLATLINE_TOOLS_SCORE_SILENCE_H

#include "flatline/layout.h"

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_ROWS 3U

struct silence_terms_row {
    const char *name;
    double rate_per_s;
    uint32_t learn_days;
    uint32_t test_days;
    uint32_t cuts;
};

struct silence_score {
    const struct silence_terms_row *terms;
    uint64_t stated_every_ns; /* one false alarm in so long */
    uint64_t test_ns;
    uint64_t false_alarms;
    uint64_t found;                 /* of the cuts */
    struct flatline_histogram *own; /* exposure: from the first frame cut to the finding */
    struct flatline_histogram *flat;
    struct flatline_histogram *phi;
    uint64_t flat_limit_ns;  /* that cries as often on the same days */
    double phi_sigmas;       /* likewise */
    uint64_t flat_alarms[3]; /* of 3, 10 and 120 s, on these days */
};

extern const struct silence_terms_row silence_terms_rows[SILENCE_ROWS];

/** Runs one row. quick: fewer days. Returns 0 or -errno; silence_score_end() after either. */
int silence_score_run(uint32_t row, uint64_t seed, bool quick, struct silence_score *ret_score);
void silence_score_end(struct silence_score *score);

#endif
