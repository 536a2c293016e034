/* SPDX-License-Identifier: MIT */
#include "venue/exchange.h"

#include "core/base.h"
#include "venue/replay.h"
#include "venue/transport.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGRESS_IDS     1000000
#define REGRESS_NS      (5 * NS_PER_S)
#define HOUSEKEEPING_NS (10 * NS_PER_MS)
#define LAG_STEP_NS     (500 * NS_PER_US)

/* ---- faults and what is said ---- */

static bool everybody_is_muted(struct exchange *exchange, const struct topic *topic)
{
    for (const struct subscription *at = topic->subscriptions; at != NULL; at = at->next_of_topic) {
        const struct connection *connection = at->connection;
        if (faults_on_connection(&exchange->faults,
                                 FAULT_MUTE,
                                 connection->id,
                                 connection->venue,
                                 connection->serving) == NULL) {
            return false;
        }
    }
    return topic->subscriptions != NULL;
}

static bool carries_ids(const struct stream *stream)
{
    switch (stream->rule.carries) {
    case CARRIES_DEPTH:
    case CARRIES_PARTIAL:
    case CARRIES_BEST:
    case CARRIES_TRADE:
    case CARRIES_AGGREGATE:
        return true;
    case CARRIES_NOTHING:
    case CARRIES_MARK:
    case CARRIES_BARS:
    case CARRIES_TICKER:
    case CARRIES_MINI_TICKER:
    case CARRIES_AVERAGE:
    case CARRIES_INDEX:
    case CARRIES_FUNDING:
    case CARRIES_INTEREST:
    case CARRIES_LIMITS:
    case CARRIES_STATUS:
    case CARRIES_ACCOUNT:
        break;
    }
    return false;
}

static void mood_regress(struct exchange *exchange, const struct stream *stream, struct mood *mood)
{
    struct fault *fault = faults_on_stream(&exchange->faults, FAULT_REGRESS, stream->name);
    if (fault == NULL) {
        return;
    }
    if (carries_ids(stream)) {
        mood->id_back = REGRESS_IDS;
    } else {
        mood->stuck_wall_ns = exchange->now.wall_ns - REGRESS_NS;
    }
    if (fault->left > 0 && --fault->left == 0) {
        fault_end(&exchange->faults, fault);
    }
}

static struct mood sink_mood(void *context, struct stream *stream)
{
    struct exchange *exchange = context;
    struct topic *topic = stream->owner;
    struct mood mood = {.work = exchange->work};

    if (exchange->faults.count == 0) {
        return mood;
    }
    mood.holds = faults_on_stream(&exchange->faults, FAULT_MUTE, stream->name) != NULL ||
                 (topic != NULL && everybody_is_muted(exchange, topic));
    mood.repeats = faults_on_stream(&exchange->faults, FAULT_FREEZE, stream->name) != NULL;
    mood.crosses = faults_on_stream(&exchange->faults, FAULT_CROSS, stream->name) != NULL;
    const struct fault *stuck = faults_on_stream(&exchange->faults, FAULT_TIME_STUCK, stream->name);
    mood.stuck_wall_ns = stuck == NULL ? 0 : stuck->since_wall_ns;
    if (!mood.holds) {
        mood_regress(exchange, stream, &mood);
    }
    return mood;
}

static void sink_say(void *context, struct stream *stream, const struct text *payload)
{
    struct topic *topic = stream->owner;
    if (topic != NULL) {
        topic->last_id = stream->chain_id;
        topic_say(context, topic, payload);
    }
}

void exchange_follow_work(struct exchange *exchange)
{
    const struct fault *fault = faults_on_venue(&exchange->faults, FAULT_MAINTENANCE, VENUE_OKX);
    if ((fault != NULL) == exchange->work.is_ongoing) {
        return;
    }
    exchange->work.is_ongoing = fault != NULL;
    if (fault != NULL) {
        exchange->work.begin_wall_ns = fault->since_wall_ns;
    }
    for (struct topic *at = exchange->topics; at != NULL; at = at->next) {
        if (at->stream != NULL && at->stream->rule.carries == CARRIES_STATUS) {
            market_speak(exchange->market, at->stream, exchange->now);
        }
    }
}

/* ---- account events ---- */

/* Binance, USD-M: what is not asked for by name in `events=` does not come (found in production
 * 2026-05-21). */
static bool asked_for(const struct connection *connection, const char *event)
{
    const size_t length = strlen(event);
    const char *at = connection->events;
    while ((at = strstr(at, event)) != NULL) {
        const bool starts = at == connection->events || at[-1] == '/';
        if (starts && (at[length] == '\0' || at[length] == '/')) {
            return true;
        }
        at += length;
    }
    return false;
}

static void tell_account(struct connection *connection, const char *payload)
{
    if (!connection->is_combined) {
        connection_send_text(connection, payload);
        return;
    }
    struct text text = {0};
    text_addf(&text, "{\"stream\":\"%s\",\"data\":%s}", connection->listen_key, payload);
    connection_send_text(connection, text.bytes);
    text_free(&text);
}

