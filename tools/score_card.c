/* SPDX-License-Identifier: MIT */
#include "tools/score_card.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KIND_NAME(number, name, text, a, b, c, d, e, f) [number] = text,
const char *const card_kind_names[FLATLINE_FAULT_COUNT] = {FLATLINE_FAULTS(KIND_NAME)};
#define SCOPE_NAME(number, name, text) [number] = text,
const char *const card_told_names[TOLD_COUNT] = {FLATLINE_SCOPES(SCOPE_NAME)[TOLD_NOTHING] =
                                                     "nothing"};

int card_add_market(struct card *card, const char *name)
{
    if (card->market_count == CARD_MARKETS_MAX) {
        return -ENOSPC;
    }
    struct score_sum *grown =
        realloc(card->sums, (card->market_count + 1U) * CARD_FAULTS_MAX * sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    card->sums = grown;
    const uint32_t market = card->market_count++;
    const int bytes = (int)strcspn(name, ".");
    (void)snprintf(card->markets[market], CARD_NAME_BYTES, "%.*s", bytes, name);
    for (uint32_t i = 0; i < CARD_FAULTS_MAX; i++) {
        const int begun = sum_begin(card_sum(card, market, i));
        if (begun != 0) {
            return begun;
        }
    }
    return (int)market;
}

struct score_sum *card_sum(const struct card *card, uint32_t market, uint32_t injection)
{
    return &card->sums[market * CARD_FAULTS_MAX + injection];
}

void card_free(struct card *card)
{
    for (uint32_t i = 0; i < card->market_count * CARD_FAULTS_MAX; i++) {
        sum_end(&card->sums[i]);
    }
    free(card->sums);
    card->sums = NULL;
    for (uint32_t i = 0; i < SILENCE_ROWS; i++) {
        silence_score_end(&card->silences[i]);
    }
}
