/* SPDX-License-Identifier: MIT
 *
 * Goal: every way an attach can fail has its name; a look is right to the nanosecond and fails
 * closed; a hostile segment may lie but never crashes or hangs its reader.
 * Method: segments made by the real publisher, their files then cut, patched and scrambled; times
 * are chosen, not waited for.
 */
#include "core/hist.h"
#include "unit/segment_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FUZZ_ROUNDS 4000

/* ---- helpers: the file as bytes -------------------------------------------------------------- */

static void patch(const struct fixture *fixture, size_t offset, const void *bytes, size_t count)
{
    const int fd = open(fixture->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, count, (off_t)offset), (ssize_t)count);
    assert_int_equal(close(fd), 0);
}

static void patch_word(const struct fixture *fixture, size_t offset, uint64_t word)
{
    patch(fixture, offset, &word, sizeof(word));
}

static int attach_error(const struct fixture *fixture)
{
    struct flatline *reader = (void *)(uintptr_t)1;
    const int error = flatline_attach(fixture->path, &reader);
    assert_ptr_equal(reader, (void *)(uintptr_t)1); /* untouched on failure */
    return error;
}

static struct flatline_section section_of(const struct fixture *fixture,
                                          enum flatline_section_index index)
{
    struct flatline_header header;
    const int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
    assert_int_equal(close(fd), 0);
    return header.sections[index];
}

static void fixture_start(struct fixture *fixture)
{
    fixture_prepare(fixture);
    fixture_publish(fixture);
}

/* ---- attach ---------------------------------------------------------------------------------- */

static void nothing_under_the_name_is_no_file(void **state)
{
    (void)state;
    struct flatline *reader = NULL;
    assert_int_equal(flatline_attach("/tmp/no/such/segment", &reader), FLATLINE_E_NO_FILE);
    assert_int_equal(flatline_attach("flatline-no-such-segment", &reader), FLATLINE_E_NO_FILE);
    assert_int_equal(flatline_attach("", &reader), FLATLINE_E_INVALID);
    assert_int_equal(flatline_attach("/tmp/x", NULL), FLATLINE_E_INVALID);
    assert_null(reader);
}

static void each_broken_header_has_its_own_name(void **state)
{
    (void)state;

    static const struct {
        size_t offset;
        uint64_t word;
        int error;
    } cases[] = {
        {offsetof(struct flatline_header, magic), 0, FLATLINE_E_NOT_READY},
        {offsetof(struct flatline_header, magic), 0x1234, FLATLINE_E_BAD_MAGIC},
        {offsetof(struct flatline_header, major), FLATLINE_MAJOR + 1, FLATLINE_E_OTHER_MAJOR},
        {offsetof(struct flatline_header, file_bytes), UINT64_MAX, FLATLINE_E_TRUNCATED},
        {offsetof(struct flatline_header, file_bytes), 1 << 20, FLATLINE_E_TRUNCATED},
        {offsetof(struct flatline_header, file_bytes), 8, FLATLINE_E_CORRUPT},
        {offsetof(struct flatline_header, layout_hash), 7, FLATLINE_E_CORRUPT},
        {offsetof(struct flatline_header, state), FLATLINE_STATE_STARTING, FLATLINE_E_NOT_READY},
        {offsetof(struct flatline_header, state), FLATLINE_STATE_SUPERSEDED, FLATLINE_E_SUPERSEDED},
        {offsetof(struct flatline_header, judge_beat_mono_ns),
         UINT64_MAX / 2,
         FLATLINE_E_CLOCK_MISMATCH},
        {offsetof(struct flatline_header, created_mono_ns), UINT64_MAX, FLATLINE_E_CLOCK_MISMATCH},
    };
    struct fixture fixture;
    fixture_start(&fixture);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t before;
        const int fd = open(fixture.path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(fd, &before, sizeof(before), (off_t)cases[i].offset),
                         (ssize_t)sizeof(before));
        assert_int_equal(close(fd), 0);
        patch_word(&fixture, cases[i].offset, cases[i].word);
        assert_int_equal(attach_error(&fixture), cases[i].error);
        patch_word(&fixture, cases[i].offset, before);
    }
    flatline_detach(fixture_attach(&fixture)); /* whole again */
    fixture_remove(&fixture);
}

