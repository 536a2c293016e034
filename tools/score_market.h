/* SPDX-License-Identifier: MIT
 *
 * score_market.h - generated markets: the events a desk would see of three venues, in the
 * proportions of the recordings (../captures of this project: ids, cadences, waits between channels).
 *
 * A book's best price changes as a self-exciting process under a slowly wandering level; each change
 * has an id, is shown by bookTicker at once and by depth at the next tenth of a second. It is a
 * market for detectors, not for traders.
 */
#ifndef FLATLINE_TOOLS_SCORE_MARKET_H
#define FLATLINE_TOOLS_SCORE_MARKET_H

#include "tools/score_desk.h"

#include <stdint.h>

struct market_terms {
    const char *name;
    const char *what;        /* for people */
    double changes_per_s;    /* of the best price, of a liquid book */
    double deep_per_s;       /* updates below the best */
    double branching;        /* how many changes each brings along: burstiness, below 1 */
    double jitter_ms;        /* mean of the way's own */
    uint64_t pause_every_ns; /* venues stand still that often, for pause_ns; 0 = never */
    uint64_t pause_ns;
    uint64_t rotate_every_ns; /* planned reconnects and book resets; 0 = never */
};

extern const struct market_terms market_terms[];
#define MARKET_COUNT 6U

struct market; /* opaque: score_market.c */

/** twins: USD-M's public route over two connections. NULL: out of memory. */
struct market *market_create(const struct market_terms *terms, uint64_t seed, bool twins);
void market_destroy(struct market *market);
struct source *market_source(struct market *market);

#endif
