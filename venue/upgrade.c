/* SPDX-License-Identifier: MIT
 *
 * upgrade.c - the venues' URLs.
 *
 * Sources: spot web-socket-streams.md (/ws, /stream); USD-M "Important WebSocket Change Notice" of
 * 2026-03-05 (/public, /market, /private, each with ws and stream; the unrouted base lives on as
 * /public); OKX v5 "WebSocket / Connect".
 */
#include "venue/session.h"

#include <stdio.h>
#include <string.h>

/* Value of a query's key: copied, cut at '&'. */
static bool query_value(const char *query, const char *key, char *value, size_t value_bytes)
{
    const size_t key_length = strlen(key);
    for (const char *at = query; at != NULL; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, key, key_length) == 0 && at[key_length] == '=') {
            const char *start = at + key_length + 1;
            const size_t length = strcspn(start, "&");
            if (length >= value_bytes) {
                return false;
            }
            memcpy(value, start, length);
            value[length] = '\0';
            return true;
        }
    }
    return false;
}

static bool okx_path(const char *path, struct upgrade *upgrade)
{
    static const struct {
        const char *path;
        enum serving serving;
    } places[] = {{"/ws/v5/public", SERVES_PUBLIC},
                  {"/ws/v5/private", SERVES_PRIVATE},
                  {"/ws/v5/business", SERVES_BUSINESS}};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strcmp(path, places[i].path) == 0) {
            upgrade->serving = places[i].serving;
            return true;
        }
    }
    return false;
}

static const char *after_prefix(const char *path, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0')
               ? path + length
               : NULL;
}

/* "/public/ws/..." -> SERVES_PUBLIC and "/ws/..." */
static const char *binance_route(enum venue venue, const char *path, enum serving *ret_serving)
{
    static const struct {
        const char *prefix;
        enum serving serving;
    } routes[] = {
        {"/public", SERVES_PUBLIC}, {"/market", SERVES_MARKET}, {"/private", SERVES_PRIVATE}};

    *ret_serving = venue == VENUE_USDM ? SERVES_UNROUTED : SERVES_STREAM;
    for (size_t i = 0; venue != VENUE_SPOT && i < sizeof(routes) / sizeof(routes[0]); i++) {
        const char *rest = after_prefix(path, routes[i].prefix);
        if (rest != NULL) {
            *ret_serving = routes[i].serving;
            return rest;
        }
    }
    return path;
}

bool upgrade_parse(enum venue venue,
                   const char *path,
                   const char *query,
                   struct upgrade *ret_upgrade)
{
    struct upgrade upgrade = {.streams = ""};

    if (venue == VENUE_OKX) {
        if (!okx_path(path, &upgrade)) {
            return false;
        }
        *ret_upgrade = upgrade;
        return true;
    }
    const char *rest = binance_route(venue, path, &upgrade.serving);
    const char *raw = after_prefix(rest, "/ws");
    const char *combined = after_prefix(rest, "/stream");
    if (raw == NULL && combined == NULL) {
        return false;
    }
    upgrade.is_combined = combined != NULL;
    const char *tail = raw != NULL ? raw : combined;
    tail += *tail == '/';
    if (upgrade.serving == SERVES_PRIVATE) {
        /* three forms: key in the path; key in the query; key and events in the query. Only the
         * last delivers */
        if (!query_value(query, "listenKey", upgrade.listen_key, sizeof(upgrade.listen_key))) {
            (void)snprintf(upgrade.listen_key, sizeof(upgrade.listen_key), "%s", tail);
        } else if (!query_value(query, "events", upgrade.events, sizeof(upgrade.events))) {
            upgrade.events[0] = '\0';
        }
        *ret_upgrade = upgrade;
        return true;
    }
    const char *streams = strstr(query, "streams=");
    upgrade.streams = *tail != '\0' ? tail : streams != NULL ? streams + 8 : "";
    *ret_upgrade = upgrade;
    return true;
}

struct connection *
session_open(struct exchange *exchange, enum venue venue, const struct upgrade *upgrade)
{
    struct connection *connection =
        connection_open(exchange, venue, upgrade->serving, upgrade->is_combined);
    memcpy(connection->listen_key, upgrade->listen_key, sizeof(connection->listen_key));
    memcpy(connection->events, upgrade->events, sizeof(connection->events));
    return connection;
}
