/* SPDX-License-Identifier: MIT
 *
 * connection.h - one established TLS WebSocket: read, stamp, answer, write, close. Made by
 * connection_dial.h in the control thread, handed over by pointer, then used by one thread only.
 *
 * All memory is made at creation; afterwards our code allocates nothing. It never blocks and
 * raises no SIGPIPE (the socket is written with MSG_NOSIGNAL through a BIO of our own).
 *
 * How ingest uses it: add connection_fd() to epoll with connection_events(), then call
 * connection_read() once without waiting (bytes behind the upgrade answer may already be here),
 * then on every readiness, and at once again after CONNECTION_BUDGET. Only CONNECTION_DRAINED
 * moves the watermark, to a stamp taken before the call.
 */
#ifndef FLATLINE_FEEDS_CONNECTION_H
#define FLATLINE_FEEDS_CONNECTION_H

#include "core/event.h"
#include "feeds/websocket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_TEXT_BYTES 128

struct connection; /* opaque: connection.c */

/* How a connection, or the attempt at one, ended. Fits struct event_link, with the text uncut. */
struct link_report {
    enum link_phase phase;
    enum link_end how;
    int32_t code;            /* as enum link_end says */
    uint64_t retry_after_ns; /* LINK_END_HTTP: the answer's Retry-After, 0 = none */
    /* Close reason, HTTP status line, TLS or system error; NUL-terminated, no control
     * characters. */
    char text[LINK_TEXT_BYTES];
};

/* What a read pass came to. */
enum connection_status {
    /* The kernel said empty after every whole record and frame before it was delivered. */
    CONNECTION_DRAINED,
    /* The read budget is spent: not drained, call again without polling. */
    CONNECTION_BUDGET,
    /* Not drained: on_message refused a message (it is offered again, same stamp, at the next
     * call), or TLS must write first. Call again at the next pass without asking epoll: bytes
     * already taken from the socket do not make it readable. */
    CONNECTION_BLOCKED,
    /* Ended: see connection_report(); only connection_destroy() makes sense now. */
    CONNECTION_CLOSED,
};

/** Now, CLOCK_MONOTONIC ns. Ingest passes clock_mono_ns or its calibrated counter; tests a clock
 * of their own. */
typedef uint64_t (*connection_clock)(void);

/** Takes one message: text, binary, ping or pong (a close never comes here: it is in
 * connection_report()).
 *
 *  message       borrowed until return
 *  recv_mono_ns  stamped right after the read that completed its last frame
 *  Returns true: taken. false: no room (a full ring): the connection keeps it and offers it again.
 */
typedef bool (*connection_on_message)(void *user,
                                      const struct websocket_message *message,
                                      uint64_t recv_mono_ns);

/* Single-writer counters of the connection's thread; nothing else reads them directly. */
struct connection_counts {
    uint64_t reads;          /* SSL_read that gave bytes */
    uint64_t read_bytes;     /* decrypted */
    uint64_t wire_bytes;     /* as taken from the socket */
    uint64_t messages;       /* text and binary */
    uint64_t fragmented;     /* of those, joined from several frames: the only ones copied */
    uint64_t pings;          /* the server's */
    uint64_t pongs;          /* the server's */
    uint64_t pongs_dropped;  /* a ping we had no room to answer */
    uint64_t partial_bytes;  /* now: decrypted bytes of a frame not yet whole */
    uint64_t partial_passes; /* passes that drained while holding part of a frame */
    uint64_t sent_bytes;     /* frames, before TLS */
};

#define CONNECTION_SEND_BYTES_MAX_DEFAULT (128U * 1024U)

/* Zero means the default. */
struct connection_limits {
    uint32_t message_bytes_max; /* 1 MiB; larger messages are refused with 1009 */
    uint32_t send_bytes_max;    /* 128 KiB of frames waiting for the socket */
};

struct ssl_st; /* OpenSSL's SSL */

/** Makes a connection of an SSL whose TLS and upgrade are done. Dial's and the tests' business:
 * others use dial_take().
 *
 *  ssl  attached by connection_socket_attach(); owned by the connection on success
 *  Returns NULL when out of memory.
 */
