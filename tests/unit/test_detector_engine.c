/* SPDX-License-Identifier: MIT
 *
 * Goal: an engine is accused of what its own facts prove, at a look's end and not before, and never
 * of what our own absence explains.
 *
 * Method: events of the engine watch on a virtual clock; looks every 4 ms, as the watch makes them.
 */
#include "core/detector_engine.h"
#include "detector_rig.h"

#define LOOK_MS 4U
#define ALIVE   0U
#define STOPPED 1U
#define DEAD    3U

struct case_rig {
    struct rig rig;
    uint64_t now_ms;
    uint32_t stream;
};

static struct event engine_event(enum event_kind kind, uint64_t at_ms)
{
    return (struct event){.recv_mono_ns = ms(at_ms),
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .kind = (uint8_t)kind};
}

static void apply(struct case_rig *c, const struct event *event)
{
    detector_apply(c->rig.detector, event);
    rig_drain(&c->rig);
}

static void
slot_add(struct case_rig *c, uint16_t slot, uint32_t kind, uint64_t word, const char *name)
{
    struct event event = engine_event(EVENT_ENGINE_SLOT, c->now_ms);
    event.stream = kind == FLATLINE_ENGINE_STREAM ? c->stream : EVENT_NO_STREAM;
    event.engine.slot = slot;
    event.engine.code = kind;
    event.engine.word = word;
    (void)strncpy(event.engine.text, name, EVENT_TEXT_BYTES - 1);
    apply(c, &event);
}

static void tell(struct case_rig *c, enum event_kind kind, uint16_t slot, const uint64_t words[4])
{
    struct event event = engine_event(kind, c->now_ms);
    event.engine.slot = slot;
    event.engine.word = words[0];
    memcpy(event.engine.more, &words[1], 3 * sizeof(uint64_t));
    apply(c, &event);
}

static void worker(struct case_rig *c, uint64_t beat_ms, uint64_t state)
{
    const uint64_t words[4] = {ms(beat_ms), state, 0, 0};
    tell(c, EVENT_ENGINE_WORKER, 0, words);
}

static void look(struct case_rig *c, uint32_t life, uint64_t goodbye)
{
    struct event event = engine_event(EVENT_ENGINE_LOOKED, c->now_ms);
    event.engine.code = life;
    event.engine.word = goodbye;
    event.engine.more[0] = 4711;
    apply(c, &event);
}

/* Looks until `until_ms`, then one at it. */
static void looks(struct case_rig *c, uint64_t until_ms)
{
    while (c->now_ms + LOOK_MS < until_ms) {
        c->now_ms += LOOK_MS;
        look(c, ALIVE, 0);
    }
    c->now_ms = until_ms;
    look(c, ALIVE, 0);
}

static struct finding
found(const struct case_rig *c, enum finding_kind kind, enum flatline_fault_kind fault)
{
    for (uint32_t i = 0; i < c->rig.count; i++) {
        if (c->rig.findings[i].kind == kind && c->rig.findings[i].fault_kind == fault) {
            return c->rig.findings[i];
        }
    }
    return c->rig.none;
}

static bool
is_found(const struct case_rig *c, enum finding_kind kind, enum flatline_fault_kind fault)
{
    return found(c, kind, fault).kind != RIG_NONE;
}

