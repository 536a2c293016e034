/* SPDX-License-Identifier: MIT
 *
 * best_row.h - the best levels that a book has shown lately, with their ids: which one stood at an id,
 * and whether the book has come back to it since. Rules: docs/DETECTOR.md, "Debt".
 */
#ifndef FLATLINE_CORE_BEST_ROW_H
#define FLATLINE_CORE_BEST_ROW_H

#include "core/base.h"
#include "core/frontier.h"

#include <stdbool.h>
#include <stdint.h>

#define BESTS_KEPT 64U

/* The best level as a leg has shown it; sizes are marks. */
struct best {
    int64_t bid_e8;
    int64_t ask_e8;
    uint32_t bid_size;
    uint32_t ask_size;
};

struct best_seen {
    struct frontier_mark mark;
    struct best best;
};

struct best_row {
    uint32_t made;
    uint32_t kept; /* of these, not forgotten */
    struct best_seen row[BESTS_KEPT];
};

static inline bool best_is_known(const struct best *best)
{
    return best->bid_size != 0 || best->ask_size != 0;
}

static inline bool best_is_same(const struct best *a, const struct best *b)
{
    return a->bid_e8 == b->bid_e8 && a->ask_e8 == b->ask_e8 && a->bid_size == b->bid_size &&
           a->ask_size == b->ask_size;
}

static inline void best_row_restart(struct best_row *bests)
{
    bests->kept = 0;
}

/** The last but so many; 0 is the last. back < kept. */
static inline const struct best_seen *best_row_back(const struct best_row *bests, uint32_t back)
{
    return &bests->row[(bests->made - 1U - back) % BESTS_KEPT];
}

/** Notes a level shown now. false: one of a newer id, or of this, has been shown. */
static inline bool
best_row_show(struct best_row *bests, uint64_t key, const struct best *best, uint64_t now_ns)
{
    if (bests->kept != 0 && key <= best_row_back(bests, 0)->mark.key) {
        return false;
    }
    bests->row[bests->made % BESTS_KEPT] = (struct best_seen){{key, now_ns}, *best};
    bests->made++;
    bests->kept += bests->kept < BESTS_KEPT;
    return true;
}

#endif
