/* SPDX-License-Identifier: MIT
 *
 * Goal: what `flatline score` counts can be believed: dice that fall the same everywhere, intervals
 * that are those of the textbook, injections that do what their name says and nothing else, an
 * oracle without holes, and a trial that counts a finding once and a wrong one as wrong.
 * Method: each piece by itself; injections on a generated market with the tape before and after.
 */
#include "tools/score_fault.h"
#include "tools/score_market.h"
#include "tools/score_recording.h"
#include "tools/score_run.h"
#include "tools/score_sum.h"
#include "tools/score_witness.h"
#include "tools/score_work.h"

#include "core/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SPAN_NS (40 * NS_PER_S)

static void dice_fall_the_same_on_every_machine(void **state)
{
    (void)state;
    struct dice dice = dice_seed(1, 2, 3, 4);
    struct dice same = dice_seed(1, 2, 3, 4);
    struct dice other = dice_seed(1, 2, 4, 3);
    assert_int_equal(dice_next(&dice), dice_next(&same));
    assert_int_not_equal(dice_next(&dice), dice_next(&other));
    dice.state = 42;
    assert_int_equal(dice_next(&dice), 13679457532755275413ULL); /* splitmix64's own first */
    assert_true(dice_ln(1.0) == 0.0);
    assert_float_equal(dice_ln(2.718281828), 1.0, 1e-8);
    assert_float_equal(dice_ln(0.001), -6.907755279, 1e-8);
    double sum = 0;
    uint64_t events = 0;
    for (int i = 0; i < 100000; i++) {
        sum += dice_exp(&dice);
        events += dice_poisson(&dice, 0.7);
    }
    assert_float_equal(sum / 100000, 1.0, 0.02);
    assert_float_equal((double)events / 100000, 0.7, 0.02);
}

static void the_interval_of_a_count_is_that_of_the_textbook(void **state)
{
    (void)state;
    assert_float_equal(poisson_low(0), 0.0, 1e-9);
    assert_float_equal(poisson_high(0), 3.6889, 1e-3);
    assert_float_equal(poisson_low(1), 0.02532, 1e-4);
    assert_float_equal(poisson_high(1), 5.5716, 1e-3);
    assert_float_equal(poisson_low(10), 4.7954, 1e-3);
    assert_float_equal(poisson_high(10), 18.3904, 1e-3);
}

static void every_injection_says_what_is_right_before_it_runs(void **state)
{
    (void)state;
    assert_int_equal(injections[0].way, WAY_NOTHING);
    for (uint32_t i = 1; i < injection_count; i++) {
        const struct injection *what = &injections[i];
        assert_true(what->way != WAY_NOTHING && what->lasts_ns > 0);
        assert_true(what->kinds != 0 && what->blames != 0);
        assert_true((what->promised_ns > 0) != (what->promise != NULL));
        for (uint32_t k = 0; k < i; k++) {
            assert_string_not_equal(what->name, injections[k].name);
        }
    }
}

static const struct injection *injection_named(const char *name)
{
    for (uint32_t i = 0; i < injection_count; i++) {
        if (strcmp(injections[i].name, name) == 0) {
            return &injections[i];
        }
    }
    fail();
    return &injections[0];
}

/* Before and after of one injection on a bursty market. */
struct
try {
    struct market *market;
    const struct desk *desk;
    struct tape before;
    struct tape after;
    struct truth truth;
};

static void try_begin(struct try *try, const char *name)
{
    const struct injection *what = injection_named(name);
    struct dice dice = dice_seed(7, 0, 0, 0);
    memset(try, 0, sizeof(*try));
    try->market = market_create(&market_terms[0], 7, what->twins);
    assert_non_null(try->market);
    struct source *source = market_source(try->market);
    try->desk = source->desk;
    assert_true(source->fill(source, DESK_EPOCH_NS + SPAN_NS, &try->before));
    tape_sort(&try->before);
    for (uint32_t i = 0; i < try->before.count; i++) {
        tape_add(&try->after, &try->before.events[i]);
    }
    fault_aim(what, try->desk, &dice, DESK_EPOCH_NS + 10 * NS_PER_S, &try->truth);
    fault_inject(what, try->desk, &dice, &try->after, &try->truth);
    assert_false(try->truth.is_void);
    assert_in_range(try->truth.missed_ns, try->truth.start_ns, try->truth.end_ns);
    for (uint32_t i = 1; i < try->after.count; i++) {
        assert_true(try->after.events[i - 1].recv_mono_ns <= try->after.events[i].recv_mono_ns);
    }
}

