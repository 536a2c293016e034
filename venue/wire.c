/* SPDX-License-Identifier: MIT
 *
 * wire.c - one WebSocket on libwebsockets' server role: upgrade, messages in, outbox out, and
 * every way to end.
 */
#include "venue/server_parts.h"
#include "venue/session.h"
#include "venue/transport.h"

#include "core/base.h"
#include "core/clock.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_PER_WRITEABLE 64
#define INBOUND_BYTES_MAX    ((size_t)256 << 10)
#define CLOSE_WITHIN_S       3

_Static_assert(LWS_PRE <= MESSAGE_HEAD_BYTES, "room for the frame header");

static struct connection *connection_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

/* ---- what the exchange asks for ---- */

void transport_wake(struct connection *connection)
{
    if (connection->wire == NULL) {
        return;
    }
    lws_callback_on_writable(connection->wire);
    if (connection->close_code != 0) {
        /* a client that does not read never takes the close frame */
        lws_set_timeout(connection->wire, PENDING_TIMEOUT_USER_OK, CLOSE_WITHIN_S);
    }
}

/* Replaces the socket under libwebsockets by /dev/null: the kernel closes it here and now, and
 * nobody can add a close frame, a TLS alert or a delay. What libwebsockets still writes goes
 * nowhere. */
static void socket_drop(struct connection *connection)
{
    struct lws *wsi = connection->wire;
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0) {
        (void)dup2(nowhere, lws_get_socket_fd(wsi));
        (void)close(nowhere);
    }
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

void transport_reset(struct connection *connection)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    connection->is_dead = true;
    if (connection->wire == NULL) {
        return;
    }
    outbox_clear(&connection->outbox);
    (void)setsockopt(
        lws_get_socket_fd(connection->wire), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    socket_drop(connection);
}

void transport_finish(struct connection *connection)
{
    connection->is_dead = true;
    if (connection->wire == NULL) {
        return;
    }
    outbox_clear(&connection->outbox);
    /* half closed: what the client still sends is read, so that no RST follows the FIN */
    (void)shutdown(lws_get_socket_fd(connection->wire), SHUT_WR);
    lws_set_timeout(connection->wire, PENDING_TIMEOUT_USER_OK, CLOSE_WITHIN_S);
}

void transport_read(struct connection *connection, bool reads)
{
    if (connection->wire != NULL) {
        (void)lws_rx_flow_control(connection->wire, reads ? 1 : 0);
    }
}

/* A socket filter that keeps no byte of anything: no right is needed for one on a socket of ours. */
void transport_unplug(struct connection *connection, bool is_unplugged)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog program = {.len = 1, .filter = &nothing};
    if (connection->wire != NULL) {
        (void)setsockopt(lws_get_socket_fd(connection->wire),
                         SOL_SOCKET,
                         is_unplugged ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
                         &program,
                         sizeof(program));
    }
}

/* ---- out ---- */

static bool raw_write(struct lws *wsi, const char *bytes, size_t size_bytes)
{
    SSL *ssl = lws_get_ssl(wsi);
    size_t done = 0;
    while (done < size_bytes) {
        const int written = SSL_write(ssl, bytes + done, (int)(size_bytes - done));
        if (written <= 0) {
            return false; /* a full socket: the frame was broken anyway */
        }
        done += (size_t)written;
    }
    return true;
}

/* In three frames, the second and third as continuations. */
static bool write_fragments(struct lws *wsi, const char *bytes, size_t size_bytes)
{
    const size_t third = size_bytes / 3;
    struct message *piece = message_create(bytes, size_bytes);
    bool is_written = true;

    for (unsigned i = 0; i < 3 && is_written; i++) {
        const size_t from = i * third;
        const size_t length = i == 2 ? size_bytes - from : third;
        const int opcode = i == 0 ? LWS_WRITE_TEXT : LWS_WRITE_CONTINUATION;
        memcpy(message_bytes(piece), bytes + from, length);
        is_written =
            lws_write(wsi,
                      (unsigned char *)message_bytes(piece),
                      length,
                      (enum lws_write_protocol)(opcode | (i < 2 ? LWS_WRITE_NO_FIN : 0))) >= 0;
    }
    message_release(piece);
    return is_written;
}

static bool
write_parcel(struct connection *connection, struct lws *wsi, const struct parcel *parcel)
{
    char *bytes = message_bytes(parcel->message);
    const size_t size_bytes = parcel->message->size_bytes;

    switch (parcel->as) {
    case SEND_RAW:
        return raw_write(wsi, bytes, size_bytes);
    case SEND_PING:
        return lws_write(wsi, (unsigned char *)bytes, size_bytes, LWS_WRITE_PING) >= 0;
    case SEND_TEXT:
        break;
    }
    if (connection->is_fragmenting && size_bytes >= 3) {
        return write_fragments(wsi, bytes, size_bytes);
    }
    return lws_write(wsi, (unsigned char *)bytes, size_bytes, LWS_WRITE_TEXT) >= 0;
}

