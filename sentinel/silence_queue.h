/* SPDX-License-Identifier: MIT
 *
 * silence_queue.h - what the judge has learned of silences, on its way to control, which keeps the
 * file: a bounded single-producer single-consumer queue by value, one stream or connection at a time,
 * round and round. Full, the judge offers the same again later.
 */
#ifndef FLATLINE_SENTINEL_SILENCE_QUEUE_H
#define FLATLINE_SENTINEL_SILENCE_QUEUE_H

#include "core/atomic.h"
#include "core/base.h"
#include "core/silence.h"

#define SILENCE_QUEUE_ROWS 8U

struct silence_row {
    uint64_t index; /* of detector_silence() */
    struct silence_tail tail;
};

struct silence_queue {
    LINE_ALIGNED uint64_t head;
    LINE_ALIGNED uint64_t tail;
    LINE_ALIGNED struct silence_row rows[SILENCE_QUEUE_ROWS];
};

static inline bool
silence_queue_push(struct silence_queue *queue, uint64_t index, const struct silence_tail *learned)
{
    const uint64_t head = load_relaxed(&queue->head); /* relaxed: only the producer stores it */
    /* ORDER silence.reclaim, acquire: the consumer is done with the rows before tail. */
    if (head - load_acquire(&queue->tail) >= SILENCE_QUEUE_ROWS) {
        return false;
    }
    struct silence_row *row = &queue->rows[head % SILENCE_QUEUE_ROWS];
    row->index = index;
    row->tail = *learned;
    store_release(&queue->head, head + 1); /* ORDER silence.publish, release: the row is whole */
    return true;
}

static inline bool silence_queue_take(struct silence_queue *queue, struct silence_row *ret_row)
{
    const uint64_t tail = load_relaxed(&queue->tail); /* relaxed: only the consumer stores it */
    if (load_acquire(&queue->head) == tail) {         /* ORDER silence.publish, acquire */
        return false;
    }
    *ret_row = queue->rows[tail % SILENCE_QUEUE_ROWS];
    store_release(&queue->tail, tail + 1); /* ORDER silence.reclaim, release: the copy is made */
    return true;
}

#endif