static void try_end(struct try *try)
{
    tape_free(&try->before);
    tape_free(&try->after);
    market_destroy(try->market);
}

static void a_mute_drops_what_it_hits_and_nothing_else(void **state)
{
    (void)state;
    struct try try;
    try_begin(&try, "one-stream");
    assert_int_equal(__builtin_popcountll(try.truth.streams), 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < try.before.count; i++) {
        const struct event *event = &try.before.events[i];
        const bool hit =
            event->kind == EVENT_DATA && (try.truth.streams >> event->stream & 1U) != 0 &&
            event->recv_mono_ns >= try.truth.start_ns && event->recv_mono_ns < try.truth.end_ns;
        if (!hit) {
            assert_memory_equal(event, &try.after.events[kept], sizeof(*event));
            kept++;
        }
    }
    assert_int_equal(kept, try.after.count);
    assert_true(kept < try.before.count);
    try_end(&try);
}

static void a_lagging_connection_loses_nothing_and_keeps_its_order(void **state)
{
    (void)state;
    struct try try;
    try_begin(&try, "lag-ramp");
    assert_int_equal(try.before.count, try.after.count);
    uint64_t newest[DESK_STREAMS_MAX] = {0};
    uint64_t latest_ns = 0;
    for (uint32_t i = 0; i < try.after.count; i++) {
        const struct event *event = &try.after.events[i];
        if (event->kind == EVENT_DATA && (event->flags & EVENT_HAS_ID) != 0) {
            assert_true(event->data.id >= newest[event->stream]);
            newest[event->stream] = event->data.id;
            const uint64_t lag_ns =
                event->recv_mono_ns - (uint64_t)(event->data.exch_wall_ns - 1270000000LL);
            if ((event->flags & EVENT_HAS_TIME) != 0 && lag_ns > latest_ns) {
                latest_ns = lag_ns;
            }
        }
    }
    assert_in_range(latest_ns, 2900 * NS_PER_MS, 3100 * NS_PER_MS);
    try_end(&try);
}

static void a_reconnect_is_down_then_up_with_nothing_between(void **state)
{
    (void)state;
    struct try try;
    try_begin(&try, "reset");
    const uint32_t link = (uint32_t)__builtin_ctz(try.truth.links);
    bool is_down = false;
    uint32_t downs = 0;
    for (uint32_t i = 0; i < try.after.count; i++) {
        const struct event *event = &try.after.events[i];
        if (event->connection != link) {
            continue;
        }
        assert_false(is_down && event->kind == EVENT_DATA);
        downs += event->kind == EVENT_CONNECTION_DOWN;
        is_down =
            event->kind == EVENT_CONNECTION_DOWN || (is_down && event->kind != EVENT_CONNECTION_UP);
    }
    assert_int_equal(downs, 1);
    assert_false(is_down);
    try_end(&try);
}

/* One session of an injection; counts into sum. */
static void session_try(const struct injection *what, struct score_sum *sum)
{
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    struct market *market = market_create(&market_terms[0], 3, what->twins);
    assert_non_null(market);
    const struct session session = {
        .source = market_source(market),
        .injection = what,
        .policy = &policy,
        .dice = dice_seed(3, 0, 0, 0),
        .from_ns = DESK_EPOCH_NS,
        .episode_ns = SPAN_NS,
        .lead_ns = 8 * NS_PER_S,
        .episodes = 5,
    };
    uint32_t done;
    assert_int_equal(sum_begin(sum), 0);
    assert_int_equal(session_run(&session, sum, &done), 0);
    assert_int_equal(done, 5);
    market_destroy(market);
}

static void a_trial_counts_a_finding_once_and_times_it_from_what_was_missed(void **state)
{
    (void)state;
    struct score_sum sum;
    session_try(injection_named("reset"), &sum);
    assert_int_equal(sum.trials, 5);
    assert_int_equal(sum.detected, 5);
    assert_int_equal(sum.in_time, 5);
    assert_int_equal(sum.blame_right, 5);
    assert_int_equal(sum.false_alarms, 0);
    assert_int_equal(sum.exposure->max_ns, 0);
    sum_end(&sum);
}