unsigned exchange_tell_account(struct exchange *exchange,
                               const char *listen_key,
                               const char *event,
                               const char *payload)
{
    unsigned count = 0;
    for (struct connection *at = exchange->connections; at != NULL; at = at->next) {
        const bool is_private = at->venue != VENUE_OKX && at->serving == SERVES_PRIVATE;
        const bool has_key =
            listen_key != NULL
                ? strcmp(at->listen_key, listen_key) == 0
                : listen_key_is_valid(&exchange->keys, at->listen_key, exchange->now.mono_ns);
        const bool is_muted =
            faults_on_connection(&exchange->faults, FAULT_MUTE, at->id, at->venue, at->serving) !=
            NULL;
        if (is_private && has_key && !is_muted && asked_for(at, event)) {
            tell_account(at, payload);
            count++;
        }
    }
    return count;
}

void exchange_tell_expired(struct exchange *exchange, const char *listen_key)
{
    char payload[192];
    (void)snprintf(payload,
                   sizeof(payload),
                   "{\"e\":\"listenKeyExpired\",\"E\":%" PRIu64 ",\"listenKey\":\"%s\"}",
                   wall_ms(exchange->now.wall_ns),
                   listen_key);
    for (unsigned i = 0; i < exchange->expiry_events; i++) {
        (void)exchange_tell_account(exchange, listen_key, "listenKeyExpired", payload);
    }
}

/* ---- life ---- */

void exchange_start(struct exchange *exchange,
                    const struct exchange_options *options,
                    struct moment now)
{
    const struct sink sink = {.context = exchange, .mood = sink_mood, .say = sink_say};
    const double scale = options->time_scale > 0 ? options->time_scale : 1.0;

    *exchange = (struct exchange){.now = now, .expiry_events = 1};
    struct market_options market = options->market;
    market.period_scale_ppm = (uint64_t)(1e6 / scale);
    exchange->market = market_create(&market, sink, now);
    listen_keys_start(&exchange->keys,
                      (uint64_t)((double)options->key_life_ns / scale),
                      options->market.seed + now.wall_ns);
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        const struct keeping *keeping = venue_keeping((enum venue)venue);
        exchange->heartbeats[venue] = (struct heartbeat){
            .ping_every_ns = (uint64_t)((double)keeping->ping_every_ns / scale),
            .pong_within_ns = (uint64_t)((double)keeping->pong_within_ns / scale),
            .idle_close_ns = (uint64_t)((double)keeping->idle_close_ns / scale),
        };
    }
}

void exchange_stop(struct exchange *exchange)
{
    while (exchange->connections != NULL) {
        connection_destroy(exchange->connections);
    }
    while (exchange->topics != NULL) {
        struct topic *topic = exchange->topics;
        exchange->topics = topic->next;
        free(topic);
    }
    replay_destroy_all(exchange->replays);
    market_destroy(exchange->market);
    text_free(&exchange->scratch);
}

static void housekeeping(struct exchange *exchange)
{
    char key[LISTEN_KEY_BYTES];
    while (listen_key_expire(&exchange->keys, exchange->now.mono_ns, key)) {
        exchange_tell_expired(exchange, key);
    }
    for (struct connection *at = exchange->connections; at != NULL; at = at->next) {
        connection_keep(at, exchange->now.mono_ns);
    }
    exchange->next_housekeeping_ns = exchange->now.mono_ns + HOUSEKEEPING_NS;
}

static uint64_t release_delayed(struct exchange *exchange)
{
    const uint64_t now_ns = exchange->now.mono_ns;
    uint64_t next_ns = ALARM_NEVER;

    if (exchange->delayed_count == 0) {
        return ALARM_NEVER;
    }
    for (struct connection *at = exchange->connections; at != NULL; at = at->next) {
        for (struct subscription *each = at->subscriptions; each != NULL;
             each = each->next_of_connection) {
            if (each->delayed_first != NULL) {
                const uint64_t due_ns = subscription_release(each, now_ns);
                next_ns = due_ns < next_ns ? due_ns : next_ns;
            }
        }
    }
    return next_ns == ALARM_NEVER || next_ns > now_ns + LAG_STEP_NS ? next_ns
                                                                    : now_ns + LAG_STEP_NS;
}

uint64_t exchange_tick(struct exchange *exchange, struct moment now)
{
    exchange->now = now;
    market_tick(exchange->market, now);
    uint64_t next_ns = replay_tick(exchange, now);
    if (now.mono_ns >= exchange->next_housekeeping_ns) {
        housekeeping(exchange);
    }
    const uint64_t delayed_ns = release_delayed(exchange);
    const uint64_t market_ns = market_next_ns(exchange->market);
    next_ns = delayed_ns < next_ns ? delayed_ns : next_ns;
    next_ns = market_ns < next_ns ? market_ns : next_ns;
    return exchange->next_housekeeping_ns < next_ns ? exchange->next_housekeeping_ns : next_ns;
}
