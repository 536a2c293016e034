/* SPDX-License-Identifier: MIT */
#include "tools/score_fault.h"

#include "core/base.h"
#include "tools/score_aim.h"
#include "tools/score_ways.h"

#define LAG_MAX_NS     (3 * NS_PER_S)
#define CLOCK_STEP_NS  1500000000LL
#define OWED_WITHIN_NS (200 * NS_PER_MS)
#define GAP_FRAMES     5U
#define FROZEN_FRAMES  20U /* as the default policy has it */

static bool is_hit(const struct truth *truth, const struct event *event)
{
    return event->kind == EVENT_DATA && (truth->streams >> event->stream & 1U) != 0 &&
           (truth->links >> event->connection & 1U) != 0;
}

static bool is_of_links(const struct truth *truth, const struct event *event)
{
    return event->connection != EVENT_NO_CONNECTION && event->connection < DESK_LINKS_MAX &&
           (truth->links >> event->connection & 1U) != 0;
}

static bool is_during(const struct truth *truth, const struct event *event)
{
    return event->recv_mono_ns >= truth->start_ns && event->recv_mono_ns < truth->end_ns;
}

static void missed(struct truth *truth, uint64_t at_ns)
{
    if (truth->missed_ns == 0 || at_ns < truth->missed_ns) {
        truth->missed_ns = at_ns;
    }
}

void way_mute(struct tape *tape, struct truth *truth, bool all)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        const struct event *event = &tape->events[i];
        const bool hit = is_hit(truth, event);
        if (is_during(truth, event) && (hit || (all && is_of_links(truth, event)))) {
            if (hit) {
                missed(truth, event->recv_mono_ns);
            }
            continue;
        }
        tape->events[kept++] = *event;
    }
    tape->count = kept;
}

/* When the rest of the book first shows what a muted stream of it owes: a bookTicker with an id that
 * depth has not reached, a depth that sets a level behind a bookTicker that was dropped. 0: it never
 * does. From the whole tape, before anything is dropped. */
static uint64_t
owed_since_ns(const struct desk *desk, const struct tape *tape, const struct truth *truth)
{
    const uint32_t muted = (uint32_t)__builtin_ctzll(truth->streams);
    const bool owes_id = stream_is_depth(&desk->traits[muted]);
    uint64_t shown = 0;
    bool is_dropped = false;
    uint64_t sibling_shown = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        const struct event *event = &tape->events[i];
        if (event->kind != EVENT_DATA || event->recv_mono_ns >= truth->end_ns ||
            desk->symbols[event->stream] != desk->symbols[muted]) {
            continue;
        }
        const bool is_before = event->recv_mono_ns < truth->start_ns;
        if (event->stream == muted) {
            shown = is_before ? event->data.id : shown;
            is_dropped |= !is_before;
        } else if (owes_id && stream_is_best(&desk->traits[event->stream])) {
            sibling_shown = event->data.id > sibling_shown ? event->data.id : sibling_shown;
        }
        if (!is_before && owes_id && sibling_shown > shown) {
            return event->recv_mono_ns;
        }
        if (is_dropped && !owes_id && (event->flags & EVENT_SETS_LEVEL) != 0) {
            return event->recv_mono_ns;
        }
    }
    return 0;
}

static void stream_mute(const struct injection *injection,
                        const struct desk *desk,
                        struct tape *tape,
                        struct truth *truth)
{
    if (injection->promise != NULL) { /* the promise hangs on what the others of the book show */
        const uint64_t since_ns = owed_since_ns(desk, tape, truth);
        truth->due_ns = since_ns != 0 ? since_ns + OWED_WITHIN_NS : truth->end_ns;
    }
    way_mute(tape, truth, false);
}

