/* SPDX-License-Identifier: MIT
 *
 * text_queue.h - bounded single-producer single-consumer queue of short lines. Full: the line is
 * dropped and counted.
 */
#ifndef FLATLINE_SENTINEL_TEXT_QUEUE_H
#define FLATLINE_SENTINEL_TEXT_QUEUE_H

#include "core/atomic.h"
#include "core/base.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT_QUEUE_LINES 256U
#define TEXT_QUEUE_BYTES 240U

struct text_queue {
    LINE_ALIGNED uint64_t head;
    uint64_t dropped;
    LINE_ALIGNED uint64_t tail;
    LINE_ALIGNED char lines[TEXT_QUEUE_LINES][TEXT_QUEUE_BYTES];
};

__attribute__((format(printf, 2, 0))) static inline void
text_queue_push(struct text_queue *queue, const char *format, va_list arguments)
{
    const uint64_t head = load_relaxed(&queue->head); /* relaxed: only the producer stores it */
    /* ORDER text.reclaim, acquire: the consumer is done with the lines before tail. */
    if (head - load_acquire(&queue->tail) >= TEXT_QUEUE_LINES) {
        count_relaxed(&queue->dropped, 1);
        return;
    }
    (void)vsnprintf(queue->lines[head % TEXT_QUEUE_LINES], TEXT_QUEUE_BYTES, format, arguments);
    store_release(&queue->head, head + 1); /* ORDER text.publish, release: the line is whole */
}

/** Takes the oldest line, cut to text_bytes. false: none. */
static inline bool text_queue_take(struct text_queue *queue, char *text, size_t text_bytes)
{
    const uint64_t tail = load_relaxed(&queue->tail); /* relaxed: only the consumer stores it */
    if (text_bytes == 0 || load_acquire(&queue->head) == tail) { /* ORDER text.publish, acquire */
        return false;
    }
    const char *line = queue->lines[tail % TEXT_QUEUE_LINES];
    const size_t length = strnlen(line, TEXT_QUEUE_BYTES);
    const size_t kept = length < text_bytes ? length : text_bytes - 1;
    memcpy(text, line, kept);
    text[kept] = '\0';
    store_release(&queue->tail, tail + 1); /* ORDER text.reclaim, release: the copy is made */
    return true;
}

#endif
