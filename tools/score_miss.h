/* SPDX-License-Identifier: MIT
 *
 * score_miss.h - trials that went wrong, told one by one: what was injected where, and all that was
 * said of it. For whoever wants to know why, not for the card.
 */
#ifndef FLATLINE_TOOLS_SCORE_MISS_H
#define FLATLINE_TOOLS_SCORE_MISS_H

#include "tools/score_fault.h"

#include <stdint.h>
#include <stdio.h>

/* Whose trials these are. */
struct miss_log {
    FILE *out;          /* NULL: nobody wants to know */
    const char *market; /* its name */
    uint32_t life;      /* the n-th of a detector in this market with this injection */
};

/** The head of a trial that went wrong: `verdict` is what was made of it. */
void miss_begin(const struct miss_log *log,
                const struct injection *injection,
                const struct desk *desk,
                const struct truth *truth,
                const char *verdict);

/** One finding of it; `mark` is what it was held to be: '*' right, '!' false, ' ' neither. */
void miss_finding(const struct miss_log *log,
                  const struct desk *desk,
                  const struct truth *truth,
                  const struct finding *finding,
                  char mark);

#endif
