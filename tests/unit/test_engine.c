/* SPDX-License-Identifier: MIT
 *
 * Goal: an engine's file says what the engine wrote, and nothing that stands in it can harm whoever
 * reads it.
 *
 * Method: the writer's calls and the reader's view on files in a directory of the test's own; forked
 * children that stop and die; files truncated and scrambled under an open view.
 */
#include "core/engine_internal.h"
#include "core/hist.h"
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAM "binance-usdm/BTCUSDT/depth@100ms"

struct place {
    char folder[64];
    char segment[96];
    char path[128]; /* of engine "mm1" */
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/flatline-engine-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->segment, sizeof(place->segment), "%s/flatline", place->folder);
    (void)snprintf(place->path, sizeof(place->path), "%s.engine.mm1", place->segment);
    *state = place;
    return 0;
}

static int place_drop(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    (void)rmdir(place->folder); /* fails if a test left anything else: the next line says so */
    assert_int_equal(access(place->folder, F_OK), -1);
    free(place);
    return 0;
}

static struct flatline_engine *engine_make(const struct place *place)
{
    struct flatline_engine *engine;
    assert_int_equal(flatline_engine_create(place->segment, "mm1", NULL, &engine), 0);
    return engine;
}

static struct flatline_engine_view *view_make(const struct place *place)
{
    struct flatline_engine_view *view;
    assert_int_equal(flatline_engine_view_open(place->path, &view), 0);
    return view;
}

static const void *record_of(const struct flatline_engine_view *view, const char *name)
{
    for (uint32_t i = 0; i < flatline_engine_view_count(view); i++) {
        struct flatline_engine_slot_view slot;
        assert_int_equal(flatline_engine_view_slot(view, i, &slot), 0);
        if (strcmp(slot.name, name) == 0) {
            return slot.record;
        }
    }
    return NULL;
}

/* ---- what the engine says -------------------------------------------------------------------- */

static void what_an_engine_writes_is_what_a_reader_sees(void **state)
{
    struct flatline_engine *engine = engine_make(*state);
    struct flatline_engine_echo *echo;
    struct flatline_engine_worker *worker;
    struct flatline_engine_instrument *instrument;
    struct flatline_engine_number *counter;
    struct flatline_engine_number *gauge;
    struct flatline_engine_key *key;
    struct flatline_engine_gate *gate;
    struct flatline_engine_advice *advice;
    assert_int_equal(flatline_declare_stream(engine, STREAM, &echo), 0);
    assert_int_equal(flatline_declare_worker(engine, "quoter", 100000000, &worker), 0);
    assert_int_equal(flatline_declare_instrument(engine, "BTCUSDT", &instrument), 0);
    assert_int_equal(flatline_declare_counter(engine, "orders_sent", &counter), 0);
    assert_int_equal(flatline_declare_gauge(engine, "queue", &gauge), 0);
    assert_int_equal(flatline_declare_key(engine, "binance-usdm/main/user", &key), 0);
    assert_int_equal(flatline_declare_gate(engine, "BTCUSDT", &gate), 0);
    assert_int_equal(flatline_declare_advice(engine, "breaker", &advice), 0);
    flatline_echo(echo, 77, 1000);
    flatline_beat(worker, 2000);
    flatline_worker_error(worker, "order refused");
    flatline_quote(instrument, 6500000000000, 6500100000000, 3000);
    flatline_order_action(instrument, 2, 3100);
    flatline_position(instrument, -5, -7);
    flatline_count(counter, 3);
    flatline_count(counter, 4);
    flatline_gauge(gauge, -9, 4000);
    flatline_key_extended(key, 11, 5000);
    flatline_gate_seen(gate, false, 6000);
    flatline_gate_quoting(gate);
    flatline_advice_done(advice, 12, 7000);

    struct flatline_engine_view *view = view_make(*state);
    assert_string_equal(flatline_engine_view_header(view)->name, "mm1");
    assert_int_equal(flatline_engine_view_header(view)->pid, getpid());
    assert_int_equal(flatline_engine_view_count(view), 8);
    const struct flatline_engine_echo *echo_seen = record_of(view, STREAM);
    assert_int_equal(echo_seen->last_id, 77);
    assert_int_equal(echo_seen->recv_mono_ns, 1000);
    const struct flatline_engine_worker *worker_seen = record_of(view, "quoter");
    assert_int_equal(worker_seen->beat_mono_ns, 2000);
    assert_int_equal(worker_seen->state, FLATLINE_WORKER_RUNNING);
    assert_int_equal(worker_seen->errors, 1);
    assert_string_equal((const char *)worker_seen->error_text, "order refused");
    const struct flatline_engine_number *counter_seen = record_of(view, "orders_sent");
    assert_int_equal(counter_seen->value, 7);
    const struct flatline_engine_number *gauge_seen = record_of(view, "queue");
    assert_int_equal((int64_t)gauge_seen->value, -9);
    const struct flatline_engine_advice *advice_seen = record_of(view, "breaker");
    assert_int_equal(advice_seen->sequence, 12);

    flatline_gate_pulled(gate, 8000);
    flatline_worker_panic(worker, "index out of range", 9000);
    assert_int_equal(flatline_engine_view_read(view), 0);
    worker_seen = record_of(view, "quoter");
    assert_int_equal(worker_seen->state, FLATLINE_WORKER_PANICKED);
    assert_string_equal((const char *)worker_seen->error_text, "index out of range");
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
}

