/* SPDX-License-Identifier: MIT
 *
 * hist.h - HDR histogram over a flat array that may lie in shared memory: one writer, any readers.
 *
 * The buckets are those of the well-known log-linear histogram: sub_bucket_bits decides the
 * precision (8: two significant digits, 11: three). Counts are 32-bit; the writer's increments are
 * relaxed single-word stores, so a reader sees a recent state, not an instant.
 */
#ifndef FLATLINE_CORE_HIST_H
#define FLATLINE_CORE_HIST_H

#include "core/atomic.h"
#include "core/base.h"
#include "flatline/layout.h"

#include <stddef.h>
#include <stdint.h>

#define HIST_BITS_TWO_DIGITS   8U
#define HIST_BITS_THREE_DIGITS 11U

/** Bytes of header and counts for values up to max_ns in units of unit_ns. */
size_t hist_size_bytes(uint32_t sub_bucket_bits, uint64_t unit_ns, uint64_t max_ns);

/** Lays an empty histogram into zeroed memory of hist_size_bytes(). */
void hist_init(struct flatline_histogram *hist,
               uint32_t sub_bucket_bits,
               uint64_t unit_ns,
               uint64_t max_ns);

/* The arithmetic of the HDR histogram, so that percentiles agree with its tools to the last
 * bit: unit_ns is rounded down to a power of two; values below 2^sub_bucket_bits units have
 * buckets of one unit, each further doubling half as many of twice the width. */
static inline uint32_t hist_floor_log2(uint64_t value)
{
    return 63U - (uint32_t)__builtin_clzll(value | 1);
}

/** Records one value; values beyond the range count in the last bucket (max_ns stays exact), a
 *  full count stays full. Cost: about 2 ns, no branch on the value's size. One writer. */
static inline void hist_record(struct flatline_histogram *hist, uint64_t value_ns)
{
    const uint32_t bits = hist->sub_bucket_bits;
    const uint64_t units = value_ns >> (uint32_t)__builtin_ctzll(hist->unit_ns);
    const uint32_t doubling = hist_floor_log2(units | ((1ULL << bits) - 1)) + 1U - bits;
    const uint64_t at = ((uint64_t)doubling << (bits - 1U)) + (units >> doubling);
    const uint32_t last = hist->bucket_count - 1U;
    uint32_t *count = (uint32_t *)(void *)(hist + 1) + (at < last ? (uint32_t)at : last);

    const uint32_t before = load_relaxed_32(
        count); /* relaxed throughout: one writer, and readers want a recent state */
    store_relaxed_32(count, before + (before != UINT32_MAX));
    count_relaxed(&hist->total, 1);
    if (UNLIKELY(value_ns > load_relaxed(&hist->max_ns))) {
        store_relaxed(&hist->max_ns, value_ns);
    }
}

/** Value at a quantile in [0, 1]: the upper edge of its bucket, never above the exact maximum.
 *  0 when empty. */
uint64_t hist_quantile(const struct flatline_histogram *hist, double quantile);

#endif
