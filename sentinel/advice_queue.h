/* SPDX-License-Identifier: MIT
 *
 * advice_queue.h - changed advice on its way from control to judge: a bounded single-producer
 * single-consumer queue by value. It holds a whole table, so that what was loaded at the start fits
 * before the judge runs; full at other times, control keeps the change and offers it again.
 */
#ifndef FLATLINE_SENTINEL_ADVICE_QUEUE_H
#define FLATLINE_SENTINEL_ADVICE_QUEUE_H

#include "core/atomic.h"
#include "core/base.h"
#include "sentinel/advice.h"

struct advice_change {
    uint64_t row;
    struct flatline_advice_slot advice; /* serial 0: the row is free again */
};

struct advice_queue {
    LINE_ALIGNED uint64_t head;
    LINE_ALIGNED uint64_t tail;
    LINE_ALIGNED struct advice_change changes[ADVICE_MAX];
};

static inline bool advice_queue_push(struct advice_queue *queue, const struct advice_change *change)
{
    const uint64_t head = load_relaxed(&queue->head); /* relaxed: only the producer stores it */
    /* ORDER advice.reclaim, acquire: the consumer is done with the changes before tail. */
    if (head - load_acquire(&queue->tail) >= ADVICE_MAX) {
        return false;
    }
    queue->changes[head % ADVICE_MAX] = *change;
    store_release(&queue->head, head + 1); /* ORDER advice.publish, release: the change is whole */
    return true;
}

/** The judge's look each pass: one load while nothing comes. */
static inline bool advice_queue_take(struct advice_queue *queue, struct advice_change *ret_change)
{
    const uint64_t tail = load_relaxed(&queue->tail); /* relaxed: only the consumer stores it */
    if (load_acquire(&queue->head) == tail) {         /* ORDER advice.publish, acquire */
        return false;
    }
    *ret_change = queue->changes[tail % ADVICE_MAX];
    store_release(&queue->tail, tail + 1); /* ORDER advice.reclaim, release: the copy is made */
    return true;
}

#endif
