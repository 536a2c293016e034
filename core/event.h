/* SPDX-License-Identifier: MIT
 *
 * event.h - the one record that travels from socket to judge: 64 bytes, by value.
 *
 * A received frame becomes exactly one event (or none). What control learns (connects, REST
 * answers) and what ingest learns (a close, a pong, its own stall) are events too, so live
 * running, replay and tests feed the judge through one door.
 */
#ifndef FLATLINE_CORE_EVENT_H
#define FLATLINE_CORE_EVENT_H

#include <stdint.h>

#define EVENT_NO_STREAM     UINT32_MAX
#define EVENT_NO_CONNECTION UINT16_MAX
#define EVENT_TEXT_BYTES    32

enum event_kind {
    EVENT_NONE,
    /* from a codec: one frame */
    EVENT_DATA, /* data.* */
    /* a subscription was acknowledged. stream set: that one (OKX, one ACK per arg).
     * EVENT_NO_STREAM: every stream of request note.code (Binance, echoed id) */
    EVENT_ACK,
    /* note.code = venue's code, note.value = request id or 0, note.text = message. stream when
     * known. OKX channel-conn-count-error: code 0, value = count, text = channel */
    EVENT_SUBSCRIBE_ERROR,
    EVENT_NOTICE, /* the venue announces an end: serverShutdown (code 0), OKX 64008 */
    /* listenKeyExpired / eventStreamTerminated. note.value = key_fingerprint() of the key, 0 =
     * unnamed */
    EVENT_KEY_EXPIRED,
    EVENT_TEXT_PONG, /* OKX's answer "pong" */
    /* LIST_SUBSCRIPTIONS answer: note.value = number of streams the venue lists */
    EVENT_INVENTORY,
    EVENT_CONTROL, /* any other well-formed answer; nothing to judge */
    /* from ingest */
    /* link.epoch; upgrade done, subscriptions sent at recv_mono_ns. link.code: how many
     * EVENT_ACKs these should bring (Binance one a request, OKX one a stream); 0: none are
     * waited for */
    EVENT_CONNECTION_UP,
    EVENT_CONNECTION_DOWN, /* link.* */
    EVENT_PING,            /* the venue pinged */
    EVENT_PONG,            /* answer to our own stamped ping: note.value = round trip, ns */
    /* note.value = start of the gap (mono ns), recv_mono_ns = its end; note.code: 0 ingest, 1
     * judge, 2 replay */
    EVENT_SELF_STALL,
    EVENT_DRAINED, /* replay only: the connection was drained up to recv_mono_ns */
    /* from control */
    EVENT_CONNECT_FAILED, /* link.* */
    /* time.*: REST server time of a venue; recv_mono_ns: midpoint of the round trip */
    EVENT_SERVER_TIME,
    /* time.venue: REST out of reach for 10 s; anchor on the frames, unanchored */
    EVENT_TIME_UNREACHABLE,
    /* rest.*: REST told a book's first levels. stream: one of the book's, its depth where there is
     * one; recv_mono_ns: when the answer came */
    EVENT_REST_BOOK,
    /* the venue's word on its maintenance: note.code = enum status_word, note.value =
     * status_value(), text: its title. From a codec, too, where a channel pushes it */
    EVENT_VENUE_STATUS,
    /* stream; note.code 1: its symbol does not trade, 0: it does again; value 1: the first stream
     * of this symbol, which speaks for the others; text: the venue's word */
    EVENT_SYMBOL_STATUS,
    /* note.value = fingerprint of the key a successful POST or PUT returned; stream = user
     * stream */
    EVENT_KEY_EXTENDED,
    EVENT_KEY_EXTEND_FAILED, /* note.code = HTTP status or negative venue code */
    EVENT_KEY_UNKNOWN,       /* -1125, or the venue returned another key (note.code 1 = foreign) */
    /* BOOTTIME - MONOTONIC grew by note.value ns: the machine slept; every lease is void */
    EVENT_CLOCK_SUSPENDED,
    /* from the engine watch; stream set where a slot is of one */
    EVENT_ENGINE_UP, /* engine.*: an engine's file was found, made anew or first seen; text: its name */
    EVENT_ENGINE_SLOT,   /* engine.*: code = kind, word = parameter; text: its name */
    EVENT_ENGINE_WORKER, /* word, more: beat, state, restarts, errors */
    EVENT_ENGINE_ERROR,  /* text: the worker's last error */
    EVENT_ENGINE_ECHO,   /* word, more: last id, when it was received */
    EVENT_ENGINE_ORDER,  /* code = place of the pair; word, more: sent, seen */
    EVENT_ENGINE_GATE,   /* word, more: quoting, seen closed, pulled, seen open */
    EVENT_ENGINE_KEY,    /* word, more: extended, failures, fingerprint, proven */
    /* Everything above is what a look begun at recv_mono_ns has read: no verdict on the engine past
     * it. code = enum flatline_engine_life, word = goodbye, more = pid, when all of it was read */
    EVENT_ENGINE_LOOKED,
    EVENT_ENGINE_LEFT, /* its file was removed */
    /* from the socket watch: what the kernel says of a connection, by a look begun at recv_mono_ns.
     * No event of these names a connection in the field above: they come by a ring of their own, and
     * must not move the clock of what ingest tells */
    EVENT_SOCKET_FOUND, /* found.*: a connection of an engine */
    EVENT_SOCKET_SEEN,  /* socket.* */
    EVENT_SOCKET_GONE,  /* socket.place: it ended, or is no business of ours any more */
    /* from the judge's own advice: a gate is kept closed. code = gate; word, more: since, until of
     * what is meant, since, until of a drill; since 0: nothing */
    EVENT_GATE_ADVICE,
    EVENT_KIND_COUNT
};