static void beat_just_ahead_of_our_clock_is_no_mismatch(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    patch_word(
        &fixture, offsetof(struct flatline_header, judge_beat_mono_ns), clock_mono_ns() + NS_PER_S);
    flatline_detach(fixture_attach(&fixture));
    patch_word(&fixture,
               offsetof(struct flatline_header, judge_beat_mono_ns),
               clock_mono_ns() + 60 * NS_PER_S);
    assert_int_equal(attach_error(&fixture), FLATLINE_E_CLOCK_MISMATCH);
    fixture_remove(&fixture);
}

static void file_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    char kept[128];
    (void)snprintf(kept, sizeof(kept), "%s/kept", fixture.directory);
    assert_int_equal(link(fixture.path, kept), 0);
    publisher_destroy(
        fixture.publisher); /* a writer whose file is cut under it would die of SIGBUS */
    fixture.publisher = NULL;
    assert_int_equal(rename(kept, fixture.path), 0);
    struct stat status;
    assert_int_equal(stat(fixture.path, &status), 0);
    flatline_detach(fixture_attach(&fixture));
    for (off_t bytes = status.st_size - 1; bytes >= 0; bytes -= bytes > 1024 ? 509 : 13) {
        assert_int_equal(truncate(fixture.path, bytes), 0);
        assert_int_equal(attach_error(&fixture), FLATLINE_E_TRUNCATED);
    }
    assert_int_equal(truncate(fixture.path, 0), 0);
    assert_int_equal(attach_error(&fixture), FLATLINE_E_TRUNCATED);
    fixture_remove(&fixture);
}

static void strangers_are_bad_magic_and_never_hang(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    assert_int_equal(mkfifo(fixture.path, 0600), 0);
    assert_int_equal(attach_error(&fixture), FLATLINE_E_BAD_MAGIC);
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(mkdir(fixture.path, 0700), 0);
    assert_int_equal(attach_error(&fixture), FLATLINE_E_BAD_MAGIC);
    assert_int_equal(rmdir(fixture.path), 0);
    assert_int_equal(symlink("/proc/self/exe", fixture.path), 0);
    assert_int_equal(attach_error(&fixture), FLATLINE_E_BAD_MAGIC);
    fixture_remove(&fixture);
}