static int on_writeable(struct connection *connection, struct lws *wsi)
{
    if (connection->is_blackholed) {
        return 0;
    }
    if (connection->close_code != 0) {
        lws_close_reason(wsi,
                         (enum lws_close_status)connection->close_code,
                         (unsigned char *)connection->close_reason,
                         strlen(connection->close_reason));
        return -1;
    }
    for (unsigned i = 0; i < FRAMES_PER_WRITEABLE && connection->outbox.count > 0; i++) {
        if (lws_send_pipe_choked(wsi)) {
            break;
        }
        const struct parcel parcel = outbox_pop(&connection->outbox);
        const bool is_written = write_parcel(connection, wsi, &parcel);
        message_release(parcel.message);
        if (!is_written) {
            return -1;
        }
    }
    if (connection->outbox.count > 0) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

/* ---- in ---- */

static int
on_received(struct connection *connection, struct lws *wsi, const char *bytes, size_t size_bytes)
{
    if (connection->is_dead) {
        return 0;
    }
    if (connection->inbound.size_bytes + size_bytes > INBOUND_BYTES_MAX) {
        connection_close(connection, 1009, "Message too big");
        return 0;
    }
    text_add_bytes(&connection->inbound, bytes, size_bytes);
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        connection_received(connection, connection->inbound.bytes, connection->inbound.size_bytes);
        text_clear(&connection->inbound);
    }
    return 0;
}

/* ---- upgrade ---- */

/* A fault may refuse upgrades; a path that is no place is 404. true: the upgrade may go on. */
static bool upgrade_allowed(struct lws *wsi,
                            struct server *server,
                            enum venue venue,
                            struct upgrade *upgrade,
                            int *ret_result)
{
    const struct fault *refusal = faults_on_venue(&server->exchange->faults, FAULT_REFUSE, venue);
    struct rest_answer answer = {.status = refusal == NULL ? 404 : refusal->code,
                                 .retry_after_s = refusal == NULL ? 0 : refusal->retry_after_s};
    struct text path = {0};
    struct text query = {0};

    http_target(wsi, &path, &query);
    const bool is_place = upgrade_parse(venue, path.bytes, query.bytes, upgrade);
    text_free(&path);
    text_free(&query);
    if (refusal == NULL && is_place) {
        return true;
    }
    server->exchange->refused[venue]++;
    text_add(&answer.body, refusal == NULL ? "no such stream" : "refused");
    (void)http_answer(wsi, &answer);
    text_free(&answer.body);
    *ret_result = 1;
    return false;
}

static int on_confirm_upgrade(struct lws *wsi)
{
    struct upgrade upgrade;
    int result = 0;
    (void)upgrade_allowed(wsi, server_of(wsi), venue_of(wsi), &upgrade, &result);
    return result;
}

static bool is_on(const struct connection *connection, enum fault_kind kind)
{
    return faults_on_connection(&connection->exchange->faults,
                                kind,
                                connection->id,
                                connection->venue,
                                connection->serving) != NULL;
}

/* A route's fault is a newcomer's as well. */
static void adopt_faults(struct connection *connection)
{
    const bool is_half_open = is_on(connection, FAULT_HALF_OPEN);
    connection->is_fragmenting = is_on(connection, FAULT_FRAGMENT);
    connection->is_blackholed = is_half_open || is_on(connection, FAULT_BLACKHOLE);
    if (connection->is_blackholed) {
        transport_read(connection, false);
    }
    if (is_half_open) {
        transport_unplug(connection, true);
    }
}

static int on_established(struct lws *wsi)
{
    struct upgrade upgrade;
    struct server *server = server_of(wsi);
    const enum venue venue = venue_of(wsi);
    struct text path = {0};
    struct text query = {0};

    http_target(wsi, &path, &query);
    const bool is_place = upgrade_parse(venue, path.bytes, query.bytes, &upgrade);
    if (is_place) {
        server->exchange->now = (struct moment){clock_mono_ns(), clock_wall_ns()};
        struct connection *connection = session_open(server->exchange, venue, &upgrade);
        connection->wire = wsi;
        lws_set_opaque_user_data(wsi, connection);
        adopt_faults(connection);
        session_url_streams(connection, upgrade.streams);
        server_rearm(server);
    }
    text_free(&path);
    text_free(&query);
    return is_place ? 0 : -1;
}

static void on_closed(struct lws *wsi)
{
    struct connection *connection = connection_of(wsi);
    if (connection != NULL) {
        lws_set_opaque_user_data(wsi, NULL);
        connection_destroy(connection);
    }
}

int wire_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size_bytes)
{
    struct connection *connection;

    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_confirm_upgrade(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(wsi);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        connection = connection_of(wsi);
        return connection == NULL ? -1 : on_writeable(connection, wsi);
    case LWS_CALLBACK_RECEIVE:
        connection = connection_of(wsi);
        if (connection == NULL) {
            return -1;
        }
        connection->exchange->now = (struct moment){clock_mono_ns(), clock_wall_ns()};
        (void)on_received(connection, wsi, in, size_bytes);
        server_rearm(server_of(wsi));
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        connection = connection_of(wsi);
        if (connection != NULL) {
            connection->exchange->now = (struct moment){clock_mono_ns(), clock_wall_ns()};
            connection_received_pong(connection);
        }
        return 0;
    case LWS_CALLBACK_CLOSED:
        on_closed(wsi);
        return 0;
    default:
        return http_callback(wsi, reason, user, in, size_bytes);
    }
}
