/* SPDX-License-Identifier: MIT
 *
 * stream.h - what is fixed about a stream, decided once from its name and the configuration.
 *
 * The venue's own rules (first block) are filled by feeds/channels.c from facts of the venue; the
 * policy (second block) by the configuration or its defaults. The detector reads both and knows no
 * venue.
 */
#ifndef FLATLINE_CORE_STREAM_H
#define FLATLINE_CORE_STREAM_H

#include "flatline/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* What proves that a frame is newer. */
enum stream_key {
    KEY_NONE, /* neither: every frame counts */
    KEY_ID,
    KEY_TIME, /* no id in this channel: its exchange time */
};

/* The id rule of consecutive frames on one leg. */
enum stream_chain {
    CHAIN_NONE,
    CHAIN_FIRST, /* Binance spot: first_id == previous id + 1 */
    CHAIN_PREV,  /* Binance futures: prev_id == previous id */
    /* prev_id == previous id, with legal keep-alive (id == prev_id, empty) and reset (id <
     * prev_id) */
    CHAIN_OKX,
};

/* What else shows that a stream is behind: the channels of one book share its update ids. */
enum stream_owes {
    OWES_NOTHING,
    /* it reaches every id of its book: once another channel has shown one, it owes it (depth) */
    OWES_ID,
    /* it skips ids, but shows every change of the best level: once an increment says that it
     * changed, it owes a newer frame (bookTicker) */
    OWES_BEST,
};

struct stream_traits {
    enum flatline_venue venue;
    enum flatline_class stream_class;
    enum stream_key key;
    enum stream_chain chain;
    uint8_t channel; /* a number a channel of the venue: streams of one may fall silent together */
    uint64_t period_ns; /* timer channels, else 0 */
    /* the venue sends a first frame by itself: a first-data deadline is fair */
    bool pushes_on_subscribe;
    /* OKX trades, tickers, mark-price, candle*: the first push may be hours old */
    bool first_push_is_old;
    bool repeats_when_unchanged; /* OKX books5, bbo-tbt: the latest snapshot again after ~60 s */
    uint64_t book; /* streams with the same one show the same book; 0: none. Their ids are
                       one row where something is owed */
    enum stream_owes owes;
    /* the venue does not say that its channels' ids agree: checked before anything is owed */
    bool owes_unconfirmed;
    uint64_t owes_after_ns; /* how long it may take to show what it owes */

    uint64_t stale_after_ns;
    /* due_id: how long an engine may be behind an id first seen; 0 = 150 ms */
    uint64_t allowance_ns;
    uint64_t silent_after_ns; /* a fixed limit; 0 = what is learned */
    bool silent_off;          /* neither */
    /* a gate with quiet_hold has the lease end this much earlier, at most */
    uint64_t quiet_ahead_ns;
    bool observed;      /* in no automatic gate */
    bool key_of_engine; /* an account's: leased on what engines report of its key */
};

#endif
