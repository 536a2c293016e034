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
    const struct silence_tail *host =
        detector_silence(stage->detector, detector_silence_count(stage->detector) - 1U);
    lesson->host = host != NULL ? *host : (struct silence_tail){0};
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
    if (lesson->host.total > 0) {
        (void)detector_recall_silence(
            stage->detector, detector_silence_count(stage->detector) - 1U, &lesson->host);
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

#define SORT_BLOCK 32U /* short enough to sort by insertion */

static void block_sort(struct event *events, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct event event = events[i];
        size_t at = i;
        for (; at > 0 && events[at - 1].recv_mono_ns > event.recv_mono_ns; at--) {
            events[at] = events[at - 1];
        }
        events[at] = event;
    }
}

/* Merges two sorted runs that meet at `middle`, in place. Costs what they overlap, and tapes are
 * almost in order. */
static void runs_merge(struct event *events, size_t middle, size_t end, struct event *spare)
{
    size_t to = middle;
    while (to > 0 && events[to - 1].recv_mono_ns > events[middle].recv_mono_ns) {
        to--;
    }
    const size_t left_count = middle - to;
    memcpy(spare, events + to, left_count * sizeof(*spare));
    size_t left = 0;
    for (size_t right = middle; left < left_count; to++) {
        const bool takes_left =
            right == end || spare[left].recv_mono_ns <= events[right].recv_mono_ns;
        events[to] = takes_left ? spare[left++] : events[right++];
    }
}

void tape_sort(struct tape *tape)
{
    struct event *events = tape->events;
    const size_t count = tape->count;
    struct event *spare = malloc((count + 1U) * sizeof(*spare));
    if (spare == NULL) {
        tape->is_short = true;
        return;
    }
    for (size_t at = 0; at < count; at += SORT_BLOCK) {
        block_sort(events + at, count - at < SORT_BLOCK ? count - at : SORT_BLOCK);
    }
    for (size_t run = SORT_BLOCK; run < count; run *= 2) {
        for (size_t at = 0; at + run < count; at += 2 * run) {
            const size_t left = count - at;
            runs_merge(events + at, run, left < 2 * run ? left : 2 * run, spare);
        }
    }
    free(spare);
}
