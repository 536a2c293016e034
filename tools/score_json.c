/* SPDX-License-Identifier: MIT */
#include "tools/score_card.h"

#include "core/hist.h"

#include <inttypes.h>

static void histogram_json(const char *key, const struct flatline_histogram *hist, FILE *out)
{
    if (hist->total == 0) {
        (void)fprintf(out, ",\"%s\":null", key);
        return;
    }
    (void)fprintf(out,
                  ",\"%s\":{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
                  ",\"max\":%" PRIu64 "}",
                  key,
                  hist_quantile(hist, 0.5),
                  hist_quantile(hist, 0.9),
                  hist_quantile(hist, 0.99),
                  hist->max_ns);
}

static void sum_json(const struct card *card, uint32_t market, uint32_t injection, FILE *out)
{
    const struct score_sum *sum = card_sum(card, market, injection);
    (void)fprintf(out,
                  "{\"type\":\"score\",\"seed\":%" PRIu64
                  ",\"market\":\"%s\",\"injected\":\"%s\",\"trials\":%" PRIu64 ",\"found\":%" PRIu64
                  ",\"in_time\":%" PRIu64 ",\"blame_right\":%" PRIu64 ",\"other\":%" PRIu64
                  ",\"stream_ns\":%" PRIu64 ",\"unproven_ns\":%" PRIu64,
                  card->seed,
                  card->markets[market],
                  injections[injection].name,
                  sum->trials,
                  sum->detected,
                  sum->in_time,
                  sum->blame_right,
                  sum->false_alarms,
                  sum->stream_ns,
                  sum->unproven_ns);
    histogram_json("exposure_ns", sum->exposure, out);
    histogram_json("late_ns", sum->late, out);
    histogram_json("blamed_ns", sum->blamed, out);
    histogram_json("mistake_ns", sum->mistake, out);
    (void)fputs(",\"blamed\":{", out);
    for (uint32_t k = 0; k < TOLD_COUNT; k++) {
        (void)fprintf(out, "%s\"%s\":%" PRIu64, k > 0 ? "," : "", card_told_names[k], sum->told[k]);
    }
    (void)fputs("},\"other_kinds\":{", out);
    const char *between = "";
    for (uint32_t k = 0; k < FLATLINE_FAULT_COUNT; k++) {
        if (sum->false_by_kind[k] > 0) {
            (void)fprintf(
                out, "%s\"%s\":%" PRIu64, between, card_kind_names[k], sum->false_by_kind[k]);
            between = ",";
        }
    }
    (void)fputs("}}\n", out);
}

static void silence_json(const struct silence_score *score, FILE *out)
{
    (void)fprintf(out,
                  "{\"type\":\"silence\",\"frames\":\"%s\",\"test_ns\":%" PRIu64
                  ",\"stated_every_ns\":%" PRIu64 ",\"false_alarms\":%" PRIu64 ",\"cuts\":%" PRIu64
                  ",\"found\":%" PRIu64 ",\"flat_limit_ns\":%" PRIu64,
                  score->terms->name,
                  score->test_ns,
                  score->stated_every_ns,
                  score->false_alarms,
                  score->flat->total,
                  score->found,
                  score->flat_limit_ns);
    histogram_json("exposure_ns", score->own, out);
    histogram_json("flat_exposure_ns", score->flat, out);
    histogram_json("phi_exposure_ns", score->phi, out);
    (void)fputs("}\n", out);
}

void card_print_json(const struct card *card, FILE *out)
{
    for (uint32_t i = 0; i < card->silence_count; i++) {
        silence_json(&card->silences[i], out);
    }
    for (uint32_t m = 0; m < card->market_count; m++) {
        for (uint32_t i = 0; i < injection_count; i++) {
            if (card_sum(card, m, i)->stream_ns > 0) {
                sum_json(card, m, i, out);
            }
        }
    }
}
