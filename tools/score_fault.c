/* SPDX-License-Identifier: MIT */
#include "tools/score_fault.h"

#include "core/base.h"

#define PONG_WAIT_NS   (10 * NS_PER_S)
#define DOWN_FOR_NS    (300 * NS_PER_MS)
#define LAG_MAX_NS     (3 * NS_PER_S)
#define CLOCK_STEP_NS  1500000000LL
#define OWED_WITHIN_NS (200 * NS_PER_MS)
#define GAP_FRAMES     5U
#define FROZEN_FRAMES  20U /* as the default policy has it */

/* ---- what is hit ----------------------------------------------------------------------------- */

static bool is_depth(const struct stream_traits *traits)
{
    return traits->stream_class == FLATLINE_CLASS_BOOK && traits->chain != CHAIN_NONE;
}

static bool is_best(const struct stream_traits *traits)
{
    return traits->stream_class == FLATLINE_CLASS_BOOK && traits->chain == CHAIN_NONE;
}

static uint64_t streams_where(const struct desk *desk, bool (*holds)(const struct stream_traits *))
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        found |= holds(&desk->traits[i]) ? 1ULL << i : 0;
    }
    return found;
}

/* One of the bits that are set; 0 where none is. */
static uint64_t bit_pick(struct dice *dice, uint64_t bits)
{
    const uint32_t count = (uint32_t)__builtin_popcountll(bits);
    uint64_t nth = dice_below(dice, count);
    for (; nth > 0; nth--) {
        bits &= bits - 1;
    }
    return bits & (~bits + 1U);
}

static uint32_t links_where(const struct desk *desk, int venue, int route, uint64_t streams)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        const struct desk_link *link = &desk->links[i];
        const bool holds = !link->is_private && (venue < 0 || (int)link->venue == venue) &&
                           (route < 0 || (int)link->route == route) &&
                           (streams == 0 || (link->streams & streams) != 0);
        found |= holds ? 1U << i : 0;
    }
    return found;
}

static uint64_t streams_of(const struct desk *desk, uint32_t links)
{
    uint64_t streams = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        streams |= (links >> i & 1U) != 0 ? desk->links[i].streams : 0;
    }
    return streams;
}

/* Links that carry a book, with or without a twin. */
static uint32_t link_pick(const struct desk *desk, struct dice *dice, bool has_twin)
{
    uint32_t links = 0;
    for (uint32_t i = 0; i < desk->link_count; i++) {
        const bool fits = (desk->links[i].twin >= 0) == has_twin &&
                          (desk->links[i].streams & streams_where(desk, is_depth)) != 0;
        links |= fits ? 1U << i : 0;
    }
    return (uint32_t)bit_pick(dice, links);
}

static void symbol_aim(const struct desk *desk, struct dice *dice, struct truth *truth)
{
    const uint64_t book = bit_pick(dice, streams_where(desk, is_depth));
    if (book == 0) {
        return;
    }
    const uint8_t symbol = desk->symbols[__builtin_ctzll(book)];
    truth->links = links_where(desk, -1, -1, book);
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        truth->streams |= desk->symbols[i] == symbol ? 1ULL << i : 0;
    }
    truth->streams &= streams_of(desk, truth->links);
}