struct connection *connection_create(struct ssl_st *ssl, const struct connection_limits *limits);

/** Puts in the bytes that came behind the upgrade answer, before the first read. Returns 0 or
 * -EMSGSIZE. */
int connection_preload(struct connection *connection,
                       const void *bytes,
                       size_t size_bytes,
                       uint64_t recv_mono_ns);

/** One read pass: reads until the kernel is empty or the budget is spent; answers pings; echoes a
 * close.
 *
 *  clock              called right after each recv that gave bytes; frames completed by the same
 *                     recv share its stamp
 *  read_budget_bytes  decrypted bytes after which the pass ends; at least one read is made
 *  on_message, user   see above
 *
 *  Cost: one SSL_read a TLS record, one recv and one clock call a burst, no allocation of ours, no
 *  copy of unfragmented messages.
 */
enum connection_status connection_read(struct connection *connection,
                                       connection_clock clock,
                                       uint32_t read_budget_bytes,
                                       connection_on_message on_message,
                                       void *user);

/** Queue a frame and write what the socket takes. The rest goes out by connection_flush() when
 * connection_events() has EPOLLOUT.
 *
 *  Return 0; -ENOBUFS no room in the send buffer (nothing queued); -EINVAL too long or a bad close
 *  code; -ENOTCONN nothing can be sent any more (a close frame is out, or the socket refused), but
 *  what was received can still be read and will tell how it ended: poll on; -EPIPE it has ended,
 *  see connection_report().
 */
int connection_send_text(struct connection *connection, const char *text, size_t text_bytes);
/** Own stamped ping: its payload is mono_ns, 8 bytes; the pong brings it back. See
 * connection_pong_stamp(). */
int connection_send_ping(struct connection *connection, uint64_t mono_ns);
/** Starts a close of ours. Keep reading: the peer's echo ends the connection with LINK_END_LOCAL.
 * reason may be NULL. */
int connection_send_close(struct connection *connection, uint16_t code, const char *reason);

/** The stamp a pong echoes, 0 if the pong is not an answer to connection_send_ping(). */
uint64_t connection_pong_stamp(const struct websocket_message *pong);

/** Writes what is queued. Returns 0 (look at connection_events() again), or -EPIPE: it has ended,
 * see connection_report(). */
int connection_flush(struct connection *connection);

int connection_fd(const struct connection *connection);
/** EPOLLIN, and EPOLLOUT while something waits to be written. */
uint32_t connection_events(const struct connection *connection);

/** How it ended; phase LINK_OPEN. Meaningful after CONNECTION_CLOSED or -EPIPE. */
const struct link_report *connection_report(const struct connection *connection);
const struct connection_counts *connection_counts(const struct connection *connection);

/* Raw evidence of the kernel's side. */
struct connection_tcp {
    uint32_t state;  /* TCP_ESTABLISHED ... */
    uint32_t rtt_us; /* smoothed */
    uint32_t rtt_variance_us;
    uint32_t retransmits;      /* of the segment now in flight */
    uint32_t unacked_segments; /* sent and not acknowledged */
    /* since; misleads after a closed window, see facts of the transport */
    uint32_t last_data_recv_ms;
    uint32_t last_ack_recv_ms;
    uint64_t bytes_received;
    uint64_t bytes_acked;
    uint32_t bytes_not_sent;
};

/** Bytes in the kernel's receive queue (SIOCINQ), or -errno. One system call. */
int connection_receive_queue_bytes(const struct connection *connection);
/** TCP_INFO, or -errno. One system call. */
int connection_tcp(const struct connection *connection, struct connection_tcp *ret_tcp);

/** Marks an end decided by the owner (a pong or rotation deadline: LINK_END_TIMEOUT,
 * LINK_END_LOCAL), unless it has one. */
void connection_end(struct connection *connection,
                    enum link_end how,
                    int32_t code,
                    const char *text);

/** Flushes once, says TLS close_notify, closes the socket, frees. NULL is fine. Control thread's
 * work where time matters: it frees. */
void connection_destroy(struct connection *connection);

#endif
