/* SPDX-License-Identifier: MIT
 *
 * detector_cohort.h - members of something, and whether they fell silent together: for the two files of
 * the detector that ask. Rules: docs/DETECTOR.md, "Blame".
 */
#ifndef FLATLINE_CORE_DETECTOR_COHORT_H
#define FLATLINE_CORE_DETECTOR_COHORT_H

#include <stdbool.h>
#include <stdint.h>

#define OVERQUIET_GAPS 8U /* silent for so many mean gaps: not by chance, beside others that are */

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
