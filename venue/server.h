/* SPDX-License-Identifier: MIT
 *
 * server.h - the wires: TLS listeners of each venue, WebSocket and HTTP by libwebsockets, one
 * thread, one timerfd.
 */
#ifndef FLATLINE_VENUE_SERVER_H
#define FLATLINE_VENUE_SERVER_H

#include "venue/actions.h"

struct server;

struct server_options {
    const char *dir;    /* holds the certificates; gets control.sock */
    unsigned port_base; /* 0 = the kernel picks each; else venue i listens on port_base + i */
    bool serves[VENUE_COUNT];
    bool is_verbose; /* libwebsockets' warnings to stderr */
};

/** Listens on 127.0.0.1. Returns NULL and says why. */
struct server *server_create(const struct server_options *options,
                             struct exchange *exchange,
                             struct actions *actions,
                             char *why,
                             size_t why_bytes);
void server_destroy(struct server *server);

/** Port of a venue; 0 if it is not served. */
unsigned server_port(const struct server *server, enum venue venue);

/** Serves until `quit`, SIGTERM or SIGINT. */
void server_run(struct server *server);

#endif
