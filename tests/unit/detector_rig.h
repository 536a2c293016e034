/* SPDX-License-Identifier: MIT
 *
 * detector_rig.h - a detector on a virtual clock, for tests: short ways to add streams, send
 * frames, let time pass and look at what came out. Times are milliseconds from an arbitrary start,
 * so that a test reads like its sentence.
 */
#ifndef FLATLINE_TESTS_DETECTOR_RIG_H
#define FLATLINE_TESTS_DETECTOR_RIG_H

#include "core/base.h"
#include "core/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RIG_FINDINGS_MAX 4096
#define RIG_STREAMS_MAX  300
#define RIG_NONE         UINT8_MAX
#define RIG_WALL_NS      1700000000000000000LL /* the venue's clock when ours shows 0 */

static inline uint64_t ms(uint64_t milliseconds)
{
    return NS_PER_S + milliseconds * NS_PER_MS; /* never 0: that means no clock */
}

struct rig {
    struct detector *detector;
    struct finding findings[RIG_FINDINGS_MAX];
    uint32_t count;
    uint32_t stream_count;
    struct stream_view shown[RIG_STREAMS_MAX]; /* as told by detector_next_changed() so far */
    uint32_t told[RIG_STREAMS_MAX];            /* how often, after the last step */
    struct finding none;                       /* what is not found: kind RIG_NONE */
};

static inline struct detector_policy rig_policy(void)
{
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    return policy;
}

static inline void rig_start(struct rig *rig, const struct detector_policy *policy)
{
    const struct detector_limits limits = {.streams_max = RIG_STREAMS_MAX,
                                           .connections_max = 8,
                                           .legs_max = 600,
                                           .sockets_max = 4,
                                           .engines_max = 1};
    memset(rig, 0, sizeof(*rig));
    rig->none.kind = RIG_NONE;
    rig->detector = detector_create(&limits, policy);
    assert_non_null(rig->detector);
}

static inline void rig_stop(struct rig *rig)
{
    assert_int_equal(detector_totals(rig->detector).findings_lost, 0);
    detector_destroy(rig->detector);
}

/* Whoever publishes only what is told changed must never miss anything. */
static inline void rig_check_changes(struct rig *rig)
{
    memset(rig->told, 0, sizeof(rig->told));
    uint32_t stream = detector_next_changed(rig->detector);
    for (; stream != EVENT_NO_STREAM; stream = detector_next_changed(rig->detector)) {
        rig->told[stream]++;
        memcpy(&rig->shown[stream], detector_stream(rig->detector, stream), sizeof(rig->shown[0]));
    }
    for (uint32_t i = 0; i < rig->stream_count; i++) {
        assert_true(rig->told[i] <= 1);
        assert_memory_equal(
            &rig->shown[i], detector_stream(rig->detector, i), sizeof(rig->shown[0]));
    }
}

static inline void rig_drain(struct rig *rig)
{
    rig_check_changes(rig);
    while (rig->count < RIG_FINDINGS_MAX &&
           detector_take(rig->detector, &rig->findings[rig->count])) {
        rig->count++;
    }
    assert_true(rig->count < RIG_FINDINGS_MAX);
}

static inline void rig_apply(struct rig *rig, const struct event *event)
{
    detector_apply(rig->detector, event);
    rig_drain(rig);
}

