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

/** Records one value; values beyond the range count in the last bucket (max_ns stays exact).
 *  Cost: a few ns, no branch on the value's size. One writer. */
void hist_record(struct flatline_histogram *hist, uint64_t value_ns);

/** Value at a quantile in [0, 1]: the upper edge of its bucket, never above the exact maximum.
 *  0 when empty. */
uint64_t hist_quantile(const struct flatline_histogram *hist, double quantile);

#endif
