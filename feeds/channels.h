/* SPDX-License-Identifier: MIT
 *
 * channels.h - what is known of each venue and channel, as data: routes, keys, id rules, periods,
 * heartbeats, budgets.
 */
#ifndef FLATLINE_FEEDS_CHANNELS_H
#define FLATLINE_FEEDS_CHANNELS_H

#include "core/stream.h"
#include "feeds/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The connections a venue splits its channels over. */
enum route {
    ROUTE_STREAM,   /* Binance spot and COIN-M: one route */
    ROUTE_PUBLIC,   /* USD-M /public, OKX /public */
    ROUTE_MARKET,   /* USD-M /market */
    ROUTE_PRIVATE,  /* USD-M /private, OKX /private */
    ROUTE_BUSINESS, /* OKX /business */
    ROUTE_COUNT
};

#define STATUS_ROUTE ROUTE_PUBLIC

struct venue_facts {
    const char *name;
    const char *ws_url; /* default scheme://host[:port] */
    const char *rest_url;
    const char *time_path;   /* REST server time */
    uint64_t server_ping_ns; /* the venue's ping period; 0 = it sends none we may count on */
    /* OKX: we must send the text "ping" when idle this long; 0 = never */
    uint64_t text_ping_idle_ns;
    uint64_t max_age_ns; /* the venue cuts a connection at this age; 0 = not documented */
    uint32_t streams_per_connection_max;
    uint32_t control_per_second_max; /* inbound messages, pings and pongs included */
    uint32_t connects_per_5min_max;  /* flatline uses at most a tenth */
    uint32_t requests_per_hour_max;  /* OKX: subscribe + unsubscribe + login; 0 = none */
    uint32_t subscribe_bytes_max;    /* of one request; 0 = none */
    const char *status_path;    /* REST: is the venue under maintenance? NULL: it does not say */
    const char *status_channel; /* a channel that says the same, on STATUS_ROUTE; NULL: none */
    uint32_t rest_weight_per_minute; /* flatline uses at most a tenth */
    uint32_t book_weight;            /* of a book_path() request */
    uint32_t listing_weight;         /* of a listing_path() request */
};

const struct venue_facts *venue_facts(enum flatline_venue venue);
bool venue_by_name(struct span name, enum flatline_venue *ret_venue);
const char *route_name(enum route route);

/* What a channel is, as far as a codec or a rule cares. */
enum channel_kind {
    CHANNEL_DEPTH,      /* increments of a book: depth, depth@100ms, OKX books, books-l2-tbt ... */
    CHANNEL_PARTIAL,    /* the first levels of a book, whole: depth5@100ms, OKX books5 */
    CHANNEL_BBO,        /* bookTicker, OKX bbo-tbt */
    CHANNEL_TRADE,      /* trade, OKX trades and trades-all */
    CHANNEL_AGG_TRADE,  /* aggTrade */
    CHANNEL_MARK_PRICE, /* markPrice, markPrice@1s, OKX mark-price */
    CHANNEL_KLINE,      /* kline_<i>, OKX candle<i> and its relatives */
    CHANNEL_TICKER,     /* ticker, OKX tickers */
    CHANNEL_USER,       /* the account's events: channel `user` */
    CHANNEL_OTHER,
};

/** What a channel's name says it is. Cost: a few compares; thread-safety: any. */
enum channel_kind channel_kind(enum flatline_venue venue, struct span channel);

/** Which route serves a channel. false: no route of this venue is known to serve it (an unknown
 *  channel). */
bool channel_route(enum flatline_venue venue, struct span channel, enum route *ret_route);

/** Fills the venue's rules and the default policy of one stream. The symbol matters only where
 *  it is `*`: the frames of many instruments in one stream have no common id, and Binance
 *  throttles them. Unknown channels are FLATLINE_CLASS_OTHER, observed, keyed by time (a frame
 *  without one always counts). */
void channel_traits(enum flatline_venue venue,
                    struct span symbol,
                    struct span channel,
                    struct stream_traits *ret_traits);

/* The account events asked for on the USD-M private route, joined by '/': without `events=` it
 * delivers nothing. */
#define USER_EVENTS_DEFAULT                                                                        \
    "ORDER_TRADE_UPDATE/ACCOUNT_UPDATE/TRADE_LITE/MARGIN_CALL/ACCOUNT_CONFIG_UPDATE/"              \
    "listenKeyExpired"

/** Writes the path and query of the upgrade request, e.g. "/public/stream" or "/ws/v5/public",
 *  NUL-terminated. listen_key: only for ROUTE_PRIVATE of USD-M, else NULL; the query then asks
 *  for USER_EVENTS_DEFAULT. Returns the length; -ENOSPC; -EINVAL for a route the venue has not,
 *  or a missing or odd listen key. */
int route_path(enum flatline_venue venue,
               enum route route,
               const char *listen_key,
               char *path,
               size_t path_bytes);

/** Writes one subscribe request, NUL-terminated, for the first of the names and returns how many
 *  it took (a request has a byte bound: the venue's or text_bytes), -ENOSPC if not even one
 *  fits, -EINVAL for a name that is not of this venue or is not subscribed to by name (`user`).
 *  names[i] is `venue/SYMBOL/channel`. request_id is echoed by the venue. */
int subscribe_text(enum flatline_venue venue,
                   const char *const *names,
                   size_t count,
                   uint64_t request_id,
                   char *text,
                   size_t text_bytes);

/** Writes the request that subscribes to the venue's status_channel; -ENOTSUP where it has none.
 *  Returns its length. */
int status_text(enum flatline_venue venue, char *text, size_t text_bytes);

/** Writes Binance's LIST_SUBSCRIPTIONS request; -ENOTSUP where the venue has none (OKX). Returns
 *  its length. */
int inventory_text(enum flatline_venue venue, uint64_t request_id, char *text, size_t text_bytes);

/** Writes the path and query by which REST tells a book's update id (and its first levels),
 *  NUL-terminated. symbol holds letters, digits, '-' and '_' alone. Returns the length; -ENOSPC;
 *  -EINVAL an odd symbol. */
int book_path(enum flatline_venue venue, struct span symbol, char *path, size_t path_bytes);

/** As book_path(): by which REST tells whether a symbol trades. USD-M and COIN-M list all of
 *  theirs at once. */
int listing_path(enum flatline_venue venue, struct span symbol, char *path, size_t path_bytes);

/** Does a symbol look right for this venue (upper case and so on)? On false ret_suggestion (may
 *  be NULL) holds a better one. */
bool symbol_is_plausible(enum flatline_venue venue,
                         struct span symbol,
                         char *ret_suggestion,
                         size_t suggestion_bytes);

#endif
