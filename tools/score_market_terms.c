/* SPDX-License-Identifier: MIT
 *
 * score_market_terms.c - which markets are generated.
 */
#include "core/base.h"
#include "tools/score_market.h"

const struct market_terms market_terms[MARKET_COUNT] = {
    {.name = "bursty",
     .what = "60 changes/s in clusters",
     .changes_per_s = 20,
     .deep_per_s = 40,
     .branching = 0.7,
     .jitter_ms = 1},
    {.name = "illiquid",
     .what = "a change every 3 s",
     .changes_per_s = 0.3,
     .deep_per_s = 1,
     .branching = 0.5,
     .jitter_ms = 1},
    {.name = "quiet-night",
     .what = "2 changes/s",
     .changes_per_s = 1.2,
     .deep_per_s = 6,
     .branching = 0.4,
     .jitter_ms = 1},
    {.name = "volatile",
     .what = "200 changes/s, a jittery way",
     .changes_per_s = 60,
     .deep_per_s = 120,
     .branching = 0.7,
     .jitter_ms = 6},
    {.name = "maintenance",
     .what = "10 changes/s; planned reconnects and resets",
     .changes_per_s = 5,
     .deep_per_s = 20,
     .branching = 0.5,
     .jitter_ms = 1,
     .rotate_every_ns = 45 * NS_PER_S},
    {.name = "midnight-pause",
     .what = "10 changes/s; each venue stands still now and then",
     .changes_per_s = 5,
     .deep_per_s = 20,
     .branching = 0.5,
     .jitter_ms = 1,
     .pause_every_ns = 90 * NS_PER_S,
     .pause_ns = 1500 * NS_PER_MS},
};