static void unreadable_segment_is_a_matter_of_permission(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    assert_int_equal(chmod(fixture.path, 0000), 0);
    assert_int_equal(chmod(fixture.directory, 0711), 0);
    const pid_t child = fork();
    if (child == 0) { /* root may read anything */
        if (getuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        struct flatline *reader;
        _exit(flatline_attach(fixture.path, &reader) == FLATLINE_E_PERMISSION ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_remove(&fixture);
}

static void directory_that_does_not_add_up_is_corrupt(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    for (uint32_t i = 0; i < FLATLINE_SECTION_COUNT; i++) {
        const size_t offset =
            offsetof(struct flatline_header, sections) + i * sizeof(struct flatline_section);
        const struct flatline_section good = section_of(&fixture, i);
        struct flatline_section bad[6];
        for (size_t k = 0; k < ARRAY_COUNT(bad); k++) {
            bad[k] = good;
        }
        bad[0].offset_bytes = UINT64_MAX - 7;
        bad[1].offset_bytes = 8; /* over the header */
        bad[2].stride_bytes = 8;
        bad[3].count = FLATLINE_RECORDS_MAX + 1;
        bad[4].count = UINT32_MAX;
        bad[4].stride_bytes = 0xfffffff8U;
        bad[5].offset_bytes += 4;
        for (size_t k = 0; k < ARRAY_COUNT(bad); k++) {
            patch(&fixture, offset, &bad[k], sizeof(bad[k]));
            assert_int_equal(attach_error(&fixture), FLATLINE_E_CORRUPT);
        }
        patch(&fixture, offset, &good, sizeof(good));
    }
    flatline_detach(fixture_attach(&fixture));
    fixture_remove(&fixture);
}

static void names_and_gates_that_lead_astray_are_corrupt(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    const size_t streams = section_of(&fixture, FLATLINE_SECTION_STREAMS).offset_bytes;
    const size_t gates = section_of(&fixture, FLATLINE_SECTION_GATES).offset_bytes;
    const size_t members = section_of(&fixture, FLATLINE_SECTION_GATE_MEMBERS).offset_bytes;
    char endless[FLATLINE_NAME_BYTES];
    memset(endless, 'a', sizeof(endless));
    patch(&fixture, streams, endless, sizeof(endless));
    assert_int_equal(attach_error(&fixture), FLATLINE_E_CORRUPT);
    patch(&fixture, streams, "\x1b[2J", 5); /* would clear a terminal */
    assert_int_equal(attach_error(&fixture), FLATLINE_E_CORRUPT);
    patch(&fixture, streams, cast_streams[0].name, strlen(cast_streams[0].name) + 1);
    const uint32_t stray = 3;
    patch(&fixture, members, &stray, sizeof(stray));
    assert_int_equal(attach_error(&fixture), FLATLINE_E_CORRUPT);
    const uint32_t none = 0;
    patch(&fixture, members, &none, sizeof(none));
    const uint32_t too_many[2] = {1, UINT32_MAX};
    patch(&fixture,
          gates + offsetof(struct flatline_gate_entry, first_member),
          too_many,
          sizeof(too_many));
    assert_int_equal(attach_error(&fixture), FLATLINE_E_CORRUPT);
    fixture_remove(&fixture);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void lease_ends_at_its_very_nanosecond(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    assert_int_equal(flatline_find(reader, "okx/BTC-USDT/books", &stream), 0);
    const uint64_t until = 1000 * NS_PER_S;
    fixture_lease(&fixture, 1, until);
    publisher_beat(fixture.publisher, until - 5, until - 5, 100);
    assert_true(flatline_fresh(&stream, until - 1));
    assert_false(flatline_fresh(&stream, until));
    assert_int_equal(flatline_why(&stream, until - 1), FLATLINE_WHY_FRESH);
    assert_int_equal(flatline_why(&stream, until), FLATLINE_WHY_LAPSED);
    assert_int_equal(flatline_due_id(&stream), 41);
    fixture_lease(&fixture, 1, until + 3 * NS_PER_S);
    assert_true(flatline_fresh(&stream, until + 94)); /* alive until until + 95 */
    assert_false(flatline_fresh(&stream, until + 95));
    assert_int_equal(flatline_why(&stream, until + 95), FLATLINE_WHY_SENTINEL_DEAD);
    assert_true(flatline_alive(reader, until + 94));
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void absurd_promises_are_not_fresh(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    const uint64_t now = 1000 * NS_PER_S;
    publisher_beat(fixture.publisher, now, now, NS_PER_S);
    fixture_lease(&fixture, 0, now + FLATLINE_LEASE_ABSURD_NS);
    assert_true(flatline_fresh(&stream, now));
    const uint64_t absurd[] = {now + FLATLINE_LEASE_ABSURD_NS + 1, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(absurd); i++) {
        fixture_lease(&fixture, 0, absurd[i]);
        assert_false(flatline_fresh(&stream, now));
        assert_int_equal(flatline_why(&stream, now), FLATLINE_WHY_ABSURD);
    }
    fixture_lease(&fixture, 0, now + NS_PER_S);
    patch_word(&fixture,
               offsetof(struct flatline_header, alive_until_mono_ns),
               now + FLATLINE_ALIVE_ABSURD_NS + 1);
    assert_false(flatline_fresh(&stream, now));
    assert_int_equal(flatline_why(&stream, now), FLATLINE_WHY_ABSURD);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void gate_is_as_fresh_as_its_stalest_member(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_gate both;
    assert_int_equal(flatline_find_gate(reader, "both", &both), 0);
    assert_int_equal(both.member_count, 2);
    const uint64_t now = 1000 * NS_PER_S;
    publisher_beat(fixture.publisher, now, now, NS_PER_S);
    uint32_t culprit = 9;
    fixture_lease(&fixture, 0, now + 2 * NS_PER_S);
    assert_int_equal(flatline_gate_why(&both, now, &culprit), FLATLINE_WHY_UNKNOWN);
    assert_int_equal(culprit, 1);
    fixture_lease(&fixture, 1, now + NS_PER_S); /* this gate trusts it one second less */
    assert_false(flatline_gate_fresh(&both, now));
    assert_int_equal(flatline_gate_why(&both, now, NULL), FLATLINE_WHY_LAPSED);
    fixture_lease(&fixture, 1, now + NS_PER_S + 1);
    assert_true(flatline_gate_fresh(&both, now));
    assert_int_equal(flatline_gate_why(&both, now, &culprit), FLATLINE_WHY_FRESH);
    const struct stream_view revoked = {.revoked_by = FLATLINE_FAULT_KEY_EXPIRED, .lost_count = 1};
    publisher_lease(fixture.publisher, 0, &revoked);
    fixture_lease(&fixture, 1, now);
    assert_int_equal(flatline_gate_why(&both, now, &culprit), FLATLINE_WHY_REVOKED);
    assert_int_equal(culprit, 0); /* worse than the lapsed one */
    both.member_count = 0;
    assert_false(flatline_gate_fresh(&both, now));
    assert_int_equal(flatline_gate_why(&both, now, &culprit), FLATLINE_WHY_EMPTY_GATE);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void shorter_gate_adjustment_near_the_clock_s_zero_fails_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_gate both;
    assert_int_equal(flatline_find_gate(reader, "both", &both), 0);
    publisher_beat(fixture.publisher, 500, 500, NS_PER_S);
    fixture_lease(&fixture, 0, 3 * NS_PER_S);
    fixture_lease(&fixture, 1, NS_PER_S / 2); /* less the second: below zero */
    assert_false(flatline_gate_fresh(&both, 500));
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void why_is_one_line_for_people(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    char text[96];
    const uint64_t until = 1000 * NS_PER_S;
    const uint64_t now = until + 1204 * NS_PER_MS;
    const size_t length = flatline_why_text(reader, &stream, now, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "the sentinel has not begun to receive");
    publisher_beat(fixture.publisher, now, now, NS_PER_S);
    (void)flatline_why_text(reader, &stream, now, text, sizeof(text));
    assert_string_equal(text, "no data yet");
    fixture_lease(&fixture, 0, until);
    (void)flatline_why_text(reader, &stream, now, text, sizeof(text));
    assert_string_equal(text, "lapsed 1.204 s ago: last newer frame 4.204 s ago");
    assert_int_equal(flatline_why_text(reader, &stream, now, text, 7), 6);
    assert_string_equal(text, "lapsed");
    assert_int_equal(flatline_why_text(reader, &stream, now, text, 0), 0);
    const struct stream_view revoked = {.revoked_by = FLATLINE_FAULT_DOWN};
    publisher_lease(fixture.publisher, 0, &revoked);
    (void)flatline_why_text(reader, &stream, now, text, sizeof(text));
    assert_string_equal(text, "revoked by DOWN");
    (void)flatline_why_text(reader, &stream, now + 3 * NS_PER_S, text, sizeof(text));
    assert_string_equal(text,
                        "the sentinel is dead or stalled: judge 3.000 s ago, ingest 3.000 s ago");
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void unknown_name_is_told_what_was_probably_meant(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream = {.index = 77};
    assert_int_equal(flatline_find(reader, "okx/BTC-USDT/book", &stream), FLATLINE_E_UNKNOWN_NAME);
    assert_int_equal(stream.index, 77);
    assert_string_equal(flatline_nearest(reader, "okx/BTC-USDT/book"), "okx/BTC-USDT/books");
    assert_string_equal(flatline_nearest(reader, "binance-usdm/btcusdt/depth@100"),
                        "binance-usdm/BTCUSDT/depth@100ms");
    assert_string_equal(flatline_nearest(reader, "BTCUSDT"), "binance-usdm/BTCUSDT/depth@100ms");
    assert_string_equal(flatline_nearest(reader, "bothh"), "both");
    assert_null(flatline_nearest(reader, "kraken/ETHEUR/something else entirely"));
    assert_null(flatline_nearest(reader, ""));
    struct flatline_gate gate;
    assert_int_equal(flatline_find_gate(reader, "neither", &gate), FLATLINE_E_UNKNOWN_NAME);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void bounds_by_index_are_kept(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_gate gate;
    assert_int_equal(flatline_stream_at(reader, 3, &stream), FLATLINE_E_UNKNOWN_NAME);
    assert_int_equal(flatline_gate_at(reader, 2, &gate), FLATLINE_E_UNKNOWN_NAME);
    assert_null(flatline_stream_name(reader, 3));
    assert_null(flatline_gate_name(reader, UINT32_MAX));
    assert_null(flatline_record(reader, FLATLINE_SECTION_FAULTS, 4));
    assert_null(flatline_record(reader, (enum flatline_section_index)99, 0));
    assert_int_equal(flatline_record_count(reader, (enum flatline_section_index)99), 0);
    assert_int_equal(flatline_histogram_quantile(reader, FLATLINE_SECTION_STREAMS, 0, 0.5), 0);
    assert_string_equal(flatline_why_name((enum flatline_why)99), "?");
    assert_string_equal(flatline_strerror(-99), "?");
    assert_string_equal(flatline_strerror(FLATLINE_E_NO_FILE),
                        "no segment of this name: is flatlined running?");
    assert_string_equal(flatline_fault_key(FLATLINE_FAULT_GAP, 0), "expected_id");
    assert_string_equal(flatline_fault_key(FLATLINE_FAULT_GAP, 6), "");
    flatline_detach(reader);
    flatline_detach(NULL);
    fixture_remove(&fixture);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void slot_left_odd_is_again_while_alive_and_dead_after(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_snapshot snapshot = {.detail = {.frames = 77}};
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    fixture_lease(&fixture, 0, clock_mono_ns() + NS_PER_S);
    publisher_beat(fixture.publisher, clock_mono_ns(), clock_mono_ns(), 9 * NS_PER_S);
    patch_word(&fixture, section_of(&fixture, FLATLINE_SECTION_DETAILS).offset_bytes, 3);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), FLATLINE_E_AGAIN);
    assert_int_equal(snapshot.detail.frames, 77); /* untouched */
    publisher_beat(fixture.publisher, 5, 5, 1);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), FLATLINE_E_SENTINEL_DEAD);
    patch_word(&fixture, section_of(&fixture, FLATLINE_SECTION_FAULTS).offset_bytes, 1);
    struct flatline_fault fault;
    assert_int_equal(flatline_faults(reader, false, &fault, 1), 0); /* the others still count */
    publisher_beat(fixture.publisher, clock_mono_ns(), clock_mono_ns(), 9 * NS_PER_S);
    assert_int_equal(flatline_faults(reader, false, &fault, 1), FLATLINE_E_AGAIN);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void snapshot_is_what_was_published(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_snapshot snapshot;
    assert_int_equal(flatline_stream_at(reader, 2, &stream), 0);
    fixture_lease(&fixture, 2, 9 * NS_PER_S);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), 0);
    assert_int_equal(snapshot.detail.frontier_id, 42);
    assert_int_equal(snapshot.detail.frames, 7);
    assert_int_equal(snapshot.detail.last_newer_mono_ns, 6 * NS_PER_S);
    assert_int_equal(snapshot.lease.lease_until_mono_ns, 9 * NS_PER_S);
    assert_int_equal(snapshot.lease.due_id, 41);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void superseded_mapping_says_so_from_every_call(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_snapshot snapshot;
    struct flatline_fault fault;
    struct flatline_error_entry entry;
    struct flatline_event event;
    uint64_t cursor = 0;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    patch_word(&fixture, offsetof(struct flatline_header, state), FLATLINE_STATE_SUPERSEDED);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), FLATLINE_E_SUPERSEDED);
    assert_int_equal(flatline_faults(reader, false, &fault, 1), FLATLINE_E_SUPERSEDED);
    assert_int_equal(flatline_errors(reader, &entry, 1), FLATLINE_E_SUPERSEDED);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL),
                     1); /* what is there is still read ... */
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL),
                     FLATLINE_E_SUPERSEDED); /* ... no more comes */
    assert_int_equal(flatline_why(&stream, clock_mono_ns()), FLATLINE_WHY_SUPERSEDED);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

/* As a takeover leaves it: marked, and its last promise still running. */
static void superseded_mapping_is_read_like_any_other_until_its_promise_has_run_out(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_snapshot snapshot;
    struct flatline_fault fault;
    struct flatline_event event;
    const uint64_t now = clock_mono_ns();
    const struct stream_view view = {.lease_until_ns = now + 60 * NS_PER_S, .ever_leased = true};
    uint64_t cursor = flatline_event_head(reader);
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    publisher_lease(fixture.publisher, 0, &view);
    publisher_beat(fixture.publisher, now, now, 9 * NS_PER_S);
    patch_word(&fixture, offsetof(struct flatline_header, state), FLATLINE_STATE_SUPERSEDED);
    assert_true(flatline_fresh(&stream, now + 1));
    assert_int_equal(flatline_why(&stream, now + 1), FLATLINE_WHY_FRESH);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), 0);
    assert_int_equal(flatline_faults(reader, false, &fault, 1), 0);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL), 0); /* more may come */
    publisher_beat(fixture.publisher, now, now - 1, 0);
    assert_false(flatline_fresh(&stream, now));
    assert_int_equal(flatline_why(&stream, now), FLATLINE_WHY_SUPERSEDED);
    assert_int_equal(flatline_take_snapshot(&stream, reader, &snapshot), FLATLINE_E_SUPERSEDED);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL), FLATLINE_E_SUPERSEDED);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

