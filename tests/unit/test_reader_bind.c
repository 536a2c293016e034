/* SPDX-License-Identifier: MIT
 *
 * Goal: a gate that requires both is fresh for an engine whose own echoes have reached every due id, and
 * for nobody else. Method: the real publisher, reader and engine file; times given by the test.
 */
#include "segment_fixture.h"

#include "flatline/engine.h"

#define AT (100 * NS_PER_S)

static struct fixture fixture;
static struct flatline *reader;
static struct flatline_engine *engine;
static struct flatline_gate gate;

static const struct publisher_gate gates[] = {
    {.name = "quote", .members = fixture_both, .member_count = 2, .both = true},
    {.name = "other", .members = fixture_both, .member_count = 2},
};

static void lease(uint32_t stream, uint64_t due_id)
{
    const struct stream_view view = {.lease_until_ns = AT + 5 * NS_PER_S, .due_id = due_id};
    publisher_lease(fixture.publisher, stream, &view);
}

static int start(void **state)
{
    (void)state;
    fixture_prepare(&fixture);
    fixture.config.gates = gates;
    fixture.config.gate_count = ARRAY_COUNT(gates);
    fixture_publish(&fixture);
    lease(0, 100);
    lease(1, 0);
    publisher_beat(fixture.publisher, AT, AT, NS_PER_S);
    reader = fixture_attach(&fixture);
    assert_int_equal(flatline_find_gate(reader, "quote", &gate), 0);
    assert_int_equal(flatline_engine_create(fixture.path, "mm1", NULL, &engine), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    flatline_detach(reader);
    flatline_engine_close(engine);
    engine = NULL;
    fixture_remove(&fixture);
    return 0;
}

static void echo(uint32_t stream, uint64_t last_id)
{
    struct flatline_engine_echo *record;
    const char *name = flatline_stream_name(reader, stream);
    assert_int_equal(flatline_declare_stream(engine, name, &record), 0);
    flatline_echo(record, last_id, AT);
}

static void nobody_without_an_echo_finds_it_fresh(void **state)
{
    uint32_t culprit = 7;
    (void)state;
    assert_false(flatline_gate_fresh(&gate, AT));
    assert_false(flatline_may_quote(&gate, AT));
    assert_int_equal(flatline_gate_why(&gate, AT, &culprit), FLATLINE_WHY_ENGINE_UNPROVEN);
    assert_int_equal(culprit, 0);
    assert_int_equal(flatline_quote_why(&gate, AT, NULL), FLATLINE_WHY_ENGINE_UNPROVEN);
}

static void the_engine_finds_it_fresh_once_it_has_what_is_due(void **state)
{
    (void)state;
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, engine), 0);
    assert_false(flatline_gate_fresh(&gate, AT)); /* bound, and nothing echoed yet */
    assert_int_equal(flatline_gate_why(&gate, AT, NULL), FLATLINE_WHY_ENGINE_BEHIND);
    echo(0, 99);
    assert_false(flatline_gate_fresh(&gate, AT));
    echo(0, 100);
    assert_true(flatline_gate_fresh(&gate, AT));
    assert_true(flatline_may_quote(&gate, AT));
    assert_int_equal(flatline_gate_why(&gate, AT, NULL), FLATLINE_WHY_FRESH);
}

static void it_closes_when_the_engine_falls_behind_any_member(void **state)
{
    uint32_t culprit = 0;
    (void)state;
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, engine), 0);
    echo(0, 100);
    echo(1, 7);
    lease(1, 8);
    assert_false(flatline_gate_fresh(&gate, AT));
    assert_int_equal(flatline_gate_why(&gate, AT, &culprit), FLATLINE_WHY_ENGINE_BEHIND);
    assert_int_equal(culprit, 1);
    echo(1, 8);
    assert_true(flatline_gate_fresh(&gate, AT));
}

static void the_leases_count_as_ever(void **state)
{
    (void)state;
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, engine), 0);
    echo(0, 100);
    assert_true(flatline_gate_fresh(&gate, AT));
    assert_false(flatline_gate_fresh(&gate, AT + NS_PER_S)); /* the end of the sentinel's promise */
    assert_int_equal(flatline_gate_why(&gate, AT + NS_PER_S, NULL), FLATLINE_WHY_SENTINEL_DEAD);
}

static void who_only_watches_sees_the_witness_side(void **state)
{
    (void)state;
    const struct flatline_gate witness = flatline_gate_witness(&gate);
    assert_true(flatline_gate_fresh(&witness, AT));
    assert_int_equal(flatline_gate_why(&witness, AT, NULL), FLATLINE_WHY_FRESH);
    assert_false(flatline_gate_fresh(&gate, AT));
}

static void a_gate_that_does_not_ask_for_it_owes_no_echo(void **state)
{
    struct flatline_gate other;
    (void)state;
    assert_int_equal(flatline_find_gate(reader, "other", &other), 0);
    assert_true(flatline_gate_fresh(&other, AT));
    assert_int_equal(flatline_gate_bind_engine(reader, &other, engine), 0);
    assert_true(flatline_gate_fresh(&other, AT));
}

static void an_engine_without_room_is_not_bound(void **state)
{
    struct flatline_engine *small;
    (void)state;
    const struct flatline_engine_options options = {.slots_max = 1};
    assert_int_equal(flatline_engine_create(fixture.path, "small", &options, &small), 0);
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, small), FLATLINE_E_NO_MEMORY);
    assert_null(gate.own_ids);
    assert_false(flatline_gate_fresh(&gate, AT));
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, NULL), FLATLINE_E_INVALID);
    flatline_engine_close(small);
}

static void binding_twice_is_one_binding(void **state)
{
    struct flatline_gate again = gate;
    (void)state;
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, engine), 0);
    assert_int_equal(flatline_gate_bind_engine(reader, &again, engine), 0);
    assert_ptr_equal(gate.own_ids, again.own_ids);
}

static void a_second_look_binds_again(void **state)
{
    (void)state;
    const uint64_t now = clock_mono_ns();
    assert_int_equal(flatline_gate_bind_engine(reader, &gate, engine), 0);
    echo(0, 100);
    publisher_destroy(fixture.publisher); /* stopped in order: the next one takes the name */
    fixture_publish(&fixture);
    const struct stream_view view = {.lease_until_ns = now + 60 * NS_PER_S, .due_id = 101};
    publisher_lease(fixture.publisher, 0, &view);
    publisher_lease(fixture.publisher, 1, &view);
    publisher_beat(fixture.publisher, now, now, 9 * NS_PER_S);
    assert_false(flatline_look_gate(reader, &gate, clock_mono_ns()));
    assert_int_equal(flatline_gate_why(&gate, now + 1, NULL), FLATLINE_WHY_ENGINE_BEHIND);
    echo(0, 101);
    echo(1, 101);
    assert_true(flatline_look_gate(reader, &gate, clock_mono_ns()));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_without_an_echo_finds_it_fresh),
        CASE(the_engine_finds_it_fresh_once_it_has_what_is_due),
        CASE(it_closes_when_the_engine_falls_behind_any_member),
        CASE(the_leases_count_as_ever),
        CASE(who_only_watches_sees_the_witness_side),
        CASE(a_gate_that_does_not_ask_for_it_owes_no_echo),
        CASE(an_engine_without_room_is_not_bound),
        CASE(binding_twice_is_one_binding),
        CASE(a_second_look_binds_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