static int start(void **state)
{
    struct case_rig *c = calloc(1, sizeof(*c));
    const struct detector_policy policy = rig_policy();
    const struct detector_limits limits = {
        .streams_max = 4, .connections_max = 2, .legs_max = 4, .engines_max = 2, .gates_max = 2};
    const struct stream_traits traits = {.venue = FLATLINE_VENUE_BINANCE_USDM,
                                         .stream_class = FLATLINE_CLASS_BOOK,
                                         .key = KEY_ID,
                                         .stale_after_ns = 3 * NS_PER_S};
    c->rig.none.kind = RIG_NONE;
    c->rig.detector = detector_create(&limits, &policy);
    assert_non_null(c->rig.detector);
    c->stream = (uint32_t)detector_add_stream(c->rig.detector, &traits);
    assert_int_equal(detector_add_connection(c->rig.detector, FLATLINE_VENUE_BINANCE_USDM, 0), 0);
    assert_int_equal(detector_add_leg(c->rig.detector, c->stream, 0), 0);
    const struct flatline_gate_member member = {.stream = c->stream};
    assert_int_equal(detector_add_gate(c->rig.detector, &member, 1, false), 0);
    c->rig.stream_count = 1;
    struct event up = engine_event(EVENT_ENGINE_UP, 0);
    (void)strcpy(up.engine.text, "mm1");
    apply(c, &up);
    *state = c;
    return 0;
}

static int stop(void **state)
{
    struct case_rig *c = *state;
    assert_int_equal(detector_totals(c->rig.detector).findings_lost, 0);
    detector_destroy(c->rig.detector);
    free(c);
    return 0;
}

static void frame(struct case_rig *c, uint64_t at_ms, uint64_t id)
{
    const struct event event = {.recv_mono_ns = ms(at_ms),
                                .stream = c->stream,
                                .connection = 0,
                                .kind = EVENT_DATA,
                                .flags = EVENT_HAS_ID,
                                .data = {.id = id}};
    detector_apply(c->rig.detector, &event);
    (void)detector_tick(c->rig.detector, ms(at_ms));
    rig_drain(&c->rig);
}

/* ---- beats ----------------------------------------------------------------------------------- */

static void a_beat_is_late_at_its_deadline_and_not_before(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter");
    worker(c, 0, FLATLINE_WORKER_RUNNING);
    looks(c, 100);
    worker(c, 100, FLATLINE_WORKER_RUNNING);
    looks(c, 349);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED));
    looks(c, 350);
    const struct finding stalled = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED);
    assert_int_equal(stalled.at_ns, ms(350));
    assert_int_equal(stalled.onset_ns, ms(120)); /* the first beat that did not come */
    assert_int_equal(stalled.scope, FLATLINE_SCOPE_ENGINE);
    assert_int_equal(stalled.evidence[0], 250 * NS_PER_MS);
    assert_int_equal(stalled.evidence[1], 250 * NS_PER_MS);
    assert_string_equal(stalled.text, "mm1/quoter");
    worker(c, 352, FLATLINE_WORKER_RUNNING);
    looks(c, 360);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_STALLED));
}

static void a_slow_worker_has_three_of_its_intervals(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, NS_PER_S, "slow");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    looks(c, 3000);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED));
    looks(c, 3001);
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED));
}

static void an_idle_or_ended_worker_owes_no_beat(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "task");
    worker(c, 1, FLATLINE_WORKER_IDLE);
    looks(c, 2000);
    worker(c, 2, FLATLINE_WORKER_EXITED);
    looks(c, 4000);
    assert_int_equal(c->rig.count, 0);
}

/* Engine, worker and error: 31 bytes each at most, of which a fault has room for 63 in all. */
static void an_engine_s_fault_tells_its_error_behind_long_names(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter-binance-usdm-BTCUSDT-main");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    looks(c, 8);
    struct event error = engine_event(EVENT_ENGINE_ERROR, c->now_ms);
    (void)strcpy(error.engine.text, "order rejected: -2019 margin");
    apply(c, &error);
    worker(c, 9, FLATLINE_WORKER_PANICKED);
    looks(c, 10);
    const struct finding panicked = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED);
    assert_string_equal(panicked.text,
                        "mm1/quoter-binance-usdm-BTCUSDT-mai: order rejected: -2019 marg");
}