static void slots_declared_while_a_reader_looks_are_found(void **state)
{
    struct flatline_engine *engine = engine_make(*state);
    struct flatline_engine_view *view = view_make(*state);
    assert_int_equal(flatline_engine_view_count(view), 0);
    for (uint32_t i = 0; i < 200; i++) {
        char name[32];
        struct flatline_engine_number *counter;
        (void)snprintf(name, sizeof(name), "counter %u", i);
        assert_int_equal(flatline_declare_counter(engine, name, &counter), 0);
        flatline_count(counter, i);
        assert_int_equal(flatline_engine_view_read(view), 0);
        assert_int_equal(flatline_engine_view_count(view), i + 1);
        const struct flatline_engine_number *seen = record_of(view, name);
        assert_int_equal(seen->value, i);
    }
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
}

static void a_name_declared_twice_is_one_record(void **state)
{
    struct flatline_engine *engine = engine_make(*state);
    struct flatline_engine_worker *first;
    struct flatline_engine_worker *second;
    struct flatline_engine_number *other_kind;
    assert_int_equal(flatline_declare_worker(engine, "x", 1, &first), 0);
    assert_int_equal(flatline_declare_worker(engine, "x", 1, &second), 0);
    assert_int_equal(flatline_declare_counter(engine, "x", &other_kind), 0);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other_kind);
    flatline_engine_close(engine);
}

static void a_refused_declaration_gives_a_record_that_nobody_reads(void **state)
{
    const struct place *place = *state;
    const struct flatline_engine_options options = {.slots_max = 1, .data_bytes = 4096};
    struct flatline_engine *engine;
    assert_int_equal(flatline_engine_create(place->segment, "mm1", &options, &engine), 0);
    struct flatline_engine_number *counter;
    struct flatline_engine_orders *orders;
    struct flatline_engine_worker *worker;
    struct flatline_engine_latency *latency;
    assert_int_equal(flatline_declare_counter(engine, "fits", &counter), 0);
    assert_int_equal(flatline_declare_orders(engine, "too many", &orders), FLATLINE_E_NO_MEMORY);
    assert_int_equal(flatline_declare_worker(engine, "no interval", 0, &worker),
                     FLATLINE_E_INVALID);
    assert_int_equal(flatline_declare_latency(engine, "none", 1000000, &latency),
                     FLATLINE_E_NO_MEMORY);
    assert_int_equal(flatline_declare_counter(engine, "", &counter), FLATLINE_E_INVALID);
    flatline_count(counter, 1);
    for (uint64_t i = 0; i < 200; i++) {
        flatline_report_seen(orders, flatline_order_sent(orders, i), i);
        flatline_beat(worker, i);
        flatline_latency(latency, i << 30);
    }
    struct flatline_engine_view *view = view_make(place);
    assert_int_equal(flatline_engine_view_header(view)->refused, 2);
    assert_int_equal(flatline_engine_view_count(view), 1);
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
}

