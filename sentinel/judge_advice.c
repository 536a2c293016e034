/* SPDX-License-Identifier: MIT */
#include "sentinel/judge_advice.h"

#include <string.h>

void judge_advice_init(struct judge_advice *advice, const struct judge_setup *setup)
{
    memset(advice, 0, sizeof(*advice));
    advice->config = setup->config;
    advice->publisher = setup->publisher;
    advice->detector = setup->detector;
    advice->queue = setup->advice;
}

/* Of several advices the one that lasts longest counts; the newest of them is acknowledged. */
static void word_add(const struct flatline_advice_slot *row, uint64_t *until, uint64_t *serial)
{
    *until = row->until_mono_ns > *until ? row->until_mono_ns : *until;
    *serial = row->serial > *serial ? row->serial : *serial;
}

static void line_add(struct flatline_gate_advice *line, const struct flatline_advice_slot *row)
{
    switch ((enum flatline_advice_kind)row->kind) {
    case FLATLINE_ADVICE_BREAKER:
        word_add(row, &line->breaker_until_mono_ns, &line->breaker_serial);
        break;
    case FLATLINE_ADVICE_PAUSE:
        word_add(row, &line->pause_until_mono_ns, &line->pause_serial);
        break;
    case FLATLINE_ADVICE_REDUCE:
        word_add(row, &line->reduce_until_mono_ns, &line->reduce_serial);
        break;
    case FLATLINE_ADVICE_FALLBACK:
        word_add(row, &line->fallback_until_mono_ns, &line->fallback_serial);
        break;
    case FLATLINE_ADVICE_RECONNECT:
        word_add(row, &line->reconnect_until_mono_ns, &line->reconnect_serial);
        break;
    }
}

static void gates_publish(struct judge_advice *advice)
{
    for (uint32_t gate = 0; gate < advice->config->gate_count; gate++) {
        struct flatline_gate_advice line = {0};
        for (uint32_t i = 0; i < ADVICE_MAX; i++) {
            const struct flatline_advice_slot *row = &advice->rows[i];
            if (row->serial != 0 && advice_covers(advice->config, row, gate)) {
                line_add(&line, row);
            }
        }
        publisher_gate_advice(advice->publisher, gate, &line);
    }
}

static bool row_forbids(const struct flatline_advice_slot *row, uint64_t now_mono_ns)
{
    const bool forbids = row->kind == FLATLINE_ADVICE_BREAKER || row->kind == FLATLINE_ADVICE_PAUSE;
    return row->serial != 0 && forbids && row->until_mono_ns > now_mono_ns;
}

/* One given before this boot stands since now: nobody could have obeyed it earlier. */
static void window_add(const struct flatline_advice_slot *row,
                       uint64_t now_mono_ns,
                       uint64_t *since,
                       uint64_t *until)
{
    const uint64_t row_since = row->since_mono_ns != 0 ? row->since_mono_ns : now_mono_ns;
    *since = *since == 0 || row_since < *since ? row_since : *since;
    *until = row->until_mono_ns > *until ? row->until_mono_ns : *until;
}

/* Tells the detector which gates are kept closed, and whether by a drill: an engine that goes on
 * quoting is found. */
static void gates_tell(struct judge_advice *advice, uint64_t now_mono_ns)
{
    for (uint32_t gate = 0; gate < advice->config->gate_count; gate++) {
        struct event event = {.recv_mono_ns = now_mono_ns,
                              .stream = EVENT_NO_STREAM,
                              .connection = EVENT_NO_CONNECTION,
                              .kind = EVENT_GATE_ADVICE,
                              .engine = {.code = gate}};
        for (uint32_t i = 0; i < ADVICE_MAX; i++) {
            const struct flatline_advice_slot *row = &advice->rows[i];
            if (row_forbids(row, now_mono_ns) && advice_covers(advice->config, row, gate)) {
                const bool drill = (row->flags & FLATLINE_ADVICE_DRILL) != 0;
                window_add(row,
                           now_mono_ns,
                           drill ? &event.engine.more[1] : &event.engine.word,
                           drill ? &event.engine.more[2] : &event.engine.more[0]);
            }
        }
        detector_apply(advice->detector, &event);
    }
}

/* The slot, and the events of what ends and what begins in it. */
static void change_publish(struct judge_advice *advice,
                           const struct advice_change *change,
                           uint64_t now_mono_ns)
{
    const struct flatline_advice_slot *old = &advice->rows[change->row];
    if (old->serial != 0) {
        const uint64_t end_ns = old->until_mono_ns < now_mono_ns ? old->until_mono_ns : now_mono_ns;
        publisher_advice_event(advice->publisher, old, true, end_ns, now_mono_ns);
    }
    advice->rows[change->row] = change->advice;
    publisher_advice(advice->publisher, (uint32_t)change->row, &change->advice);
    if (change->advice.serial != 0) {
        publisher_advice_event(advice->publisher, &change->advice, false, now_mono_ns, now_mono_ns);
    }
}

bool judge_advice_take(struct judge_advice *advice, uint64_t now_mono_ns)
{
    struct advice_change change;
    bool any = false;
    for (uint32_t i = 0;
         i < ADVICE_MAX && advice->queue != NULL && advice_queue_take(advice->queue, &change);
         i++) {
        if (change.row < ADVICE_MAX) {
            change_publish(advice, &change, now_mono_ns);
            any = true;
        }
    }
    if (any) {
        gates_publish(advice);
        gates_tell(advice, now_mono_ns);
    }
    return any;
}

bool judge_advice_waits(const struct judge_advice *advice)
{
    /* Acquire as in advice_queue_take(): the same look, without taking. */
    return advice->queue != NULL &&
           load_acquire(&advice->queue->head) != load_relaxed(&advice->queue->tail);
}
