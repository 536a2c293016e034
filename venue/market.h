/* SPDX-License-Identifier: MIT
 *
 * market.h - the generator: instruments whose books, trades and prices live while somebody
 * listens, and the streams that tell of them.
 *
 * Pure: time is an argument, chance is seeded, what is said goes to the sink as text. One
 * instrument has one book and one id space on each venue; every stream, REST answer and first push
 * speaks of that book. A stream says each thing once, to all its listeners alike.
 */
#ifndef FLATLINE_VENUE_MARKET_H
#define FLATLINE_VENUE_MARKET_H

#include "venue/alarms.h"
#include "venue/book.h"
#include "venue/random.h"
#include "venue/rules.h"
#include "venue/text.h"

/* One instant on both clocks. The wall clock is what the venue stamps on its frames. */
struct moment {
    uint64_t mono_ns;
    uint64_t wall_ns;
};

struct trade {
    uint64_t id;
    int64_t tick;
    uint64_t lots;
    bool buyer_is_maker;
    uint64_t wall_ns;
};

struct market;
struct stream;

struct instrument {
    struct market *market;
    enum venue venue;
    char symbol[SYMBOL_BYTES];
    struct random random;
    struct book book;
    uint64_t id_offset; /* OKX: ids are told that much lower, after resets */
    unsigned price_decimals;
    unsigned lot_decimals;
    uint64_t mean_gap_ns; /* between two changes; 0 = a quiet symbol */
    unsigned burst_left;  /* changes still to come at once */
    struct alarm change;
    struct stream *streams;
    unsigned listeners;
    struct trade trade;
    uint64_t aggregate_id;
    uint64_t aggregate_first; /* first trade id not yet told in an aggregate */
    uint64_t aggregate_lots;
    int64_t open_tick, high_tick, low_tick; /* of the running minute */
    uint64_t bar_start_wall_ns;
    uint64_t bar_lots;
    uint64_t bar_trades;
    uint64_t bar_first_id;
    struct instrument *next;
};

/* What is told on one channel of one instrument. */
struct stream {
    struct instrument *instrument;
    char name[STREAM_BYTES]; /* venue/SYMBOL/channel */
    char channel[CHANNEL_BYTES];
    struct channel rule;
    struct alarm due;  /* the end of its period */
    struct alarm idle; /* OKX: say something although nothing changed */
    unsigned listeners;
    bool is_dirty;         /* something changed since it last spoke */
    uint64_t chain_id;     /* last id told; a depth update chains on it */
    uint64_t chain_next;   /* first id since */
    uint64_t chain_offset; /* stream_id_offset() when it last spoke */
    uint64_t id_ahead;     /* OKX: its ids are told that much higher than the book's */
    uint64_t told;         /* frames */
    struct text last;      /* what it last said */
    struct stream *next;   /* of the same instrument */
    void *owner;           /* the sink's */
};

/* The last maintenance that OKX tells of. */
struct work {
    uint64_t begin_wall_ns; /* 0: one long over */
    bool is_ongoing;
};

/* What a fault makes of a stream at the moment it is about to speak. */
struct mood {
    struct work work;
    bool crosses;           /* best bid and ask change places */
    bool holds;             /* says nothing; what it would have said waits */
    bool repeats;           /* says its last words again */
    uint64_t stuck_wall_ns; /* stamps this time; 0 = the true one */
    uint64_t id_back;       /* says ids that much too low */
};

struct sink {
    void *context;
    struct mood (*mood)(void *context, struct stream *stream);
    /* payload is without envelope; valid during the call */
    void (*say)(void *context, struct stream *stream, const struct text *payload);
};

struct market_options {
    uint64_t seed;
    double rate;               /* book changes a second, unless set per symbol */
    uint64_t period_scale_ppm; /* of idle repeats: 1,000,000 = as the venue */
};

struct market *
market_create(const struct market_options *options, struct sink sink, struct moment now);
void market_destroy(struct market *market);

/** How much lower than the book's the ids are that a stream tells now; higher as its negative. */
static inline uint64_t stream_id_offset(const struct stream *stream)
{
    return stream->instrument->id_offset - stream->id_ahead;
}

/** Finds or makes a stream. NULL: the venue has no such channel, or the symbol is bogus. */
struct stream *
market_stream(struct market *market, enum venue venue, const char *symbol, const char *channel);

/** Finds or makes an instrument; NULL for a bogus symbol. It does not change before somebody
 *  listens. */
struct instrument *market_instrument(struct market *market, enum venue venue, const char *symbol);

/** One listener more or less. The first wakes the instrument, the last puts it to sleep. */
void market_listen(struct market *market, struct stream *stream, struct moment now);
void market_leave(struct market *market, struct stream *stream);

/** What OKX pushes to a new subscriber at once: book snapshot, last trade, last ticker ... false:
 *  nothing. */
bool market_first_push(struct market *market,
                       struct stream *stream,
                       struct moment now,
                       struct text *text);

/** Lets a stream speak although nothing of its instrument changed. */
void market_speak(struct market *market, struct stream *stream, struct moment now);

/** Lets everything happen that is due by now. */
void market_tick(struct market *market, struct moment now);
uint64_t market_next_ns(const struct market *market);

/** Book changes a second of a symbol on every venue, from now on; 0 = none. */
void market_rate(struct market *market, const char *symbol, double per_second, struct moment now);

/** Adds a symbol that is accepted and stays silent for ever. */
void market_bogus(struct market *market, const char *symbol);
bool market_is_bogus(const struct market *market, const char *symbol);

/** The symbols a venue lists in its exchangeInfo; NULL-terminated. */
const char *const *market_listed(enum venue venue);

struct instrument *market_instruments(struct market *market);

#endif