static void names_that_make_no_file_are_refused(void **state)
{
    const struct place *place = *state;
    struct flatline_engine *engine;
    const char *const names[] = {"", "a/b", "..", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a.b"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(flatline_engine_create(place->segment, names[i], NULL, &engine),
                         FLATLINE_E_INVALID);
    }
    assert_int_equal(flatline_engine_create(place->segment, NULL, NULL, &engine),
                     FLATLINE_E_INVALID);
    assert_int_equal(flatline_engine_create("/nowhere/at/all", "x", NULL, &engine),
                     FLATLINE_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

static void quantiles_are_those_of_the_histogram(void **state)
{
    const uint64_t max_ns = 1000000000;
    struct flatline_engine *engine = engine_make(*state);
    struct flatline_engine_latency *latency;
    struct flatline_histogram *hist = calloc(1, hist_size_bytes(8, 1000, max_ns));
    uint64_t random = 7;
    assert_int_equal(flatline_declare_latency(engine, "round trip", max_ns, &latency), 0);
    hist_init(hist, 8, 1000, max_ns);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint64_t value = random_next(&random) >> (36 + random_next(&random) % 20);
        flatline_latency(latency, value);
        hist_record(hist, value);
    }
    struct flatline_engine_view *view = view_make(*state);
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(flatline_engine_view_quantile(view, 0, i / 1000.0),
                         hist_quantile(hist, i / 1000.0));
    }
    assert_int_equal(latency->total, 20000);
    assert_int_equal(latency->max_ns, hist->max_ns);
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
    free(hist);
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void a_goodbye_is_told_and_the_name_is_gone(void **state)
{
    const struct place *place = *state;
    struct flatline_engine *engine = engine_make(place);
    struct flatline_engine_view *view = view_make(place);
    assert_int_equal(flatline_engine_view_header(view)->goodbye_mono_ns, 0);
    assert_false(flatline_engine_view_moved(view));
    flatline_engine_close(engine);
    assert_true(flatline_engine_view_moved(view));
    assert_int_equal(flatline_engine_view_read(view), 0);
    assert_int_not_equal(flatline_engine_view_header(view)->goodbye_mono_ns, 0);
    flatline_engine_view_close(view);
    assert_int_equal(access(place->path, F_OK), -1);
}

static void who_lets_go_without_goodbye_leaves_what_a_crash_leaves_and_may_come_again(void **state)
{
    const struct place *place = *state;
    struct flatline_engine *engine = engine_make(place);
    struct flatline_engine_worker *worker;
    assert_int_equal(flatline_declare_worker(engine, "quoter", 1000000, &worker), 0);
    flatline_worker_panic(worker, "no price", 7);
    struct flatline_engine_view *view = view_make(place);
    assert_int_equal(flatline_engine_life(flatline_engine_view_header(view)),
                     FLATLINE_ENGINE_ALIVE);
    flatline_engine_abandon(engine);
    assert_int_equal(flatline_engine_view_read(view), 0);
    const struct flatline_engine_header *header = flatline_engine_view_header(view);
    assert_int_equal(header->goodbye_mono_ns, 0);
    assert_int_equal(flatline_engine_life(header), FLATLINE_ENGINE_DEAD);
    struct flatline_engine_slot_view slot;
    assert_int_equal(flatline_engine_view_slot(view, 0, &slot), 0);
    const struct flatline_engine_worker *left = slot.record;
    assert_int_equal(left->state, FLATLINE_WORKER_PANICKED);
    assert_string_equal((const char *)left->error_text, "no price");
    flatline_engine_view_close(view);
    engine = engine_make(place); /* by the same process */
    flatline_engine_close(engine);
    flatline_engine_abandon(NULL);
}

static void a_live_engines_name_is_in_use(void **state)
{
    const struct place *place = *state;
    struct flatline_engine *engine = engine_make(place);
    struct flatline_engine *second;
    assert_int_equal(flatline_engine_create(place->segment, "mm1", NULL, &second),
                     FLATLINE_E_IN_USE);
    flatline_engine_close(engine);
    engine = engine_make(place);
    flatline_engine_close(engine);
}

