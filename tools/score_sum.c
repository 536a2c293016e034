/* SPDX-License-Identifier: MIT */
#include "tools/score_sum.h"

#include "core/hist.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define UNIT_NS NS_PER_US
#define MAX_NS  (3600 * NS_PER_S)

struct flatline_histogram *sum_histogram(void)
{
    struct flatline_histogram *hist =
        calloc(1, hist_size_bytes(HIST_BITS_TWO_DIGITS, UNIT_NS, MAX_NS));
    if (hist != NULL) {
        hist_init(hist, HIST_BITS_TWO_DIGITS, UNIT_NS, MAX_NS);
    }
    return hist;
}

int sum_begin(struct score_sum *sum)
{
    *sum = (struct score_sum){0};
    sum->exposure = sum_histogram();
    sum->late = sum_histogram();
    sum->blamed = sum_histogram();
    sum->mistake = sum_histogram();
    bool whole =
        sum->exposure != NULL && sum->late != NULL && sum->blamed != NULL && sum->mistake != NULL;
    for (uint32_t i = 0; i < RIVALS; i++) {
        sum->rivals[i].exposure = sum_histogram();
        whole &= sum->rivals[i].exposure != NULL;
    }
    return whole ? 0 : -ENOMEM;
}

void sum_end(struct score_sum *sum)
{
    free(sum->exposure);
    free(sum->late);
    free(sum->blamed);
    free(sum->mistake);
    for (uint32_t i = 0; i < RIVALS; i++) {
        free(sum->rivals[i].exposure);
    }
    *sum = (struct score_sum){0};
}

static void histogram_add(struct flatline_histogram *to, const struct flatline_histogram *from)
{
    const uint32_t *counts = (const uint32_t *)(const void *)(from + 1);
    uint32_t *into = (uint32_t *)(void *)(to + 1);
    for (uint32_t i = 0; i < from->bucket_count; i++) {
        into[i] += counts[i];
    }
    to->total += from->total;
    to->max_ns = to->max_ns > from->max_ns ? to->max_ns : from->max_ns;
}

void sum_add(struct score_sum *to, const struct score_sum *from)
{
    to->trials += from->trials;
    to->detected += from->detected;
    to->in_time += from->in_time;
    to->blame_right += from->blame_right;
    to->false_alarms += from->false_alarms;
    to->stream_ns += from->stream_ns;
    to->unproven_ns += from->unproven_ns;
    for (uint32_t i = 0; i < TOLD_COUNT; i++) {
        to->told[i] += from->told[i];
    }
    for (uint32_t i = 0; i < FLATLINE_FAULT_COUNT; i++) {
        to->false_by_kind[i] += from->false_by_kind[i];
    }
    histogram_add(to->exposure, from->exposure);
    histogram_add(to->late, from->late);
    histogram_add(to->blamed, from->blamed);
    histogram_add(to->mistake, from->mistake);
    for (uint32_t i = 0; i < RIVALS; i++) {
        to->rivals[i].detected += from->rivals[i].detected;
        to->rivals[i].false_alarms += from->rivals[i].false_alarms;
        histogram_add(to->rivals[i].exposure, from->rivals[i].exposure);
    }
}

/* ---- the interval of a count ----------------------------------------------------------------- */

/* P(at most count) where mean are expected. */
static double poisson_at_most(uint64_t count, double mean)
{
    double sum = 0;
    for (uint64_t i = 0; i <= count; i++) {
        sum += exp((double)i * log(mean) - mean - lgamma((double)i + 1.0));
    }
    return sum;
}

/* The mean at which P(at most count) falls to `left`. */
static double mean_where(uint64_t count, double left)
{
    double low = 1e-9;
    double high = (double)count + 10.0 * (sqrt((double)count) + 2.0);
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        if (poisson_at_most(count, middle) > left) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

double poisson_low(uint64_t count)
{
    return count == 0 ? 0.0 : mean_where(count - 1, 0.975);
}

double poisson_high(uint64_t count)
{
    return mean_where(count, 0.025);
}
