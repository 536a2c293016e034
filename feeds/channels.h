/* SPDX-License-Identifier: MIT
 *
 * channels.h - what is known of each venue and channel, as data: routes, keys, id rules, periods, heartbeats, budgets.
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

struct venue_facts {
    const char *name;
    const char *ws_url;   /* default scheme://host[:port] */
    const char *rest_url;
    const char *time_path; /* REST server time */
    uint64_t server_ping_ns;     /* the venue's ping period; 0 = it sends none we may count on */
    uint64_t text_ping_idle_ns;  /* OKX: we must send the text "ping" when idle this long; 0 = never */
    uint64_t max_age_ns;         /* the venue cuts a connection at this age; 0 = not documented */
    uint32_t streams_per_connection_max;
    uint32_t control_per_second_max; /* inbound messages, pings and pongs included */
    uint32_t connects_per_5min_max;  /* flatline uses at most a tenth */
    uint32_t requests_per_hour_max;  /* OKX: subscribe + unsubscribe + login; 0 = none */
    uint32_t subscribe_bytes_max;    /* of one request; 0 = none */
};

const struct venue_facts *venue_facts(enum flatline_venue venue);
bool venue_by_name(struct span name, enum flatline_venue *ret_venue);
const char *route_name(enum route route);

/** Which route serves a channel. false: no route of this venue is known to serve it (an unknown channel). */
bool channel_route(enum flatline_venue venue, struct span channel, enum route *ret_route);

/** Fills the venue's rules and the default policy of one channel. Unknown channels are FLATLINE_CLASS_OTHER, observed, KEY_NONE
 *  unless their frames carry a time. */
void channel_traits(enum flatline_venue venue, struct span channel, struct stream_traits *ret_traits);

/** Writes the path and query of the upgrade request, e.g. "/public/stream" or "/ws/v5/public".
 *  listen_key, events: only for ROUTE_PRIVATE of USD-M, else NULL. Returns the length, or -ENOSPC. */
int route_path(enum flatline_venue venue, enum route route, const char *listen_key, char *path, size_t path_bytes);

/** Writes one subscribe request for streams[first .. first + n) and returns how many it took (a request has a byte bound), or
 *  -ENOSPC if not even one fits. names[i] is `venue/SYMBOL/channel`. request_id is echoed by the venue. */
int subscribe_text(enum flatline_venue venue,
                   const char *const *names,
                   size_t count,
                   uint64_t request_id,
                   char *text,
                   size_t text_bytes);

/** Writes Binance's LIST_SUBSCRIPTIONS request; -ENOTSUP where the venue has none (OKX). Returns its length. */
int inventory_text(enum flatline_venue venue, uint64_t request_id, char *text, size_t text_bytes);

/** Does a symbol look right for this venue (upper case and so on)? On false ret_suggestion (may be NULL) holds a better one. */
bool symbol_is_plausible(enum flatline_venue venue, struct span symbol, char *ret_suggestion, size_t suggestion_bytes);

#endif