/* A child that makes the engine's file and then waits to be stopped or killed. */
static pid_t child_start(const struct place *place)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct flatline_engine *engine;
        const int error = flatline_engine_create(place->segment, "mm1", NULL, &engine);
        if (error != 0 || write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static enum flatline_engine_life life_after(const struct flatline_engine_view *view,
                                            enum flatline_engine_life wanted)
{
    enum flatline_engine_life life = FLATLINE_ENGINE_ALIVE;
    for (int i = 0; i < 2000 && life != wanted; i++) {
        life = flatline_engine_life(flatline_engine_view_header(view));
        (void)usleep(1000);
    }
    return life;
}

static void a_stopped_and_a_killed_process_are_seen_and_the_name_is_free_again(void **state)
{
    const struct place *place = *state;
    const pid_t child = child_start(place);
    struct flatline_engine_view *view = view_make(place);
    assert_int_equal(life_after(view, FLATLINE_ENGINE_ALIVE), FLATLINE_ENGINE_ALIVE);
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(life_after(view, FLATLINE_ENGINE_STOPPED), FLATLINE_ENGINE_STOPPED);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(life_after(view, FLATLINE_ENGINE_DEAD), FLATLINE_ENGINE_DEAD); /* unreaped */
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(life_after(view, FLATLINE_ENGINE_DEAD), FLATLINE_ENGINE_DEAD);
    assert_int_equal(flatline_engine_view_header(view)->goodbye_mono_ns, 0);
    struct flatline_engine *next = engine_make(place);
    assert_true(flatline_engine_view_moved(view));
    flatline_engine_view_close(view);
    flatline_engine_close(next);
}

static void another_process_under_the_same_pid_is_not_the_engine(void **state)
{
    struct flatline_engine *engine = engine_make(*state);
    struct flatline_engine_view *view = view_make(*state);
    struct flatline_engine_header header = *flatline_engine_view_header(view);
    assert_int_equal(flatline_engine_life(&header), FLATLINE_ENGINE_ALIVE);
    header.start_ticks++;
    assert_int_equal(flatline_engine_life(&header), FLATLINE_ENGINE_DEAD);
    header.pid_namespace++;
    assert_int_equal(flatline_engine_life(&header), FLATLINE_ENGINE_UNSEEN);
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
}

/* ---- hostile files --------------------------------------------------------------------------- */

static void a_file_cut_under_a_reader_is_truncated_and_harmless(void **state)
{
    const struct place *place = *state;
    struct flatline_engine *engine = engine_make(place);
    struct flatline_engine_number *counter;
    assert_int_equal(flatline_declare_counter(engine, "c", &counter), 0);
    struct flatline_engine_view *view = view_make(place);
    const int fd = open(place->path, O_RDWR);
    char *whole = malloc((size_t)flatline_engine_view_header(view)->file_bytes);
    const ssize_t bytes =
        pread(fd, whole, (size_t)flatline_engine_view_header(view)->file_bytes, 0);
    flatline_engine_close(engine);
    assert_int_equal(ftruncate(fd, 600), 0);
    assert_int_equal(flatline_engine_view_read(view), FLATLINE_E_TRUNCATED);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(flatline_engine_view_read(view), FLATLINE_E_TRUNCATED);
    assert_int_equal(pwrite(fd, whole, (size_t)bytes, 0), bytes);
    assert_int_equal(flatline_engine_view_read(view), 0);
    (void)close(fd);
    free(whole);
    flatline_engine_view_close(view);
}

static void whatever_a_scrambled_file_says_is_survived(void **state)
{
    const struct place *place = *state;
    uint64_t random = 11;
    uint32_t opened = 0;
    for (uint32_t round = 0; round < 400; round++) {
        struct flatline_engine *engine = engine_make(place);
        struct flatline_engine_echo *echo;
        struct flatline_engine_latency *latency;
        (void)flatline_declare_stream(engine, STREAM, &echo);
        (void)flatline_declare_latency(engine, "l", 1000000, &latency);
        struct flatline_engine_view *early = view_make(place);
        const int fd = open(place->path, O_RDWR);
        for (uint32_t i = 0; i < 8; i++) {
            /* header, slots, latency record: where a wrong word hurts */
            const uint64_t offset = round % 2 == 0 ? random_next(&random) % (512 + 384)
                                                   : 512 + random_next(&random) % 256;
            const uint64_t word = random_next(&random) >> (random_next(&random) % 64);
            assert_int_equal(pwrite(fd, &word, sizeof(word), (off_t)offset), sizeof(word));
        }
        (void)close(fd);
        struct flatline_engine_view *views[2] = {early, NULL};
        opened += flatline_engine_view_open(place->path, &views[1]) == 0;
        for (size_t v = 0; v < 2; v++) {
            (void)(views[v] != NULL && flatline_engine_view_read(views[v]));
            const uint32_t count = views[v] != NULL ? flatline_engine_view_count(views[v]) : 0;
            for (uint32_t i = 0; i < count; i++) {
                struct flatline_engine_slot_view slot;
                assert_int_equal(flatline_engine_view_slot(views[v], i, &slot), 0);
                (void)flatline_engine_view_quantile(views[v], i, 0.5);
            }
            flatline_engine_view_close(views[v]);
        }
        (void)unlink(place->path); /* its header may no longer say whose it is */
        flatline_engine_close(engine);
    }
    assert_true(opened > 10 && opened < 400); /* both sides of every check were met */
}

static void what_is_no_engines_file_is_refused_by_name(void **state)
{
    const struct place *place = *state;
    struct flatline_engine_view *view;
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_NO_FILE);
    assert_int_equal(symlink("/dev/zero", place->path), 0);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_CORRUPT);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_CORRUPT);
    assert_int_equal(unlink(place->path), 0);
    const int fd = open(place->path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_TRUNCATED);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_NOT_READY);
    assert_int_equal(pwrite(fd, "FLATLINE", 8, 0), 8);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_BAD_MAGIC);
    const uint64_t other[2] = {FLATLINE_ENGINE_MAGIC, 99};
    assert_int_equal(pwrite(fd, other, sizeof(other), 0), sizeof(other));
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_OTHER_MAJOR);
    assert_int_equal(ftruncate(fd, (off_t)FLATLINE_ENGINE_FILE_MAX + 1), 0);
    assert_int_equal(flatline_engine_view_open(place->path, &view), FLATLINE_E_CORRUPT);
    (void)close(fd);
}

