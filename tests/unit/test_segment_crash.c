/* SPDX-License-Identifier: MIT
 *
 * Goal: no reader ever takes a torn slot for a whole one, hangs on a half-written one, or sees two
 * writers. Method: words that must agree with each other, written flat out by one thread (or
 * process) and read by others; writers killed by SIGKILL at arbitrary moments; pairs of sentinels
 * started in the same instant.
 */
#include "core/slot.h"
#include "unit/segment_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#ifndef __has_feature
#    define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#    define STRESS_SNAPSHOTS 40000ULL
#else
#    define STRESS_SNAPSHOTS 2000000ULL
#endif
#define STRESS_READERS 2
#define KILLS          60
#define RACES          50

/* ---- one writer thread, several readers, words that must agree ------------------------------- */

#define STRESS_WORDS 20

struct stress {
    uint64_t slot[STRESS_WORDS];
    uint64_t stop;
};

struct tally {
    struct stress *stress;
    const struct flatline *reader; /* NULL: read the slot in this very mapping */
    const struct flatline_stream *stream;
    uint64_t whole;
    uint64_t again;
    uint64_t torn;
    uint64_t backwards;
};

static void *slot_writer(void *argument)
{
    struct stress *stress = argument;
    uint64_t words[STRESS_WORDS];
    for (uint64_t value = 1; __atomic_load_n(&stress->stop, __ATOMIC_ACQUIRE) == 0; value++) {
        for (uint64_t i = 1; i < STRESS_WORDS; i++) {
            words[i] = value * (2 * i + 1);
        }
        slot_write(stress->slot, words, STRESS_WORDS);
    }
    return NULL;
}

static void *slot_reader(void *argument)
{
    struct tally *tally = argument;
    uint64_t last = 0;
    while (tally->whole < STRESS_SNAPSHOTS / STRESS_READERS) {
        uint64_t words[STRESS_WORDS];
        if (!slot_read(tally->stress->slot, words, STRESS_WORDS)) {
            tally->again++;
            continue;
        }
        const uint64_t value = words[1] / 3;
        for (uint64_t i = 1; i < STRESS_WORDS; i++) {
            tally->torn += words[i] != value * (2 * i + 1);
        }
        tally->backwards += value < last;
        last = value;
        tally->whole++;
    }
    return NULL;
}

static void run_stress(void *(*writer)(void *),
                       void *writer_argument,
                       uint64_t *stop,
                       void *(*reader)(void *),
                       struct tally *tallies)
{
    pthread_t writer_thread;
    pthread_t reader_threads[STRESS_READERS];
    assert_int_equal(pthread_create(&writer_thread, NULL, writer, writer_argument), 0);
    for (int i = 0; i < STRESS_READERS; i++) {
        assert_int_equal(pthread_create(&reader_threads[i], NULL, reader, &tallies[i]), 0);
    }
    for (int i = 0; i < STRESS_READERS; i++) {
        assert_int_equal(pthread_join(reader_threads[i], NULL), 0);
    }
    __atomic_store_n(stop, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(writer_thread, NULL), 0);
    for (int i = 0; i < STRESS_READERS; i++) {
        print_message("reader %d: %llu whole, %llu again, %llu torn\n",
                      i,
                      (unsigned long long)tallies[i].whole,
                      (unsigned long long)tallies[i].again,
                      (unsigned long long)tallies[i].torn);
        assert_int_equal(tallies[i].torn, 0);
        assert_int_equal(tallies[i].backwards, 0);
    }
}

/* The same memory for both sides: what the thread sanitizer can see. */
static void slot_is_never_torn_in_one_mapping(void **state)
{
    (void)state;
    static struct stress stress;
    struct tally tallies[STRESS_READERS] = {{.stress = &stress}, {.stress = &stress}};
    run_stress(slot_writer, &stress, &stress.stop, slot_reader, tallies);
}

/* ---- the same through publisher and reader, two mappings of one file ------------------------- */

struct publishing {
    struct fixture *fixture;
    uint64_t stop;
};

