/* SPDX-License-Identifier: MIT
 *
 * detector_engine.c - engines: what they tell of themselves, held against what the witness knows.
 * Beats against their deadlines, the process against its goodbye, echoes against due_id. Rules: docs/DETECTOR.md.
 */
#include "core/detector_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_FIRST_NS (5 * NS_PER_S) /* a stream declared and not once echoed is behind after */
#define AHEAD_MOST    (1ULL << 32)   /* ids beyond ours: more is no id */

enum { PROCESS_DEAD = 3 }; /* FLATLINE_ENGINE_DEAD: engine.h is not for pure code */

/* ---- creation -------------------------------------------------------------------------------- */

struct engines *engines_create(uint32_t engines_max, uint32_t gates_max)
{
    struct engines *engines = calloc(1, sizeof(*engines));
    if (engines == NULL) {
        return NULL;
    }
    engines->count = engines_max;
    engines->gates_max = gates_max;
    engines->all = calloc(engines_max, sizeof(*engines->all));
    engines->gates = calloc(gates_max + 1U, sizeof(*engines->gates));
    if (engines->all == NULL || engines->gates == NULL) {
        engines_destroy(engines);
        return NULL;
    }
    return engines;
}

void engines_destroy(struct engines *engines)
{
    if (engines != NULL) {
        free(engines->all);
        free(engines->gates);
        free(engines);
    }
}

int detector_add_gate(struct detector *detector,
                      const struct flatline_gate_member *members,
                      uint32_t member_count,
                      bool both)
{
    struct engines *engines = detector->engines;
    if (engines == NULL || engines->gate_count == engines->gates_max) {
        return -ENOSPC;
    }
    struct engine_gate *gate = &engines->gates[engines->gate_count];
    /* one too large to be copied is never judged: no members */
    gate->both = both;
    gate->count = member_count <= DETECTOR_GATE_MEMBERS_MAX ? member_count : 0;
    memcpy(gate->members, members, gate->count * sizeof(*members));
    return (int)engines->gate_count++;
}

const char *engine_name(const struct detector *detector, uint32_t engine)
{
    const struct engines *engines = detector->engines;
    return engines != NULL && engine < engines->count && engines->all[engine].up
               ? engines->all[engine].name
               : "";
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Appends what there is room for. */
static void text_add(char text[FLATLINE_TEXT_BYTES], const char *more)
{
    size_t at = strlen(text);
    while (at + 1U < FLATLINE_TEXT_BYTES && *more != '\0') {
        text[at++] = *more++;
    }
    text[at] = '\0';
}

struct fault engine_fault(const struct engine *engine,
                          const struct engine_slot *slot,
                          enum flatline_fault_kind kind,
                          uint64_t at_ns)
{
    struct fault fault = {.kind = (uint8_t)kind,
                          .scope = FLATLINE_SCOPE_ENGINE,
                          .blame = FLATLINE_SCOPE_ENGINE,
                          .confidence = 100,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .onset_ns = at_ns,
                          .at_ns = at_ns};
    text_add(fault.text, engine->name);
    if (slot != NULL) {
        text_add(fault.text, "/");
        text_add(fault.text, slot->name);
    }
    if (slot != NULL && slot->error[0] != '\0') {
        text_add(fault.text, ": ");
        text_add(fault.text, slot->error);
    }
    return fault;
}

static uint64_t newest_beat_ns(const struct engine *engine)
{
    uint64_t newest_ns = 0;
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        const struct engine_slot *slot = &engine->slots[i];
        if (slot->kind == FLATLINE_ENGINE_WORKER && slot->words[0] > newest_ns) {
            newest_ns = slot->words[0];
        }
    }
    return newest_ns;
}

static uint32_t workers_running(const struct engine *engine)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        const struct engine_slot *slot = &engine->slots[i];
        running +=
            slot->kind == FLATLINE_ENGINE_WORKER && slot->words[1] == FLATLINE_WORKER_RUNNING;
    }
    return running;
}

