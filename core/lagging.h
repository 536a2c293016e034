/* SPDX-License-Identifier: MIT
 *
 * lagging.h - is a connection's data late as a rule? The 95th percentile of its excess lag over a
 * sliding window, kept as two counts a tenth of the window: constant time and memory a sample.
 *
 * p95 is above the limit exactly while more than a twentieth of the samples are. It must be so
 * over the whole window and over its last three tenths: a burst that came late and has drained is
 * over.
 */
#ifndef FLATLINE_CORE_LAGGING_H
#define FLATLINE_CORE_LAGGING_H

#include <stdbool.h>
#include <stdint.h>

#define LAGGING_PARTS        10U
#define LAGGING_RECENT_PARTS 3U

struct lagging_part {
    uint64_t number; /* which tenth of a window since the clock began */
    uint32_t late;
    uint32_t total;
    uint64_t worst_ns;
};

struct lagging {
    struct lagging_part parts[LAGGING_PARTS];
    uint64_t late_since_ns;    /* p95 has been above since; 0 = is not */
    uint64_t healthy_since_ns; /* and below */
    uint64_t last_ns;
    /* part of the last late sample: where it is old, nothing needs adding up */
    uint64_t last_late_number;
};

struct lagging_limits {
    uint64_t excess_ns;
    uint64_t window_ns;
    uint64_t hold_ns;
};

enum lagging_verdict { LAGGING_UNDECIDED, LAGGING_LATE, LAGGING_HEALTHY };

/** Counts one sample and judges: LATE or HEALTHY once it has been so for hold_ns. */
enum lagging_verdict lagging_feed(struct lagging *lagging,
                                  const struct lagging_limits *limits,
                                  uint64_t recv_mono_ns,
                                  uint64_t excess_ns);

/** Sums the window that ends with the last sample. */
struct lagging_part lagging_window(const struct lagging *lagging,
                                   const struct lagging_limits *limits);

#endif
