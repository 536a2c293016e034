/* SPDX-License-Identifier: MIT
 *
 * Goal: where an engine keeps the listenKey, the account is leased on what living engines report of
 * key and socket, and on nothing else; closed while none does.
 *
 * Method: events of the engine watch on a virtual clock; the key lives 60 min, a proof 3 x 20 s.
 */
#include "core/detector_engine.h"
#include "detector_rig.h"

#define KEY_LIFE_MS (60U * 60000U)

struct case_rig {
    struct rig rig;
    uint32_t account;
};

static struct event engine_event(enum event_kind kind, uint16_t engine, uint64_t at_ms)
{
    return (struct event){.recv_mono_ns = ms(at_ms),
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .kind = (uint8_t)kind,
                          .engine = {.engine = engine}};
}

static void apply(struct case_rig *c, const struct event *event)
{
    detector_apply(c->rig.detector, event);
    rig_drain(&c->rig);
}

static void engine_begin(struct case_rig *c, uint16_t engine, uint64_t at_ms)
{
    struct event up = engine_event(EVENT_ENGINE_UP, engine, at_ms);
    (void)strcpy(up.engine.text, "mm1");
    apply(c, &up);
    struct event slot = engine_event(EVENT_ENGINE_SLOT, engine, at_ms);
    slot.stream = c->account;
    slot.engine.code = FLATLINE_ENGINE_KEY;
    apply(c, &slot);
}

static void look(struct case_rig *c, uint16_t engine, uint64_t at_ms, uint32_t life)
{
    struct event event = engine_event(EVENT_ENGINE_LOOKED, engine, at_ms);
    event.engine.code = life;
    apply(c, &event);
    (void)detector_tick(c->rig.detector, ms(at_ms));
    rig_drain(&c->rig);
}

/* What an engine says of its key, and a look. Fingerprint 7. */
static void report(struct case_rig *c, uint16_t engine, uint64_t at_ms, const uint64_t told_ms[3])
{
    struct event event = engine_event(EVENT_ENGINE_KEY, engine, at_ms);
    event.engine.word = told_ms[0] != 0 ? ms(told_ms[0]) : 0;
    event.engine.more[0] = told_ms[1];
    event.engine.more[1] = 7;
    event.engine.more[2] = told_ms[2] != 0 ? ms(told_ms[2]) : 0;
    apply(c, &event);
    look(c, engine, at_ms, 0);
}

#define TOLD(extended, failures, proven)                                                           \
    (const uint64_t[])                                                                             \
    {                                                                                              \
        extended, failures, proven                                                                 \
    }

static int start(void **state)
{
    struct case_rig *c = calloc(1, sizeof(*c));
    const struct detector_policy policy = rig_policy();
    const struct detector_limits limits = {
        .streams_max = 1, .connections_max = 1, .legs_max = 1, .engines_max = 2, .gates_max = 1};
    const struct stream_traits traits = {.venue = FLATLINE_VENUE_BINANCE_USDM,
                                         .stream_class = FLATLINE_CLASS_USER,
                                         .stale_after_ns = 3 * NS_PER_S,
                                         .key_of_engine = true};
    c->rig.detector = detector_create(&limits, &policy);
    assert_non_null(c->rig.detector);
    c->account = (uint32_t)detector_add_stream(c->rig.detector, &traits);
    c->rig.stream_count = 1;
    c->rig.shown[0] = *detector_stream(c->rig.detector, c->account);
    engine_begin(c, 0, 1000);
    *state = c;
    return 0;
}

static int stop(void **state)
{
    struct case_rig *c = *state;
    detector_destroy(c->rig.detector);
    free(c);
    return 0;
}

static uint64_t lease_ms(const struct case_rig *c)
{
    const uint64_t until_ns = rig_view(&c->rig, 0)->lease_until_ns;
    return until_ns == 0 ? 0 : (until_ns - ms(0)) / NS_PER_MS;
}

static uint32_t
faults(const struct case_rig *c, enum finding_kind kind, enum flatline_fault_kind of)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->rig.count; i++) {
        count += c->rig.findings[i].kind == kind && c->rig.findings[i].fault_kind == of;
    }
    return count;
}

static void key_and_proof_must_both_be_reported(void **state)
{
    struct case_rig *c = *state;
    look(c, 0, 1004, 0);
    assert_int_equal(lease_ms(c), 0); /* nobody has reported */
    report(c, 0, 1008, TOLD(1005, 0, 0));
    assert_int_equal(lease_ms(c), 0); /* a key is no socket */
    report(c, 0, 1012, TOLD(1005, 0, 1010));
    assert_int_equal(lease_ms(c), 61010);
    assert_true(rig_view(&c->rig, 0)->unproven);
}

static void a_proof_older_than_the_key_is_of_another_socket(void **state)
{
    struct case_rig *c = *state;
    report(c, 0, 1012, TOLD(1010, 0, 1005));
    assert_int_equal(lease_ms(c), 0);
    report(c, 0, 1020, TOLD(1010, 0, 1015));
    assert_int_equal(lease_ms(c), 61015);
}

static void the_countdown_runs_from_the_engines_own_extend(void **state)
{
    struct case_rig *c = *state;
    report(c, 0, 1012, TOLD(1005, 4, 1010));
    report(c, 0, 1005 + KEY_LIFE_MS - 30000, TOLD(1005, 6, 1005 + KEY_LIFE_MS - 30001));
    assert_int_equal(faults(c, FINDING_FAULT, FLATLINE_FAULT_KEY_EXPIRING), 1);
    assert_int_equal(lease_ms(c), 1005 + KEY_LIFE_MS);
    look(c, 0, 1005 + KEY_LIFE_MS, 0);
    assert_int_equal(faults(c, FINDING_FAULT, FLATLINE_FAULT_KEY_EXPIRED), 1);
    assert_int_equal(lease_ms(c), 0);
    const uint64_t later = 1005 + KEY_LIFE_MS + 5000;
    report(c, 0, later + 5, TOLD(later, 6, later + 1));
    assert_int_equal(faults(c, FINDING_CLEAR, FLATLINE_FAULT_KEY_EXPIRED), 1);
    assert_int_equal(lease_ms(c), later + 60001);
}

static void an_engine_that_is_gone_takes_its_socket_with_it(void **state)
{
    struct case_rig *c = *state;
    report(c, 0, 1012, TOLD(1005, 0, 1010));
    look(c, 0, 2000, 3); /* dead */
    assert_int_equal(lease_ms(c), 0);
    assert_int_equal(rig_view(&c->rig, 0)->revoked_by, FLATLINE_FAULT_ENGINE_GONE);
    engine_begin(c, 0, 3000);
    report(c, 0, 3010, TOLD(3005, 0, 3006));
    assert_int_equal(lease_ms(c), 63006);
}

static void another_living_engine_of_the_account_keeps_it_open(void **state)
{
    struct case_rig *c = *state;
    engine_begin(c, 1, 1000);
    report(c, 0, 1012, TOLD(1005, 0, 1010));
    report(c, 1, 1013, TOLD(0, 0, 1011));
    look(c, 0, 2000, 3);
    assert_int_equal(lease_ms(c), 61011);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(key_and_proof_must_both_be_reported),
        CASE(a_proof_older_than_the_key_is_of_another_socket),
        CASE(the_countdown_runs_from_the_engines_own_extend),
        CASE(an_engine_that_is_gone_takes_its_socket_with_it),
        CASE(another_living_engine_of_the_account_keeps_it_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
