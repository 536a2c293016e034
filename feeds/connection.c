/* SPDX-License-Identifier: MIT
 *
 * One read pass is connection_read(): read a TLS record, stamp, deliver every frame it completed,
 * again until the kernel is empty. Received bytes lie in one buffer [start, end); frames are
 * delivered from where they lie.
 */
#include "feeds/connection.h"

#include "core/base.h"
#include "feeds/connection_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TLS_RECORD_BYTES_MAX (16U * 1024U)
#define PARTIAL_MOVE_BYTES   (4U * 1024U)
#define CLOSE_RESERVE_BYTES  (WEBSOCKET_CONTROL_BYTES_MAX + WEBSOCKET_HEADER_BYTES_MAX)
#define SEND_RESERVE_BYTES                                                                         \
    (8U * CLOSE_RESERVE_BYTES) /* room that texts leave to pongs and the close frame */
#define PING_STAMP_BYTES 8U

struct buffer {
    uint8_t *bytes;
    size_t start;
    size_t end;
    size_t capacity_bytes;
};

struct connection {
    SSL *ssl;
    struct connection_socket *socket; /* inside ssl */
    struct websocket *websocket;
    struct buffer received;
    struct buffer unsent;

    uint64_t recv_mono_ns;            /* of the read that brought the newest bytes */
    struct websocket_message offered; /* a message the caller has not taken yet */
    size_t offered_bytes;             /* its frame's length in received */
    bool has_offer;

    bool close_is_sent;
    bool is_ended;
    bool is_tls_broken; /* no shutdown may be sent */
    bool write_waits;   /* the socket was full */
    struct link_report report;
    struct connection_counts counts;
};

static bool buffer_open(struct buffer *buffer, size_t capacity_bytes)
{
    /* malloc, not calloc: pages nobody needed are never resident */
    *buffer = (struct buffer){malloc(capacity_bytes), 0, 0, capacity_bytes};
    return buffer->bytes != NULL;
}

static void buffer_compact(struct buffer *buffer)
{
    const size_t left_bytes = buffer->end - buffer->start;
    if (buffer->start != 0 && left_bytes != 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, left_bytes);
    }
    buffer->start = 0;
    buffer->end = left_bytes;
}

struct connection *connection_create(SSL *ssl, const struct connection_limits *limits)
{
    struct connection *const connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return NULL;
    }
    const uint32_t message_bytes_max = limits->message_bytes_max != 0
                                           ? limits->message_bytes_max
                                           : WEBSOCKET_MESSAGE_BYTES_MAX_DEFAULT;
    const uint32_t send_bytes_max =
        limits->send_bytes_max != 0 ? limits->send_bytes_max : CONNECTION_SEND_BYTES_MAX_DEFAULT;
    connection->websocket = websocket_create(message_bytes_max);
    const bool is_made =
        connection->websocket != NULL &&
        buffer_open(&connection->received,
                    (size_t)message_bytes_max + WEBSOCKET_HEADER_BYTES_MAX +
                        TLS_RECORD_BYTES_MAX) &&
        buffer_open(&connection->unsent, (size_t)send_bytes_max + SEND_RESERVE_BYTES);
    if (!is_made) {
        websocket_destroy(connection->websocket);
        free(connection->received.bytes);
        free(connection->unsent.bytes);
        free(connection);
        return NULL;
    }
    connection->ssl = ssl;
    connection->socket = connection_socket_of(ssl);
    /* One recv a burst instead of two a record. What OpenSSL then holds back shows in none of its
     * questions (SSL_pending, SSL_has_pending); it need not: a pass ends only when the kernel says
     * empty, or says BUDGET or BLOCKED. */
    SSL_set_read_ahead(ssl, 1);
    connection->report = (struct link_report){.phase = LINK_OPEN, .how = LINK_END_LOCAL};
    return connection;
}

int connection_preload(struct connection *connection,
                       const void *bytes,
                       size_t size_bytes,
                       uint64_t recv_mono_ns)
{
    struct buffer *const received = &connection->received;
    if (size_bytes > received->capacity_bytes - received->end) {
        return -EMSGSIZE;
    }
    memcpy(received->bytes + received->end, bytes, size_bytes);
    received->end += size_bytes;
    connection->recv_mono_ns = recv_mono_ns;
    connection->socket->recv_mono_ns = recv_mono_ns;
    return 0;
}

/* Ends the connection once; the first reason is the true one. */
static void end(struct connection *connection,
                enum link_end how,
                int32_t code,
                const char *text,
                size_t text_bytes)
{
    if (connection->is_ended) {
        return;
    }
    struct link_report *const report = &connection->report;
    connection->is_ended = true;
    report->how = how;
    report->code = code;
    size_t length = text_bytes < sizeof(report->text) ? text_bytes : sizeof(report->text) - 1;
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        report->text[i] = byte < 0x20 || byte == 0x7f
                              ? ' '
                              : text[i]; /* a peer's text goes to terminals and logs */
    }
    report->text[length] = '\0';
}

