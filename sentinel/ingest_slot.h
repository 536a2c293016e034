/* SPDX-License-Identifier: MIT
 *
 * ingest_slot.h - one slot as ingest sees it: its connection, what it must say and when, and the
 * message that becomes an event.
 */
#ifndef FLATLINE_SENTINEL_INGEST_SLOT_H
#define FLATLINE_SENTINEL_INGEST_SLOT_H

#include "core/ring.h"
#include "feeds/codec.h"
#include "feeds/connection.h"
#include "sentinel/plan.h"
#include "sentinel/record_ring.h"
#include "sentinel/words.h"

#include <stdbool.h>
#include <stdint.h>

#define SLOT_PONG_WAIT_NS  (10U * NS_PER_S)
#define SLOT_CLOSE_WAIT_NS (2U * NS_PER_S)
#define SLOT_ACK_WAIT_NS                                                                           \
    (2U * NS_PER_S) /* the inventory is asked for without all ACKs after this */
#define SLOT_FIRST_PING_NS (1U * NS_PER_S)
#define SLOT_NEVER         UINT64_MAX

struct ingest_slot {
    struct connection *connection; /* NULL: no open socket */
    const struct plan_line *line;
    struct codec codec;
    struct slot_words *words;
    struct ring *to_judge;
    struct ring *to_control;
    struct record_ring *record; /* NULL: not recorded */
    struct ingest_words *totals;
    uint64_t epoch;
    uint64_t up_mono_ns;
    uint16_t index;
    bool must_read;  /* the kernel, or our own budget, says there is more */
    bool drained;    /* the last read of this pass ended in EAGAIN, or nothing was there */
    bool ended;      /* its DOWN is not in the ring yet */
    bool announced;  /* its UP is */
    bool retiring;   /* a successor carries its streams: its end is planned */
    bool unrecorded; /* its last entry found no room in the recorder's ring */
    uint32_t epoll_events;

    /* what we have to say */
    uint64_t due_mono_ns; /* earliest of the deadlines below */
    uint64_t request_due_ns;
    uint32_t requests_sent;
    uint32_t acks_seen;
    bool inventory_sent;
    uint64_t ping_due_ns;
    uint64_t pong_due_ns; /* SLOT_NEVER: none owed */
    /* this peer answers WebSocket pings: only then does a missing pong condemn it */
    bool pongs_proven;
    uint64_t text_ping_due_ns;
    uint64_t text_pong_due_ns;
    uint64_t close_due_ns; /* we said goodbye: end it here if the peer does not answer */
    uint64_t last_recv_mono_ns;
    uint64_t ping_interval_ns;
    uint64_t text_ping_idle_ns;
    uint64_t request_spacing_ns;
};

/** Begins a life: the connection is this thread's now. */
void slot_adopt(struct ingest_slot *slot,
                struct connection *connection,
                uint64_t epoch,
                uint64_t now_mono_ns);

/** connection_on_message: decodes and pushes. false: the ring is full, offer it again. */
bool slot_on_message(void *slot, const struct websocket_message *message, uint64_t recv_mono_ns);

/** Sends what is due: requests (paced), the inventory question, pings; ends what waited too
 *  long. Sets due_mono_ns anew. Returns false when the connection has ended. */
bool slot_speak(struct ingest_slot *slot, uint64_t now_mono_ns);

/** A stall of ours ended at now_mono_ns: what the peer owed us may lie unread, so it has its time
 *  again. */
void slot_forgive(struct ingest_slot *slot, uint64_t now_mono_ns);

/** Starts a goodbye of ours. */
void slot_close(struct ingest_slot *slot, uint64_t now_mono_ns);

/** Pushes the UP event once the first request is out. false: the ring is full. */
bool slot_announce(struct ingest_slot *slot, uint64_t now_mono_ns);

/** Pushes the DOWN event. false: the ring is full, try again. */
bool slot_report_end(struct ingest_slot *slot, uint64_t now_mono_ns);

#endif
