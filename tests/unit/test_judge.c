/* SPDX-License-Identifier: MIT
 *
 * Goal: a lease stands in the segment in the very pass that took its frame; no verdict passes a
 * watermark, nor ingest's own pass; what ends a lease is told at once; our own absence is told as
 * ours. Method: the real detector, publisher and reader on a segment in a temporary directory; the
 * test plays ingest - it pushes the events, stores the watermarks - and gives the time.
 */
#include "sentinel/judge.h"
#include "sentinel/plan.h"
#include "sentinel/segment_plan.h"

#include "core/clock.h"
#include "flatline/flatline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

/* Spot bookTicker carries no time: its lease is receive time + 3 s, whatever the venue's clock. */
static const char CONFIG[] =
    "streams: [binance-spot/BTCUSDT/bookTicker]\nsegment: {name: judged}\n";

#define STALE_NS (3 * NS_PER_S)
#define SLOTS    2U

struct rig {
    char directory[64];
    char path[96];
    struct config *config;
    struct plan *plan;
    struct detector *detector;
    struct publisher *publisher;
    struct judge *judge;
    struct ring from_ingest;
    struct ring from_control;
    struct event ingest_slots[64];
    struct event control_slots[64];
    struct advice_queue advice;
    struct text_queue errors;
    struct words words;
    struct watermark marks[SLOTS];
    struct slot_words slot_words[SLOTS];
    struct dial_words dials[SLOTS];
    struct flatline *reader;
    struct flatline_stream stream;
    uint64_t start_ns;
    unsigned arms;
    uint64_t armed_for_ns;
};

static struct rig *rig;

static void arm(void *user, uint64_t deadline_mono_ns)
{
    struct rig *armed = user;
    armed->arms++;
    armed->armed_for_ns = deadline_mono_ns;
}

static void detector_open(void)
{
    const struct detector_limits limits = {
        .streams_max = 1, .connections_max = SLOTS, .legs_max = SLOTS};
    rig->detector = detector_create(&limits, &rig->config->policy);
    (void)detector_add_stream(rig->detector, &rig->config->streams[0].traits);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        (void)detector_add_connection(rig->detector, FLATLINE_VENUE_BINANCE_SPOT, ROUTE_STREAM);
        (void)detector_add_leg(rig->detector, 0, slot);
    }
}

static void publisher_open(void)
{
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    struct segment_plan *segment = NULL;
    assert_int_equal(segment_plan_create(rig->config, rig->plan, &segment), 0);
    struct publisher_config wanted = *segment_plan_wanted(segment);
    wanted.directory = rig->directory;
    assert_int_equal(publisher_create(&wanted, &rig->publisher, why), 0);
    segment_plan_destroy(segment);
}

static void judge_open(void)
{
    const struct judge_setup setup = {.config = rig->config,
                                      .detector = rig->detector,
                                      .publisher = rig->publisher,
                                      .from_ingest = &rig->from_ingest,
                                      .from_control = &rig->from_control,
                                      .advice = &rig->advice,
                                      .errors = &rig->errors,
                                      .words = &rig->words,
                                      .arm = arm,
                                      .arm_user = rig};
    assert_int_equal(judge_create(&setup, &rig->judge), 0);
}

/* Ingest's pass at t: both slots drained up to it. */
static void ingest_passed(uint64_t t)
{
    watermark_advance(&rig->marks[0], t);
    watermark_advance(&rig->marks[1], t);
    store_release(&rig->words.ingest.pass_mono_ns, t);
}

static void push(enum event_kind kind, uint64_t recv_mono_ns, uint64_t id)
{
    struct event event = {
        .recv_mono_ns = recv_mono_ns, .stream = EVENT_NO_STREAM, .kind = (uint8_t)kind};
    if (kind == EVENT_DATA) {
        event.stream = 0;
        event.flags = EVENT_HAS_ID;
        event.data.id = id;
    } else {
        event.link = (struct event_link){.how = LINK_END_EOF, .phase = LINK_OPEN, .epoch = 1};
    }
    assert_true(ring_push(&rig->from_ingest, &event));
}

