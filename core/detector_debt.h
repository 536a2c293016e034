/* SPDX-License-Identifier: MIT
 *
 * detector_debt.h - the owed update: what a leg has not shown though another has. For the files of
 * the detector; the rules are in docs/DETECTOR.md, "Debt".
 *
 * A book is the streams that share their update ids. A side is one connection's part of a book:
 * channels of one connection arrive in order, so they are held against each other there, and only
 * a leg that is alone on its side against the other sides. A twin is the same stream on another
 * connection.
 */
#ifndef FLATLINE_CORE_DETECTOR_DEBT_H
#define FLATLINE_CORE_DETECTOR_DEBT_H

#include "core/base.h"
#include "core/best_row.h"
#include "core/event.h"
#include "core/frontier.h"
#include "core/lag_window.h"
#include "core/own_waits.h"

#include <stdbool.h>
#include <stdint.h>

#define TWIN_ALLOWANCE_NS (100 * NS_PER_MS)

#define BOOK_NONE UINT32_MAX
#define SIDE_NONE UINT32_MAX
#define TWIN_NONE UINT32_MAX

enum debt_kind {
    DEBT_BOOK, /* to the other channels of its book */
    DEBT_TWIN, /* to the same stream on another connection */
    DEBTS
};

/* What one leg owes, and since when. */
struct debt {
    uint64_t since_ns; /* what it owes was first seen then; 0 = it owes nothing */
    uint64_t clock_ns; /* the allowance counts from here: later than since_ns after our own stall */
    uint64_t key;      /* the id it owes, or the exchange time */
    uint64_t late_ns;  /* its connection may have been so late, without showing it */
    bool waits;        /* for the connection's next frame */
    bool graced;       /* has waited, and been given more time: it does not wait again */
    bool overdue;
};

/* Increments tell what stands at the levels they set, as of their id: better than the best shown
 * before that id, or another size there, and the best has changed since. */
static inline bool best_has_changed(const struct best *best, const struct event_data *sets)
{
    const bool bid_known = sets->bid_size != 0 && best->bid_size != 0;
    const bool ask_known = sets->ask_size != 0 && best->ask_size != 0;
    return (bid_known && (sets->bid_e8 > best->bid_e8 ||
                          (sets->bid_e8 == best->bid_e8 && sets->bid_size != best->bid_size))) ||
           (ask_known && (sets->ask_e8 < best->ask_e8 ||
                          (sets->ask_e8 == best->ask_e8 && sets->ask_size != best->ask_size)));
}

struct book {
    uint64_t key; /* stream_traits.book */
    uint32_t first_side;
};

struct side {
    uint32_t book;
    uint32_t connection;
    uint32_t next_of_book;
    uint32_t first_leg;
    uint32_t leg_count;
    struct frontier frontier;
    struct best_row bests; /* where ids are checked */
};

#endif