static void a_panic_is_found_at_the_next_look_with_its_error(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "q");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    looks(c, 8);
    struct event error = engine_event(EVENT_ENGINE_ERROR, c->now_ms);
    (void)strcpy(error.engine.text, "nil map");
    apply(c, &error);
    worker(c, 9, FLATLINE_WORKER_PANICKED);
    looks(c, 10);
    const struct finding panicked = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED);
    assert_int_equal(panicked.evidence[3], FLATLINE_WORKER_PANICKED);
    assert_string_equal(panicked.text, "mm1/q: nil map");
    looks(c, 60000 / 10);
    assert_int_equal(c->rig.count, 1); /* told once */
    worker(c, 6001, FLATLINE_WORKER_RUNNING);
    looks(c, 6004);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_STALLED));
}

static void our_own_absence_restarts_the_engines_clocks(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    looks(c, 100);
    c->now_ms = 900; /* nobody looked */
    look(c, ALIVE, 0);
    assert_int_equal(c->rig.count, 0);
    looks(c, 1149);
    assert_int_equal(c->rig.count, 0);
    looks(c, 1150);
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED));
}

/* ---- the process ----------------------------------------------------------------------------- */

static void a_death_without_goodbye_is_gone_and_explains_the_rest(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter");
    worker(c, 1, FLATLINE_WORKER_PANICKED);
    looks(c, 8);
    c->now_ms = 12;
    look(c, DEAD, 0);
    const struct finding gone = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_GONE);
    assert_int_equal(gone.evidence[0], 4711);
    assert_int_equal(gone.onset_ns, ms(1));
    assert_string_equal(gone.text, "mm1");
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_STALLED));
    assert_false(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_GONE));
    struct event up = engine_event(EVENT_ENGINE_UP, 50);
    apply(c, &up);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_GONE));
}

static void a_goodbye_ends_everything_quietly(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    looks(c, 8);
    c->now_ms = 12;
    look(c, DEAD, ms(10));
    looks(c, 2000);
    assert_int_equal(c->rig.count, 0);
}

static void a_stopped_process_is_evidence_and_no_verdict(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_WORKER, 20 * NS_PER_MS, "quoter");
    worker(c, 1, FLATLINE_WORKER_RUNNING);
    for (c->now_ms = 4; c->now_ms < 248; c->now_ms += LOOK_MS) {
        look(c, STOPPED, 0);
    }
    assert_int_equal(c->rig.count, 0);
    c->now_ms = 252;
    look(c, STOPPED, 0);
    assert_int_equal(found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_STALLED).evidence[4], STOPPED);
}

/* ---- what it has seen ------------------------------------------------------------------------ */

static void echo(struct case_rig *c, uint64_t id)
{
    const uint64_t words[4] = {id, ms(c->now_ms), 0, 0};
    tell(c, EVENT_ENGINE_ECHO, 0, words);
}

static void an_engine_behind_what_is_due_is_found_within_its_allowance_and_ten(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_STREAM, 0, "depth@100ms");
    uint64_t missed_ms = 0;
    for (uint64_t at = 0; at < 2000 && !is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND);
         at++) {
        c->now_ms = at;
        frame(c, at, 1000 + at);
        if (at <= 1000) {
            echo(c, 1000 + at);
            missed_ms = at + 1;
        }
        if (at % LOOK_MS == 0) {
            look(c, ALIVE, 0);
        }
    }
    const struct finding behind = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND);
    assert_int_equal(behind.kind, FINDING_FAULT);
    assert_int_equal(behind.stream, c->stream);
    assert_in_range(behind.at_ns, ms(missed_ms + 150), ms(missed_ms + 160));
    assert_int_equal(behind.evidence[0], 2000);
    assert_true(behind.evidence[1] > 2000);
    c->now_ms += LOOK_MS;
    echo(c, 1000 + c->now_ms);
    look(c, ALIVE, 0);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_BEHIND));
}