void connection_end(struct connection *connection,
                    enum link_end how,
                    int32_t code,
                    const char *text)
{
    end(connection, how, code, text, strlen(text));
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Gives the socket what it takes. A failure is only noted: how the connection ended is told by the
 * reading side. */
static void flush(struct connection *connection)
{
    struct buffer *const unsent = &connection->unsent;
    connection->write_waits = false;
    while (unsent->start < unsent->end && !connection->is_tls_broken &&
           connection->socket->write_errno == 0) {
        size_t written = 0;
        if (SSL_write_ex(connection->ssl,
                         unsent->bytes + unsent->start,
                         unsent->end - unsent->start,
                         &written) != 1) {
            const int error = SSL_get_error(connection->ssl, 0);
            connection->write_waits =
                error == SSL_ERROR_WANT_WRITE && connection->socket->write_errno == 0;
            connection->is_tls_broken = error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL;
            ERR_clear_error();
            return;
        }
        unsent->start += written;
    }
    if (unsent->start == unsent->end) {
        unsent->start = 0;
        unsent->end = 0;
    }
}

static int send_frame(struct connection *connection,
                      enum websocket_opcode opcode,
                      const void *payload,
                      size_t payload_bytes,
                      size_t reserve_bytes)
{
    struct buffer *const unsent = &connection->unsent;
    if (connection->is_ended) {
        return -EPIPE;
    }
    if (connection->close_is_sent || connection->socket->write_errno != 0) {
        return -ENOTCONN;
    }
    buffer_compact(unsent);
    const size_t room_bytes = unsent->capacity_bytes - unsent->end;
    if (room_bytes < reserve_bytes) {
        return -ENOBUFS;
    }
    const int length = websocket_write(connection->websocket,
                                       opcode,
                                       payload,
                                       payload_bytes,
                                       unsent->bytes + unsent->end,
                                       room_bytes - reserve_bytes);
    if (length < 0) {
        return length;
    }
    unsent->end += (size_t)length;
    connection->counts.sent_bytes += (uint64_t)length;
    flush(connection);
    return 0;
}

int connection_send_text(struct connection *connection, const char *text, size_t text_bytes)
{
    return send_frame(connection, WEBSOCKET_TEXT, text, text_bytes, SEND_RESERVE_BYTES);
}

int connection_send_ping(struct connection *connection, uint64_t mono_ns)
{
    uint8_t payload[PING_STAMP_BYTES];
    memcpy(payload, &mono_ns, sizeof(payload));
    return send_frame(connection, WEBSOCKET_PING, payload, sizeof(payload), SEND_RESERVE_BYTES);
}

uint64_t connection_pong_stamp(const struct websocket_message *pong)
{
    uint64_t mono_ns = 0;
    if (pong->opcode == WEBSOCKET_PONG && pong->size_bytes == sizeof(mono_ns)) {
        memcpy(&mono_ns, pong->bytes, sizeof(mono_ns));
    }
    return mono_ns;
}

static int
send_close(struct connection *connection, uint16_t code, const char *reason, size_t reason_bytes)
{
    uint8_t payload[WEBSOCKET_CONTROL_BYTES_MAX];
    size_t payload_bytes = 0;
    if (code != WEBSOCKET_CLOSE_NO_CODE) {
        if (!websocket_close_code_is_valid(code) || reason_bytes > sizeof(payload) - 2) {
            return -EINVAL;
        }
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        memcpy(payload + 2, reason, reason_bytes);
        payload_bytes = 2 + reason_bytes;
    }
    const int result = send_frame(connection, WEBSOCKET_CLOSE, payload, payload_bytes, 0);
    connection->close_is_sent = connection->close_is_sent || result == 0;
    return result;
}

int connection_send_close(struct connection *connection, uint16_t code, const char *reason)
{
    const char *const text = reason != NULL ? reason : "";
    return send_close(connection, code, text, strlen(text));
}

int connection_flush(struct connection *connection)
{
    flush(connection);
    return connection->is_ended ? -EPIPE : 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Control frames are answered before the caller hears of them. */
static void answer_ping(struct connection *connection, const struct websocket_message *ping)
{
    connection->counts.pings++;
    if (!connection->close_is_sent &&
        send_frame(
            connection, WEBSOCKET_PONG, ping->bytes, ping->size_bytes, CLOSE_RESERVE_BYTES) != 0) {
        connection->counts.pongs_dropped++;
    }
}

static void finish_close(struct connection *connection, const struct websocket_message *close)
{
    const bool is_ours = connection->close_is_sent;
    if (!is_ours) {
        (void)send_close(connection, close->close_code, "", 0);
    }
    end(connection,
        is_ours ? LINK_END_LOCAL : LINK_END_CLOSE,
        close->close_code,
        (const char *)close->bytes,
        close->size_bytes);
}

static void finish_refusal(struct connection *connection)
{
    const struct websocket_refusal *const refusal = websocket_refusal(connection->websocket);
    (void)send_close(connection, refusal->close_code, refusal->text, strlen(refusal->text));
    end(connection, LINK_END_PROTOCOL, refusal->close_code, refusal->text, strlen(refusal->text));
}

static void count_message(struct connection *connection, const struct websocket_message *message)
{
    if (message->opcode == WEBSOCKET_PONG) {
        connection->counts.pongs++;
    } else if (message->opcode != WEBSOCKET_PING) {
        connection->counts.messages++;
        connection->counts.fragmented += message->was_fragmented;
    }
}

/* Looks for the next message. Returns true if there is one to offer. */
static bool find_message(struct connection *connection)
{
    struct buffer *const received = &connection->received;
    struct websocket_message *const message = &connection->offered;
    size_t taken_bytes = 0;
    const enum websocket_status status = websocket_next(connection->websocket,
                                                        received->bytes + received->start,
                                                        received->end - received->start,
                                                        message,
                                                        &taken_bytes);
    if (status == WEBSOCKET_REFUSED) {
        finish_refusal(connection);
        return false;
    }
    if (status == WEBSOCKET_MORE) {
        received->start += taken_bytes;
        return false;
    }
    if (message->opcode == WEBSOCKET_CLOSE) {
        finish_close(connection, message);
        return false;
    }
    if (message->opcode == WEBSOCKET_PING) {
        answer_ping(connection, message);
    }
    connection->offered_bytes = taken_bytes;
    connection->has_offer = true;
    return true;
}

/* Keeps the buffer's tail long enough for a record, and its hot part short: what is left over is
 * usually small. */
static void make_room(struct connection *connection)
{
    struct buffer *const received = &connection->received;
    const size_t left_bytes = received->end - received->start;
    connection->counts.partial_bytes = left_bytes + websocket_joined_bytes(connection->websocket);
    if (left_bytes <= PARTIAL_MOVE_BYTES ||
        received->capacity_bytes - received->end < TLS_RECORD_BYTES_MAX) {
        buffer_compact(received);
    }
}

/* Offers every whole message in the buffer. Returns false if the caller refused one. */
static bool deliver(struct connection *connection, connection_on_message on_message, void *user)
{
    while (!connection->is_ended && (connection->has_offer || find_message(connection))) {
        if (!on_message(user, &connection->offered, connection->recv_mono_ns)) {
            return false;
        }
        count_message(connection, &connection->offered);
        connection->received.start += connection->offered_bytes;
        connection->has_offer = false;
    }
    make_room(connection);
    return true;
}

/* The peer is gone: by FIN, by an errno of either direction, or TLS gave up. */
static void finish_read_failure(struct connection *connection, int ssl_error)
{
    const struct connection_socket *const socket = connection->socket;
    const unsigned long tls_error = ERR_peek_error();
    const int error = socket->read_errno != 0 ? socket->read_errno : socket->write_errno;
    connection->is_tls_broken = ssl_error != SSL_ERROR_ZERO_RETURN;
    if (error != 0) {
        char text[LINK_TEXT_BYTES];
        connection_end(connection, LINK_END_ERROR, error, strerror_r(error, text, sizeof(text)));
    } else if (connection->close_is_sent &&
               (socket->said_fin || ssl_error == SSL_ERROR_ZERO_RETURN)) {
        connection_end(connection, LINK_END_LOCAL, 0, "no echo of our close frame");
    } else if (ssl_error == SSL_ERROR_ZERO_RETURN) {
        connection_end(connection, LINK_END_EOF, 0, "TLS end without a close frame");
    } else if (socket->said_fin) {
        connection_end(connection, LINK_END_EOF, 0, "FIN without a close frame");
    } else {
        const char *const reason = ERR_reason_error_string(tls_error);
        connection_end(connection, LINK_END_TLS, 0, reason != NULL ? reason : "TLS failed");
    }
    ERR_clear_error();
}

enum read_outcome { READ_BYTES, READ_EMPTY, READ_BLOCKED, READ_ENDED };

static enum read_outcome read_record(struct connection *connection)
{
    struct buffer *const received = &connection->received;
    struct connection_socket *const socket = connection->socket;
    size_t read_bytes = 0;
    socket->said_empty = false;
    if (SSL_read_ex(connection->ssl,
                    received->bytes + received->end,
                    received->capacity_bytes - received->end,
                    &read_bytes) == 1) {
        received->end += read_bytes;
        connection->counts.reads++;
        connection->counts.read_bytes += read_bytes;
        return READ_BYTES;
    }
    const int error = SSL_get_error(connection->ssl, 0);
    if (error == SSL_ERROR_WANT_READ) {
        return socket->said_empty ? READ_EMPTY : READ_BLOCKED; /* EINTR is not the kernel's word */
    }
    if (error == SSL_ERROR_WANT_WRITE && socket->write_errno == 0) {
        connection->write_waits = true; /* a key update must be answered first */
        return READ_BLOCKED;
    }
    finish_read_failure(connection, error);
    return READ_ENDED;
}

static enum connection_status read_pass(struct connection *connection,
                                        uint32_t read_budget_bytes,
                                        connection_on_message on_message,
                                        void *user)
{
    const uint64_t stop_bytes =
        connection->counts.read_bytes + (read_budget_bytes != 0 ? read_budget_bytes : 1);
    while (deliver(connection, on_message, user)) {
        if (connection->is_ended) {
            return CONNECTION_CLOSED;
        }
        if (connection->counts.read_bytes >= stop_bytes) {
            return CONNECTION_BUDGET;
        }
        switch (read_record(connection)) {
        case READ_BYTES:
            /* Of the recv that brought the record's last byte, which may have brought others
             * before it. */
            connection->recv_mono_ns = connection->socket->recv_mono_ns;
            break;
        case READ_EMPTY:
            connection->counts.partial_passes += connection->counts.partial_bytes != 0;
            return CONNECTION_DRAINED;
        case READ_BLOCKED:
            return CONNECTION_BLOCKED;
        case READ_ENDED:
            return CONNECTION_CLOSED;
        }
    }
    return CONNECTION_BLOCKED;
}

enum connection_status connection_read(struct connection *connection,
                                       connection_clock clock,
                                       uint32_t read_budget_bytes,
                                       connection_on_message on_message,
                                       void *user)
{
    if (connection->is_ended) {
        return CONNECTION_CLOSED;
    }
    connection->socket->clock = clock;
    const enum connection_status status =
        read_pass(connection, read_budget_bytes, on_message, user);
    connection->counts.wire_bytes = connection->socket->wire_bytes;
    return status;
}

/* ---- looking --------------------------------------------------------------------------------- */

int connection_fd(const struct connection *connection)
{
    return connection->socket->fd;
}

uint32_t connection_events(const struct connection *connection)
{
    return EPOLLIN | (connection->write_waits ? EPOLLOUT : 0U);
}

const struct link_report *connection_report(const struct connection *connection)
{
    return &connection->report;
}

const struct connection_counts *connection_counts(const struct connection *connection)
{
    return &connection->counts;
}

int connection_receive_queue_bytes(const struct connection *connection)
{
    int queued_bytes = 0;
    return ioctl(connection->socket->fd, SIOCINQ, &queued_bytes) == 0 ? queued_bytes : -errno;
}

int connection_tcp(const struct connection *connection, struct connection_tcp *ret_tcp)
{
    struct tcp_info info = {0}; /* an older kernel fills less */
    socklen_t info_bytes = sizeof(info);
    if (getsockopt(connection->socket->fd, IPPROTO_TCP, TCP_INFO, &info, &info_bytes) != 0) {
        return -errno;
    }
    *ret_tcp = (struct connection_tcp){
        .state = info.tcpi_state,
        .rtt_us = info.tcpi_rtt,
        .rtt_variance_us = info.tcpi_rttvar,
        .retransmits = info.tcpi_retransmits,
        .unacked_segments = info.tcpi_unacked,
        .last_data_recv_ms = info.tcpi_last_data_recv,
        .last_ack_recv_ms = info.tcpi_last_ack_recv,
        .bytes_received = info.tcpi_bytes_received,
        .bytes_acked = info.tcpi_bytes_acked,
        .bytes_not_sent = info.tcpi_notsent_bytes,
    };
    return 0;
}

void connection_destroy(struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    flush(connection);
    if (!connection->is_tls_broken && connection->socket->write_errno == 0) {
        (void)SSL_shutdown(connection->ssl); /* one close_notify, no waiting for the peer's */
    }
    connection_socket_close(connection->ssl);
    SSL_free(connection->ssl);
    ERR_clear_error();
    websocket_destroy(connection->websocket);
    free(connection->received.bytes);
    free(connection->unsent.bytes);
    free(connection);
}