static struct stream_view view_of(uint64_t value)
{
    return (struct stream_view){.lease_until_ns = value,
                                .due_id = value,
                                .last_recv_ns = value * 3,
                                .frontier_id = value * 5,
                                .frames = value * 7,
                                .lapsed_since_ns = value * 11};
}

static bool detail_agrees(const struct flatline_detail *detail)
{
    const uint64_t value = detail->last_recv_mono_ns / 3;
    return detail->frontier_id == value * 5 && detail->frames == value * 7 &&
           detail->lapsed_since_mono_ns == value * 11;
}

static void *segment_writer(void *argument)
{
    struct publishing *publishing = argument;
    for (uint64_t value = 1; __atomic_load_n(&publishing->stop, __ATOMIC_ACQUIRE) == 0; value++) {
        const struct stream_view view = view_of(value);
        publisher_detail(publishing->fixture->publisher, 0, &view);
        publisher_lease(publishing->fixture->publisher, 0, &view);
    }
    return NULL;
}

static void *segment_reader(void *argument)
{
    struct tally *tally = argument;
    uint64_t last = 0;
    while (tally->whole < STRESS_SNAPSHOTS / STRESS_READERS) {
        struct flatline_snapshot snapshot;
        if (flatline_take_snapshot(tally->stream, tally->reader, &snapshot) != 0) {
            tally->again++;
            continue;
        }
        tally->torn += !detail_agrees(&snapshot.detail);
        tally->backwards += snapshot.detail.last_recv_mono_ns < last;
        /* The detail is published before the lease: whoever sees a lease sees at least its detail.
         * The lease words were read after the detail here, so the lease may only be newer. */
        tally->backwards +=
            snapshot.lease.lease_until_mono_ns + 1 < snapshot.detail.last_recv_mono_ns / 3;
        last = snapshot.detail.last_recv_mono_ns;
        tally->whole++;
    }
    return NULL;
}

static void snapshots_are_never_torn_across_mappings(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct publishing publishing = {.fixture = &fixture};
    struct flatline *readers[STRESS_READERS];
    struct flatline_stream streams[STRESS_READERS];
    struct tally tallies[STRESS_READERS] = {{.whole = 0}};
    for (int i = 0; i < STRESS_READERS; i++) {
        readers[i] = fixture_attach(&fixture);
        assert_int_equal(flatline_stream_at(readers[i], 0, &streams[i]), 0);
        tallies[i].reader = readers[i];
        tallies[i].stream = &streams[i];
    }
    run_stress(segment_writer, &publishing, &publishing.stop, segment_reader, tallies);
    for (int i = 0; i < STRESS_READERS; i++) {
        flatline_detach(readers[i]);
    }
    fixture_remove(&fixture);
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

/* Publishes flat out until killed; says through the pipe that it has begun. */
static void publish_until_killed(struct fixture *fixture, int ready)
{
    if (publisher_create(&fixture->config, &fixture->publisher, NULL) != 0 ||
        write(ready, "r", 1) != 1) {
        _exit(1);
    }
    const struct finding lapse = {.kind = FINDING_LAPSE, .stream = 1, .at_ns = 700};
    for (uint64_t value = 1;; value++) {
        const struct stream_view view = view_of(value);
        publisher_detail(fixture->publisher, 0, &view);
        if (value % 8 == 0) { /* mostly details: most kills shall hit one */
            publisher_finding(fixture->publisher, &lapse, value);
        }
        if (value % 64 == 0) {
            publisher_beat(fixture->publisher, clock_mono_ns(), clock_mono_ns(), 50 * NS_PER_MS);
        }
    }
}

static pid_t start_writer(struct fixture *fixture)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        publish_until_killed(fixture, ready[1]);
    }
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(close(ready[0]), 0);
    return child;
}

static void sleep_ns(uint64_t ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(ns / NS_PER_S),
                                   .tv_nsec = (long)(ns % NS_PER_S)};
    (void)nanosleep(&pause, NULL);
}