/* Each link says again what it said last. */
static void freeze(struct tape *tape, struct truth *truth)
{
    struct event last[DESK_LINKS_MAX] = {0};
    uint32_t repeats[DESK_LINKS_MAX] = {0};
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        if (!is_hit(truth, event)) {
            continue;
        }
        const struct event *said = &last[event->connection];
        if (event->recv_mono_ns < truth->start_ns) {
            last[event->connection] = *event;
        } else if (is_during(truth, event) && said->recv_mono_ns != 0) {
            missed(truth, event->recv_mono_ns);
            event->data = said->data;
            event->flags = said->flags;
            if (++repeats[event->connection] == FROZEN_FRAMES && truth->due_ns == 0) {
                truth->due_ns = event->recv_mono_ns;
            }
        }
    }
    truth->due_ns = truth->due_ns == 0 ? truth->end_ns : truth->due_ns; /* so many never came */
}

/* The delay that is added to what comes at at_ns. */
static uint64_t
delay_ns(const struct injection *injection, const struct truth *truth, uint64_t at_ns)
{
    const uint64_t since_ns = at_ns - truth->start_ns;
    const uint64_t half_ns = injection->lasts_ns / 2;
    if (injection->way != WAY_LAG) {
        return truth->end_ns - at_ns;
    }
    return since_ns < half_ns ? since_ns * LAG_MAX_NS / half_ns
                              : (truth->end_ns - at_ns) * LAG_MAX_NS / half_ns;
}

/* All that comes over the links, one after the other: nothing overtakes. */
static void delay(const struct injection *injection, struct tape *tape, struct truth *truth)
{
    uint64_t last_ns[DESK_LINKS_MAX] = {0};
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        if (!is_of_links(truth, event)) {
            continue;
        }
        if (is_during(truth, event)) {
            if (event->kind == EVENT_DATA) {
                missed(truth, event->recv_mono_ns);
            }
            event->recv_mono_ns += delay_ns(injection, truth, event->recv_mono_ns);
        }
        uint64_t *last = &last_ns[event->connection];
        if (event->recv_mono_ns <= *last) {
            event->recv_mono_ns = *last + 1;
        }
        *last = event->recv_mono_ns;
    }
    tape_sort(tape);
}

/* Everything, whatever it came over, is had at the end of our absence. */
static void stall(struct tape *tape, struct truth *truth)
{
    const struct event told = {.recv_mono_ns = truth->end_ns,
                               .stream = EVENT_NO_STREAM,
                               .connection = EVENT_NO_CONNECTION,
                               .kind = EVENT_SELF_STALL,
                               .note = {.value = truth->start_ns}};
    struct tape after = {0};
    truth->missed_ns = truth->end_ns; /* before, nobody was there to know */
    bool is_told = false;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event event = tape->events[i];
        if (!is_told && event.recv_mono_ns >= truth->start_ns) {
            tape_add(&after, &told);
            is_told = true;
        }
        if (is_during(truth, &event)) {
            event.recv_mono_ns = truth->end_ns;
        }
        tape_add(&after, &event);
    }
    tape_free(tape);
    *tape = after;
}

static void gap(struct tape *tape, struct truth *truth, struct dice *dice)
{
    uint64_t left = 1 + dice_below(dice, GAP_FRAMES);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        const struct event *event = &tape->events[i];
        const bool is_chained = (event->flags & (EVENT_HAS_FIRST | EVENT_HAS_PREV)) != 0;
        if (left > 0 && is_chained && is_hit(truth, event) &&
            event->recv_mono_ns >= truth->start_ns) {
            missed(truth, event->recv_mono_ns);
            left--;
            continue;
        }
        if (truth->due_ns == 0 && truth->missed_ns != 0 && is_hit(truth, event)) {
            truth->due_ns = event->recv_mono_ns; /* the first frame that shows it */
        }
        tape->events[kept++] = *event;
    }
    tape->count = kept;
}

/* The engine goes on being looked at, and beats no more. */
static void engine_stop(struct tape *tape, struct truth *truth)
{
    uint64_t beat_ns = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        if (event->kind != EVENT_ENGINE_WORKER) {
            continue;
        }
        if (event->recv_mono_ns < truth->start_ns) {
            beat_ns = event->engine.word;
        } else if (is_during(truth, event) && beat_ns != 0) {
            missed(truth, event->recv_mono_ns);
            event->engine.word = beat_ns;
        }
    }
}

