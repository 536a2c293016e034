/* SPDX-License-Identifier: MIT
 *
 * ring.h - single-producer single-consumer ring of events. Wait-free, never drops: a full ring
 * refuses, and the producer stops reading its sockets. Push and pop are inline: this is the one
 * hop between two cores that every frame pays.
 */
#ifndef FLATLINE_CORE_RING_H
#define FLATLINE_CORE_RING_H

#include "core/atomic.h"
#include "core/base.h"
#include "core/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    /* producer's line */
    LINE_ALIGNED uint64_t head; /* events ever pushed */
    uint64_t cached_tail;       /* the producer's last sight of tail */
    uint64_t full_count;        /* pushes refused */
    /* consumer's line */
    LINE_ALIGNED uint64_t tail; /* events ever popped */
    uint64_t cached_head;
    /* fixed after ring_init() */
    LINE_ALIGNED struct event *slots;
    uint64_t mask;
};

/** Lays a ring over caller's slots; capacity a power of two >= 2. */
void ring_init(struct ring *ring, struct event *slots, uint64_t capacity);

/** Free slots as the producer sees them (never too many). Producer only. */
static inline uint64_t ring_space(struct ring *ring)
{
    const uint64_t head = load_relaxed(&ring->head); /* relaxed: only the producer stores it */
    if (head - ring->cached_tail > ring->mask) {
        /* ORDER ring.reclaim, acquire: pairs with the release in ring_pop(); slots before tail
         * are read and ours again. */
        ring->cached_tail = load_acquire(&ring->tail);
    }
    return ring->mask + 1 - (head - ring->cached_tail);
}

/** Pushes a copy. false: full, counted, nothing written. Producer only. */
static inline bool ring_push(struct ring *ring, const struct event *event)
{
    if (UNLIKELY(ring_space(ring) == 0)) {
        count_relaxed(&ring->full_count, 1);
        return false;
    }
    const uint64_t head = load_relaxed(&ring->head);
    ring->slots[head & ring->mask] = *event;
    /* ORDER ring.publish, release: the slot's bytes above come first. Pairs with the acquire in
     * ring_pop(). */
    store_release(&ring->head, head + 1);
    return true;
}

/** Pops up to events_max events in order; returns how many. Consumer only. One reclaim store a
 *  batch. */
static inline size_t ring_pop(struct ring *ring, struct event *events, size_t events_max)
{
    const uint64_t tail = load_relaxed(&ring->tail); /* relaxed: only the consumer stores it */
    if (ring->cached_head == tail) {
        /* ORDER ring.publish, acquire: pairs with the release in ring_push(); slots before head
         * are whole. */
        ring->cached_head = load_acquire(&ring->head);
    }
    size_t count = (size_t)(ring->cached_head - tail);
    if (count > events_max) {
        count = events_max;
    }
    for (size_t i = 0; i < count; i++) {
        events[i] = ring->slots[(tail + i) & ring->mask];
    }
    if (count > 0) {
        /* ORDER ring.reclaim, release: the copies above are done; this is the producer's
         * licence to overwrite. Pairs with the acquire in ring_space(). */
        store_release(&ring->tail, tail + count);
    }
    return count;
}

#endif
