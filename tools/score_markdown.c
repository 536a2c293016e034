/* SPDX-License-Identifier: MIT */
#include "tools/score_card.h"

#include "core/base.h"
#include "core/hist.h"

#include <inttypes.h>
#include <string.h>

#define DAY_NS     (86400.0 * 1e9)
#define CELL_BYTES 48U

static const char *const rival_names[RIVALS] = {"flat 3 s", "flat 10 s", "flat 120 s", "φ = 8"};

/* ---- cells ----------------------------------------------------------------------------------- */

/* Whole, unless that would make all or nothing of what is neither. */
static const char *percent_text(uint64_t part, uint64_t whole, char text[CELL_BYTES])
{
    if (whole == 0) {
        return "–";
    }
    const double percent = 100.0 * (double)part / (double)whole;
    const bool is_whole = part == whole || part == 0 || (percent >= 1 && percent < 99);
    (void)snprintf(text, CELL_BYTES, is_whole ? "%.0f" : "%.1f", percent);
    return text;
}

/* Where two are compared. */
static const char *share_text(uint64_t part, uint64_t whole, char text[CELL_BYTES])
{
    (void)snprintf(
        text, CELL_BYTES, "%.1f", whole > 0 ? 100.0 * (double)part / (double)whole : 0.0);
    return text;
}

static const char *time_text(uint64_t time_ns, char text[CELL_BYTES])
{
    const double ms = (double)time_ns / 1e6;
    (void)snprintf(text,
                   CELL_BYTES,
                   ms < 10      ? "%.1f ms"
                   : ms < 1000  ? "%.0f ms"
                   : ms < 10000 ? "%.2f s"
                                : "%.1f s",
                   ms < 1000 ? ms : ms / 1000);
    return text;
}

static const char *
quantile_text(const struct flatline_histogram *hist, double quantile, char text[CELL_BYTES])
{
    return hist->total == 0 ? "–" : time_text(hist_quantile(hist, quantile), text);
}

static const char *rate_text(uint64_t count, uint64_t stream_ns, char text[CELL_BYTES])
{
    const double days = (double)stream_ns / DAY_NS;
    if (days <= 0) {
        return "–";
    }
    (void)snprintf(text,
                   CELL_BYTES,
                   "%.3g (%.2g–%.2g)",
                   (double)count / days,
                   poisson_low(count) / days,
                   poisson_high(count) / days);
    return text;
}

/* ---- tables -------------------------------------------------------------------------------- */

static void false_alarms_print(const struct card *card, FILE *out)
{
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES];
    (void)fputs("\n## False alarms\n\nMarkets as they are, nothing injected: every fault found is "
                "false. A stream-day is a day of one stream; behind each rate its 95 % Poisson "
                "interval. `unproven` is the share of stream time without a lease.\n\n"
                "| market | stream-days | faults | a stream-day | stood for p50 | unproven % |",
                out);
    for (uint32_t i = 0; i < RIVALS; i++) {
        (void)fprintf(out, " %s a stream-day |", rival_names[i]);
    }
    (void)fputs("\n|---|---|---|---|---|---|---|---|---|---|\n", out);
    for (uint32_t m = 0; m < card->market_count; m++) {
        const struct score_sum *sum = card_sum(card, m, 0);
        (void)fprintf(out,
                      "| %s | %.3g | %" PRIu64 " | %s | %s | %s |",
                      card->markets[m],
                      (double)sum->stream_ns / DAY_NS,
                      sum->false_alarms,
                      rate_text(sum->false_alarms, sum->stream_ns, a),
                      quantile_text(sum->mistake, 0.5, b),
                      percent_text(sum->unproven_ns, sum->stream_ns, c));
        for (uint32_t i = 0; i < RIVALS; i++) {
            (void)fprintf(out,
                          " %.3g |",
                          (double)sum->rivals[i].false_alarms * DAY_NS / (double)sum->stream_ns);
        }
        (void)fputc('\n', out);
    }
}

static void injection_print(const struct score_sum *sum, const struct injection *what, FILE *out)
{
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES], d[CELL_BYTES], e[CELL_BYTES];
    char f[CELL_BYTES], g[CELL_BYTES], h[CELL_BYTES];
    (void)fprintf(out,
                  "| %s | %" PRIu64 " | %s | %s | %s | %s | %s | %s | %s | %s | %" PRIu64 " |",
                  what->name,
                  sum->trials,
                  percent_text(sum->detected, sum->trials, a),
                  percent_text(sum->in_time, sum->trials, b),
                  quantile_text(sum->exposure, 0.5, c),
                  quantile_text(sum->exposure, 0.9, d),
                  quantile_text(sum->exposure, 0.99, e),
                  quantile_text(sum->late, 0.99, f),
                  percent_text(sum->blame_right, sum->trials, g),
                  quantile_text(sum->blamed, 0.5, h),
                  sum->false_alarms);
    for (uint32_t i = 0; i < RIVALS; i++) {
        const struct rival_sum *rival = &sum->rivals[i];
        (void)fprintf(out,
                      " %s %%, %s |",
                      percent_text(rival->detected, sum->trials, a),
                      quantile_text(rival->exposure, 0.5, b));
    }
    (void)fputc('\n', out);
}