/* The judge comes late: what is due by now was not due when the look was begun. */
static void nobody_is_behind_what_became_due_after_the_look(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_STREAM, 0, "depth@100ms");
    for (uint64_t at = 0; at <= 1000; at++) {
        c->now_ms = at;
        frame(c, at, 1000 + at);
        if (at % LOOK_MS == 0) {
            echo(c, 1000 + at);
            look(c, ALIVE, 0);
        }
    }
    for (uint64_t at = 1001; at <= 1200; at++) {
        frame(c, at, 1000 + at); /* all this before the judge has taken the look of 1004 */
        (void)detector_due_ids(c->rig.detector, ms(at));
    }
    c->now_ms = 1004;
    echo(c, 2004);
    look(c, ALIVE, 0);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND));
    (void)detector_due_ids(c->rig.detector, ms(1300));
    looks(c, 1300); /* and these tell the truth */
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND));
}

static void nobody_is_behind_a_witness_that_is_not_fresh(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_STREAM, 0, "depth@100ms");
    echo(c, 1);
    for (uint64_t id = 1; id < 10; id++) {
        frame(c, id, id);
    }
    look(c, ALIVE, 0);
    c->now_ms = 3100; /* the lease has run out; the engine's clocks began again, too */
    look(c, ALIVE, 0);
    (void)detector_tick(c->rig.detector, ms(3100));
    rig_drain(&c->rig);
    looks(c, 4000);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND));
}

static void a_stream_declared_and_never_echoed_is_behind_after_five_seconds(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_STREAM, 0, "depth@100ms");
    for (uint64_t at = 0; at <= 5000; at += LOOK_MS) {
        c->now_ms = at;
        frame(c, at, 1 + at);
        look(c, ALIVE, 0);
        assert_true(at >= 5000 || c->rig.count <= 1); /* the first lease */
    }
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND));
}

/* ---- reports --------------------------------------------------------------------------------- */

static void order(struct case_rig *c, uint32_t place, uint64_t sent_ms, uint64_t seen_ms)
{
    struct event event = engine_event(EVENT_ENGINE_ORDER, c->now_ms);
    event.engine.code = place;
    event.engine.word = ms(sent_ms);
    event.engine.more[0] = seen_ms != 0 ? ms(seen_ms) : 0;
    apply(c, &event);
}

/* `count` orders, one a look, each reported after 10 ms. */
static void trade(struct case_rig *c, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        c->now_ms += LOOK_MS;
        order(c, i % FLATLINE_ENGINE_PAIRS, c->now_ms - 10, c->now_ms);
        look(c, ALIVE, 0);
    }
}

static void no_report_is_overdue_before_a_thousand_samples(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_ORDERS, 0, "orders");
    c->now_ms = 100;
    look(c, ALIVE, 0);
    trade(c, 999);
    order(c, 40, c->now_ms, 0);
    looks(c, c->now_ms + 20000);
    assert_int_equal(c->rig.count, 0);
}

static void three_reports_late_in_a_row_are_overdue(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_ORDERS, 0, "orders");
    c->now_ms = 100;
    look(c, ALIVE, 0);
    trade(c, 1024); /* the next place is 0 */
    order(c, 0, c->now_ms, 0);
    order(c, 1, c->now_ms + 1, 0);
    looks(c, c->now_ms + 500);
    assert_int_equal(c->rig.count, 0); /* two: suspect, no more */
    order(c, 2, c->now_ms, 0);
    looks(c, c->now_ms + 9);
    assert_int_equal(c->rig.count, 0);
    looks(c, c->now_ms + 4);
    const struct finding overdue = found(c, FINDING_FAULT, FLATLINE_FAULT_REPORT_OVERDUE);
    assert_int_equal(overdue.kind, FINDING_FAULT);
    assert_int_equal(overdue.evidence[4], 3);
    assert_int_equal(overdue.evidence[5], 3);
    assert_true(overdue.evidence[2] >= 10 * NS_PER_MS && overdue.evidence[2] < 11 * NS_PER_MS);
    for (uint32_t i = 0; i < 3; i++) {
        order(c, i, c->now_ms - 20 + i, c->now_ms);
    }
    looks(c, c->now_ms + 4);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_REPORT_OVERDUE));
}