/* ---- torn words ------------------------------------------------------------------------------ */

#define LOOKS 20000U

struct race {
    struct flatline_engine_echo *echo;
    uint64_t stop;
};

static void *race_write(void *user)
{
    struct race *race = user;
    for (uint64_t i = 1; __atomic_load_n(&race->stop, __ATOMIC_RELAXED) == 0; i++) {
        flatline_echo(race->echo, i << 32 | (i & UINT32_MAX), i << 32 | (i & UINT32_MAX));
    }
    return NULL;
}

static void no_word_is_torn_between_a_writer_and_a_reader(void **state)
{
    struct flatline_engine *engine = engine_make(*state);
    struct race race = {0};
    pthread_t thread;
    assert_int_equal(flatline_declare_stream(engine, STREAM, &race.echo), 0);
    struct flatline_engine_view *view = view_make(*state);
    assert_int_equal(pthread_create(&thread, NULL, race_write, &race), 0);
    uint64_t torn = 0;
    uint64_t moved = 0;
    uint64_t before = 0;
    for (uint32_t i = 0; i < LOOKS; i++) {
        assert_int_equal(flatline_engine_view_read(view), 0);
        const struct flatline_engine_echo *seen = record_of(view, STREAM);
        torn += seen->last_id >> 32 != (seen->last_id & UINT32_MAX);
        torn += seen->recv_mono_ns >> 32 != (seen->recv_mono_ns & UINT32_MAX);
        moved += seen->last_id != before;
        before = seen->last_id;
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
    (void)pthread_join(thread, NULL);
    assert_int_equal(torn, 0);
    assert_true(moved > 10);
    flatline_engine_view_close(view);
    flatline_engine_close(engine);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, place_make, place_drop)
    const struct CMUnitTest tests[] = {
        CASE(what_an_engine_writes_is_what_a_reader_sees),
        CASE(slots_declared_while_a_reader_looks_are_found),
        CASE(a_name_declared_twice_is_one_record),
        CASE(a_refused_declaration_gives_a_record_that_nobody_reads),
        CASE(names_that_make_no_file_are_refused),
        CASE(quantiles_are_those_of_the_histogram),
        CASE(a_goodbye_is_told_and_the_name_is_gone),
        CASE(who_lets_go_without_goodbye_leaves_what_a_crash_leaves_and_may_come_again),
        CASE(a_live_engines_name_is_in_use),
        CASE(a_stopped_and_a_killed_process_are_seen_and_the_name_is_free_again),
        CASE(another_process_under_the_same_pid_is_not_the_engine),
        CASE(a_file_cut_under_a_reader_is_truncated_and_harmless),
        CASE(whatever_a_scrambled_file_says_is_survived),
        CASE(what_is_no_engines_file_is_refused_by_name),
        CASE(no_word_is_torn_between_a_writer_and_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