static void detection_print(const struct card *card, FILE *out)
{
    (void)fputs(
        "\n## Detection\n\nAll markets together. *Exposure* runs from the first event that did not "
        "come (or came wrong) to the finding; *late* is what of it lies beyond the promise of the "
        "table below. `other` counts faults found beside what is right and what follows from it. "
        "*blamed* is until somebody is blamed. The last columns: what a timeout on each stream "
        "would have found in the same trials, and "
        "its median exposure.\n\n"
        "| injected | trials | found % | in time % | exposure p50 | p90 | p99 | late p99 | "
        "blame right % | blamed p50 | other |",
        out);
    for (uint32_t i = 0; i < RIVALS; i++) {
        (void)fprintf(out, " %s |", rival_names[i]);
    }
    (void)fputs("\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n", out);
    for (uint32_t i = 1; i < injection_count; i++) {
        struct score_sum all;
        if (sum_begin(&all) == 0) {
            for (uint32_t m = 0; m < card->market_count; m++) {
                sum_add(&all, card_sum(card, m, i));
            }
            injection_print(&all, &injections[i], out);
        }
        sum_end(&all);
    }
}

static void by_market_print(const struct card *card, FILE *out)
{
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES];
    (void)fputs(
        "\n## By market\n\nFound % / blame right %, median exposure. –: nothing there to be hit, "
        "or not done to recordings.\n\n| injected |",
        out);
    for (uint32_t m = 0; m < card->market_count; m++) {
        (void)fprintf(out, " %s |", card->markets[m]);
    }
    (void)fputs("\n|---|", out);
    for (uint32_t m = 0; m < card->market_count; m++) {
        (void)fputs("---|", out);
    }
    (void)fputc('\n', out);
    for (uint32_t i = 1; i < injection_count; i++) {
        (void)fprintf(out, "| %s |", injections[i].name);
        for (uint32_t m = 0; m < card->market_count; m++) {
            const struct score_sum *sum = card_sum(card, m, i);
            (void)fprintf(out,
                          sum->trials == 0 ? " – |" : " %s / %s, %s |",
                          percent_text(sum->detected, sum->trials, a),
                          percent_text(sum->blame_right, sum->trials, b),
                          quantile_text(sum->exposure, 0.5, c));
        }
        (void)fputc('\n', out);
    }
}

/* The row of an injection: whom it is right to blame, the connection where it is among several. */
static uint32_t row_of(const struct injection *what)
{
    if ((what->blames & SCOPE(CONNECTION)) != 0) {
        return FLATLINE_SCOPE_CONNECTION;
    }
    return what->blames == 0 ? TOLD_NOTHING : (uint32_t)__builtin_ctz(what->blames);
}

/* All injections in all markets. */
struct totals {
    uint64_t trials;
    uint64_t found;
    uint64_t in_time;
    uint64_t blame_right;
    uint64_t undecided; /* or not found */
    uint64_t other;
    uint64_t quiet_ns; /* stream time of markets without a fault */
    uint64_t false_alarms;
    uint64_t told[TOLD_COUNT][TOLD_COUNT]; /* truth, and who was blamed */
};

static struct totals totals_of(const struct card *card)
{
    struct totals all = {0};
    for (uint32_t m = 0; m < card->market_count; m++) {
        for (uint32_t i = 1; i < injection_count; i++) {
            const struct score_sum *sum = card_sum(card, m, i);
            for (uint32_t k = 0; k < TOLD_COUNT; k++) {
                all.told[row_of(&injections[i])][k] += sum->told[k];
            }
            all.trials += sum->trials;
            all.found += sum->detected;
            all.in_time += sum->in_time;
            all.blame_right += sum->blame_right;
            all.undecided += sum->told[TOLD_UNKNOWN] + sum->told[TOLD_NOTHING];
            all.other += sum->false_alarms;
        }
        all.quiet_ns += card_sum(card, m, 0)->stream_ns;
        all.false_alarms += card_sum(card, m, 0)->false_alarms;
    }
    return all;
}

static void blame_print(const struct card *card, FILE *out)
{
    const struct totals all = totals_of(card);
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES];
    (void)fprintf(out,
                  "\n## Blame\n\nRows: whose fault it was; where more than one answer is right (a "
                  "venue with one connection), the connection. Columns: who was blamed.\n\n"
                  "Right %s %%, undecided or not found %s %%, wrong %s %%.\n\n| truth |",
                  percent_text(all.blame_right, all.trials, a),
                  percent_text(all.undecided, all.trials, b),
                  percent_text(all.trials - all.blame_right - all.undecided, all.trials, c));
    for (uint32_t k = 0; k < TOLD_COUNT; k++) {
        (void)fprintf(out, " %s |", card_told_names[k]);
    }
    (void)fputs("\n|---|---|---|---|---|---|---|---|---|---|\n", out);
    for (uint32_t row = 0; row < TOLD_UNKNOWN; row++) {
        (void)fprintf(out, "| %s |", card_told_names[row]);
        for (uint32_t k = 0; k < TOLD_COUNT; k++) {
            (void)fprintf(out, " %" PRIu64 " |", all.told[row][k]);
        }
        (void)fputc('\n', out);
    }
}