static void target_aim(const struct injection *injection,
                       const struct desk *desk,
                       struct dice *dice,
                       struct truth *truth)
{
    switch (injection->target) {
    case TARGET_NONE:
        break;
    case TARGET_DEPTH:
    case TARGET_BEST:
        truth->streams = bit_pick(
            dice, streams_where(desk, injection->target == TARGET_DEPTH ? is_depth : is_best));
        truth->links = truth->streams == 0 ? 0 : links_where(desk, -1, -1, truth->streams);
        break;
    case TARGET_SYMBOL:
        symbol_aim(desk, dice, truth);
        break;
    case TARGET_CHANNEL:
        truth->links = link_pick(desk, dice, false);
        truth->streams = streams_of(desk, truth->links) & streams_where(desk, is_depth);
        break;
    case TARGET_LINK:
    case TARGET_TWIN:
        truth->links = link_pick(desk, dice, injection->target == TARGET_TWIN);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_ROUTE: {
        const uint32_t link = link_pick(desk, dice, true);
        if (link != 0) {
            const struct desk_link *one = &desk->links[__builtin_ctz(link)];
            truth->links = links_where(desk, (int)one->venue, (int)one->route, 0);
            truth->streams = streams_of(desk, truth->links);
        }
        break;
    }
    case TARGET_VENUE:
        truth->links = links_where(desk, (int)desk->links[0].venue, -1, 0);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_ALL:
        truth->links = links_where(desk, -1, -1, 0);
        truth->streams = streams_of(desk, truth->links);
        break;
    case TARGET_USER:
        for (uint32_t i = 0; i < desk->stream_count; i++) {
            truth->streams |= desk->traits[i].stream_class == FLATLINE_CLASS_USER ? 1ULL << i : 0;
        }
        break;
    }
}

void fault_aim(const struct injection *injection,
               const struct desk *desk,
               struct dice *dice,
               uint64_t from_ns,
               struct truth *ret_truth)
{
    *ret_truth = (struct truth){.start_ns = from_ns, .end_ns = from_ns + injection->lasts_ns};
    target_aim(injection, desk, dice, ret_truth);
    if (injection->way == WAY_STALL) {
        ret_truth->end_ns = from_ns + 200 * NS_PER_MS + dice_below(dice, 4800 * NS_PER_MS);
    }
    ret_truth->is_void = injection->target != TARGET_NONE && ret_truth->streams == 0;
}

/* ---- transforms ------------------------------------------------------------------------------ */

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

/* Drops data, and with `all` whatever else comes over the links. */
static void mute(struct tape *tape, struct truth *truth, bool all)
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
    const bool owes_id = is_depth(&desk->traits[muted]);
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
        } else if (owes_id && is_best(&desk->traits[event->stream])) {
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
    mute(tape, truth, false);
}

static void freeze(struct tape *tape, struct truth *truth)
{
    struct event last = {0};
    uint32_t repeats = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        if (!is_hit(truth, event)) {
            continue;
        }
        if (event->recv_mono_ns < truth->start_ns) {
            last = *event;
        } else if (is_during(truth, event) && last.recv_mono_ns != 0 &&
                   last.connection == event->connection) {
            missed(truth, event->recv_mono_ns);
            event->data = last.data;
            event->flags = last.flags;
            repeats++;
            truth->due_ns = repeats == FROZEN_FRAMES ? event->recv_mono_ns : truth->due_ns;
        }
    }
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

static void clock_step(struct tape *tape, struct truth *truth)
{
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event *event = &tape->events[i];
        if (is_hit(truth, event) && is_during(truth, event) &&
            (event->flags & EVENT_HAS_TIME) != 0) {
            missed(truth, event->recv_mono_ns);
            event->data.exch_wall_ns -= CLOCK_STEP_NS;
        }
    }
}

/* Two ways to learn it: the venue's event, or its refusal of our next extend, which we notice by
 * asking. */
static void key_delete(struct tape *tape, struct truth *truth, struct dice *dice)
{
    const bool by_event = dice_below(dice, 2) == 0;
    const uint64_t asked_ns = truth->start_ns + dice_below(dice, 5 * NS_PER_S);
    const struct event gone = {
        .recv_mono_ns = by_event ? truth->start_ns + 5 * NS_PER_MS : asked_ns,
        .stream = (uint32_t)__builtin_ctzll(truth->streams),
        .connection = EVENT_NO_CONNECTION,
        .kind = by_event ? EVENT_KEY_EXPIRED : EVENT_KEY_UNKNOWN,
        .note = {.code = by_event ? 0 : -1125, .value = by_event ? SCORE_KEY : 0}};
    struct event again = gone;
    again.kind = EVENT_KEY_EXTENDED;
    again.recv_mono_ns = truth->end_ns;
    again.note = (struct event_note){.value = SCORE_KEY};
    truth->missed_ns = truth->start_ns;
    tape_add(tape, &gone);
    tape_add(tape, &again);
    tape_sort(tape);
}

