/* SPDX-License-Identifier: MIT */
#include "core/hist.h"

static uint32_t bucket_count_of(uint32_t sub_bucket_bits, uint32_t unit_shift, uint64_t max_ns)
{
    uint32_t doublings = 1;
    while (doublings < 64U - sub_bucket_bits - unit_shift &&
           (max_ns >> unit_shift) >> (sub_bucket_bits + doublings - 1) != 0) {
        doublings++;
    }
    return (doublings + 1U) << (sub_bucket_bits - 1U);
}

size_t hist_size_bytes(uint32_t sub_bucket_bits, uint64_t unit_ns, uint64_t max_ns)
{
    const uint32_t count = bucket_count_of(sub_bucket_bits, hist_floor_log2(unit_ns), max_ns);
    return sizeof(struct flatline_histogram) + count * sizeof(uint32_t);
}

void hist_init(struct flatline_histogram *hist,
               uint32_t sub_bucket_bits,
               uint64_t unit_ns,
               uint64_t max_ns)
{
    flatline_assert(sub_bucket_bits >= 1 && sub_bucket_bits <= 16);
    flatline_assert(unit_ns > 0 && max_ns >= unit_ns);
    const uint32_t unit_shift = hist_floor_log2(unit_ns);
    hist->total = 0;
    hist->max_ns = 0;
    hist->unit_ns = 1ULL << unit_shift;
    hist->sub_bucket_bits = sub_bucket_bits;
    hist->bucket_count = bucket_count_of(sub_bucket_bits, unit_shift, max_ns);
}

/* Largest value that counts in a bucket. */
static uint64_t upper_edge_ns(const struct flatline_histogram *hist, uint32_t at)
{
    const uint32_t half_bits = hist->sub_bucket_bits - 1U;
    const uint32_t shift = (uint32_t)__builtin_ctzll(hist->unit_ns);
    const uint32_t block = at >> half_bits;
    const uint32_t doubling = block > 0 ? block - 1U : 0;
    const uint64_t units = at - ((uint64_t)doubling << half_bits);
    return ((units + 1) << (doubling + shift)) - 1;
}

uint64_t hist_quantile(const struct flatline_histogram *hist, double quantile)
{
    const uint32_t *counts = (const uint32_t *)(const void *)(hist + 1);
    const uint64_t total = load_relaxed(&hist->total);
    const uint64_t max_ns = load_relaxed(&hist->max_ns);
    if (total == 0) {
        return 0;
    }
    /* HDR's own rounding: the value below which quantile * total + 1/2 counts lie, one at least. */
    const double clamped = quantile < 0.0 ? 0.0 : quantile > 1.0 ? 1.0 : quantile;
    uint64_t wanted = (uint64_t)(clamped * (double)total + 0.5);
    wanted = wanted == 0 ? 1 : wanted;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < hist->bucket_count; i++) {
        seen += load_relaxed_32(&counts[i]);
        if (seen >= wanted) {
            const uint64_t edge = upper_edge_ns(hist, i);
            return edge < max_ns && i + 1U < hist->bucket_count ? edge : max_ns;
        }
    }
    return max_ns; /* a reader that raced the writer's total */
}