static void one_report_is_overdue_alone_after_two_seconds(void **state)
{
    struct case_rig *c = *state;
    slot_add(c, 0, FLATLINE_ENGINE_ORDERS, 0, "orders");
    c->now_ms = 100;
    look(c, ALIVE, 0);
    trade(c, 1024);
    const uint64_t sent_ms = c->now_ms;
    order(c, 0, sent_ms, 0);
    looks(c, sent_ms + 2000);
    assert_int_equal(c->rig.count, 0);
    looks(c, sent_ms + 2001);
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_REPORT_OVERDUE));
}

/* ---- quotes ---------------------------------------------------------------------------------- */

static void quotes_that_outlive_their_gate_are_found_and_their_exposure_told(void **state)
{
    struct case_rig *c = *state;
    const uint64_t quoting[4] = {1, 0, 0, 0};
    slot_add(c, 0, FLATLINE_ENGINE_GATE, 0, "quote");
    tell(c, EVENT_ENGINE_GATE, 0, quoting);
    frame(c, 0, 1);
    looks(c, 2996);
    look(c, ALIVE, 0);
    looks(c, 3099);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING));
    looks(c, 3100);
    const struct finding quotes = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(quotes.onset_ns, ms(3000));
    assert_int_equal(quotes.evidence[2], 3100 * NS_PER_MS); /* since the last update */
    const uint64_t pulled[4] = {0, ms(3150), ms(3190), 0};
    looks(c, 3200);
    tell(c, EVENT_ENGINE_GATE, 0, pulled);
    look(c, ALIVE, 0);
    const struct finding over = found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(over.cleared_ns, ms(3190));
    assert_int_equal(over.evidence[1], 150 * NS_PER_MS);
    assert_int_equal(over.evidence[2], 3190 * NS_PER_MS);
}

/* An engine that applies nothing any more and quotes on, while the witness is fresh. */
static void behind_and_quoting(struct case_rig *c, bool both)
{
    const uint64_t quoting[4] = {1, 0, 0, 0};
    const struct flatline_gate_member member = {.stream = c->stream};
    assert_int_equal(detector_add_gate(c->rig.detector, &member, 1, both), 1);
    slot_add(c, 0, FLATLINE_ENGINE_GATE, 1, "quote");
    slot_add(c, 1, FLATLINE_ENGINE_STREAM, 0, "binance-usdm/BTCUSDT/depth");
    tell(c, EVENT_ENGINE_GATE, 0, quoting);
    for (uint64_t at = 0; at <= 1000; at += 10) {
        const uint64_t id = at < 500 ? at + 1 : 500;
        const uint64_t echo[4] = {id, ms(at), 0, 0};
        frame(c, at, at + 1);
        tell(c, EVENT_ENGINE_ECHO, 1, echo);
        looks(c, at + 9);
    }
}

static void quotes_of_an_engine_that_is_behind_outlive_a_gate_that_requires_both(void **state)
{
    struct case_rig *c = *state;
    behind_and_quoting(c, true);
    const struct finding behind = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND);
    const struct finding quotes = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(quotes.onset_ns, behind.at_ns);
    assert_in_range(quotes.at_ns, behind.at_ns + 100 * NS_PER_MS, behind.at_ns + 110 * NS_PER_MS);
    assert_int_equal(quotes.evidence[2], quotes.at_ns - behind.onset_ns);
    const uint64_t caught_up[4] = {1001, ms(1010), 0, 0};
    tell(c, EVENT_ENGINE_ECHO, 1, caught_up);
    looks(c, 1020);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_QUOTING));
}

static void a_gate_of_the_witness_alone_stays_open_for_an_engine_that_is_behind(void **state)
{
    struct case_rig *c = *state;
    behind_and_quoting(c, false);
    assert_true(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_BEHIND));
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING));
}

