/* SPDX-License-Identifier: MIT
 *
 * handover.h - connections changing threads: control makes and frees them, ingest uses them. Two
 * single-producer single-consumer queues, one each way; a slot has at most one connection and a few
 * orders under way before ingest must answer, so neither can fill up.
 */
#ifndef FLATLINE_SENTINEL_HANDOVER_H
#define FLATLINE_SENTINEL_HANDOVER_H

#include "core/atomic.h"
#include "core/base.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

enum handover_kind {
    HANDOVER_ADOPT, /* control -> ingest: read this connection from now on */
    /* control -> ingest: say goodbye (1000) on the slot's connection, if it still has one */
    HANDOVER_CLOSE,
    /* control -> ingest: a successor carries the slot's streams: its end, by whomever, is planned */
    HANDOVER_RETIRE,
    HANDOVER_KEEP,  /* control -> ingest: the successor is gone, the slot is needed after all */
    HANDOVER_ENDED, /* ingest -> control: this connection has ended; yours to report and free */
};

struct handover {
    enum handover_kind kind;
    uint32_t slot;
    uint64_t epoch;
    struct connection *connection;
};

struct handover_queue {
    LINE_ALIGNED uint64_t head;
    LINE_ALIGNED uint64_t tail;
    LINE_ALIGNED struct handover *slots; /* capacity a power of two */
    uint64_t mask;
};

static inline bool handover_push(struct handover_queue *queue, const struct handover *order)
{
    const uint64_t head = load_relaxed(&queue->head); /* relaxed: only the producer stores it */
    /* ORDER handover.reclaim, acquire: pairs with the release in handover_take(). */
    if (head - load_acquire(&queue->tail) > queue->mask) {
        return false;
    }
    queue->slots[head & queue->mask] = *order;
    /* ORDER handover.publish, release: the order, and all that the producer did to the
     * connection, come first. */
    store_release(&queue->head, head + 1);
    return true;
}

static inline bool handover_take(struct handover_queue *queue, struct handover *ret_order)
{
    const uint64_t tail = load_relaxed(&queue->tail); /* relaxed: only the consumer stores it */
    if (load_acquire(&queue->head) == tail) {         /* ORDER handover.publish, acquire */
        return false;
    }
    *ret_order = queue->slots[tail & queue->mask];
    store_release(&queue->tail, tail + 1); /* ORDER handover.reclaim, release: the copy is made */
    return true;
}

#endif