static void what_is_not_right_is_counted_as_wrong(void **state)
{
    (void)state;
    struct score_sum sum;
    struct injection wrong = *injection_named("reset");
    wrong.kinds = KIND(CROSSED); /* an oracle that wants something else */
    wrong.also = 0;
    session_try(&wrong, &sum);
    assert_int_equal(sum.trials, 5);
    assert_int_equal(sum.detected, 0);
    assert_int_equal(sum.told[TOLD_NOTHING], 5);
    assert_int_equal(sum.false_by_kind[FLATLINE_FAULT_DOWN], 5);
    sum_end(&sum);
}

static void the_same_seed_gives_the_same_sums(void **state)
{
    (void)state;
    struct score_sum one;
    struct score_sum two;
    session_try(injection_named("gap"), &one);
    session_try(injection_named("gap"), &two);
    assert_int_equal(one.exposure->max_ns, two.exposure->max_ns);
    assert_memory_equal(one.told, two.told, sizeof(one.told));
    assert_int_equal(one.unproven_ns, two.unproven_ns);
    sum_end(&one);
    sum_end(&two);
}

/* Everything of a book is mute: neither its channels nor a twin can tell. */
static void rest_tells_of_a_book_whose_streams_are_all_mute(void **state)
{
    (void)state;
    struct score_sum sum;
    session_try(injection_named("one-symbol"), &sum);
    assert_int_equal(sum.trials, 5);
    assert_int_equal(sum.detected, 5);
    assert_int_equal(sum.blame_right, 5);
    assert_int_equal(sum.false_alarms, 0);
    sum_end(&sum);
}

static void rest_answers_what_nothing_was_done_to_and_not_over_a_dead_line(void **state)
{
    (void)state;
    struct score_sum sum;
    session_try(injection_named("host"), &sum); /* REST comes over the same line */
    assert_int_equal(sum.trials, 5);
    assert_int_equal(sum.told[FLATLINE_SCOPE_CONNECTION], 0);
    sum_end(&sum);
    session_try(injection_named("nothing"), &sum);
    assert_int_equal(sum.false_alarms, 0);
    sum_end(&sum);
}

/* A recording begins at the time of day: to look from 0 on would take for ever. */
static void rest_is_not_asked_before_the_market_begins(void **state)
{
    (void)state;
    static const struct desk desk;
    const uint64_t from_ns = 1700000000 * NS_PER_S;
    struct witness *witness = witness_create(&desk, from_ns);
    assert_non_null(witness);
    assert_int_equal(witness_due_ns(witness), from_ns);
    witness_destroy(witness);
}

static void an_undecided_verdict_blames_nobody_until_it_is_decided(void **state)
{
    (void)state;
    struct score_sum sum;
    session_try(injection_named("connection"), &sum);
    assert_int_equal(sum.trials, 5);
    uint64_t told = 0;
    for (uint32_t i = 0; i < TOLD_COUNT; i++) {
        told += sum.told[i];
    }
    assert_int_equal(told, sum.trials);
    assert_int_equal(sum.blamed->total + sum.told[TOLD_UNKNOWN], sum.detected);
    sum_end(&sum);
}

static void a_life_begins_with_what_was_learned_before_it(void **state)
{
    (void)state;
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    policy.silent_every_ns = 3600 * NS_PER_S;
    static struct lesson lesson;
    struct market *market = market_create(&market_terms[2], 5, true);
    assert_non_null(market);
    struct source *source = market_source(market);
    assert_int_equal(lesson_learn(source, &policy, DESK_EPOCH_NS + 1200 * NS_PER_S, &lesson), 0);
    assert_true(lesson.streams[0].total > 0);
    assert_true(lesson.links[0].total > 0);
    assert_true(lesson.links[0].observed_ns > 1000 * NS_PER_S);
    struct stage stage;
    assert_int_equal(desk_stage(source->desk, &policy, &stage), 0);
    lesson_give(&lesson, source->desk, &stage);
    assert_memory_equal(
        detector_silence(stage.detector, 0), &lesson.streams[0], sizeof(struct silence_tail));
    assert_memory_equal(detector_silence(stage.detector, source->desk->stream_count),
                        &lesson.links[0],
                        sizeof(struct silence_tail));
    stage_end(&stage);
    market_destroy(market);
}

