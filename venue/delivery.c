/* SPDX-License-Identifier: MIT
 *
 * delivery.c - from what a topic says to the outboxes of those who listen, with the faults in
 * between.
 */
#include "venue/exchange.h"

#include "core/base.h"
#include "venue/quirk.h"
#include "venue/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- topics and subscriptions ---- */

static void wire_name(struct topic *topic, const char *symbol, const char *channel)
{
    if (strcmp(symbol, "*") == 0) {
        (void)snprintf(topic->wire_name, sizeof(topic->wire_name), "!%s", channel);
        return;
    }
    (void)snprintf(topic->wire_name, sizeof(topic->wire_name), "%s@%s", symbol, channel);
    for (size_t i = 0; i < strlen(symbol); i++) {
        topic->wire_name[i] = lower_case(topic->wire_name[i]);
    }
}

struct topic *
exchange_topic(struct exchange *exchange, enum venue venue, const char *symbol, const char *channel)
{
    char name[STREAM_BYTES];
    struct channel rule;

    if (strlen(symbol) >= SYMBOL_BYTES || strlen(channel) >= CHANNEL_BYTES) {
        return NULL;
    }
    (void)snprintf(name, sizeof(name), "%s/%s/%s", venue_name(venue), symbol, channel);
    for (struct topic *at = exchange->topics; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            return at;
        }
    }
    struct topic *topic = allocate(sizeof(*topic));
    memcpy(topic->name, name, sizeof(topic->name));
    topic->venue = venue;
    topic->serving = channel_rule(venue, symbol, channel, &rule) ? rule.serving : SERVES_NONE;
    topic->is_replayed = replay_has(exchange->replays, name);
    if (!topic->is_replayed) {
        topic->stream = market_stream(exchange->market, venue, symbol, channel);
    }
    if (topic->stream != NULL) {
        topic->stream->owner = topic;
    }
    wire_name(topic, symbol, channel);
    topic->next = exchange->topics;
    exchange->topics = topic;
    return topic;
}

struct subscription *connection_subscription(struct connection *connection,
                                             const struct topic *topic)
{
    for (struct subscription *at = connection->subscriptions; at != NULL;
         at = at->next_of_connection) {
        if (at->topic == topic) {
            return at;
        }
    }
    return NULL;
}

static bool is_published_here(struct connection *connection, const struct topic *topic)
{
    struct exchange *exchange = connection->exchange;
    const bool swapped =
        faults_on_venue(&exchange->faults, FAULT_WRONG_ROUTE, connection->venue) != NULL;
    const enum serving home =
        topic->is_replayed && topic->serving == SERVES_NONE ? connection->serving : topic->serving;
    return serving_publishes(connection->venue, connection->serving, home, swapped) &&
           fault_concerning(connection, FAULT_SILENT_SUBSCRIBE, topic) == NULL;
}

static void first_push(struct connection *connection, struct topic *topic)
{
    struct exchange *exchange = connection->exchange;
    struct text text = {0};
    if (fault_concerning(connection, FAULT_MUTE, topic) == NULL &&
        market_first_push(exchange->market, topic->stream, exchange->now, &text)) {
        topic->frames++;
        topic->last_said_mono_ns = exchange->now.mono_ns;
        connection_send_text(connection, text.bytes);
        connection->heard_mono_ns = exchange->now.mono_ns;
    }
    text_free(&text);
}

void connection_subscribe(struct connection *connection, struct topic *topic)
{
    if (connection_subscription(connection, topic) != NULL) {
        return;
    }
    struct subscription *subscription = allocate(sizeof(*subscription));
    subscription->connection = connection;
    subscription->topic = topic;
    subscription->is_published = is_published_here(connection, topic);
    subscription->next_of_topic = topic->subscriptions;
    topic->subscriptions = subscription;
    subscription->next_of_connection = connection->subscriptions;
    connection->subscriptions = subscription;
    connection->subscription_count++;
    if (topic->is_replayed) {
        replay_wake(connection->exchange->replays, topic->name, connection->exchange->now);
    }
    if (topic->stream != NULL && subscription->is_published) {
        market_listen(connection->exchange->market, topic->stream, connection->exchange->now);
        first_push(connection, topic);
    }
}

void subscription_destroy(struct subscription *subscription)
{
    struct topic *topic = subscription->topic;
    struct subscription **at = &topic->subscriptions;

    while (*at != subscription) {
        at = &(*at)->next_of_topic;
    }
    *at = subscription->next_of_topic;
    if (topic->stream != NULL && subscription->is_published) {
        market_leave(subscription->connection->exchange->market, topic->stream);
    }
    while (subscription->delayed_first != NULL) {
        struct delayed *delayed = subscription->delayed_first;
        subscription->delayed_first = delayed->next;
        message_release(delayed->message);
        free(delayed);
        subscription->connection->exchange->delayed_count--;
    }
    subscription->connection->subscription_count--;
    free(subscription);
}

void connection_unsubscribe(struct connection *connection, struct topic *topic)
{
    for (struct subscription **at = &connection->subscriptions; *at != NULL;
         at = &(*at)->next_of_connection) {
        struct subscription *subscription = *at;
        if (subscription->topic == topic) {
            *at = subscription->next_of_connection;
            subscription_destroy(subscription);
            return;
        }
    }
}

