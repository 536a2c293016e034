/* SPDX-License-Identifier: MIT
 *
 * exchange.h - the fake exchange without its wires: connections, what they subscribed to, and the
 * faults in between.
 *
 * Knows no socket: a connection's frames wait in its outbox, and `transport.h` is asked to carry
 * them. One thread.
 */
#ifndef FLATLINE_VENUE_EXCHANGE_H
#define FLATLINE_VENUE_EXCHANGE_H

#include "venue/faults.h"
#include "venue/listen_key.h"
#include "venue/market.h"
#include "venue/outbox.h"

#define CLOSE_REASON_BYTES 124
#define EVENTS_BYTES       512
#define CONNECTION_ID_TEXT 16
#define OKX_STREAMS_MAX    4096

struct connection;
struct replay;

/* A stream as clients name it, and who listens. Faults and figures are kept here. */
struct topic {
    char name[STREAM_BYTES];      /* venue/SYMBOL/channel */
    char wire_name[STREAM_BYTES]; /* Binance: as in the combined envelope */
    enum venue venue;
    enum serving serving;  /* the route that publishes it; SERVES_NONE: nobody does */
    struct stream *stream; /* NULL: not generated (bogus, unknown, or replayed) */
    bool is_replayed;
    struct subscription *subscriptions;
    uint64_t frames;
    uint64_t last_said_mono_ns;
    uint64_t last_id;
    struct topic *next;
};

struct delayed {
    struct message *message;
    uint64_t said_mono_ns;
    struct delayed *next;
};

struct subscription {
    struct connection *connection;
    struct topic *topic;
    bool is_published; /* the route serves it and no fault made it silent from the start */
    struct delayed *delayed_first;
    struct delayed *delayed_last;
    struct subscription *next_of_topic;
    struct subscription *next_of_connection;
};

struct connection {
    struct exchange *exchange;
    void *wire; /* the transport's */
    uint64_t id;
    char id_text[CONNECTION_ID_TEXT]; /* OKX connId */
    enum venue venue;
    enum serving serving;
    bool is_combined;
    bool is_blackholed;
    bool is_dead; /* closed or about to be: takes no more frames */
    bool is_fragmenting;
    struct outbox outbox;
    struct text inbound; /* a message arriving in pieces */
    struct subscription *subscriptions;
    unsigned subscription_count;
    char listen_key[LISTEN_KEY_BYTES];
    char events[EVENTS_BYTES]; /* "A/B/C"; empty: the form of the URL that delivers nothing */
    bool is_logged_in;
    uint64_t opened_mono_ns;
    uint64_t heard_mono_ns; /* last message received, or pushed: OKX's idle clock */
    uint64_t ping_due_ns;
    uint64_t pong_due_ns;
    uint64_t window_start_ns; /* of the rate limit */
    unsigned window_messages;
    uint64_t hour_start_ns;
    unsigned hour_requests;
    uint64_t close_due_ns; /* a notice was given: close then; 0 = none */
    unsigned close_code;   /* set: the transport closes with it */
    char close_reason[CLOSE_REASON_BYTES];
    struct connection *next;
};

struct heartbeat {
    uint64_t ping_every_ns;
    uint64_t pong_within_ns;
    uint64_t idle_close_ns;
};

struct exchange {
    struct market *market;
    struct faults faults;
    struct listen_keys keys;
    struct heartbeat heartbeats[VENUE_COUNT];
    struct connection *connections;
    struct topic *topics;
    struct replay *replays;
    struct moment now; /* of the running pass */
    struct work work;  /* of OKX, as page and channel tell it */
    uint64_t next_connection_id;
    uint64_t opened[VENUE_COUNT];      /* connections, since the start */
    uint64_t refused[VENUE_COUNT];     /* upgrades */
    uint64_t used_weight[VENUE_COUNT]; /* REST, in the running minute */
    uint64_t weight_minute[VENUE_COUNT];
    unsigned expiry_events; /* events per expiring key: 0, 1 or 2 */
    uint64_t next_housekeeping_ns;
    size_t delayed_count; /* frames a lag holds back */
    struct text scratch;
};

struct exchange_options {
    struct market_options market;
    double time_scale;    /* heartbeats and key life run that much faster */
    uint64_t key_life_ns; /* before scaling */
};

void exchange_start(struct exchange *exchange,
                    const struct exchange_options *options,
                    struct moment now);
void exchange_stop(struct exchange *exchange);

/** Lets everything happen that is due, and returns when the next thing is (monotonic ns). */
uint64_t exchange_tick(struct exchange *exchange, struct moment now);

/* ---- connections ---- */

struct connection *connection_open(struct exchange *exchange,
                                   enum venue venue,
                                   enum serving serving,
                                   bool is_combined);
void connection_destroy(struct connection *connection);

/** Queues a message; a full outbox closes the connection the venue's way. */
void connection_send(struct connection *connection, struct message *message, enum send_as as);
void connection_send_text(struct connection *connection, const char *text);
void connection_close(struct connection *connection, unsigned code, const char *reason);

/** The client sent a whole text message (session.c), or a pong. */
void connection_received(struct connection *connection, const char *bytes, size_t size_bytes);
void connection_received_pong(struct connection *connection);

/** Heartbeats, deadlines and announced closings of one connection. */
void connection_keep(struct connection *connection, uint64_t now_ns);

/** Counts one incoming frame against the venue's limit; false: too many, the connection is
 *  closing. */
bool connection_admits(struct connection *connection);

/* ---- subscriptions ---- */

/** Finds or makes the topic of a name in venue/SYMBOL/channel parts. NULL: a part is too long. */
struct topic *exchange_topic(struct exchange *exchange,
                             enum venue venue,
                             const char *symbol,
                             const char *channel);
struct subscription *connection_subscription(struct connection *connection,
                                             const struct topic *topic);
void connection_subscribe(struct connection *connection, struct topic *topic);
void connection_unsubscribe(struct connection *connection, struct topic *topic);

/** Does a target mean this connection: by itself, or by a stream it carries? */
bool connection_is_meant(const struct connection *connection, const struct target *target);

/** Is this fault on for a topic as carried by this connection? */
struct fault *
fault_concerning(struct connection *connection, enum fault_kind kind, const struct topic *topic);

/** Carries what a topic says (without envelope) to those who listen. */
void topic_say(struct exchange *exchange, struct topic *topic, const struct text *payload);

/** Ends a subscription; the caller has taken it out of its connection's list. */
void subscription_destroy(struct subscription *subscription);

/** Sends what a lag fault has held back long enough; returns when to look again (monotonic ns). */
uint64_t subscription_release(struct subscription *subscription, uint64_t now_ns);

/** OKX: has its maintenance begun or ended? Then its status channel says so. */
void exchange_follow_work(struct exchange *exchange);

/* ---- account events, USD-M ---- */

/** Tells every private connection that holds this key (NULL: any valid one) and asked for this
 *  event. How many. */
unsigned exchange_tell_account(struct exchange *exchange,
                               const char *listen_key,
                               const char *event,
                               const char *payload);
void exchange_tell_expired(struct exchange *exchange, const char *listen_key);

#endif