static void a_halt_is_told_of_each_stream_of_its_symbol_and_one_speaks_for_all(void **state)
{
    (void)state;
    struct try try;
    try_begin(&try, "halted");
    uint64_t halted = 0;
    uint64_t traded = 0;
    uint32_t speakers = 0;
    for (uint32_t i = 0; i < try.after.count; i++) {
        const struct event *event = &try.after.events[i];
        if (event->kind == EVENT_SYMBOL_STATUS) {
            *(event->note.code != 0 ? &halted : &traded) |= 1ULL << event->stream;
            speakers += event->note.code != 0 && event->note.value != 0;
        } else if (event->kind == EVENT_DATA && (try.truth.streams >> event->stream & 1U) != 0) {
            assert_true(halted == traded || event->recv_mono_ns >= try.truth.end_ns - NS_PER_S);
        }
    }
    assert_int_equal(halted, try.truth.streams);
    assert_int_equal(traded, try.truth.streams);
    assert_int_equal(speakers, 1);
    try_end(&try);
}

/* The newest id that the engine tells between start and end, and before. */
static void echoes_of(const struct try *try, uint64_t *ret_before, uint64_t *ret_during)
{
    *ret_before = 0;
    *ret_during = 0;
    for (uint32_t i = 0; i < try->after.count; i++) {
        const struct event *event = &try->after.events[i];
        if (event->kind == EVENT_ENGINE_ECHO && event->recv_mono_ns < try->truth.end_ns) {
            *(event->recv_mono_ns < try->truth.start_ns ? ret_before : ret_during) =
                event->engine.word;
        }
    }
}

static void an_engine_hears_no_more_than_the_venue_sends_but_all_that_only_we_miss(void **state)
{
    (void)state;
    struct try try;
    uint64_t before;
    uint64_t during;
    try_begin(&try, "venue");
    echoes_of(&try, &before, &during);
    assert_true(before > 0 && during >= before);
    for (uint32_t i = 0; i < try.after.count; i++) { /* no id that we have not seen before */
        const struct event *event = &try.after.events[i];
        if (event->kind == EVENT_DATA && event->data.id == during &&
            (try.desk->echoed >> event->stream & 1U) != 0) {
            before = during;
        }
    }
    assert_int_equal(before, during);
    try_end(&try);
    try_begin(&try, "one-twin");
    echoes_of(&try, &before, &during);
    assert_true(during > before + 100);
    try_end(&try);
}

static void what_a_venue_has_announced_is_told_and_nothing_below_it(void **state)
{
    (void)state;
    static const char *const names[] = {"maintenance", "under-maintenance"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct score_sum sum;
        session_try(injection_named(names[i]), &sum);
        assert_int_equal(sum.trials, 5);
        assert_int_equal(sum.detected, 5);
        assert_int_equal(sum.told[FLATLINE_SCOPE_VENUE], 5);
        assert_int_equal(sum.false_alarms, 0);
        sum_end(&sum);
    }
}

static void an_engine_whose_echo_stands_still_is_behind_and_nobody_else(void **state)
{
    (void)state;
    struct score_sum sum;
    session_try(injection_named("engine-behind"), &sum);
    assert_int_equal(sum.trials, 5);
    assert_int_equal(sum.detected, 5);
    assert_int_equal(sum.told[FLATLINE_SCOPE_ENGINE], 5);
    assert_int_equal(sum.false_alarms, 0);
    sum_end(&sum);
}

static void a_frozen_stream_says_again_on_each_connection_what_that_one_said_last(void **state)
{
    (void)state;
    struct desk desk = {.link_count = 2};
    assert_int_equal(desk_add_stream(&desk, "okx/BTC-USDT/books"), 0);
    desk.links[0] = (struct desk_link){.venue = FLATLINE_VENUE_OKX, .streams = 1, .twin = 1};
    desk.links[1] = (struct desk_link){.venue = FLATLINE_VENUE_OKX, .streams = 1, .twin = 0};
    struct tape tape = {0};
    for (uint32_t i = 0; i < 100; i++) {
        const struct event event = {.recv_mono_ns = (1000 + i) * NS_PER_S,
                                    .connection = (uint16_t)(i % 2),
                                    .kind = EVENT_DATA,
                                    .data = {.id = i}};
        tape_add(&tape, &event);
    }
    struct dice dice = dice_seed(1, 1, 1, 1);
    struct truth truth;
    const struct injection *what = injection_named("frozen-replay");
    fault_aim(what, &desk, &dice, 1010 * NS_PER_S, &truth);
    assert_int_equal(truth.links, 3);
    truth.end_ns = 1090 * NS_PER_S;
    fault_inject(what, &desk, &dice, &tape, &truth);
    for (uint32_t i = 0; i < 100; i++) {
        const uint64_t id = i < 10 || i >= 90 ? i : 8 + i % 2;
        assert_int_equal(tape.events[i].data.id, id);
    }
    assert_int_equal(truth.due_ns, (1010 + 38) * NS_PER_S); /* the first connection's twentieth */
    tape_free(&tape);
}

