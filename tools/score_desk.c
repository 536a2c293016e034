/* SPDX-License-Identifier: MIT */
#include "tools/score_desk.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int desk_find(const struct desk *desk, const char *name)
{
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        if (strcmp(desk->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* venue/SYMBOL, without the channel. */
static size_t symbol_bytes(const char *name)
{
    const char *last = strrchr(name, '/');
    return last != NULL ? (size_t)(last - name) : 0;
}

int desk_add_stream(struct desk *desk, const char *name)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    if (desk->stream_count == DESK_STREAMS_MAX) {
        return -ENOSPC;
    }
    if (strlen(name) >= FLATLINE_NAME_BYTES || !names_split(name, &venue, &symbol, &channel)) {
        return -EINVAL;
    }
    const uint32_t index = desk->stream_count++;
    (void)snprintf(desk->names[index], FLATLINE_NAME_BYTES, "%s", name);
    channel_traits(venue, symbol, channel, &desk->traits[index]);
    desk->symbols[index] = (uint8_t)index;
    for (uint32_t i = 0; i < index; i++) {
        const size_t bytes = symbol_bytes(name);
        if (symbol_bytes(desk->names[i]) == bytes && memcmp(desk->names[i], name, bytes) == 0) {
            desk->symbols[index] = desk->symbols[i];
        }
    }
    return (int)index;
}

int desk_stage(const struct desk *desk,
               const struct detector_policy *policy,
               struct stage *ret_stage)
{
    const struct detector_limits limits = {.streams_max = DESK_STREAMS_MAX,
                                           .connections_max = DESK_LINKS_MAX,
                                           .legs_max = DESK_STREAMS_MAX * 2U,
                                           .engines_max = 1,
                                           .gates_max = 1};
    *ret_stage = (struct stage){0};
    const int result =
        stage_begin(ret_stage, detector_create(&limits, policy), limits.connections_max);
    if (result != 0) {
        return result;
    }
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        flatline_assert(detector_add_stream(ret_stage->detector, &desk->traits[i]) == (int)i);
    }
    for (uint32_t i = 0; i < desk->link_count; i++) {
        const struct desk_link *link = &desk->links[i];
        flatline_assert(stage_add_connection(ret_stage, link->venue, link->route) == (int)i);
        for (uint32_t k = 0; k < desk->stream_count; k++) {
            if ((link->streams >> k & 1U) != 0) {
                flatline_assert(detector_add_leg(ret_stage->detector, k, i) >= 0);
            }
        }
    }
    return 0;
}

/* ---- what was learned ------------------------------------------------------------------------ */

void lesson_take(struct lesson *lesson, const struct desk *desk, const struct stage *stage)
{
    for (uint32_t i = 0; i < desk->stream_count + desk->link_count; i++) {
        const struct silence_tail *tail = detector_silence(stage->detector, i);
        struct silence_tail *to =
            i < desk->stream_count ? &lesson->streams[i] : &lesson->links[i - desk->stream_count];
        *to = tail != NULL ? *tail : (struct silence_tail){0};
    }
}

void lesson_give(const struct lesson *lesson, const struct desk *desk, struct stage *stage)
{
    for (uint32_t i = 0; i < desk->stream_count + desk->link_count; i++) {
        const struct silence_tail *tail =
            i < desk->stream_count ? &lesson->streams[i] : &lesson->links[i - desk->stream_count];
        if (tail->total > 0) {
            (void)detector_recall_silence(stage->detector, i, tail);
        }
    }
}

/* ---- tapes ----------------------------------------------------------------------------------- */

void tape_free(struct tape *tape)
{
    free(tape->events);
    *tape = (struct tape){0};
}

void tape_add(struct tape *tape, const struct event *event)
{
    if (tape->count == tape->room) {
        const uint32_t room = tape->room == 0 ? 4096U : tape->room * 2U;
        struct event *grown = realloc(tape->events, room * sizeof(*grown));
        if (grown == NULL) {
            tape->is_short = true;
            return;
        }
        tape->events = grown;
        tape->room = room;
    }
    tape->events[tape->count++] = *event;
}

/* Merges two sorted runs of `from` into `to`. Stable. */
static void
runs_merge(struct event *to, const struct event *from, size_t at, size_t middle, size_t end)
{
    size_t left = at;
    size_t right = middle;
    for (size_t i = at; i < end; i++) {
        const bool takes_left =
            left < middle && (right >= end || from[left].recv_mono_ns <= from[right].recv_mono_ns);
        to[i] = takes_left ? from[left++] : from[right++];
    }
}

void tape_sort(struct tape *tape)
{
    bool sorted = true;
    for (uint32_t i = 1; i < tape->count && sorted; i++) {
        sorted = tape->events[i - 1].recv_mono_ns <= tape->events[i].recv_mono_ns;
    }
    struct event *spare = sorted ? NULL : malloc(tape->count * sizeof(*spare));
    if (spare == NULL) {
        tape->is_short |= !sorted;
        return;
    }
    struct event *from = tape->events;
    struct event *to = spare;
    for (size_t run = 1; run < tape->count; run *= 2) {
        for (size_t at = 0; at < tape->count; at += 2 * run) {
            const size_t middle = at + run < tape->count ? at + run : tape->count;
            const size_t end = at + 2 * run < tape->count ? at + 2 * run : tape->count;
            runs_merge(to, from, at, middle, end);
        }
        struct event *swap = from;
        from = to;
        to = swap;
    }
    if (from != tape->events) {
        memcpy(tape->events, from, tape->count * sizeof(*from));
    }
    free(spare);
}
