/* SPDX-License-Identifier: MIT
 *
 * Goal: the engine watch tells the judge what an engine's file says, once, and nothing absurd.
 *
 * Method: real files written by the engine's own calls, the watch's pass called by hand, and the
 * events taken from its ring.
 */
#include "core/clock.h"
#include "core/detector_engine.h"
#include "flatline/engine.h"
#include "sentinel/engine_watch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RING_EVENTS 1024U
#define STREAM      "binance-usdm/BTCUSDT/depth@100ms"

struct rig {
    char folder[64];
    char segment[96];
    struct config config;
    struct config_stream stream;
    struct config_gate gate;
    struct ring ring;
    struct event *slots;
    struct words *words;
    struct engine_watch *watch;
    struct flatline_engine *engine;
    struct event events[RING_EVENTS]; /* of the last pass */
    size_t count;
};

static void pass(struct rig *rig)
{
    /* a time far ahead: the directory is looked through at each pass */
    static uint64_t ahead_ns;
    ahead_ns += NS_PER_S;
    (void)engine_watch_pass(rig->watch, clock_mono_ns() + ahead_ns);
    rig->count = ring_pop(&rig->ring, rig->events, RING_EVENTS);
}

/* The first of a kind; one of kind NONE: there is none. */
static const struct event *event_of(const struct rig *rig, enum event_kind kind)
{
    for (size_t i = 0; i < rig->count; i++) {
        if (rig->events[i].kind == kind) {
            return &rig->events[i];
        }
    }
    static const struct event none;
    return &none;
}

static bool has(const struct rig *rig, enum event_kind kind)
{
    return event_of(rig, kind)->kind != EVENT_NONE;
}

static int start(void **state)
{
    struct rig *rig = aligned_alloc(128, (sizeof(*rig) + 127) / 128 * 128);
    memset(rig, 0, sizeof(*rig));
    (void)strcpy(rig->folder, "/tmp/flatline-watch-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->segment, sizeof(rig->segment), "%s/flatline", rig->folder);
    (void)snprintf(rig->stream.name, sizeof(rig->stream.name), STREAM);
    (void)snprintf(rig->gate.name, sizeof(rig->gate.name), "quote");
    rig->config.segment_directory = rig->folder;
    rig->config.streams = &rig->stream;
    rig->config.stream_count = 1;
    rig->config.gates = &rig->gate;
    rig->config.gate_count = 1;
    rig->config.wait = THREAD_SPIN;
    rig->slots = aligned_alloc(128, RING_EVENTS * sizeof(*rig->slots));
    rig->words = aligned_alloc(128, (sizeof(*rig->words) + 127) / 128 * 128);
    memset(rig->words, 0, sizeof(*rig->words));
    ring_init(&rig->ring, rig->slots, RING_EVENTS);
    static char name[] = "flatline";
    rig->config.segment_name = name;
    const struct engine_watch_setup setup = {
        .config = &rig->config, .to_judge = &rig->ring, .words = rig->words};
    assert_int_equal(engine_watch_create(&setup, &rig->watch), 0);
    assert_int_equal(flatline_engine_create(rig->segment, "mm1", NULL, &rig->engine), 0);
    *state = rig;
    return 0;
}

static int stop(void **state)
{
    struct rig *rig = *state;
    flatline_engine_close(rig->engine);
    engine_watch_destroy(rig->watch);
    assert_int_equal(rmdir(rig->folder), 0);
    free(rig->slots);
    free(rig->words);
    free(rig);
    return 0;
}

static void an_engine_is_announced_with_its_slots_and_each_look_has_an_end(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine_echo *echo;
    struct flatline_engine_gate *gate;
    struct flatline_engine_number *counter;
    (void)flatline_declare_counter(rig->engine, "shown, not judged", &counter);
    (void)flatline_declare_stream(rig->engine, STREAM, &echo);
    (void)flatline_declare_gate(rig->engine, "quote", &gate);
    flatline_echo(echo, 5, clock_mono_ns());
    pass(rig);
    assert_int_equal(rig->count, 5); /* up, two slots, the echo, looked */
    assert_int_equal(rig->events[0].kind, EVENT_ENGINE_UP);
    assert_string_equal(rig->events[0].engine.text, "mm1");
    assert_int_equal(rig->events[1].stream, 0);
    assert_int_equal(rig->events[1].engine.code, FLATLINE_ENGINE_STREAM);
    assert_string_equal(rig->events[1].engine.text, &STREAM[sizeof(STREAM) - EVENT_TEXT_BYTES]);
    assert_int_equal(rig->events[2].engine.slot, 1);
    assert_int_equal(rig->events[2].engine.word, 0); /* the gate's index */
    assert_int_equal(event_of(rig, EVENT_ENGINE_ECHO)->engine.word, 5);
    assert_int_equal(rig->events[4].kind, EVENT_ENGINE_LOOKED);
    assert_int_equal(rig->events[4].engine.code, FLATLINE_ENGINE_ALIVE);
    pass(rig);
    assert_int_equal(rig->count, 1); /* nothing new: the look's end alone */
}

static void a_time_ahead_of_the_clock_or_going_back_is_passed_over_and_counted(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine_worker *worker;
    (void)flatline_declare_worker(rig->engine, "w", NS_PER_MS, &worker);
    const uint64_t now = clock_mono_ns();
    flatline_beat(worker, now);
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_ENGINE_WORKER)->engine.word, now);
    flatline_beat(worker, now + 3600 * NS_PER_S);
    pass(rig);
    assert_false(has(rig, EVENT_ENGINE_WORKER));
    flatline_beat(worker, now - 1);
    pass(rig);
    assert_false(has(rig, EVENT_ENGINE_WORKER));
    flatline_store_word(&worker->beat_mono_ns, now);
    flatline_store_word(&worker->state, 77);
    pass(rig);
    assert_false(has(rig, EVENT_ENGINE_WORKER));
    assert_int_equal(rig->words->engines.absurd, 3);
}