/* Three connections: two carry the same book, the third another one. */
static void recorded_connections_that_carry_the_same_are_twins(void **state)
{
    (void)state;
    static const char frames[] =
        "1626995750000000000\tone\t{\"stream\":\"btcusdt@depth\",\"data\":{\"e\":\"depthUpdate\","
        "\"E\":1626995750000,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[],\"a\":[]}}\n"
        "1626995750100000000\ttwo\t{\"stream\":\"btcusdt@depth\",\"data\":{\"e\":\"depthUpdate\","
        "\"E\":1626995750000,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[],\"a\":[]}}\n"
        "1626995750200000000\tthree\t{\"stream\":\"ethusdt@depth\",\"data\":{\"e\":\"depthUpdate\","
        "\"E\":1626995750000,\"s\":\"ETHUSDT\",\"U\":1,\"u\":2,\"b\":[],\"a\":[]}}\n";
    char path[] = "/tmp/flatline-score-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, frames, sizeof(frames) - 1U), sizeof(frames) - 1U);
    (void)close(fd);
    struct recording *recording = NULL;
    const int opened = recording_open(path, &recording);
    (void)unlink(path);
    assert_int_equal(opened, 0);
    const struct playback playback = playback_of(recording);
    const struct desk *desk = playback.source.desk;
    assert_int_equal(desk->link_count, 3);
    assert_int_equal(desk->links[0].twin, 1);
    assert_int_equal(desk->links[1].twin, 0);
    assert_int_equal(desk->links[2].twin, -1);
    recording_close(recording);
}

static int job_note(void *context, uint32_t number)
{
    uint8_t *done = context;
    done[number]++;
    return number == 70 || number == 90 ? -(int)number : 0;
}

static void each_job_is_done_once_however_many_workers_there_are(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 5; workers += 2) {
        uint8_t done[128] = {0};
        uint32_t failed = 0;
        assert_int_equal(work_run(workers, 70, job_note, done, &failed), 0);
        for (uint32_t i = 0; i < 70; i++) {
            assert_int_equal(done[i], 1);
        }
        assert_int_equal(work_run(workers, sizeof(done), job_note, done, &failed), -70);
        assert_int_equal(failed, 70);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dice_fall_the_same_on_every_machine),
        cmocka_unit_test(the_interval_of_a_count_is_that_of_the_textbook),
        cmocka_unit_test(every_injection_says_what_is_right_before_it_runs),
        cmocka_unit_test(a_mute_drops_what_it_hits_and_nothing_else),
        cmocka_unit_test(a_lagging_connection_loses_nothing_and_keeps_its_order),
        cmocka_unit_test(a_reconnect_is_down_then_up_with_nothing_between),
        cmocka_unit_test(a_trial_counts_a_finding_once_and_times_it_from_what_was_missed),
        cmocka_unit_test(what_is_not_right_is_counted_as_wrong),
        cmocka_unit_test(the_same_seed_gives_the_same_sums),
        cmocka_unit_test(rest_tells_of_a_book_whose_streams_are_all_mute),
        cmocka_unit_test(rest_answers_what_nothing_was_done_to_and_not_over_a_dead_line),
        cmocka_unit_test(rest_is_not_asked_before_the_market_begins),
        cmocka_unit_test(an_undecided_verdict_blames_nobody_until_it_is_decided),
        cmocka_unit_test(a_life_begins_with_what_was_learned_before_it),
        cmocka_unit_test(a_halt_is_told_of_each_stream_of_its_symbol_and_one_speaks_for_all),
        cmocka_unit_test(an_engine_hears_no_more_than_the_venue_sends_but_all_that_only_we_miss),
        cmocka_unit_test(what_a_venue_has_announced_is_told_and_nothing_below_it),
        cmocka_unit_test(an_engine_whose_echo_stands_still_is_behind_and_nobody_else),
        cmocka_unit_test(a_frozen_stream_says_again_on_each_connection_what_that_one_said_last),
        cmocka_unit_test(recorded_connections_that_carry_the_same_are_twins),
        cmocka_unit_test(each_job_is_done_once_however_many_workers_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