static void totals_print(const struct card *card, FILE *out)
{
    const struct totals all = totals_of(card);
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES], d[CELL_BYTES], e[CELL_BYTES], f[CELL_BYTES];
    (void)fprintf(out,
                  "| %" PRIu64 " | %" PRIu64 " | %s | %s | %s | %s | %s | %" PRIu64 " | %s |\n",
                  card->seed,
                  all.trials,
                  share_text(all.found, all.trials, a),
                  share_text(all.in_time, all.trials, b),
                  share_text(all.blame_right, all.trials, c),
                  share_text(all.undecided, all.trials, d),
                  share_text(all.trials - all.blame_right - all.undecided, all.trials, e),
                  all.other,
                  rate_text(all.false_alarms, all.quiet_ns, f));
}

static void beside_print(const struct card *card, const struct card *beside, FILE *out)
{
    (void)fputs(
        "\n## With other dice\n\nAll trials, and beside them as many with other dice: other "
        "markets, other places in the recordings. A rule made to fit the dice that it was "
        "looked at with (seed 1, which `score.no_worse` has, too) is worse with others.\n\n"
        "| seed | trials | found % | in time % | blame right % | undecided or not found % | "
        "wrong % | other | false alarms a stream-day |\n|---|---|---|---|---|---|---|---|---|\n",
        out);
    totals_print(card, out);
    totals_print(beside, out);
}

static void silence_print(const struct card *card, FILE *out)
{
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES], d[CELL_BYTES], e[CELL_BYTES], f[CELL_BYTES];
    (void)fputs(
        "\n## Where silence is all there is\n\nOne stream of trades, no sibling, days long. SILENT "
        "with a budget of one false alarm an hour; *flat* and *φ* with the limit that cries "
        "exactly as often on the same days. Exposure from the first frame cut.\n\n"
        "| frames | days | false alarms, stated | had | cuts found % | SILENT p50 | p90 | p99 | "
        "flat p50 | p90 | φ p50 | p90 | flat ÷ SILENT, p50 |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        out);
    for (uint32_t i = 0; i < card->silence_count; i++) {
        const struct silence_score *score = &card->silences[i];
        const double own = (double)hist_quantile(score->own, 0.5);
        (void)fprintf(out,
                      "| %s | %.1f | %.0f | %" PRIu64 " | %s | %s | %s | %s |",
                      score->terms->name,
                      (double)score->test_ns / DAY_NS,
                      (double)score->test_ns / (double)score->stated_every_ns,
                      score->false_alarms,
                      percent_text(score->found, score->flat->total, a),
                      quantile_text(score->own, 0.5, b),
                      quantile_text(score->own, 0.9, c),
                      quantile_text(score->own, 0.99, d));
        (void)fprintf(out,
                      " %s | %s | %s | %s | %.1f |\n",
                      quantile_text(score->flat, 0.5, a),
                      quantile_text(score->flat, 0.9, e),
                      quantile_text(score->phi, 0.5, b),
                      quantile_text(score->phi, 0.9, f),
                      own > 0 ? (double)hist_quantile(score->flat, 0.5) / own : 0.0);
    }
}

static void bits_print(uint32_t bits, const char *const *names, FILE *out)
{
    const char *between = "";
    for (uint32_t i = 0; i < 32U; i++) {
        if ((bits >> i & 1U) != 0) {
            (void)fprintf(out, "%s%s", between, names[i]);
            between = ", ";
        }
    }
}

void card_print_oracle(FILE *out)
{
    char a[CELL_BYTES];
    (void)fputs(
        "\n## What is injected, and what is right\n\nSaid before anything ran "
        "(`tools/score_table.c`); any of several kinds will do, and any of several to blame.\n\n"
        "| injected | what happens | kind | blame | promised within |\n"
        "|---|---|---|---|---|\n",
        out);
    for (uint32_t i = 1; i < injection_count; i++) {
        const struct injection *what = &injections[i];
        (void)fprintf(out, "| %s | %s | ", what->name, what->what);
        bits_print(what->kinds, card_kind_names, out);
        (void)fputs(" | ", out);
        bits_print(what->blames, card_told_names, out);
        (void)fprintf(out,
                      " | %s |\n",
                      what->promise != NULL ? what->promise : time_text(what->promised_ns, a));
    }
}

void card_print_markdown(const struct card *card, const struct card *beside, FILE *out)
{
    (void)fprintf(out,
                  "# Scorecard\n\nMade by `%s`, on a virtual clock: the same command gives the "
                  "same figures on any machine. What it does and how to read it: "
                  "[SCORE](SCORE.md).\n",
                  card->command);
    detection_print(card, out);
    false_alarms_print(card, out);
    silence_print(card, out);
    blame_print(card, out);
    if (beside != NULL) {
        beside_print(card, beside, out);
    }
    by_market_print(card, out);
    card_print_oracle(out);
}