static void slots_clear(struct detector *detector, struct engine *engine, uint64_t at_ns)
{
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        fault_clear(detector, &engine->slots[i].fault, at_ns);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void report_add(struct key_report *report, const struct engine *engine, uint32_t stream)
{
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        const struct engine_slot *slot = &engine->slots[i];
        if (slot->kind != FLATLINE_ENGINE_KEY || slot->stream != stream) {
            continue;
        }
        if (slot->words[0] > report->extended_ns) {
            report->extended_ns = slot->words[0];
            report->failures = slot->words[1];
            report->fingerprint = slot->words[2];
        }
        report->proven_ns =
            engine->up ? engine_later_ns(report->proven_ns, slot->words[3]) : report->proven_ns;
    }
}

/* All engines' word on the accounts that this one speaks of. */
static void keys_judge(struct detector *detector, const struct engine *engine, uint64_t at_ns)
{
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        const uint32_t stream = engine->slots[i].stream;
        if (engine->slots[i].kind != FLATLINE_ENGINE_KEY || stream >= detector->stream_count ||
            !detector->streams[stream].traits.key_of_engine) {
            continue;
        }
        struct key_report report = {0};
        for (uint32_t k = 0; k < detector->engines->count; k++) {
            report_add(&report, &detector->engines->all[k], stream);
        }
        user_reported(detector, &detector->streams[stream], &report, at_ns);
    }
}

/* ---- GONE ------------------------------------------------------------------------------------ */

/* The whole engine explains its slots: their faults end with it. */
static void engine_gone(struct detector *detector, struct engine *engine, uint64_t at_ns)
{
    const uint64_t beat_ns = newest_beat_ns(engine);
    struct fault fault = engine_fault(engine, NULL, FLATLINE_FAULT_ENGINE_GONE, at_ns);
    fault.onset_ns = beat_ns != 0 && beat_ns < at_ns ? beat_ns : at_ns;
    fault.evidence[0] = engine->pid;
    fault.evidence[1] = at_ns - fault.onset_ns;
    fault.evidence[2] = workers_running(engine);
    fault_raise(detector, &engine->gone, &fault);
    slots_clear(detector, engine, at_ns);
    engine->up = false;
    keys_judge(detector, engine, at_ns);
}

static void engine_forget(struct detector *detector, struct engine *engine, uint64_t at_ns)
{
    slots_clear(detector, engine, at_ns);
    fault_clear(detector, &engine->gone, at_ns);
    engine->up = false;
    keys_judge(detector, engine, at_ns);
}

/* ---- STALLED --------------------------------------------------------------------------------- */

static void worker_accuse(struct detector *detector,
                          const struct engine *engine,
                          struct engine_slot *slot,
                          uint64_t limit_ns,
                          uint64_t at_ns)
{
    const uint64_t beat_ns = slot->words[0];
    struct fault fault = engine_fault(engine, slot, FLATLINE_FAULT_ENGINE_STALLED, at_ns);
    if (beat_ns != 0 && beat_ns + slot->parameter < at_ns) {
        fault.onset_ns = beat_ns + slot->parameter; /* the first beat that did not come */
    }
    fault.evidence[0] = beat_ns != 0 && beat_ns < at_ns ? at_ns - beat_ns : 0;
    fault.evidence[1] = limit_ns;
    fault.evidence[2] = slot->parameter;
    fault.evidence[3] = slot->words[1];
    fault.evidence[4] = engine->life;
    fault.evidence[5] = slot->words[2];
    fault_raise(detector, &slot->fault, &fault);
}

