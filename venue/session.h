/* SPDX-License-Identifier: MIT
 *
 * session.h - from the URL of an upgrade request to a connection. What it asks for afterwards
 * comes by connection_received().
 */
#ifndef FLATLINE_VENUE_SESSION_H
#define FLATLINE_VENUE_SESSION_H

#include "venue/exchange.h"

/* What the path and query of an upgrade say. */
struct upgrade {
    enum serving serving;
    bool is_combined;
    const char *streams; /* "a/b", or empty */
    char listen_key[LISTEN_KEY_BYTES];
    char events[EVENTS_BYTES];
};

/** Reads a URL; streams points into path or query. false: no such place (404). */
bool upgrade_parse(enum venue venue,
                   const char *path,
                   const char *query,
                   struct upgrade *ret_upgrade);

/** Opens the connection the URL asks for, its streams subscribed. */
struct connection *
session_open(struct exchange *exchange, enum venue venue, const struct upgrade *upgrade);

/** Subscribes to streams named in a URL, separated by '/'. */
void session_url_streams(struct connection *connection, const char *names);

#endif