uint64_t way_echo_stop(const struct desk *desk, struct tape *tape, const struct truth *truth)
{
    uint64_t shown_id = 0;
    uint64_t missed_ns = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        const bool is_before = event->recv_mono_ns < truth->start_ns;
        if (event->kind == EVENT_DATA && (desk->echoed >> event->stream & 1U) != 0 && is_before) {
            shown_id = event->data.id > shown_id ? event->data.id : shown_id;
        } else if (event->kind == EVENT_ENGINE_ECHO && is_before) {
            shown_id = event->engine.word > shown_id ? event->engine.word : shown_id;
        } else if (event->kind == EVENT_ENGINE_ECHO && is_during(truth, event) &&
                   event->engine.word > shown_id) {
            missed_ns = missed_ns == 0 ? event->engine.more[0] : missed_ns;
            event->engine.word = shown_id;
            event->engine.more[0] = truth->start_ns;
        }
    }
    return missed_ns == 0 || missed_ns > truth->start_ns ? missed_ns : truth->start_ns;
}

/* What a venue does not send, or a host does not hear, no engine's connection brings either; what one
 * connection of ours does not bring, another one may. */
static bool is_for_all(const struct injection *injection)
{
    const bool is_of_link = injection->target == TARGET_LINK || injection->target == TARGET_TWIN ||
                            injection->target == TARGET_ANY_LINK;
    return !is_of_link && (injection->way == WAY_MUTE || injection->way == WAY_FREEZE);
}

/* What the venue sends from then on: the same frame has the same time, whenever a connection brings it. */
static void clock_step(struct tape *tape, struct truth *truth)
{
    const int64_t lasts_ns = (int64_t)(truth->end_ns - truth->start_ns);
    int64_t shown_ns = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        const int64_t sent_ns = event->data.exch_wall_ns;
        if (!is_hit(truth, event) || (event->flags & EVENT_HAS_TIME) == 0) {
            continue;
        }
        if (event->recv_mono_ns < truth->start_ns) {
            shown_ns = sent_ns > shown_ns ? sent_ns : shown_ns;
        } else if (sent_ns > shown_ns && sent_ns <= shown_ns + lasts_ns) {
            missed(truth, event->recv_mono_ns);
            event->data.exch_wall_ns -= CLOCK_STEP_NS;
        }
    }
}

void fault_inject(const struct injection *injection,
                  const struct desk *desk,
                  struct dice *dice,
                  struct tape *tape,
                  struct truth *truth)
{
    switch (injection->way) {
    case WAY_NOTHING:
        break;
    case WAY_MUTE:
        stream_mute(injection, desk, tape, truth);
        break;
    case WAY_FREEZE:
        freeze(tape, truth);
        break;
    case WAY_LAG:
    case WAY_HOLD:
        delay(injection, tape, truth);
        break;
    case WAY_STALL:
        stall(tape, truth);
        break;
    case WAY_ENGINE_STALL:
        engine_stop(tape, truth);
        break;
    case WAY_ENGINE_BEHIND:
        truth->missed_ns = way_echo_stop(desk, tape, truth);
        break;
    case WAY_GAP:
        gap(tape, truth, dice);
        break;
    case WAY_BLACKHOLE:
        way_blackhole(desk, tape, truth);
        break;
    case WAY_CLOCK:
        clock_step(tape, truth);
        break;
    case WAY_KEY:
        way_key(tape, truth, dice);
        break;
    case WAY_MAINTENANCE:
        way_maintenance(desk, tape, truth);
        break;
    case WAY_HALT:
        way_halt(desk, tape, truth);
        break;
    case WAY_RESET:
    case WAY_PARTIAL:
    case WAY_ACK_ONLY:
        way_reconnect(injection, desk, dice, tape, truth);
        break;
    }
    if (is_for_all(injection) && (desk->echoed & truth->streams) != 0) {
        (void)way_echo_stop(desk, tape, truth);
    }
    if (truth->due_ns == 0) {
        truth->due_ns = truth->missed_ns + injection->promised_ns;
    }
    truth->is_void |= injection->way != WAY_NOTHING && truth->missed_ns == 0;
}