static void quotes_pulled_in_time_are_no_fault(void **state)
{
    struct case_rig *c = *state;
    const uint64_t quoting[4] = {1, 0, 0, 0};
    const uint64_t pulled[4] = {0, ms(3001), ms(3002), 0};
    slot_add(c, 0, FLATLINE_ENGINE_GATE, 0, "quote");
    tell(c, EVENT_ENGINE_GATE, 0, quoting);
    frame(c, 0, 1);
    looks(c, 3004);
    tell(c, EVENT_ENGINE_GATE, 0, pulled);
    looks(c, 5000);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING));
}

/* The gate's advice; ms, 0 = none. */
static void advise(struct case_rig *c, const uint64_t window_ms[4])
{
    struct event event = engine_event(EVENT_GATE_ADVICE, c->now_ms);
    event.engine.word = ms(window_ms[0]);
    for (uint32_t i = 0; i < 3; i++) {
        event.engine.more[i] = ms(window_ms[i + 1]);
    }
    apply(c, &event);
}

static struct case_rig *quoting_at_100(void **state)
{
    struct case_rig *c = *state;
    const uint64_t quoting[4] = {1, 0, 0, 0};
    slot_add(c, 0, FLATLINE_ENGINE_GATE, 0, "quote");
    tell(c, EVENT_ENGINE_GATE, 0, quoting);
    frame(c, 0, 1);
    looks(c, 100);
    return c;
}

static void quotes_that_outlive_an_open_breaker_are_found(void **state)
{
    struct case_rig *c = quoting_at_100(state);
    advise(c, (const uint64_t[]){100, 900, 0, 0});
    looks(c, 199);
    assert_false(is_found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING));
    looks(c, 200);
    const struct finding quotes = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(quotes.onset_ns, ms(100));
    assert_false(quotes.drill);
    looks(c, 904);
    assert_true(is_found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_QUOTING));
}

static uint32_t quoting_findings(const struct case_rig *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->rig.count; i++) {
        count += c->rig.findings[i].fault_kind == FLATLINE_FAULT_ENGINE_QUOTING;
    }
    return count;
}