static void worker_judge(struct detector *detector,
                         const struct engine *engine,
                         struct engine_slot *slot,
                         uint64_t at_ns)
{
    const uint64_t by_interval_ns = slot->parameter * FLATLINE_ENGINE_BEAT_TIMES;
    const uint64_t limit_ns = engine_later_ns(by_interval_ns, FLATLINE_ENGINE_BEAT_LEAST_NS);
    const uint64_t from_ns = engine_later_ns(slot->words[0], engine->clocks_from_ns);
    const bool panicked = slot->words[1] == FLATLINE_WORKER_PANICKED;
    const bool late = slot->words[1] == FLATLINE_WORKER_RUNNING && at_ns >= from_ns + limit_ns;
    if (slot->fault.id == 0 && (panicked || late)) {
        worker_accuse(detector, engine, slot, panicked ? 0 : limit_ns, at_ns);
    } else if (slot->fault.id != 0 && !panicked && !late) {
        fault_clear(detector, &slot->fault, at_ns);
    }
}

/* ---- what it hears and we do not ----------------------------------------------------------------- */

/* An engine tells of ids that none of our connections has brought: its venue lives. One may be a torn or absurd
 * word, and is not believed before another, newer one. No lease hangs on it: it tells whom to blame. */
static void echo_hear(struct stream *stream, uint64_t own_id, uint64_t at_ns)
{
    if (stream->mode != SEQUENCE_BY_ID || !stream->has_newest || own_id <= stream->newest ||
        own_id - stream->newest > AHEAD_MOST) {
        return;
    }
    if (own_id > stream->told_id && stream->told_id > stream->newest) {
        stream->engine_heard_ns = at_ns;
    }
    stream->told_id = own_id;
}

/* ---- BEHIND ---------------------------------------------------------------------------------- */

static void echo_judge(struct detector *detector,
                       const struct engine *engine,
                       struct engine_slot *slot,
                       uint64_t at_ns)
{
    if (slot->stream >= detector->stream_count) {
        return;
    }
    struct stream *stream = &detector->streams[slot->stream];
    const uint64_t own_id = slot->words[0];
    echo_hear(stream, own_id, at_ns);
    /* Of the look, not of now: the judge may come to it late. */
    const uint64_t due_id = due_id_as_of(&stream->due, stream->allowance_ns, at_ns);
    if (due_id == 0 && stream->view.due_id != 0) {
        return; /* too late to tell */
    }
    if (own_id >= due_id) {
        fault_clear(detector, &slot->fault, at_ns);
        return;
    }
    const bool witness_is_fresh = stream->view.lease_until_ns > at_ns;
    const bool may_wait =
        own_id == 0 &&
        at_ns < engine_later_ns(slot->declared_ns, engine->clocks_from_ns) + ECHO_FIRST_NS;
    if (!witness_is_fresh || may_wait || slot->fault.id != 0 ||
        at_ns < engine->clocks_from_ns + stream->allowance_ns) {
        return;
    }
    struct fault fault = engine_fault(engine, slot, FLATLINE_FAULT_ENGINE_BEHIND, at_ns);
    fault.stream = slot->stream;
    fault.onset_ns =
        at_ns - stream->allowance_ns; /* what is due now was first seen then, or before */
    fault.evidence[0] = own_id;
    fault.evidence[1] = due_id;
    fault.evidence[2] = stream->view.frontier_id;
    fault.evidence[3] = slot->words[1] != 0 && slot->words[1] < at_ns ? at_ns - slot->words[1] : 0;
    fault.evidence[4] = stream->allowance_ns;
    fault_raise(detector, &slot->fault, &fault);
}

/* ---- a look's end ---------------------------------------------------------------------------- */

static void slot_judge(struct detector *detector,
                       struct engine *engine,
                       struct engine_slot *slot,
                       uint64_t at_ns)
{
    if (slot->kind == FLATLINE_ENGINE_WORKER) {
        worker_judge(detector, engine, slot, at_ns);
    } else if (slot->kind == FLATLINE_ENGINE_STREAM) {
        echo_judge(detector, engine, slot, at_ns);
    } else if (slot->kind == FLATLINE_ENGINE_ORDERS) {
        orders_judge(detector, engine, slot, at_ns);
    } else if (slot->kind == FLATLINE_ENGINE_GATE) {
        quoting_judge(detector, engine, slot, at_ns);
    }
}