bool connection_is_meant(const struct connection *connection, const struct target *target)
{
    if (target->kind != TARGET_STREAM) {
        return target_is_connection(target, connection->id, connection->venue, connection->serving);
    }
    for (const struct subscription *at = connection->subscriptions; at != NULL;
         at = at->next_of_connection) {
        if (target_is_stream(target, at->topic->name)) {
            return true;
        }
    }
    return false;
}

/* ---- what is said ---- */

struct fault *
fault_concerning(struct connection *connection, enum fault_kind kind, const struct topic *topic)
{
    struct faults *faults = &connection->exchange->faults;
    struct fault *fault = faults_on_stream(faults, kind, topic->name);
    return fault != NULL
               ? fault
               : faults_on_connection(
                     faults, kind, connection->id, connection->venue, connection->serving);
}

/* A message in both dresses, made when first wanted. */
struct dresses {
    const struct topic *topic;
    const struct text *payload;
    struct message *raw;
    struct message *combined;
};

static struct message *dress(struct dresses *dresses, bool is_combined, struct text *scratch)
{
    if (!is_combined) {
        if (dresses->raw == NULL) {
            dresses->raw = message_create(dresses->payload->bytes, dresses->payload->size_bytes);
        }
        return dresses->raw;
    }
    if (dresses->combined == NULL) {
        text_clear(scratch);
        text_addf(scratch, "{\"stream\":\"%s\",\"data\":", dresses->topic->wire_name);
        text_add_bytes(scratch, dresses->payload->bytes, dresses->payload->size_bytes);
        text_add(scratch, "}");
        dresses->combined = message_create(scratch->bytes, scratch->size_bytes);
    }
    return dresses->combined;
}

static void
subscription_delay(struct subscription *subscription, struct message *message, uint64_t now_ns)
{
    struct delayed *delayed = allocate(sizeof(*delayed));
    delayed->message = message_hold(message);
    delayed->said_mono_ns = now_ns;
    if (subscription->delayed_last == NULL) {
        subscription->delayed_first = delayed;
    } else {
        subscription->delayed_last->next = delayed;
    }
    subscription->delayed_last = delayed;
    subscription->connection->exchange->delayed_count++;
}

static uint64_t subscription_lag_ns(struct subscription *subscription, uint64_t now_ns)
{
    struct connection *connection = subscription->connection;
    const struct fault *fault = fault_concerning(connection, FAULT_LAG, subscription->topic);
    return fault == NULL ? 0 : fault_lag_ns(fault, now_ns);
}

static void subscription_carry(struct subscription *subscription, struct dresses *dresses)
{
    struct connection *connection = subscription->connection;
    struct exchange *exchange = connection->exchange;
    const uint64_t now_ns = exchange->now.mono_ns;

    if (!subscription->is_published || connection->is_dead) {
        return;
    }
    const bool has_faults = exchange->faults.count > 0;
    if (has_faults && fault_concerning(connection, FAULT_MUTE, subscription->topic) != NULL) {
        return;
    }
    struct message *message = dress(dresses, connection->is_combined, &exchange->scratch);
    if (subscription->delayed_first != NULL ||
        (has_faults && subscription_lag_ns(subscription, now_ns) > 0)) {
        subscription_delay(subscription, message, now_ns);
        return;
    }
    connection->heard_mono_ns = now_ns;
    connection_send(connection, message, SEND_TEXT);
}

/* The payload, or what a quirk makes of it in odd. */
static const struct text *topic_quirk(struct exchange *exchange,
                                      const struct topic *topic,
                                      const struct text *payload,
                                      struct text *odd)
{
    const struct fault *quirk = faults_on_stream(&exchange->faults, FAULT_QUIRK, topic->name);
    if (quirk == NULL) {
        return payload;
    }
    quirk_apply((enum quirk)quirk->code, payload, odd);
    return odd;
}

void topic_say(struct exchange *exchange, struct topic *topic, const struct text *payload)
{
    struct text odd = {0};
    struct dresses dresses = {.topic = topic,
                              .payload = topic_quirk(exchange, topic, payload, &odd)};
    struct fault *gap = faults_on_stream(&exchange->faults, FAULT_GAP, topic->name);

    if (gap != NULL) {
        if (gap->left <= 1) {
            fault_end(&exchange->faults, gap);
        } else {
            gap->left--;
        }
        text_free(&odd);
        return;
    }
    topic->frames++;
    topic->last_said_mono_ns = exchange->now.mono_ns;
    for (struct subscription *at = topic->subscriptions; at != NULL; at = at->next_of_topic) {
        subscription_carry(at, &dresses);
    }
    message_release(dresses.raw);
    message_release(dresses.combined);
    text_free(&odd);
}

/* Sends what has been late enough; returns when to look again. The lag counts as it is now: when
 * it ends, all that waits comes at once. */
uint64_t subscription_release(struct subscription *subscription, uint64_t now_ns)
{
    while (subscription->delayed_first != NULL) {
        struct delayed *first = subscription->delayed_first;
        const uint64_t due_ns = first->said_mono_ns + subscription_lag_ns(subscription, now_ns);
        if (due_ns > now_ns) {
            return due_ns;
        }
        subscription->delayed_first = first->next;
        subscription->delayed_last = first->next == NULL ? NULL : subscription->delayed_last;
        subscription->connection->heard_mono_ns = now_ns;
        connection_send(subscription->connection, first->message, SEND_TEXT);
        message_release(first->message);
        free(first);
        subscription->connection->exchange->delayed_count--;
    }
    return ALARM_NEVER;
}
