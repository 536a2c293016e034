/* SPDX-License-Identifier: MIT */
#include "core/base.h"
#include "tools/score_aim.h"
#include "tools/score_ways.h"

#define PONG_WAIT_NS (10 * NS_PER_S)
#define DOWN_FOR_NS  (300 * NS_PER_MS)

static void link_event(
    struct tape *tape, enum event_kind kind, uint32_t link, uint64_t at_ns, struct event_link what)
{
    const struct event event = {.recv_mono_ns = at_ns,
                                .stream = EVENT_NO_STREAM,
                                .connection = (uint16_t)link,
                                .kind = (uint8_t)kind,
                                .link = what};
    tape_add(tape, &event);
}

/* What OKX pushes on subscribe: of each book as it stands then, of the best prices too. */
struct push {
    struct event event;   /* what the stream showed last before; kind NONE: nothing */
    int64_t next_wall_ns; /* the time of what comes behind the push; 0: none, or nothing does */
};

/* Taken from the whole tape, before anything is dropped, and from what was shown before it. */
static void pushes_take(const struct tape *tape,
                        const struct desk *desk,
                        const struct truth *truth,
                        uint64_t up_ns,
                        struct push *pushes)
{
    const uint32_t link = (uint32_t)__builtin_ctz(truth->links);
    if (desk->links[link].venue != FLATLINE_VENUE_OKX) {
        return;
    }
    for (uint32_t i = 0; i < desk->stream_count && truth->shown != NULL; i++) {
        if (desk->traits[i].pushes_on_subscribe) {
            pushes[i].event = truth->shown[i];
            pushes[i].event.connection = (uint16_t)link;
        }
    }
    for (uint32_t i = 0; i < tape->count; i++) {
        const struct event *event = &tape->events[i];
        if (event->kind != EVENT_DATA || event->connection != link ||
            !desk->traits[event->stream].pushes_on_subscribe) {
            continue;
        }
        struct push *push = &pushes[event->stream];
        if (event->recv_mono_ns < up_ns) {
            push->event = *event;
        } else if (push->next_wall_ns == 0) {
            push->next_wall_ns = event->data.exch_wall_ns;
        }
    }
}

/* As old as the last frame was when it came, and older than the next. */
static int64_t push_wall_ns(const struct push *push, uint64_t at_ns)
{
    const int64_t wall_ns =
        push->event.data.exch_wall_ns + (int64_t)(at_ns - push->event.recv_mono_ns);
    const int64_t before_ns = push->next_wall_ns - (int64_t)NS_PER_MS;
    return push->next_wall_ns != 0 && before_ns < wall_ns ? before_ns : wall_ns;
}

static void pushes_add(struct tape *tape,
                       const struct desk *desk,
                       uint64_t served,
                       uint64_t up_ns,
                       const struct push *pushes)
{
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        struct event event = pushes[i].event;
        if (event.kind != EVENT_DATA || (served >> i & 1U) == 0) {
            continue;
        }
        const uint64_t at_ns = up_ns + 1U + i;
        event.data.exch_wall_ns = push_wall_ns(&pushes[i], at_ns);
        event.recv_mono_ns = at_ns;
        if (stream_is_depth(&desk->traits[i])) {
            event.flags = (uint8_t)((event.flags | EVENT_SNAPSHOT) & ~EVENT_EMPTY);
            event.data.prev_id = -1;
        }
        tape_add(tape, &event);
    }
}

/* The connection ends at the start and serves some streams again DOWN_FOR_NS later; nothing comes
 * over it between. */
static void reconnect(struct tape *tape,
                      const struct desk *desk,
                      struct truth *truth,
                      uint64_t served,
                      struct event_link how)
{
    const uint32_t link = (uint32_t)__builtin_ctz(truth->links);
    const uint64_t up_ns = truth->start_ns + DOWN_FOR_NS;
    struct push pushes[DESK_STREAMS_MAX] = {0};
    struct truth down = *truth;
    pushes_take(tape, desk, truth, up_ns, pushes);
    down.streams = desk->links[link].streams;
    down.end_ns = up_ns;
    way_mute(tape, &down, true);
    link_event(tape, EVENT_CONNECTION_DOWN, link, truth->start_ns, how);
    link_event(tape, EVENT_CONNECTION_UP, link, up_ns, (struct event_link){.phase = LINK_OPEN});
    pushes_add(tape, desk, served, up_ns, pushes);
    tape_sort(tape);
}

void way_reconnect(const struct injection *injection,
                   const struct desk *desk,
                   struct dice *dice,
                   struct tape *tape,
                   struct truth *truth)
{
    const struct event_link reset = {
        .code = 104, .how = LINK_END_ERROR, .phase = LINK_OPEN, .value = 60 * NS_PER_S};
    const uint64_t up_ns = truth->start_ns + DOWN_FOR_NS;
    if (injection->way == WAY_RESET) {
        reconnect(tape, desk, truth, truth->streams, reset);
        truth->missed_ns = truth->start_ns;
        return;
    }
    /* from the new beginning on, all or one of its streams is not served */
    struct truth after = *truth;
    after.start_ns = up_ns;
    after.missed_ns = 0;
    if (injection->way == WAY_PARTIAL) {
        after.streams = bit_pick(dice, truth->streams & streams_where(desk, stream_is_depth));
        truth->streams = after.streams;
    }
    const uint64_t all = desk->links[__builtin_ctz(truth->links)].streams;
    way_mute(tape, &after, false);
    reconnect(tape, desk, truth, all & ~after.streams, reset);
    truth->missed_ns = after.missed_ns;
}

void way_blackhole(const struct desk *desk, struct tape *tape, struct truth *truth)
{
    const struct event_link timeout = {
        .how = LINK_END_TIMEOUT, .phase = LINK_OPEN, .value = 60 * NS_PER_S};
    struct truth hole = *truth;
    hole.end_ns = truth->start_ns + PONG_WAIT_NS;
    way_mute(tape, &hole, true);
    truth->missed_ns = hole.missed_ns;
    struct truth after = *truth;
    after.start_ns = hole.end_ns;
    reconnect(tape, desk, &after, truth->streams, timeout);
}