static void what_only_a_drill_finds_is_marked_and_ends_with_it(void **state)
{
    struct case_rig *c = quoting_at_100(state);
    advise(c, (const uint64_t[]){0, 0, 100, 600});
    looks(c, 199);
    assert_int_equal(quoting_findings(c), 0);
    looks(c, 200);
    const struct finding quotes = found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(quotes.kind, FINDING_FAULT);
    assert_true(quotes.drill);
    assert_int_equal(quotes.evidence[2], 100 * NS_PER_MS);
    looks(c, 600);
    const struct finding over = found(c, FINDING_CLEAR, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_int_equal(over.kind, FINDING_CLEAR);
    assert_true(over.drill);
    looks(c, 1500);
    assert_int_equal(quoting_findings(c), 2);
}

/* The look was begun in the drill, and read the words after it: quotes that came back in time. */
static void quotes_that_came_back_after_the_looks_beginning_are_no_fault(void **state)
{
    struct case_rig *c = quoting_at_100(state);
    const uint64_t pulled[4] = {0, ms(101), ms(101), 0};
    const uint64_t back[4] = {1, ms(101), ms(101), ms(301)};
    advise(c, (const uint64_t[]){0, 0, 100, 300});
    tell(c, EVENT_ENGINE_GATE, 0, pulled);
    looks(c, 299);
    tell(c, EVENT_ENGINE_GATE, 0, back);
    struct event event = engine_event(EVENT_ENGINE_LOOKED, 299);
    event.engine.more[1] = ms(302);
    apply(c, &event);
    assert_int_equal(quoting_findings(c), 0);
}

static void a_gate_that_really_closes_in_a_drill_is_no_exercise(void **state)
{
    struct case_rig *c = quoting_at_100(state);
    looks(c, 2880);
    advise(c, (const uint64_t[]){0, 0, 2880, 9000});
    looks(c, 3000); /* found in the drill at 2980; now the lease ends */
    looks(c, 3096);
    assert_int_equal(quoting_findings(c), 2); /* the one of the drill, and its end */
    looks(c, 3104);
    const struct finding last = c->rig.findings[c->rig.count - 1];
    assert_int_equal(last.kind, FINDING_FAULT);
    assert_int_equal(last.fault_kind, FLATLINE_FAULT_ENGINE_QUOTING);
    assert_false(last.drill);
    assert_int_equal(last.onset_ns, ms(3000));
}

static void a_breaker_that_outlasts_a_drill_is_meant(void **state)
{
    struct case_rig *c = quoting_at_100(state);
    advise(c, (const uint64_t[]){100, 3000, 100, 600});
    looks(c, 1000);
    assert_int_equal(quoting_findings(c), 1);
    assert_false(found(c, FINDING_FAULT, FLATLINE_FAULT_ENGINE_QUOTING).drill);
}

/* ---- nonsense -------------------------------------------------------------------------------- */

static void events_of_unknown_engines_and_slots_are_ignored(void **state)
{
    struct case_rig *c = *state;
    struct event event = engine_event(EVENT_ENGINE_WORKER, 1);
    event.engine.engine = 7;
    apply(c, &event);
    event.engine.engine = 1; /* never up */
    apply(c, &event);
    event.engine.engine = 0;
    event.engine.slot = 60000;
    apply(c, &event);
    for (uint32_t i = 0; i < 2 * ENGINE_SLOTS_MAX; i++) {
        slot_add(c, (uint16_t)i, FLATLINE_ENGINE_ORDERS, 0, "orders");
    }
    event = engine_event(EVENT_GATE_ADVICE, 2);
    event.engine.code = 60000; /* no such gate */
    apply(c, &event);
    event = engine_event(EVENT_ENGINE_ORDER, 2);
    event.engine.slot = ENGINE_SLOTS_MAX - 1; /* beyond the orders that are kept */
    apply(c, &event);
    event.engine.slot = 0;
    event.engine.code = FLATLINE_ENGINE_PAIRS;
    apply(c, &event);
    look(c, ALIVE, 0);
    assert_int_equal(c->rig.count, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(a_beat_is_late_at_its_deadline_and_not_before),
        CASE(a_slow_worker_has_three_of_its_intervals),
        CASE(an_idle_or_ended_worker_owes_no_beat),
        CASE(an_engine_s_fault_tells_its_error_behind_long_names),
        CASE(a_panic_is_found_at_the_next_look_with_its_error),
        CASE(our_own_absence_restarts_the_engines_clocks),
        CASE(a_death_without_goodbye_is_gone_and_explains_the_rest),
        CASE(a_goodbye_ends_everything_quietly),
        CASE(a_stopped_process_is_evidence_and_no_verdict),
        CASE(an_engine_behind_what_is_due_is_found_within_its_allowance_and_ten),
        CASE(nobody_is_behind_what_became_due_after_the_look),
        CASE(nobody_is_behind_a_witness_that_is_not_fresh),
        CASE(a_stream_declared_and_never_echoed_is_behind_after_five_seconds),
        CASE(no_report_is_overdue_before_a_thousand_samples),
        CASE(three_reports_late_in_a_row_are_overdue),
        CASE(one_report_is_overdue_alone_after_two_seconds),
        CASE(quotes_that_outlive_their_gate_are_found_and_their_exposure_told),
        CASE(quotes_of_an_engine_that_is_behind_outlive_a_gate_that_requires_both),
        CASE(a_gate_of_the_witness_alone_stays_open_for_an_engine_that_is_behind),
        CASE(quotes_pulled_in_time_are_no_fault),
        CASE(quotes_that_outlive_an_open_breaker_are_found),
        CASE(what_only_a_drill_finds_is_marked_and_ends_with_it),
        CASE(quotes_that_came_back_after_the_looks_beginning_are_no_fault),
        CASE(a_gate_that_really_closes_in_a_drill_is_no_exercise),
        CASE(a_breaker_that_outlasts_a_drill_is_meant),
        CASE(events_of_unknown_engines_and_slots_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
