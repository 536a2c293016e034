/* SPDX-License-Identifier: MIT
 *
 * detector_engine.h - what the detector keeps of engines. All of it comes by events of the engine
 * watch, and every verdict is passed at a look's end, on what that look has read: the watermark rule
 * again, with the look as the watermark.
 */
#ifndef FLATLINE_CORE_DETECTOR_ENGINE_H
#define FLATLINE_CORE_DETECTOR_ENGINE_H

#include "core/detector_calls.h"
#include "core/hist.h"
#include "flatline/engine_layout.h"

#define ENGINE_SLOTS_MAX  128U /* of one engine that are judged; more are only shown */
#define ENGINE_ORDERS_MAX 4U   /* of one engine */
#define REPORT_MAX_NS     (60ULL * NS_PER_S)
#define REPORT_BUCKETS    2816U

/* One ORDERS slot: the last pairs, and how long reports take. */
struct engine_orders {
    uint64_t sent_ns[FLATLINE_ENGINE_PAIRS];
    uint64_t seen_ns[FLATLINE_ENGINE_PAIRS];
    uint64_t p999_ns; /* 0: fewer samples than it takes */
    uint64_t p999_of; /* samples it was taken of */
    struct flatline_histogram hist;
    uint32_t counts[REPORT_BUCKETS];
};

struct engine_slot {
    enum flatline_engine_kind kind;
    uint32_t stream; /* EVENT_NO_STREAM: of none that we watch */
    uint32_t gate;   /* index, of GATE */
    uint64_t declared_ns;
    uint64_t parameter;
    uint64_t words[4]; /* as in the slot's events */
    struct engine_orders *orders;
    struct fault fault;
    char name[EVENT_TEXT_BYTES];
    char error[EVENT_TEXT_BYTES];
};

struct engine {
    bool up;
    uint64_t pid;
    uint64_t life; /* enum flatline_engine_life */
    uint64_t looked_ns;
    uint64_t read_ns;        /* nothing the last look has read is later */
    uint64_t clocks_from_ns; /* no clock of the engine's counts from before this */
    uint32_t slot_count;
    uint32_t orders_count;
    struct fault gone;
    struct engine_slot slots[ENGINE_SLOTS_MAX];
    struct engine_orders orders[ENGINE_ORDERS_MAX];
    char name[EVENT_TEXT_BYTES];
};

/* While advice keeps a gate closed. since 0: it does not. */
struct engine_shut {
    uint64_t since_ns;
    uint64_t until_ns;
};

struct engine_gate {
    struct engine_shut meant;
    struct engine_shut drill;
    bool both; /* closed for an engine that is behind, too */
    uint32_t count;
    struct flatline_gate_member members[DETECTOR_GATE_MEMBERS_MAX];
};

struct engines {
    uint32_t count;
    uint32_t gate_count;
    uint32_t gates_max;
    struct engine *all;
    struct engine_gate *gates;
};

/** A fault of one slot of an engine, ready but for onset and evidence; its text says whose. */
struct fault engine_fault(const struct engine *engine,
                          const struct engine_slot *slot,
                          enum flatline_fault_kind kind,
                          uint64_t at_ns);

static inline uint64_t engine_later_ns(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* detector_quoting.c */
void quoting_judge(struct detector *detector,
                   const struct engine *engine,
                   struct engine_slot *slot,
                   uint64_t at_ns);
void quoting_advice(struct detector *detector, const struct event_engine *news);

/* detector_orders.c */
void orders_reset(struct engine_orders *orders);
void orders_apply(struct engine_orders *orders, uint32_t place, uint64_t sent_ns, uint64_t seen_ns);
void orders_judge(struct detector *detector,
                  struct engine *engine,
                  struct engine_slot *slot,
                  uint64_t at_ns);

#endif
