/* SPDX-License-Identifier: MIT
 *
 * book.h - an order book that lives by itself: a ladder of integer ticks and lots, never crossed.
 * Pure.
 *
 * Every change takes a range of update ids, and every level remembers the id of its last change;
 * so the difference since any id can be told at any time, and all speeds of depth, the best prices
 * and REST speak of one and the same book.
 */
#ifndef FLATLINE_VENUE_BOOK_H
#define FLATLINE_VENUE_BOOK_H

#include "venue/random.h"

#include <stdbool.h>
#include <stdint.h>

#define BOOK_LEVELS 100 /* a side */
#define BOOK_SLOTS  512 /* ticks remembered: both sides, and where they were a second ago */

enum book_side { BOOK_BID, BOOK_ASK };

struct book_level {
    int64_t tick;
    uint64_t lots[2];    /* by enum book_side; 0 = none */
    uint64_t changed[2]; /* id of the last change */
};

struct book {
    int64_t best_tick[2];
    int64_t anchor_tick; /* the price wanders about it */
    uint64_t id;         /* of the last change */
    uint64_t id_first;   /* the last change took [id_first, id] */
    uint64_t best_id;    /* id of the last change at a best level */
    uint64_t quiet;      /* changes since then */
    struct book_level slots[BOOK_SLOTS];
};

/* How a venue hands out ids: the next range starts up to skip_max ids after the last and is up to
 * span_max longer than needed. */
struct book_ids {
    uint64_t skip_max;
    uint64_t span_max;
};

/** A full book about a price, its last id given. */
void book_start(struct book *book, struct random *random, int64_t price_tick, uint64_t id);

/** One change. At least every third touches a best level. Returns whether it did. */
bool book_change(struct book *book, struct random *random, const struct book_ids *ids);

/** The level at a tick; NULL where the book remembers nothing. */
const struct book_level *book_level_at(const struct book *book, int64_t tick);

/** The n-th level of a side, 0 = best; n < BOOK_LEVELS. Never NULL. */
const struct book_level *book_level(const struct book *book, enum book_side side, unsigned n);

#endif