static int rig_open(void **state)
{
    char why[512];
    (void)state;
    rig = aligned_alloc(128, (sizeof(*rig) + 127U) & ~(size_t)127U);
    memset(rig, 0, sizeof(*rig));
    (void)strcpy(rig->directory, "/tmp/flatline-judge-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    (void)snprintf(rig->path, sizeof(rig->path), "%s/judged", rig->directory);
    assert_int_equal(
        config_parse("test.yaml", CONFIG, sizeof(CONFIG) - 1, &rig->config, why, sizeof(why)), 0);
    assert_int_equal(plan_create(rig->config, &rig->plan, why, sizeof(why)), 0);
    ring_init(&rig->from_ingest, rig->ingest_slots, ARRAY_COUNT(rig->ingest_slots));
    ring_init(&rig->from_control, rig->control_slots, ARRAY_COUNT(rig->control_slots));
    rig->words.watermarks = rig->marks;
    rig->words.slots = rig->slot_words;
    rig->words.dials = rig->dials;
    rig->words.slot_count = SLOTS;
    detector_open();
    publisher_open();
    judge_open();
    assert_int_equal(flatline_attach(rig->path, &rig->reader), 0);
    assert_int_equal(flatline_find(rig->reader, "binance-spot/BTCUSDT/bookTicker", &rig->stream),
                     0);
    rig->start_ns = clock_mono_ns();
    watermark_begin(&rig->marks[0], 1);
    push(EVENT_CONNECTION_UP, rig->start_ns, 0);
    return 0;
}

static int rig_close(void **state)
{
    (void)state;
    char lock[112];
    (void)snprintf(lock, sizeof(lock), "%s.lock", rig->path);
    flatline_detach(rig->reader);
    judge_destroy(rig->judge);
    publisher_destroy(rig->publisher);
    detector_destroy(rig->detector);
    plan_destroy(rig->plan);
    config_free(rig->config);
    (void)unlink(rig->path);
    (void)unlink(lock);
    (void)rmdir(rig->directory);
    free(rig);
    return 0;
}

static uint64_t lease(void)
{
    return load_acquire(&rig->stream.lease->lease_until_mono_ns);
}

/* The newest event of this type, false: none. */
static bool told(enum flatline_event_type type, struct flatline_event *ret_event)
{
    bool found = false;
    struct flatline_event event;
    uint64_t cursor = 0;
    while (flatline_next_event(rig->reader, &cursor, &event, NULL) == 1) {
        if (event.type == type) {
            *ret_event = event;
            found = true;
        }
    }
    return found;
}

static void a_lease_is_published_in_the_pass_that_took_its_frame(void **state)
{
    (void)state;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    assert_true(judge_pass(rig->judge, rig->start_ns + 10));
    assert_true(lease() == rig->start_ns + 5 + STALE_NS);
    assert_true(flatline_stream_count(rig->reader) == 1);
    struct flatline_snapshot snapshot;
    assert_int_equal(flatline_take_snapshot(&rig->stream, rig->reader, &snapshot), 0);
    assert_int_equal(snapshot.detail.frames, 1);
    assert_int_equal(snapshot.detail.legs_up, 1);
}

static void life_is_renewed_with_ingest_s_beat_and_not_without(void **state)
{
    (void)state;
    (void)judge_pass(rig->judge, rig->start_ns + NS_PER_MS);
    const struct flatline_header *header = flatline_header_of(rig->reader);
    assert_true(load_acquire(&header->alive_until_mono_ns) == 0);
    ingest_passed(rig->start_ns + NS_PER_MS);
    (void)judge_pass(rig->judge, rig->start_ns + 40 * NS_PER_MS);
    assert_true(load_acquire(&header->alive_until_mono_ns) ==
                rig->start_ns + NS_PER_MS + rig->config->alive_for_ns);
}

static void a_lapse_waits_for_the_watermark_and_is_dated_at_the_deadline(void **state)
{
    (void)state;
    struct flatline_event event;
    const uint64_t deadline = rig->start_ns + 5 + STALE_NS;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    ingest_passed(rig->start_ns + 10);
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    assert_true(load_acquire(&rig->words.judge.next_deadline_mono_ns) <= deadline);
    (void)judge_pass(rig->judge, deadline + NS_PER_MS); /* ingest has not looked since */
    assert_false(told(FLATLINE_EVENT_LAPSE, &event));
    ingest_passed(deadline - 1);
    (void)judge_pass(rig->judge, deadline + 2 * NS_PER_MS);
    assert_false(told(FLATLINE_EVENT_LAPSE, &event));
    ingest_passed(deadline);
    (void)judge_pass(rig->judge, deadline + 3 * NS_PER_MS);
    assert_true(told(FLATLINE_EVENT_LAPSE, &event));
    assert_true(event.at_mono_ns == deadline);
}

static void a_frame_in_the_ring_is_seen_before_silence_is_judged(void **state)
{
    (void)state;
    struct flatline_event event;
    const uint64_t deadline = rig->start_ns + 5 + STALE_NS;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    ingest_passed(rig->start_ns + 10);
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    push(EVENT_DATA, deadline - 1, 2);
    ingest_passed(deadline + NS_PER_MS);
    (void)judge_pass(rig->judge, deadline + NS_PER_MS);
    assert_false(told(FLATLINE_EVENT_LAPSE, &event));
    assert_true(lease() == deadline - 1 + STALE_NS);
}

static void a_watermark_of_another_life_counts_for_nothing(void **state)
{
    (void)state;
    struct flatline_event event;
    const uint64_t deadline = rig->start_ns + 5 + STALE_NS;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    ingest_passed(rig->start_ns + 10);
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    watermark_begin(&rig->marks[0], 2); /* a life whose UP the judge has not seen */
    ingest_passed(deadline + NS_PER_MS);
    (void)judge_pass(rig->judge, deadline + NS_PER_MS);
    assert_false(told(FLATLINE_EVENT_LAPSE, &event));
}

static void a_closed_slot_is_drained_only_as_far_as_ingest_has_looked(void **state)
{
    (void)state;
    struct flatline_event event;
    const uint64_t deadline = rig->start_ns + 5 + STALE_NS;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    struct event down = {.recv_mono_ns = rig->start_ns + 6,
                         .stream = EVENT_NO_STREAM,
                         .kind = EVENT_CONNECTION_DOWN};
    down.link = (struct event_link){.how = LINK_END_LOCAL, .phase = LINK_OPEN, .epoch = 1};
    assert_true(ring_push(&rig->from_ingest, &down));
    ingest_passed(deadline - 1);
    (void)judge_pass(rig->judge, deadline + NS_PER_MS);
    assert_false(told(FLATLINE_EVENT_LAPSE, &event));
    ingest_passed(deadline + NS_PER_MS);
    (void)judge_pass(rig->judge, deadline + 2 * NS_PER_MS);
    assert_true(told(FLATLINE_EVENT_LAPSE, &event));
}

static void the_end_of_the_last_connection_revokes_in_the_same_pass(void **state)
{
    (void)state;
    struct flatline_fault fault;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    push(EVENT_CONNECTION_DOWN, rig->start_ns + 6, 0);
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    assert_true(lease() == 0);
    assert_int_equal(flatline_faults(rig->reader, true, &fault, 1), 1);
    assert_int_equal(fault.kind, FLATLINE_FAULT_DOWN);
}

static void our_own_absence_is_a_stall_of_the_judge(void **state)
{
    (void)state;
    struct flatline_fault fault;
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    (void)judge_pass(rig->judge, rig->start_ns + 10 + rig->config->self_stall_after_ns);
    assert_int_equal(flatline_faults(rig->reader, true, &fault, 1), 0);
    (void)judge_pass(rig->judge, rig->start_ns + 11 + 2 * rig->config->self_stall_after_ns);
    assert_int_equal(flatline_faults(rig->reader, true, &fault, 1), 1);
    assert_int_equal(fault.kind, FLATLINE_FAULT_SELF_STALL);
    assert_int_equal(fault.evidence[0], rig->config->self_stall_after_ns + 1);
    assert_int_equal(fault.evidence[2], 1); /* thread: judge */
}

static void a_near_deadline_arms_ingest_s_timer_and_once(void **state)
{
    (void)state;
    const uint64_t deadline = rig->start_ns + 5 + STALE_NS;
    push(EVENT_DATA, rig->start_ns + 5, 1);
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    assert_int_equal(rig->arms, 0); /* seconds away: the judge itself wakes often before */
    (void)judge_pass(rig->judge, deadline - 5 * NS_PER_MS);
    assert_int_equal(rig->arms, 1);
    assert_true(rig->armed_for_ns == deadline);
    assert_true(load_acquire(&rig->words.judge.next_deadline_mono_ns) == deadline);
    (void)judge_pass(rig->judge, deadline - 4 * NS_PER_MS);
    assert_int_equal(rig->arms, 1);
}

static void advise(uint64_t row, const struct flatline_advice_slot *advice)
{
    const struct advice_change change = {.row = row, .advice = *advice};
    assert_true(advice_queue_push(&rig->advice, &change));
}

static struct flatline_advice_slot breaker_of(uint64_t serial, uint64_t until_ns, uint64_t flags)
{
    struct flatline_advice_slot advice = {.serial = serial,
                                          .kind = FLATLINE_ADVICE_BREAKER,
                                          .flags = flags,
                                          .target = FLATLINE_TARGET_ALL,
                                          .index = FLATLINE_NO_INDEX,
                                          .until_mono_ns = until_ns};
    memcpy(advice.name, "*", 1);
    return advice;
}

static void an_advice_stands_before_the_first_beat_and_ends_by_time_alone(void **state)
{
    (void)state;
    struct flatline_gate gate;
    struct flatline_event event;
    struct flatline_advice listed;
    const uint64_t until = rig->start_ns + 500 * NS_PER_MS;
    const struct flatline_advice_slot breaker = breaker_of(7, until, 0);
    advise(3, &breaker);
    push(EVENT_DATA, rig->start_ns + 5, 1);
    ingest_passed(rig->start_ns + NS_PER_MS);
    assert_int_equal(flatline_gate_at(rig->reader, 0, &gate), 0);
    (void)judge_pass(rig->judge, rig->start_ns + NS_PER_MS); /* its first: advice, frame and beat */
    assert_true(flatline_gate_fresh(&gate, rig->start_ns + 2 * NS_PER_MS));
    assert_false(flatline_may_quote(&gate, rig->start_ns + 2 * NS_PER_MS));
    assert_int_equal(flatline_advice_serial(&gate, FLATLINE_ADVICE_BREAKER), 7);
    assert_int_equal(flatline_list_advice(rig->reader, until - 1, &listed, 1), 1);
    assert_int_equal(listed.serial, 7);
    assert_string_equal(listed.name, "*");
    assert_int_equal(flatline_list_advice(rig->reader, until, &listed, 1), 0);
    assert_true(told(FLATLINE_EVENT_ADVICE, &event));
    assert_int_equal(event.fault_id, 7);
    /* Nothing more from the judge: time does it. */
    store_release(&rig->words.ingest.pass_mono_ns, until);
    publisher_beat(rig->publisher, until, until, NS_PER_S);
    assert_false(flatline_may_quote(&gate, until - 1));
    assert_true(flatline_may_quote(&gate, until));
}

static void of_two_breakers_the_longer_counts_until_it_is_cleared(void **state)
{
    (void)state;
    struct flatline_gate gate;
    struct flatline_event event;
    const struct flatline_advice_slot none = {0};
    const struct flatline_advice_slot ever = breaker_of(1, FLATLINE_UNTIL_CLEARED, 0);
    const struct flatline_advice_slot drill =
        breaker_of(2, rig->start_ns + NS_PER_S, FLATLINE_ADVICE_DRILL);
    assert_int_equal(flatline_gate_at(rig->reader, 0, &gate), 0);
    advise(0, &ever);
    advise(1, &drill);
    (void)judge_pass(rig->judge, rig->start_ns);
    assert_true(gate.advice->breaker_until_mono_ns == FLATLINE_UNTIL_CLEARED);
    assert_int_equal(flatline_advice_serial(&gate, FLATLINE_ADVICE_BREAKER), 2);
    assert_true(told(FLATLINE_EVENT_DRILL, &event));
    advise(0, &none);
    (void)judge_pass(rig->judge, rig->start_ns + 1);
    assert_true(gate.advice->breaker_until_mono_ns == rig->start_ns + NS_PER_S);
    assert_true(told(FLATLINE_EVENT_ADVICE_END, &event));
    assert_int_equal(event.fault_id, 1);
    assert_true(event.at_mono_ns == rig->start_ns + 1);
    advise(1, &none);
    (void)judge_pass(rig->judge, rig->start_ns + 2 * NS_PER_S);
    assert_true(gate.advice->breaker_until_mono_ns == 0);
    assert_true(told(FLATLINE_EVENT_DRILL_END, &event)); /* dated when it ran out */
    assert_true(event.at_mono_ns == rig->start_ns + NS_PER_S);
}

static void once_superseded_it_promises_no_more_and_goes_on_judging(void **state)
{
    (void)state;
    const struct flatline_header *header = flatline_header_of(rig->reader);
    const uint64_t start = rig->start_ns;
    ingest_passed(start + NS_PER_MS);
    (void)judge_pass(rig->judge, start + NS_PER_MS);
    const uint64_t promise = load_acquire(&header->alive_until_mono_ns);
    store_release(&rig->words.control.superseded, 1);
    ingest_passed(start + 40 * NS_PER_MS);
    push(EVENT_DATA, start + 39 * NS_PER_MS, 1);
    (void)judge_pass(rig->judge, start + 40 * NS_PER_MS);
    assert_int_equal(header->state, FLATLINE_STATE_SUPERSEDED);
    assert_true(load_acquire(&header->alive_until_mono_ns) == promise);
    assert_true(flatline_fresh(&rig->stream, start + 41 * NS_PER_MS));
    push(EVENT_CONNECTION_DOWN, start + 50 * NS_PER_MS, 0);
    (void)judge_pass(rig->judge, start + 50 * NS_PER_MS);
    assert_false(flatline_fresh(&rig->stream, start + 51 * NS_PER_MS)); /* revoked in it, too */
    assert_true(rig->words.judge.beat_mono_ns ==
                start + 50 * NS_PER_MS); /* and no watchdog bites */
    assert_true(publisher_is_over(rig->publisher, promise));
    assert_false(publisher_is_over(rig->publisher, promise - 1));
}

static void words_of_the_other_threads_reach_the_segment(void **state)
{
    (void)state;
    rig->slot_words[0].open = 1;
    rig->slot_words[0].frames = 42;
    rig->dials[0].connects = 3;
    rig->words.ingest.stalls = 7;
    (void)judge_pass(rig->judge, rig->start_ns + 10);
    const struct flatline_connection *line =
        flatline_record(rig->reader, FLATLINE_SECTION_CONNECTIONS, 0);
    assert_string_equal(line->name, "binance-spot/stream/1a");
    assert_int_equal(line->state, FLATLINE_CONNECTION_UP);
    assert_int_equal(line->frames, 42);
    assert_int_equal(line->connects, 3);
    const struct flatline_counter *counter =
        flatline_record(rig->reader, FLATLINE_SECTION_COUNTERS, 1);
    assert_string_equal(counter->name, "ingest_stalls");
    assert_int_equal(counter->value, 7);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_lease_is_published_in_the_pass_that_took_its_frame),
        RIGGED(life_is_renewed_with_ingest_s_beat_and_not_without),
        RIGGED(a_lapse_waits_for_the_watermark_and_is_dated_at_the_deadline),
        RIGGED(a_frame_in_the_ring_is_seen_before_silence_is_judged),
        RIGGED(a_watermark_of_another_life_counts_for_nothing),
        RIGGED(a_closed_slot_is_drained_only_as_far_as_ingest_has_looked),
        RIGGED(the_end_of_the_last_connection_revokes_in_the_same_pass),
        RIGGED(our_own_absence_is_a_stall_of_the_judge),
        RIGGED(a_near_deadline_arms_ingest_s_timer_and_once),
        RIGGED(an_advice_stands_before_the_first_beat_and_ends_by_time_alone),
        RIGGED(of_two_breakers_the_longer_counts_until_it_is_cleared),
        RIGGED(once_superseded_it_promises_no_more_and_goes_on_judging),
        RIGGED(words_of_the_other_threads_reach_the_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
