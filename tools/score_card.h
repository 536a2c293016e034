/* SPDX-License-Identifier: MIT
 *
 * score_card.h - all the sums of a run of `flatline score`, and how they are printed.
 */
#ifndef FLATLINE_TOOLS_SCORE_CARD_H
#define FLATLINE_TOOLS_SCORE_CARD_H

#include "tools/score_fault.h"
#include "tools/score_market.h"
#include "tools/score_silence.h"
#include "tools/score_sum.h"

#include <stdio.h>

#define CARD_MARKETS_MAX 32U
#define CARD_FAULTS_MAX  32U
#define CARD_NAME_BYTES  64U

struct card {
    const char *command; /* that made it */
    uint64_t seed;
    char markets[CARD_MARKETS_MAX][CARD_NAME_BYTES];
    uint32_t market_count;
    struct score_sum *sums; /* [market][injection] */
    struct silence_score silences[SILENCE_ROWS];
    uint32_t silence_count;
};

/* Of fault kinds; of scopes, and TOLD_NOTHING. */
extern const char *const card_kind_names[FLATLINE_FAULT_COUNT];
extern const char *const card_told_names[TOLD_COUNT];

/** Room for another market, of a file's name what is before its first dot. Returns its index or -ENOMEM, -ENOSPC. */
int card_add_market(struct card *card, const char *name);
struct score_sum *card_sum(const struct card *card, uint32_t market, uint32_t injection);
void card_free(struct card *card);

/** All of it; `beside`, NULL or the card of the same trials with other dice, in totals. */
void card_print_markdown(const struct card *card, const struct card *beside, FILE *out);
void card_print_json(const struct card *card, FILE *out);
/** Of the Markdown the last part alone, which no trial is needed for. */
void card_print_oracle(FILE *out);

#endif
