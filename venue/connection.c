/* SPDX-License-Identifier: MIT
 *
 * connection.c - the life of one connection: what it may send, what it is sent, heartbeats,
 * closing.
 */
#include "venue/exchange.h"

#include "core/base.h"
#include "venue/transport.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct connection *
connection_open(struct exchange *exchange, enum venue venue, enum serving serving, bool is_combined)
{
    struct connection *connection = allocate(sizeof(*connection));
    const struct heartbeat *heartbeat = &exchange->heartbeats[venue];

    connection->exchange = exchange;
    connection->id = ++exchange->next_connection_id;
    (void)snprintf(connection->id_text,
                   sizeof(connection->id_text),
                   "%08" PRIx32,
                   (uint32_t)(random_hash(connection->id, "connection") >> 16));
    connection->venue = venue;
    connection->serving = serving;
    connection->is_combined = is_combined;
    connection->opened_mono_ns = connection->heard_mono_ns = exchange->now.mono_ns;
    if (heartbeat->ping_every_ns > 0) {
        connection->ping_due_ns = exchange->now.mono_ns + heartbeat->ping_every_ns;
    }
    connection->next = exchange->connections;
    exchange->connections = connection;
    exchange->opened[venue]++;
    return connection;
}

void connection_destroy(struct connection *connection)
{
    struct connection **at = &connection->exchange->connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    while (connection->subscriptions != NULL) {
        struct subscription *subscription = connection->subscriptions;
        connection->subscriptions = subscription->next_of_connection;
        subscription_destroy(subscription);
    }
    outbox_clear(&connection->outbox);
    text_free(&connection->inbound);
    free(connection);
}

void connection_close(struct connection *connection, unsigned code, const char *reason)
{
    if (connection->is_dead) {
        return;
    }
    connection->is_dead = true;
    connection->close_code = code;
    (void)snprintf(connection->close_reason, sizeof(connection->close_reason), "%s", reason);
    outbox_clear(&connection->outbox);
    transport_wake(connection);
}

void connection_send(struct connection *connection, struct message *message, enum send_as as)
{
    if (connection->is_dead) {
        return;
    }
    if (!outbox_push(&connection->outbox, message, as)) {
        if (connection->venue == VENUE_OKX) {
            connection_close(connection, 4005, "buffer is full, cannot write");
        } else {
            connection_close(connection, 1008, "slow consumer");
        }
        return;
    }
    transport_wake(connection);
}

void connection_send_text(struct connection *connection, const char *text)
{
    struct message *message = message_create(text, strlen(text));
    connection_send(connection, message, SEND_TEXT);
    message_release(message);
}

bool connection_admits(struct connection *connection)
{
    const uint64_t now_ns = connection->exchange->now.mono_ns;
    const unsigned limit = venue_keeping(connection->venue)->messages_per_second;

    if (now_ns - connection->window_start_ns >= NS_PER_S) {
        connection->window_start_ns = now_ns;
        connection->window_messages = 0;
    }
    connection->window_messages++;
    if (limit > 0 && connection->window_messages > limit) {
        connection_close(connection, 1008, "Too many requests");
        return false;
    }
    return !connection->is_dead;
}

void connection_received_pong(struct connection *connection)
{
    connection->pong_due_ns = 0;
    (void)connection_admits(connection);
}

static void connection_ping(struct connection *connection, uint64_t now_ns)
{
    const struct heartbeat *heartbeat = &connection->exchange->heartbeats[connection->venue];
    char payload[24];
    const int size =
        snprintf(payload, sizeof(payload), "%" PRIu64, wall_ms(connection->exchange->now.wall_ns));
    struct message *message = message_create(payload, (size_t)size);
    connection_send(connection, message, SEND_PING);
    message_release(message);
    connection->ping_due_ns = now_ns + heartbeat->ping_every_ns;
    if (connection->pong_due_ns == 0) {
        connection->pong_due_ns = now_ns + heartbeat->pong_within_ns;
    }
}

void connection_keep(struct connection *connection, uint64_t now_ns)
{
    const struct heartbeat *heartbeat = &connection->exchange->heartbeats[connection->venue];

    if (connection->is_dead || connection->is_blackholed) {
        return;
    }
    if (connection->close_due_ns != 0 && now_ns >= connection->close_due_ns) {
        connection_close(connection, 1001, "service upgrade");
    } else if (connection->pong_due_ns != 0 && now_ns >= connection->pong_due_ns) {
        connection_close(connection, 1008, "Pong timeout");
    } else if (connection->ping_due_ns != 0 && now_ns >= connection->ping_due_ns) {
        connection_ping(connection, now_ns);
    } else if (heartbeat->idle_close_ns != 0 &&
               now_ns - connection->heard_mono_ns >= heartbeat->idle_close_ns) {
        connection_close(connection, 4004, "No data received in 30s.");
    }
}