static inline void rig_tick(struct rig *rig, uint64_t now_ns)
{
    bool more = true;
    while (more) {
        more = detector_tick(rig->detector, now_ns);
        rig_drain(rig);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

static inline struct stream_traits rig_traits(enum stream_key key, enum stream_chain chain)
{
    return (struct stream_traits){.venue = FLATLINE_VENUE_BINANCE_USDM,
                                  .stream_class = FLATLINE_CLASS_BOOK,
                                  .key = key,
                                  .chain = chain,
                                  .stale_after_ns = 3 * NS_PER_S};
}

static inline uint32_t rig_stream(struct rig *rig, const struct stream_traits *traits)
{
    const int stream = detector_add_stream(rig->detector, traits);
    assert_true(stream >= 0);
    rig->stream_count = (uint32_t)stream + 1;
    memcpy(&rig->shown[stream],
           detector_stream(rig->detector, (uint32_t)stream),
           sizeof(rig->shown[0]));
    return (uint32_t)stream;
}

static inline uint32_t rig_connection(struct rig *rig, uint32_t route)
{
    const int connection =
        detector_add_connection(rig->detector, FLATLINE_VENUE_BINANCE_USDM, route);
    assert_true(connection >= 0);
    return (uint32_t)connection;
}

static inline void rig_leg(struct rig *rig, uint32_t stream, uint32_t connection)
{
    assert_true(detector_add_leg(rig->detector, stream, connection) >= 0);
}

/* One stream on one connection, both number 0. */
static inline void rig_start_one(struct rig *rig, const struct stream_traits *traits)
{
    const struct detector_policy policy = rig_policy();
    rig_start(rig, &policy);
    rig_leg(rig, rig_stream(rig, traits), rig_connection(rig, 0));
}

static inline const struct stream_view *rig_view(const struct rig *rig, uint32_t stream)
{
    return detector_stream(rig->detector, stream);
}

/* ---- events ---------------------------------------------------------------------------------- */

static inline struct event rig_event(enum event_kind kind, uint32_t connection, uint64_t at_ns)
{
    return (struct event){.recv_mono_ns = at_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = (uint16_t)connection,
                          .kind = (uint8_t)kind};
}

/* A frame without id or time. */
static inline struct event bare(uint32_t stream, uint32_t connection, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_DATA, connection, at_ns);
    event.stream = stream;
    return event;
}

static inline struct event with_id(struct event event, uint64_t id)
{
    event.flags |= EVENT_HAS_ID;
    event.data.id = id;
    return event;
}

static inline struct event with_prev(struct event event, int64_t prev_id)
{
    event.flags |= EVENT_HAS_PREV;
    event.data.prev_id = prev_id;
    return event;
}

static inline struct event with_first(struct event event, uint64_t first_id)
{
    event.flags |= EVENT_HAS_FIRST;
    event.data.first_id = first_id;
    return event;
}

/* Sent by the venue lag_ns before it was received. */
static inline struct event with_lag(struct event event, int64_t lag_ns)
{
    event.flags |= EVENT_HAS_TIME;
    event.data.exch_wall_ns = RIG_WALL_NS + (int64_t)event.recv_mono_ns - lag_ns;
    return event;
}

static inline struct event flagged(struct event event, uint8_t flags)
{
    event.flags |= flags;
    return event;
}

static inline void send(struct rig *rig, struct event event)
{
    rig_apply(rig, &event);
}

static inline void
up(struct rig *rig, uint32_t connection, uint16_t epoch, int32_t acks, uint64_t at_ns)
{
    struct event event = rig_event(EVENT_CONNECTION_UP, connection, at_ns);
    event.link = (struct event_link){.epoch = epoch, .code = acks, .phase = LINK_OPEN};
    rig_apply(rig, &event);
}

static inline void down(struct rig *rig,
                        uint32_t connection,
                        uint16_t epoch,
                        enum link_end how,
                        int32_t code,
                        uint64_t at_ns)
{
    struct event event = rig_event(EVENT_CONNECTION_DOWN, connection, at_ns);
    event.link = (struct event_link){
        .epoch = epoch, .how = (uint8_t)how, .code = code, .phase = LINK_OPEN, .text = "gone"};
    rig_apply(rig, &event);
}

static inline void stall(struct rig *rig, uint64_t from_ns, uint64_t to_ns)
{
    struct event event = rig_event(EVENT_SELF_STALL, EVENT_NO_CONNECTION, to_ns);
    event.note.value = from_ns;
    rig_apply(rig, &event);
}

/* ---- findings -------------------------------------------------------------------------------- */

/* The nth (from 0) finding of a kind, for faults of a fault kind; kind RIG_NONE: there are not
 * so many. */
static inline const struct finding *rig_find(const struct rig *rig,
                                             enum finding_kind kind,
                                             enum flatline_fault_kind fault_kind,
                                             uint32_t nth)
{
    for (uint32_t i = 0; i < rig->count; i++) {
        const struct finding *finding = &rig->findings[i];
        if (finding->kind == kind && finding->fault_kind == fault_kind && nth-- == 0) {
            return finding;
        }
    }
    return &rig->none;
}

static inline uint32_t rig_count(const struct rig *rig, enum finding_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        count += rig->findings[i].kind == kind;
    }
    return count;
}

static inline const struct finding *rig_fault(const struct rig *rig, enum flatline_fault_kind kind)
{
    return rig_find(rig, FINDING_FAULT, kind, 0);
}

static inline const struct finding *rig_clear(const struct rig *rig, enum flatline_fault_kind kind)
{
    return rig_find(rig, FINDING_CLEAR, kind, 0);
}

static inline const struct finding *rig_lapse(const struct rig *rig, uint32_t nth)
{
    return rig_find(rig, FINDING_LAPSE, FLATLINE_FAULT_NONE, nth);
}

static inline const struct finding *rig_renew(const struct rig *rig, uint32_t nth)
{
    return rig_find(rig, FINDING_RENEW, FLATLINE_FAULT_NONE, nth);
}

#define assert_found(finding)  assert_int_not_equal((finding)->kind, RIG_NONE)
#define assert_absent(finding) assert_int_equal((finding)->kind, RIG_NONE)

#endif
