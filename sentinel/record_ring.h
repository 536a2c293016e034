/* SPDX-License-Identifier: MIT
 *
 * record_ring.h - single-producer single-consumer ring of bytes: what ingest saw, on its way to a
 * recording. Full: the entry is refused, and ingest counts it and goes on: it never waits for a disk.
 */
#ifndef FLATLINE_SENTINEL_RECORD_RING_H
#define FLATLINE_SENTINEL_RECORD_RING_H

#include "core/atomic.h"
#include "core/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum record_kind {
    RECORD_PAD, /* nothing: the rest of the ring up to its end */
    RECORD_FRAME,
    RECORD_OPEN,  /* code: acknowledgements awaited */
    RECORD_CLOSE, /* how, code; bytes: the text */
    RECORD_PING,
    RECORD_PONG,  /* value: round trip, ns */
    RECORD_STALL, /* value: its start, mono ns */
};

/* Before the bytes of each entry. */
struct record {
    uint32_t size_bytes; /* of the bytes behind it; 0 where there are none */
    uint16_t slot;
    uint8_t kind; /* enum record_kind */
    uint8_t how;  /* enum link_end */
    int32_t code;
    uint32_t after_loss; /* 1: entries of this slot were dropped before this one */
    uint64_t recv_mono_ns;
    uint64_t value;
};

struct record_ring {
    /* producer's line */
    LINE_ALIGNED uint64_t head; /* bytes ever pushed */
    uint64_t cached_tail;
    /* consumer's line */
    LINE_ALIGNED uint64_t tail;
    /* fixed */
    LINE_ALIGNED char *bytes;
    uint64_t capacity; /* a power of two */
};

static inline uint64_t record_room(uint32_t size_bytes)
{
    return (sizeof(struct record) + size_bytes + 7U) & ~7ULL;
}

/** Pushes a copy. false: no room, nothing written. Producer only. Cost: the copy. */
static inline bool
record_push(struct record_ring *ring, const struct record *record, const void *bytes)
{
    const uint64_t head = load_relaxed(&ring->head); /* relaxed: only the producer stores it */
    const uint64_t room = record_room(record->size_bytes);
    const uint64_t at = head & (ring->capacity - 1U);
    const uint64_t pad = ring->capacity - at < room ? ring->capacity - at : 0;
    if (head + pad + room - ring->cached_tail > ring->capacity) {
        /* ORDER record.reclaim, acquire: the consumer is done with the bytes before tail. */
        ring->cached_tail = load_acquire(&ring->tail);
        if (head + pad + room - ring->cached_tail > ring->capacity) {
            return false;
        }
    }
    if (pad > 0) {
        ring->bytes[at + offsetof(struct record, kind)] = RECORD_PAD;
    }
    char *to = ring->bytes + ((at + pad) & (ring->capacity - 1U));
    memcpy(to, record, sizeof(*record));
    if (bytes != NULL) {
        memcpy(to + sizeof(*record), bytes, record->size_bytes);
    }
    /* ORDER record.publish, release: the entry is whole. */
    store_release(&ring->head, head + pad + room);
    return true;
}

/** The oldest entry and its bytes, which stay in the ring until record_pop(). false: none.
 *  Consumer only. */
static inline bool
record_peek(struct record_ring *ring, struct record *ret_record, const char **ret_bytes)
{
    uint64_t tail = load_relaxed(&ring->tail); /* relaxed: only the consumer stores it */
    /* ORDER record.publish, acquire: entries before head are whole. */
    const uint64_t head = load_acquire(&ring->head);
    uint64_t at = tail & (ring->capacity - 1U);
    if (tail != head && ring->bytes[at + offsetof(struct record, kind)] == RECORD_PAD) {
        tail += ring->capacity - at;
        at = 0;
        store_release(&ring->tail, tail); /* ORDER record.reclaim, release: nothing was in it */
    }
    if (tail == head) {
        return false;
    }
    memcpy(ret_record, ring->bytes + at, sizeof(*ret_record));
    *ret_bytes = ring->bytes + at + sizeof(*ret_record);
    return true;
}

static inline void record_pop(struct record_ring *ring, const struct record *record)
{
    /* ORDER record.reclaim, release: its bytes are written out or forgotten. */
    store_release(&ring->tail, load_relaxed(&ring->tail) + record_room(record->size_bytes));
}

#endif