/* What a data event carries. */
enum event_data_flag {
    EVENT_HAS_ID = 1,    /* data.id is this channel's id */
    EVENT_HAS_FIRST = 2, /* data.first_id (Binance spot U) */
    EVENT_HAS_PREV = 4,  /* data.prev_id (futures pu, OKX prevSeqId) */
    EVENT_HAS_TIME = 8,  /* data.exch_wall_ns may feed lag */
    EVENT_SNAPSHOT = 16, /* a snapshot of an OKX book channel */
    EVENT_EMPTY = 32,    /* no rows at all on either side (OKX keep-alive shape) */
    /* an increment: prices and sizes are of the best level that it sets on each side, not of the
     * book's best */
    EVENT_SETS_LEVEL = 64,
};

/* How far a connection came before it ended: link.phase. */
enum link_phase { LINK_DNS, LINK_TCP, LINK_TLS, LINK_UPGRADE, LINK_OPEN };

/* How it ended: link.how. */
enum link_end {
    LINK_END_CLOSE,    /* a close frame: link.code is its code (1005: it had none) */
    LINK_END_EOF,      /* FIN without a close frame */
    LINK_END_ERROR,    /* errno in link.code (ECONNRESET ...) */
    LINK_END_TLS,      /* TLS failed or was cut */
    LINK_END_PROTOCOL, /* we refused what it sent; link.code is the close code we sent */
    LINK_END_HTTP,     /* the upgrade was refused: link.code is the HTTP status */
    LINK_END_TIMEOUT,  /* a phase, or the pong, did not come in time */
    LINK_END_LOCAL,    /* we closed it: rotation, stop */
};

#define LINK_END_COUNT 8U

/** As recordings spell it; how < LINK_END_COUNT. */
static inline const char *link_end_name(enum link_end how)
{
    static const char *const names[LINK_END_COUNT] = {
        "close", "eof", "error", "tls", "protocol", "http", "timeout", "local"};
    return names[how];
}

struct event_data {
    int64_t exch_wall_ns; /* Binance E, OKX ts; 0 = none. Never T */
    /* depth u, bookTicker u, trade t, aggTrade a, lastUpdateId, OKX seqId of books, tradeId */
    uint64_t id;

    union { /* what it follows: a flag says which, and no channel needs both */
        uint64_t first_id;
        int64_t prev_id; /* OKX snapshots say -1 */
    };

    int64_t bid_e8; /* best bid and ask where the channel shows them, else 0 */
    int64_t ask_e8;
    /* what stands there, as a mark: equal sizes have equal marks; 0 = not known */
    uint32_t bid_size;
    uint32_t ask_size;
};

