/* SPDX-License-Identifier: MIT
 *
 * rules.h - what each venue serves where, how often, and how it keeps its connections, as data.
 * Pure.
 *
 * Written from the venues' documents on its own, not shared with flatline's own table of rules: a
 * mistake on one side must not be hidden by the same mistake on the other.
 */
#ifndef FLATLINE_VENUE_RULES_H
#define FLATLINE_VENUE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum venue { VENUE_SPOT, VENUE_USDM, VENUE_COINM, VENUE_OKX, VENUE_COUNT };

#define SYMBOL_BYTES  48
#define CHANNEL_BYTES 48
#define STREAM_BYTES  128 /* venue/SYMBOL/channel */

/* The connections a venue splits its streams over. */
enum serving {
    SERVES_STREAM,
    SERVES_UNROUTED,
    SERVES_PUBLIC,
    SERVES_MARKET,
    SERVES_PRIVATE,
    SERVES_BUSINESS,
    SERVES_NONE
};

/* Of ASCII letters, whatever the locale. */
static inline char upper_case(char letter)
{
    return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
}

static inline char lower_case(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* Venues stamp milliseconds. */
static inline uint64_t wall_ms(uint64_t wall_ns)
{
    return wall_ns / 1000000;
}

/* What a channel carries. */
enum carries {
    CARRIES_NOTHING, /* well-formed and silent for ever */
    CARRIES_DEPTH,
    CARRIES_PARTIAL,
    CARRIES_BEST,
    CARRIES_TRADE,
    CARRIES_AGGREGATE,
    CARRIES_MARK,
    CARRIES_BARS,
    CARRIES_TICKER,
    CARRIES_MINI_TICKER,
    CARRIES_AVERAGE,
    CARRIES_INDEX,
    CARRIES_FUNDING,
    CARRIES_INTEREST,
    CARRIES_LIMITS,
    CARRIES_STATUS,
    CARRIES_ACCOUNT,
};

/* When a stream speaks. */
enum pace {
    PACE_NEVER,
    PACE_CHANGE, /* at once, on each change of what it carries */
    PACE_BATCH,  /* every period, if anything changed */
    PACE_TIMER,  /* every period */
};

struct channel {
    enum carries carries;
    enum pace pace;
    uint64_t period_ns;
    uint64_t idle_ns;     /* an OKX stream repeats itself after this silence; 0 = never */
    unsigned levels;      /* of a partial book; 0 = all we have */
    bool all_symbols;     /* one frame speaks of every symbol */
    enum serving serving; /* the connection that publishes it */
};

/** What a channel of a venue is. false: not a channel this venue would have (Binance still accepts
 *  it, and stays silent). */
bool channel_rule(enum venue venue,
                  const char *symbol,
                  const char *channel,
                  struct channel *ret_channel);

const char *venue_name(enum venue venue);
bool venue_of_name(const char *name, size_t name_bytes, enum venue *ret_venue);
const char *serving_name(enum serving serving);

/** Does a connection of kind `here` publish what belongs to `home`? swapped: the venue has moved
 *  its streams (fault wrong-route). */
bool serving_publishes(enum venue venue, enum serving here, enum serving home, bool swapped);

/* How a venue keeps a connection. 0 = it does not. */
struct keeping {
    uint64_t ping_every_ns; /* its WebSocket pings */
    uint64_t pong_within_ns;
    uint64_t idle_close_ns; /* OKX: nothing received and nothing pushed */
    unsigned messages_per_second;
    unsigned streams_max;
    unsigned requests_per_hour;
};

const struct keeping *venue_keeping(enum venue venue);

#endif
