/* SPDX-License-Identifier: MIT
 *
 * detector_cohort.h - members of something, and whether they fell silent together: for the files of the
 * detector that ask. Rules: docs/DETECTOR.md, "Blame".
 */
#ifndef FLATLINE_CORE_DETECTOR_COHORT_H
#define FLATLINE_CORE_DETECTOR_COHORT_H

#include "core/detector_calls.h"

#include <stdbool.h>
#include <stdint.h>

#define OVERQUIET_GAPS 8U /* silent for so many mean gaps: not by chance, beside others that are */

/* Heard later than this, something has spoken on: in the second half of a silence. What was heard last before
 * that would have been, too, had it stopped with the others. */
static inline uint64_t silence_half_ns(uint64_t since_ns, uint64_t at_ns)
{
    return at_ns > since_ns ? since_ns + (at_ns - since_ns) / 2 : since_ns;
}

/* Of a stream, a connection, or all; 0: not known yet, or not learned. */
static inline uint64_t mean_gap_ns(const struct silence *silence)
{
    return silence != NULL && silence->arrivals == SILENCE_MEAN_ARRIVALS ? silence->mean_ns : 0;
}

/* As quiet as one that has stopped: by its mean gap, or by its timer. That proves nothing by itself. */
bool leg_is_overquiet(const struct detector *detector, const struct leg *leg, uint64_t at_ns);

/* What the members of a cohort did since one of them fell silent. */
struct cohort {
    uint32_t members;
    uint32_t silent; /* proven */
    uint32_t overquiet;
    uint32_t speaking;
    uint32_t neutral;
    uint64_t onset_ns; /* of the first to fall silent */
    uint64_t last_ns;  /* and of the last */
    uint64_t slack_ns; /* how much later than its onset one of them may have stopped */
};

/* All that can speak have fallen silent, most are proven to, and at one time. */
bool cohort_fell_together(const struct cohort *cohort);
void cohort_silent(struct cohort *cohort, uint64_t onset_ns);

#endif