static void an_id_that_goes_back_is_believed_when_seen_twice(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine_echo *echo;
    (void)flatline_declare_stream(rig->engine, STREAM, &echo);
    flatline_echo(echo, 1000, clock_mono_ns());
    pass(rig);
    flatline_store_word(&echo->last_id, 10);
    pass(rig);
    assert_false(has(rig, EVENT_ENGINE_ECHO));
    pass(rig);
    assert_int_equal(event_of(rig, EVENT_ENGINE_ECHO)->engine.word, 10);
}

static void a_full_ring_delays_what_is_told_and_loses_nothing(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine_worker *worker;
    const struct event filler = {.kind = EVENT_NONE};
    pass(rig);
    (void)flatline_declare_worker(rig->engine, "w", NS_PER_MS, &worker);
    while (ring_push(&rig->ring, &filler)) {
    }
    pass(rig); /* takes the fillers away again */
    assert_false(has(rig, EVENT_ENGINE_SLOT));
    assert_false(has(rig, EVENT_ENGINE_LOOKED));
    pass(rig);
    assert_true(has(rig, EVENT_ENGINE_SLOT));
    assert_true(has(rig, EVENT_ENGINE_LOOKED));
}

static void a_panics_text_comes_before_its_state_and_is_printable(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine_worker *worker;
    (void)flatline_declare_worker(rig->engine, "w", NS_PER_MS, &worker);
    flatline_worker_panic(worker, "bad\x1b[2J index", clock_mono_ns());
    pass(rig);
    const struct event *error = event_of(rig, EVENT_ENGINE_ERROR);
    const struct event *state_event = event_of(rig, EVENT_ENGINE_WORKER);
    assert_true(has(rig, EVENT_ENGINE_ERROR) && error < state_event);
    assert_string_equal(error->engine.text, "bad?[2J index");
    assert_int_equal(state_event->engine.more[0], FLATLINE_WORKER_PANICKED);
}

static void a_goodbye_is_told_and_then_the_file_is_forgotten(void **state)
{
    struct rig *rig = *state;
    pass(rig);
    flatline_engine_close(rig->engine);
    rig->engine = NULL;
    pass(rig);
    assert_true(event_of(rig, EVENT_ENGINE_LOOKED)->engine.word != 0);
    assert_true(has(rig, EVENT_ENGINE_LEFT));
    pass(rig);
    assert_int_equal(rig->count, 0);
}

static void a_killed_process_is_told_dead_once(void **state)
{
    struct rig *rig = *state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct flatline_engine *engine;
        const int error = flatline_engine_create(rig->segment, "mm2", NULL, &engine);
        _exit(error == 0 && write(ready[1], "x", 1) == 1 && pause() != 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    pass(rig);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    pass(rig);
    uint32_t dead = 0;
    for (size_t i = 0; i < rig->count; i++) {
        dead += rig->events[i].kind == EVENT_ENGINE_LOOKED &&
                rig->events[i].engine.code == FLATLINE_ENGINE_DEAD &&
                rig->events[i].engine.more[0] == (uint64_t)child;
    }
    assert_int_equal(dead, 1);
    pass(rig);
    assert_int_equal(rig->count, 1); /* the other engine's look */
    char path[128];
    (void)snprintf(path, sizeof(path), "%s.engine.mm2", rig->segment);
    assert_int_equal(unlink(path), 0);
    pass(rig);
    assert_true(has(rig, EVENT_ENGINE_LEFT));
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void an_engine_let_go_without_goodbye_is_told_dead_though_its_process_lives(void **state)
{
    struct rig *rig = *state;
    struct flatline_engine *engine;
    assert_int_equal(flatline_engine_create(rig->segment, "mm2", NULL, &engine), 0);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", flatline_engine_path(engine));
    pass(rig);
    flatline_engine_abandon(engine);
    pass(rig); /* reads it */
    pass(rig);
    uint32_t dead = 0;
    for (size_t i = 0; i < rig->count; i++) {
        const struct event *event = &rig->events[i];
        dead += event->kind == EVENT_ENGINE_LOOKED && event->engine.code == FLATLINE_ENGINE_DEAD &&
                event->engine.word == 0;
    }
    assert_int_equal(dead, 1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(an_engine_is_announced_with_its_slots_and_each_look_has_an_end),
        CASE(a_time_ahead_of_the_clock_or_going_back_is_passed_over_and_counted),
        CASE(an_id_that_goes_back_is_believed_when_seen_twice),
        CASE(a_full_ring_delays_what_is_told_and_loses_nothing),
        CASE(a_panics_text_comes_before_its_state_and_is_printable),
        CASE(a_goodbye_is_told_and_then_the_file_is_forgotten),
        CASE(a_killed_process_is_told_dead_once),
        CASE(an_engine_let_go_without_goodbye_is_told_dead_though_its_process_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