static void engine_looked(struct detector *detector,
                          struct engine *engine,
                          const struct event_engine *look,
                          uint64_t at_ns)
{
    if (at_ns - engine->looked_ns > detector->policy.self_stall_after_ns) {
        engine->clocks_from_ns = at_ns; /* our own stall: what was late meanwhile proves nothing */
    }
    engine->clocks_from_ns = engine_later_ns(engine->clocks_from_ns, detector->stall_end_ns);
    engine->looked_ns = at_ns;
    engine->life = look->code;
    engine->pid = look->more[0];
    engine->read_ns = engine_later_ns(at_ns, look->more[1]);
    if (look->word != 0) {
        engine_forget(detector, engine, at_ns); /* it said goodbye */
        return;
    }
    if (engine->life == PROCESS_DEAD) {
        engine_gone(detector, engine, at_ns);
        return;
    }
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        slot_judge(detector, engine, &engine->slots[i], at_ns);
    }
    keys_judge(detector, engine, at_ns);
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void engine_up(struct detector *detector,
                      struct engine *engine,
                      const struct event_engine *news,
                      uint64_t at_ns)
{
    engine_forget(detector, engine, at_ns);
    memset(engine, 0, sizeof(*engine));
    engine->up = true;
    engine->looked_ns = at_ns;
    engine->clocks_from_ns = at_ns;
    text_copy(engine->name, news->text);
}

static void slot_declare(struct engine *engine, const struct event *event, uint64_t at_ns)
{
    const struct event_engine *news = &event->engine;
    if (news->slot != engine->slot_count || engine->slot_count == ENGINE_SLOTS_MAX) {
        return; /* in the order of their indices */
    }
    struct engine_slot *slot = &engine->slots[engine->slot_count++];
    slot->kind = (enum flatline_engine_kind)news->code;
    slot->stream = event->stream;
    slot->gate = slot->kind == FLATLINE_ENGINE_GATE ? (uint32_t)news->word : UINT32_MAX;
    slot->parameter = news->word;
    slot->declared_ns = at_ns;
    text_copy(slot->name, news->text);
    if (slot->kind == FLATLINE_ENGINE_ORDERS && engine->orders_count < ENGINE_ORDERS_MAX) {
        slot->orders = &engine->orders[engine->orders_count++];
        orders_reset(slot->orders);
    }
}

static void slot_apply(struct engine *engine, const struct event *event)
{
    const struct event_engine *news = &event->engine;
    if (news->slot >= engine->slot_count) {
        return;
    }
    struct engine_slot *slot = &engine->slots[news->slot];
    if (event->kind == EVENT_ENGINE_ERROR) {
        text_copy(slot->error, news->text);
    } else if (event->kind == EVENT_ENGINE_ORDER && slot->orders != NULL) {
        orders_apply(slot->orders, news->code, news->word, news->more[0]);
    } else if (event->kind != EVENT_ENGINE_ORDER) {
        slot->words[0] = news->word;
        memcpy(&slot->words[1], news->more, 3 * sizeof(uint64_t));
    }
}

void engine_apply(struct detector *detector, const struct event *event, uint64_t at_ns)
{
    const struct event_engine *news = &event->engine;
    if (detector->engines == NULL || news->engine >= detector->engines->count) {
        return;
    }
    if (event->kind == EVENT_GATE_ADVICE) {
        quoting_advice(detector, news);
        return;
    }
    struct engine *engine = &detector->engines->all[news->engine];
    if (event->kind == EVENT_ENGINE_UP) {
        engine_up(detector, engine, news, at_ns);
    } else if (event->kind == EVENT_ENGINE_LEFT) {
        engine_forget(detector, engine, at_ns);
    } else if (!engine->up) {
        return;
    } else if (event->kind == EVENT_ENGINE_LOOKED) {
        engine_looked(detector, engine, news, at_ns);
    } else if (event->kind == EVENT_ENGINE_SLOT) {
        slot_declare(engine, event, at_ns);
    } else {
        slot_apply(engine, event);
    }
}