struct event_note {
    int64_t code;
    uint64_t value;
    char text[EVENT_TEXT_BYTES]; /* the venue's words, cut, NUL-terminated */
};

/* note.code of EVENT_VENUE_STATUS. */
enum status_word {
    STATUS_OVER,
    STATUS_UNDER_WAY,
    STATUS_TOLD_ALL, /* the status page was read: what it did not name since the last time is over */
};

#define STATUS_MINUTES_MAX 0xffffffU

/** note.value of EVENT_VENUE_STATUS. work: a mark that tells this maintenance from others of the
 *  venue; 0 where it never has more than one. minutes: how long it is announced to last; 0: the
 *  venue does not say. */
static inline uint64_t status_value(uint8_t venue, uint32_t work, uint32_t minutes)
{
    return (uint64_t)work << 32 | (uint64_t)(minutes & STATUS_MINUTES_MAX) << 8 | venue;
}

static inline uint8_t status_venue(uint64_t value)
{
    return (uint8_t)value;
}

static inline uint32_t status_work(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static inline uint32_t status_minutes(uint64_t value)
{
    return (uint32_t)(value >> 8) & STATUS_MINUTES_MAX;
}

struct event_link {
    int32_t code;
    uint8_t how;   /* enum link_end */
    uint8_t phase; /* enum link_phase */
    uint16_t epoch;
    uint64_t value; /* age of the connection, ns */
    char text[EVENT_TEXT_BYTES];
};

struct event_time {
    int64_t exch_wall_ns;
    uint64_t round_trip_ns;
    uint64_t venue;
    uint64_t reserved[3];
};

struct event_rest {
    uint64_t id;           /* lastUpdateId, seqId */
    uint64_t sent_mono_ns; /* when it was asked */
    uint64_t levels;       /* a mark of the first levels: another one, other levels. Never 0 */
    uint64_t reserved[3];
};

/* Of an engine, and of one of its slots where the kind is of a slot. */
struct event_engine {
    uint16_t engine;
    uint16_t slot;
    uint32_t code;
    uint64_t word;

    union {
        uint64_t more[4]; /* the words behind the first */
        char text[EVENT_TEXT_BYTES];
    };
};

#define EVENT_FOUND_NAME_BYTES 32

/* A connection of an engine, in the place by which it is spoken of from now on. */
struct event_found {
    uint16_t place;
    uint16_t engine; /* whose segment names the process; EVENT_NO_ENGINE: the configuration does */
    uint32_t venue;  /* enum flatline_venue; EVENT_NO_VENUE: not known */
    uint64_t reserved;
    char name[EVENT_FOUND_NAME_BYTES]; /* `quoter:51234`; of an engine with a segment `:51234` */
};

#define EVENT_NO_ENGINE UINT16_MAX
#define EVENT_NO_VENUE  UINT32_MAX

/* One look at one TCP connection. */
struct event_socket {
    uint16_t place;      /* of an engine's connection; of ours the slot */
    uint8_t is_own;      /* 1: ours */
    uint8_t retransmits; /* time-outs of the segment in flight, in a row */
    uint32_t receive_queue_bytes;
    uint64_t bytes_received;   /* ever */
    uint32_t send_queue_bytes; /* not acknowledged, or not sent yet */
    uint32_t last_data_recv_ms;
    uint32_t last_ack_recv_ms;
    uint32_t
        passes; /* of ingest, ever, modulo 2^32; as the two below of our own connections alone */
    uint32_t blocked;     /* that met a full ring */
    uint32_t budget_hits; /* that spent their read budget */
    uint64_t reserved;
};

struct event {
    /* right after the read that completed the frame; 0 = no clock (replay) */
    uint64_t recv_mono_ns;
    uint32_t stream;     /* catalogue index or EVENT_NO_STREAM */
    uint16_t connection; /* index or EVENT_NO_CONNECTION */
    uint8_t kind;        /* enum event_kind */
    uint8_t flags;       /* enum event_data_flag */

    union {
        struct event_data data;
        struct event_note note;
        struct event_link link;
        struct event_time time;
        struct event_rest rest;
        struct event_engine engine;
        struct event_found found;
        struct event_socket socket;
    };
};

_Static_assert(sizeof(struct event) == 64, "an event is one cache line");

#endif
