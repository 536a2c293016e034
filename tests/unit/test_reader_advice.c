/* SPDX-License-Identifier: MIT
 *
 * Goal: an engine may quote if and only if its gate is fresh, the breaker closed and nothing
 * paused; what a hostile or torn segment says of advice is contained. Method: the real publisher
 * and reader, times given by the test; a writer that never pauses for the words that must not mix.
 */
#include "segment_fixture.h"

#include "core/atomic.h"

#include <pthread.h>

#define AT (100 * NS_PER_S)

static struct fixture fixture;
static struct flatline *reader;
static struct flatline_gate both;
static struct flatline_gate okx;

static int start(void **state)
{
    (void)state;
    fixture_prepare(&fixture);
    fixture.config.advice_max = 4;
    fixture.config.control_socket = "/run/flatline/control.sock";
    fixture_publish(&fixture);
    fixture_lease(&fixture, 0, AT + NS_PER_S);
    fixture_lease(&fixture, 1, AT + 9 * NS_PER_S);
    publisher_beat(fixture.publisher, AT, AT, NS_PER_S);
    reader = fixture_attach(&fixture);
    assert_int_equal(flatline_find_gate(reader, "both", &both), 0);
    assert_int_equal(flatline_find_gate(reader, "okx/BTC-USDT", &okx), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    flatline_detach(reader);
    fixture_remove(&fixture);
    return 0;
}

static void advise(uint32_t gate, uint64_t breaker_ns, uint64_t pause_ns)
{
    const struct flatline_gate_advice line = {.breaker_until_mono_ns = breaker_ns,
                                              .pause_until_mono_ns = pause_ns,
                                              .reduce_until_mono_ns = AT + 1,
                                              .breaker_serial = 5,
                                              .reconnect_serial = 6};
    publisher_gate_advice(fixture.publisher, gate, &line);
}

static void each_gate_has_its_own_advice_and_a_fresh_one_may_quote(void **state)
{
    (void)state;
    assert_true(flatline_may_quote(&both, AT));
    advise(0, AT + 5, 0);
    assert_false(flatline_may_quote(&both, AT));
    assert_true(flatline_gate_fresh(&both, AT)); /* what the data says is not changed */
    assert_int_equal(flatline_gate_why(&both, AT, NULL), FLATLINE_WHY_FRESH);
    assert_true(flatline_may_quote(&okx, AT));
}

static void breaker_and_pause_end_at_their_very_nanosecond(void **state)
{
    (void)state;
    advise(1, AT + 5, 0);
    assert_false(flatline_may_quote(&okx, AT + 4));
    assert_true(flatline_may_quote(&okx, AT + 5));
    advise(1, 0, AT + 7);
    assert_false(flatline_may_quote(&okx, AT + 6));
    assert_true(flatline_may_quote(&okx, AT + 7));
    advise(1, FLATLINE_UNTIL_CLEARED, 0);
    assert_false(flatline_may_quote(&okx, AT + 8));
}

static void the_why_of_a_quote_names_the_worst(void **state)
{
    (void)state;
    uint32_t culprit = 9;
    advise(0, AT + 5, AT + 9);
    assert_int_equal(flatline_quote_why(&both, AT, NULL), FLATLINE_WHY_BREAKER);
    assert_int_equal(flatline_quote_why(&both, AT + 5, NULL), FLATLINE_WHY_PAUSED);
    assert_int_equal(flatline_quote_why(&both, AT + 9, NULL), FLATLINE_WHY_FRESH);
    const struct stream_view revoked = {.revoked_by = FLATLINE_FAULT_DOWN};
    publisher_lease(fixture.publisher, 1, &revoked);
    assert_int_equal(flatline_quote_why(&both, AT, NULL), FLATLINE_WHY_BREAKER);
    assert_int_equal(flatline_quote_why(&both, AT + 9, &culprit), FLATLINE_WHY_REVOKED);
    assert_int_equal(culprit, 1);
    assert_int_equal(flatline_quote_why(&both, AT + NS_PER_S, NULL), FLATLINE_WHY_SENTINEL_DEAD);
    assert_false(flatline_look_quote(reader, &both, AT));
}

static void every_kind_has_its_word_and_its_serial(void **state)
{
    (void)state;
    advise(0, AT + 5, 0);
    assert_true(flatline_advised(&both, FLATLINE_ADVICE_BREAKER, AT));
    assert_false(flatline_advised(&both, FLATLINE_ADVICE_PAUSE, AT));
    assert_true(flatline_advised(&both, FLATLINE_ADVICE_REDUCE, AT));
    assert_false(flatline_advised(&both, FLATLINE_ADVICE_REDUCE, AT + 1));
    assert_false(flatline_advised(&both, (enum flatline_advice_kind)99, AT));
    assert_int_equal(flatline_advice_serial(&both, FLATLINE_ADVICE_BREAKER), 5);
    assert_int_equal(flatline_advice_serial(&both, FLATLINE_ADVICE_RECONNECT), 6);
    assert_int_equal(flatline_advice_serial(&both, (enum flatline_advice_kind)99), 0);
    assert_true(flatline_may_quote(&both, AT + 5)); /* to reduce is not to stop */
}

static struct flatline_advice_slot slot_of(uint64_t serial, uint64_t until_ns)
{
    struct flatline_advice_slot slot = {
        .serial = serial, .kind = FLATLINE_ADVICE_PAUSE, .until_mono_ns = until_ns};
    memset(slot.by, 'b', sizeof(slot.by)); /* to the last byte, and no NUL */
    memcpy(slot.name, "a\033[2Jb", 6);
    memset(slot.reason, 0xff, sizeof(slot.reason));
    return slot;
}

static void advice_is_listed_newest_first_without_what_ran_out(void **state)
{
    (void)state;
    struct flatline_advice listed[4];
    for (uint32_t i = 0; i < 4; i++) {
        const struct flatline_advice_slot slot = slot_of(i + 1, AT + i);
        publisher_advice(fixture.publisher, i, &slot);
    }
    assert_int_equal(flatline_list_advice(reader, AT, listed, 2), 3); /* the first is over */
    assert_int_equal(listed[0].serial, 4);
    assert_int_equal(listed[1].serial, 3);
    assert_int_equal(flatline_list_advice(reader, AT + 9, listed, 4), 0);
    assert_int_equal(flatline_list_advice(NULL, AT, listed, 4), FLATLINE_E_INVALID);
}

static void hostile_texts_are_cut_and_command_no_terminal(void **state)
{
    (void)state;
    struct flatline_advice listed;
    const struct flatline_advice_slot slot = slot_of(1, FLATLINE_UNTIL_CLEARED);
    publisher_advice(fixture.publisher, 0, &slot);
    assert_int_equal(flatline_list_advice(reader, AT, &listed, 1), 1);
    assert_int_equal(strlen(listed.by), sizeof(listed.by) - 1);
    assert_string_equal(listed.name, "a?[2Jb");
    assert_int_equal(strlen(listed.reason), sizeof(listed.reason) - 1);
}

static void an_event_tells_advice_and_drill_apart(void **state)
{
    (void)state;
    struct flatline_event event;
    struct flatline_advice_slot slot = slot_of(11, AT);
    uint64_t cursor = flatline_event_head(reader);
    publisher_advice_event(fixture.publisher, &slot, false, AT, AT);
    slot.flags = FLATLINE_ADVICE_DRILL;
    publisher_advice_event(fixture.publisher, &slot, true, AT, AT);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL), 1);
    assert_int_equal(event.type, FLATLINE_EVENT_ADVICE);
    assert_int_equal(event.fault_id, 11);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL), 1);
    assert_int_equal(event.type, FLATLINE_EVENT_DRILL_END);
}