/* A child publishes and dies, then this process publishes: the handle of the first life finds its
 * way. */
static void second_look_attaches_again_by_name(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    const pid_t child = fork();
    if (child == 0) {
        fixture.config.stream_count = 2; /* another directory: indices mean nothing over lives */
        const struct publisher_stream reversed[] = {cast_streams[1], cast_streams[0]};
        fixture.config.streams = reversed;
        _exit(publisher_create(&fixture.config, &fixture.publisher, NULL) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    struct flatline_gate gate;
    assert_int_equal(flatline_find(reader, "okx/BTC-USDT/books", &stream), 0);
    assert_int_equal(flatline_find_gate(reader, "both", &gate), 0);
    assert_int_equal(stream.index, 0);
    assert_false(
        flatline_look(reader, &stream, clock_mono_ns())); /* dead, and nothing newer there */
    const struct flatline_stream old = stream;
    fixture_publish(&fixture);
    for (uint32_t i = 0; i < 3; i++) {
        fixture_lease(&fixture, i, clock_mono_ns() + 60 * NS_PER_S);
    }
    publisher_beat(fixture.publisher, clock_mono_ns(), clock_mono_ns(), 9 * NS_PER_S);
    assert_true(flatline_look(reader, &stream, clock_mono_ns()));
    assert_int_equal(stream.index, 1);
    assert_true(flatline_look_gate(reader, &gate, clock_mono_ns()));
    assert_false(
        flatline_fresh(&old, clock_mono_ns())); /* an old handle stays readable, and not fresh */
    assert_int_equal(flatline_reattach(reader), 0);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void quantiles_agree_with_the_writer_s(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture.config.histograms = true;
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_histogram *stream = publisher_stream_histogram(fixture.publisher, 1, 1);
    struct flatline_histogram *connection = publisher_connection_histogram(fixture.publisher, 1, 0);
    assert_int_equal(flatline_histogram_quantile(reader, FLATLINE_SECTION_HISTOGRAMS, 3, 0.5), 0);
    uint64_t random = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        hist_record(stream, random % (50 * NS_PER_S) >> (random % 24));
        hist_record(connection, random % (50 * NS_PER_S) >> (random % 24));
    }
    const double quantiles[] = {-1.0, 0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0, 2.0};
    for (size_t i = 0; i < ARRAY_COUNT(quantiles); i++) {
        const double within = quantiles[i] < 0.0 ? 0.0 : quantiles[i] > 1.0 ? 1.0 : quantiles[i];
        assert_int_equal(
            flatline_histogram_quantile(reader, FLATLINE_SECTION_HISTOGRAMS, 3, quantiles[i]),
            hist_quantile(stream, within));
        assert_int_equal(flatline_histogram_quantile(
                             reader, FLATLINE_SECTION_CONNECTION_HISTOGRAMS, 1, quantiles[i]),
                         hist_quantile(connection, within));
    }
    flatline_detach(reader);
    fixture_remove(&fixture);
}

/* ---- hostile --------------------------------------------------------------------------------- */

/* Everything a reader can be asked; the answers do not matter, coming back does. */
static void ask_everything(struct flatline *reader)
{
    static struct flatline_fault faults[4];
    static struct flatline_error_entry errors[4];
    const uint64_t now = clock_mono_ns();
    char text[64];
    for (uint32_t i = 0; i < flatline_stream_count(reader) && i < 64; i++) {
        struct flatline_stream stream;
        struct flatline_snapshot snapshot;
        assert_int_equal(flatline_stream_at(reader, i, &stream), 0);
        assert_true(strlen(flatline_stream_name(reader, i)) < FLATLINE_NAME_BYTES);
        (void)flatline_look(reader, &stream, now);
        (void)flatline_take_snapshot(&stream, reader, &snapshot);
        (void)flatline_why_text(reader, &stream, now, text, sizeof(text));
    }
    for (uint32_t i = 0; i < flatline_gate_count(reader) && i < 64; i++) {
        struct flatline_gate gate;
        uint32_t culprit;
        assert_int_equal(flatline_gate_at(reader, i, &gate), 0);
        (void)flatline_gate_fresh(&gate, now);
        (void)flatline_gate_why(&gate, now, &culprit);
    }
    const int fault_count = flatline_faults(reader, false, faults, 4);
    for (int i = 0; i < fault_count && i < 4; i++) {
        (void)flatline_fault_name(faults[i].kind);
        (void)flatline_fault_key(faults[i].kind, 5);
        assert_true(strlen(faults[i].text) < FLATLINE_TEXT_BYTES);
    }
    (void)flatline_errors(reader, errors, 4);
    uint64_t cursor = 0;
    struct flatline_event event;
    for (int i = 0; i < 100 && flatline_next_event(reader, &cursor, &event, NULL) == 1; i++) {
        (void)flatline_event_name(event.type);
    }
    for (uint32_t i = 0; i < 8; i++) {
        (void)flatline_histogram_quantile(reader, FLATLINE_SECTION_HISTOGRAMS, i, 0.99);
        (void)flatline_histogram_quantile(reader, FLATLINE_SECTION_CONNECTION_HISTOGRAMS, i, 1.0);
    }
    (void)flatline_nearest(reader, "okx/BTC-USDT/bboks");
    (void)flatline_reattach(reader);
}

static void scrambled_segments_never_crash_a_reader(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture.config.histograms = true;
    fixture_publish(&fixture);
    struct stat status;
    assert_int_equal(stat(fixture.path, &status), 0);
    const size_t bytes = (size_t)status.st_size;
    uint8_t *good = malloc(bytes);
    assert_non_null(good);
    int fd = open(fixture.path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, good, bytes, 0), (ssize_t)bytes);
    const uint64_t interesting[] = {
        0, 1, 7, 0x7fffffff, 0xffffffff, 0x100000000ULL, UINT64_MAX, UINT64_MAX / 2};
    uint64_t random = 0x9e3779b97f4a7c15ULL;
    unsigned attached = 0;
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
        size_t touched[4];
        for (size_t k = 0; k < ARRAY_COUNT(touched); k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            /* half of the hits go where the structure is: header, directory, gates */
            const size_t range = (random & 1) != 0 ? sizeof(struct flatline_header)
                                 : bytes < 65536   ? bytes
                                                   : 65536;
            touched[k] = random / 16 % (range / 4) * 4;
            const uint64_t value = (random & 2) != 0 ? interesting[random / 64 % 8] : random;
            const size_t width = touched[k] + 8 <= bytes && (random & 4) != 0 ? 8 : 4;
            assert_int_equal(pwrite(fd, &value, width, (off_t)touched[k]), (ssize_t)width);
        }
        struct flatline *reader;
        if (flatline_attach(fixture.path, &reader) == 0) {
            attached++;
            ask_everything(reader);
            flatline_detach(reader);
        }
        for (size_t k = 0; k < ARRAY_COUNT(touched); k++) {
            const size_t width = touched[k] + 8 <= bytes ? 8 : 4;
            assert_int_equal(pwrite(fd, good + touched[k], width, (off_t)touched[k]),
                             (ssize_t)width);
        }
    }
    assert_true(attached >
                100); /* else the scramble was too coarse to test anything behind the attach */
    assert_int_equal(close(fd), 0);
    free(good);
    fixture_remove(&fixture);
}

