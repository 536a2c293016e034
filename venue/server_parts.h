/* SPDX-License-Identifier: MIT
 *
 * server_parts.h - shared by the files that know libwebsockets; nobody else includes it.
 */
#ifndef FLATLINE_VENUE_SERVER_PARTS_H
#define FLATLINE_VENUE_SERVER_PARTS_H

#include "venue/rest.h"
#include "venue/server.h"

#include <libwebsockets.h>

/* A descriptor of ours in libwebsockets' poll. ready() returns false to be closed. */
struct watch {
    int fd;
    bool (*ready)(struct watch *watch);
    void (*gone)(struct watch *watch); /* the descriptor is closed; frees the watch */
    struct server *server;
    struct lws *wsi;
    bool is_paused;
    enum venue venue; /* of a listener */
    struct text line; /* control: what has come of a line */
};

struct server {
    struct server_options options;
    struct exchange *exchange;
    struct actions *actions;
    struct lws_context *context;
    struct lws_vhost *outer; /* clients, of all venues */
    struct lws_vhost *inner; /* our own descriptors */
    unsigned ports[VENUE_COUNT];
    int timer_fd;
    uint64_t timer_at_ns;
    struct watch *listeners[VENUE_COUNT];
    bool is_over;
};

/** Hands a descriptor to the loop. false: it was closed, and gone() called. */
bool server_watch(struct server *server, struct watch *watch);

/** After anything that may have changed what is due next. */
void server_rearm(struct server *server);

/** Opens control.sock in the folder; 0 or -errno. */
int control_open(struct server *server);

/* Callbacks of the venues' vhosts: WebSocket (wire.c) and HTTP (http.c). */
int wire_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size_bytes);
int http_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size_bytes);

struct server *server_of(struct lws *wsi);

/** The venue a client came to. */
enum venue venue_of(struct lws *wsi);

/** Path and query of the request at hand, as text; query NUL-terminated after the path. */
void http_target(struct lws *wsi, struct text *path, struct text *query);

/** Answers a request at once, with a body. Returns what the callback returns. */
int http_answer(struct lws *wsi, const struct rest_answer *answer);

#endif