/* ---- words that must not mix ----------------------------------------------------------------- */

#define ROUNDS 200000U

static uint64_t writer_stop;

/* Every word of a publication is the same number, and the serial never ahead of it. */
static void *publish_without_pause(void *unused)
{
    for (uint64_t n = 1; load_acquire(&writer_stop) == 0; n++) {
        struct flatline_advice_slot slot = slot_of(n, FLATLINE_UNTIL_CLEARED);
        slot.uid = n;
        slot.since_mono_ns = n;
        const struct flatline_gate_advice line = {.breaker_serial = n,
                                                  .breaker_until_mono_ns = AT + n};
        publisher_advice(fixture.publisher, 0, &slot);
        publisher_gate_advice(fixture.publisher, 0, &line);
    }
    return unused;
}

static void a_reader_mixes_no_two_publications(void **state)
{
    (void)state;
    pthread_t thread;
    unsigned copies = 0;
    writer_stop = 0;
    assert_int_equal(pthread_create(&thread, NULL, publish_without_pause, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct flatline_advice listed;
        if (flatline_list_advice(reader, AT, &listed, 1) == 1) {
            copies++;
            assert_true(listed.uid == listed.serial && listed.since_mono_ns == listed.serial);
        }
        const uint64_t until = load_acquire(&both.advice->breaker_until_mono_ns);
        const uint64_t serial = flatline_advice_serial(&both, FLATLINE_ADVICE_BREAKER);
        assert_true(until == 0 || serial >= until - AT); /* never obeys what it cannot name */
    }
    store_release(&writer_stop, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(copies > 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_gate_has_its_own_advice_and_a_fresh_one_may_quote),
        CASE(breaker_and_pause_end_at_their_very_nanosecond),
        CASE(the_why_of_a_quote_names_the_worst),
        CASE(every_kind_has_its_word_and_its_serial),
        CASE(advice_is_listed_newest_first_without_what_ran_out),
        CASE(hostile_texts_are_cut_and_command_no_terminal),
        CASE(an_event_tells_advice_and_drill_apart),
        CASE(a_reader_mixes_no_two_publications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