/* The owner goes on writing while we read: what was checked at attach must be what is used. */
struct vandal {
    uint8_t *map;
    size_t bytes;
    uint64_t stop;
};

static void *vandalize(void *argument)
{
    struct vandal *vandal = argument;
    uint64_t random = 1;
    while (__atomic_load_n(&vandal->stop, __ATOMIC_ACQUIRE) == 0) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const size_t words = (vandal->bytes - 64) / 8;
        __atomic_store_n((uint64_t *)(void *)(vandal->map + 64) + (random >> 33) % words,
                         random,
                         __ATOMIC_RELAXED);
    }
    return NULL;
}

static void segment_scrambled_under_an_attached_reader_never_crashes_it(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture.config.histograms = true;
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct vandal vandal = {.bytes = publisher_size_bytes(&fixture.config)};
    struct flatline_connection *first = publisher_connection(fixture.publisher, 0);
    vandal.map = (uint8_t *)first - section_of(&fixture, FLATLINE_SECTION_CONNECTIONS).offset_bytes;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, vandalize, &vandal), 0);
    for (int i = 0; i < 2000; i++) {
        ask_everything(reader);
    }
    __atomic_store_n(&vandal.stop, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(flatline_stream_name(reader, 0), cast_streams[0].name); /* our own copy */
    flatline_detach(reader);
    fixture_remove(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_under_the_name_is_no_file),
        cmocka_unit_test(each_broken_header_has_its_own_name),
        cmocka_unit_test(beat_just_ahead_of_our_clock_is_no_mismatch),
        cmocka_unit_test(file_cut_anywhere_is_truncated),
        cmocka_unit_test(strangers_are_bad_magic_and_never_hang),
        cmocka_unit_test(unreadable_segment_is_a_matter_of_permission),
        cmocka_unit_test(directory_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(names_and_gates_that_lead_astray_are_corrupt),
        cmocka_unit_test(lease_ends_at_its_very_nanosecond),
        cmocka_unit_test(absurd_promises_are_not_fresh),
        cmocka_unit_test(gate_is_as_fresh_as_its_stalest_member),
        cmocka_unit_test(shorter_gate_adjustment_near_the_clock_s_zero_fails_closed),
        cmocka_unit_test(why_is_one_line_for_people),
        cmocka_unit_test(unknown_name_is_told_what_was_probably_meant),
        cmocka_unit_test(bounds_by_index_are_kept),
        cmocka_unit_test(slot_left_odd_is_again_while_alive_and_dead_after),
        cmocka_unit_test(snapshot_is_what_was_published),
        cmocka_unit_test(superseded_mapping_says_so_from_every_call),
        cmocka_unit_test(superseded_mapping_is_read_like_any_other_until_its_promise_has_run_out),
        cmocka_unit_test(second_look_attaches_again_by_name),
        cmocka_unit_test(quantiles_agree_with_the_writer_s),
        cmocka_unit_test(scrambled_segments_never_crash_a_reader),
        cmocka_unit_test(segment_scrambled_under_an_attached_reader_never_crashes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