/* What a reader may be told by a slot whose writer is gone. Returns the last answer. */
static int read_after_death(const struct flatline *reader, const struct flatline_stream *stream)
{
    struct flatline_snapshot snapshot;
    int error = flatline_take_snapshot(stream, reader, &snapshot);
    if (error == FLATLINE_E_AGAIN) { /* its last promise still runs */
        sleep_ns(60 * NS_PER_MS);
        error = flatline_take_snapshot(stream, reader, &snapshot);
    }
    if (error == 0) {
        assert_true(detail_agrees(&snapshot.detail));
    } else {
        assert_int_equal(error, FLATLINE_E_SENTINEL_DEAD);
    }
    return error;
}

static void writer_killed_anywhere_leaves_nothing_torn_and_nobody_hanging(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    int left_odd = 0;
    uint64_t random = 42;
    for (int i = 0; i < KILLS; i++) {
        const pid_t child = start_writer(&fixture);
        struct flatline *reader = fixture_attach(&fixture);
        struct flatline_stream stream;
        assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        sleep_ns(200000 + (random >> 40) % 2000000);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        left_odd += read_after_death(reader, &stream) != 0;
        uint64_t cursor = flatline_event_head(reader);
        cursor = cursor > 100 ? cursor - 100 : 0;
        struct flatline_event event;
        for (int k = 0; k < 20; k++) { /* the ring's half-written slot is skipped as lost */
            const int result = flatline_next_event(reader, &cursor, &event, NULL);
            assert_true(result == 0 || result == 1);
            assert_true(result == 0 || event.number + 1 == cursor);
        }
        assert_int_equal(flatline_header_of(reader)->epoch, (uint64_t)i + 1);
        flatline_detach(reader);
    }
    print_message("%d of %d kills left the slot odd\n", left_odd, KILLS);
    assert_true(left_odd > 0); /* else the method no longer hits what it is meant to */
    fixture_remove(&fixture);
}

/* ---- two at once ----------------------------------------------------------------------------- */

/* Waits for the start, tries once, reports, and holds what it got until told to go. */
static void contend(struct fixture *fixture, int start, int report)
{
    char byte;
    if (read(start, &byte, 1) != 0) {
        _exit(1);
    }
    const int error = publisher_create(&fixture->config, &fixture->publisher, NULL);
    if (write(report, &error, sizeof(error)) != (ssize_t)sizeof(error)) {
        _exit(1);
    }
    if (error == 0) {
        (void)pause(); /* until killed: the next round finds a dead predecessor */
    }
    _exit(0);
}

static void of_two_sentinels_started_at_once_exactly_one_wins(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    for (int round = 0; round < RACES; round++) {
        int start[2];
        int report[2];
        pid_t children[2];
        assert_int_equal(pipe(start), 0);
        assert_int_equal(pipe(report), 0);
        for (int i = 0; i < 2; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                (void)close(start[1]);
                contend(&fixture, start[0], report[1]);
            }
        }
        assert_int_equal(close(start[0]), 0);
        assert_int_equal(close(start[1]), 0); /* both see the end of the pipe */
        int errors[2];
        for (int i = 0; i < 2; i++) {
            assert_int_equal(read(report[0], &errors[i], sizeof(errors[i])),
                             (ssize_t)sizeof(errors[i]));
        }
        assert_true((errors[0] == 0 && errors[1] == -EEXIST) ||
                    (errors[0] == -EEXIST && errors[1] == 0));
        struct flatline *reader = fixture_attach(&fixture);
        assert_int_equal(flatline_header_of(reader)->epoch, (uint64_t)round + 1);
        flatline_detach(reader);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(kill(children[i], SIGKILL), 0);
            assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
        }
        assert_int_equal(close(report[0]), 0);
        assert_int_equal(close(report[1]), 0);
    }
    fixture_remove(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_is_never_torn_in_one_mapping),
        cmocka_unit_test(snapshots_are_never_torn_across_mappings),
        cmocka_unit_test(writer_killed_anywhere_leaves_nothing_torn_and_nobody_hanging),
        cmocka_unit_test(of_two_sentinels_started_at_once_exactly_one_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