/* ---- reconnects ------------------------------------------------------------------------------ */

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

/* What OKX pushes on subscribe: of each book as it stands then, of the best prices too. Taken from
 * the whole tape, before anything is dropped. */
static void pushes_take(const struct tape *tape,
                        const struct desk *desk,
                        uint32_t link,
                        uint64_t up_ns,
                        struct event *pushes)
{
    for (uint32_t i = 0; i < tape->count && desk->links[link].venue == FLATLINE_VENUE_OKX; i++) {
        const struct event *event = &tape->events[i];
        if (event->kind == EVENT_DATA && event->connection == link && event->recv_mono_ns < up_ns &&
            desk->traits[event->stream].pushes_on_subscribe) {
            pushes[event->stream] = *event;
        }
    }
}

static void pushes_add(struct tape *tape,
                       const struct desk *desk,
                       uint64_t served,
                       uint64_t up_ns,
                       const struct event *pushes)
{
    for (uint32_t i = 0; i < desk->stream_count; i++) {
        struct event push = pushes[i];
        if (push.kind != EVENT_DATA || (served >> i & 1U) == 0) {
            continue;
        }
        const uint64_t at_ns = up_ns + 1U + i;
        push.data.exch_wall_ns += (int64_t)(at_ns - push.recv_mono_ns);
        push.recv_mono_ns = at_ns;
        if (is_depth(&desk->traits[i])) {
            push.flags = (uint8_t)((push.flags | EVENT_SNAPSHOT) & ~EVENT_EMPTY);
            push.data.prev_id = -1;
        }
        tape_add(tape, &push);
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
    struct event pushes[DESK_STREAMS_MAX] = {0};
    struct truth down = *truth;
    pushes_take(tape, desk, link, up_ns, pushes);
    down.streams = desk->links[link].streams;
    down.end_ns = up_ns;
    mute(tape, &down, true);
    link_event(tape, EVENT_CONNECTION_DOWN, link, truth->start_ns, how);
    link_event(tape, EVENT_CONNECTION_UP, link, up_ns, (struct event_link){.phase = LINK_OPEN});
    pushes_add(tape, desk, served, up_ns, pushes);
    tape_sort(tape);
}

static void resubscribe(const struct injection *injection,
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
        after.streams = bit_pick(dice, truth->streams & streams_where(desk, is_depth));
        truth->streams = after.streams;
    }
    const uint64_t all = desk->links[__builtin_ctz(truth->links)].streams;
    mute(tape, &after, false);
    reconnect(tape, desk, truth, all & ~after.streams, reset);
    truth->missed_ns = after.missed_ns;
}

static void blackhole(const struct desk *desk, struct tape *tape, struct truth *truth)
{
    const struct event_link timeout = {
        .how = LINK_END_TIMEOUT, .phase = LINK_OPEN, .value = 60 * NS_PER_S};
    struct truth hole = *truth;
    hole.end_ns = truth->start_ns + PONG_WAIT_NS;
    mute(tape, &hole, true);
    truth->missed_ns = hole.missed_ns;
    struct truth after = *truth;
    after.start_ns = hole.end_ns;
    reconnect(tape, desk, &after, truth->streams, timeout);
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
    case WAY_ENGINE:
        engine_stop(tape, truth);
        break;
    case WAY_GAP:
        gap(tape, truth, dice);
        break;
    case WAY_BLACKHOLE:
        blackhole(desk, tape, truth);
        break;
    case WAY_CLOCK:
        clock_step(tape, truth);
        break;
    case WAY_KEY:
        key_delete(tape, truth, dice);
        break;
    case WAY_RESET:
    case WAY_PARTIAL:
    case WAY_ACK_ONLY:
        resubscribe(injection, desk, dice, tape, truth);
        break;
    }
    if (truth->due_ns == 0) {
        truth->due_ns = truth->missed_ns + injection->promised_ns;
    }
    truth->is_void |= injection->way != WAY_NOTHING && truth->missed_ns == 0;
}
