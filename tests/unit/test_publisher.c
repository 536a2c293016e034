/* SPDX-License-Identifier: MIT
 *
 * Goal: the publisher makes a file that a reader can trust, keeps a second writer out, leaves
 * strangers' files alone, and never lets a cleared fault drive out an open one.
 * Method: real files in a temporary directory; what was published is read back through the public
 * reader alone.
 */
#include "unit/segment_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct finding fault_of(uint64_t id, uint8_t kind)
{
    return (struct finding){.kind = FINDING_FAULT,
                            .fault_kind = kind,
                            .scope = FLATLINE_SCOPE_STREAM,
                            .blame = FLATLINE_SCOPE_VENUE,
                            .confidence = 100,
                            .connection = EVENT_NO_CONNECTION,
                            .stream = 1,
                            .fault_id = id,
                            .onset_ns = 1000 + id,
                            .at_ns = 2000 + id,
                            .count = 1,
                            .evidence = {id, 2, 3, 4, 5, 6},
                            .text = "venue's words"};
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    assert_int_equal(close(fd), 0);
}

static uint64_t counter_value(const struct flatline *reader, const char *name)
{
    for (uint32_t i = 0; i < flatline_record_count(reader, FLATLINE_SECTION_COUNTERS); i++) {
        const struct flatline_counter *counter =
            flatline_record(reader, FLATLINE_SECTION_COUNTERS, i);
        if (strcmp(counter->name, name) == 0) {
            return counter->value;
        }
    }
    fail_msg("no counter %s", name);
    return 0;
}

static void new_segment_holds_what_was_configured_and_nothing_fresh(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct stat status;
    assert_int_equal(stat(fixture.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal((uint64_t)status.st_size, publisher_size_bytes(&fixture.config));
    struct flatline *reader = fixture_attach(&fixture);
    assert_int_equal(flatline_stream_count(reader), 3);
    assert_string_equal(flatline_stream_name(reader, 1), "okx/BTC-USDT/books");
    assert_string_equal(flatline_gate_name(reader, 0), "both");
    assert_int_equal(flatline_header_of(reader)->epoch, 1);
    assert_int_equal(publisher_epoch(fixture.publisher), 1);
    const struct flatline_directory_entry *entry =
        flatline_record(reader, FLATLINE_SECTION_STREAMS, 2);
    assert_int_equal(entry->venue, FLATLINE_VENUE_OKX);
    assert_int_equal(entry->flags, FLATLINE_STREAM_OBSERVED);
    struct flatline_stream stream;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    assert_false(flatline_fresh(&stream, clock_mono_ns()));
    assert_false(flatline_alive(reader, clock_mono_ns()));
    assert_int_equal(counter_value(reader, "faults_lost"), 0);
    publisher_counter(fixture.publisher, 1, 429);
    assert_int_equal(counter_value(reader, "rest_429"), 429);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void mode_is_as_configured_whatever_the_umask(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture.config.mode = 0664;
    const mode_t before = umask(0077);
    fixture_publish(&fixture);
    (void)umask(before);
    struct stat status;
    assert_int_equal(stat(fixture.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0664);
    fixture_remove(&fixture);
}

static void second_sentinel_is_refused_and_told_the_pid(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct publisher *second = NULL;
    char text[PUBLISHER_ERROR_TEXT_BYTES] = "";
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
    assert_int_equal(publisher_create(&fixture.config, &second, text), -EEXIST);
    assert_null(second);
    assert_non_null(strstr(text, pid));
    assert_int_equal(publisher_create(&fixture.config, &second, NULL), -EEXIST);
    fixture_remove(&fixture);
}

static void removed_lock_file_does_not_let_a_second_sentinel_in_unseen(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    char lock[128];
    (void)snprintf(lock, sizeof(lock), "%s.lock", fixture.path);
    assert_int_equal(unlink(lock), 0);
    struct publisher *second = NULL;
    assert_int_equal(publisher_create(&fixture.config, &second, NULL), 0); /* nothing can tell it */
    assert_int_equal(flatline_reattach(reader), 1); /* but readers know the first for superseded */
    assert_int_equal(flatline_header_of(reader)->epoch, 2);
    publisher_destroy(fixture.publisher); /* leaves the second's file alone */
    fixture.publisher = second;
    assert_int_equal(access(fixture.path, F_OK), 0);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void epoch_grows_over_orderly_stops_too(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    for (uint64_t life = 1; life <= 3; life++) {
        fixture_publish(&fixture);
        assert_int_equal(publisher_epoch(fixture.publisher), life);
        publisher_destroy(fixture.publisher);
        assert_int_equal(access(fixture.path, F_OK), -1);
    }
    fixture.publisher = NULL;
    fixture_remove(&fixture);
}

/* A child publishes and leaves without a word; its file stays. */
static void publish_and_die(struct fixture *fixture)
{
    const pid_t child = fork();
    if (child == 0) {
        if (publisher_create(&fixture->config, &fixture->publisher, NULL) != 0) {
            _exit(1);
        }
        fixture_lease(fixture, 0, clock_mono_ns() + 3600 * NS_PER_S);
        publisher_beat(fixture->publisher, clock_mono_ns(), clock_mono_ns(), 9 * NS_PER_S);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void dead_predecessor_is_zeroed_superseded_and_replaced(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    publish_and_die(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    struct flatline_stream stream;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    assert_true(flatline_fresh(&stream, clock_mono_ns())); /* its last promise still runs */
    fixture_publish(&fixture);
    assert_false(flatline_fresh(&stream, clock_mono_ns()));
    assert_int_equal(flatline_why(&stream, clock_mono_ns()), FLATLINE_WHY_SUPERSEDED);
    assert_int_equal(flatline_header_of(reader)->state, FLATLINE_STATE_SUPERSEDED);
    assert_int_equal(publisher_epoch(fixture.publisher), 2);
    assert_int_equal(flatline_reattach(reader), 1);
    assert_int_equal(flatline_header_of(reader)->epoch, 2);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void foreign_file_is_left_alone_and_named(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    const char letter[] = "somebody's letter, longer than any magic";
    write_file(fixture.path, letter, sizeof(letter));
    struct publisher *publisher = NULL;
    char text[PUBLISHER_ERROR_TEXT_BYTES] = "";
    assert_int_equal(publisher_create(&fixture.config, &publisher, text), -EBADMSG);
    assert_non_null(strstr(text, "not a flatline segment"));
    char back[sizeof(letter)];
    const int fd = open(fixture.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, back, sizeof(back)), (ssize_t)sizeof(letter));
    assert_int_equal(close(fd), 0);
    assert_memory_equal(back, letter, sizeof(letter));
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(symlink("/dev/null", fixture.path), 0);
    assert_int_equal(publisher_create(&fixture.config, &publisher, text), -EBADMSG);
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(mkfifo(fixture.path, 0600), 0); /* must not hang */
    assert_int_equal(publisher_create(&fixture.config, &publisher, text), -EBADMSG);
    fixture_remove(&fixture);
}

static void empty_truncated_and_newer_predecessors_are_replaced(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    struct flatline_header header = {
        .magic = FLATLINE_MAGIC, .major = FLATLINE_MAJOR + 1, .epoch = 77};
    const size_t lengths[] = {0, 16, sizeof(header)};
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        write_file(fixture.path, &header, lengths[i]);
        fixture_publish(&fixture);
        assert_int_equal(publisher_epoch(fixture.publisher),
                         i + 1); /* 77 is no epoch of this major */
        publisher_destroy(fixture.publisher);
    }
    fixture.publisher = NULL;
    fixture_remove(&fixture);
}

static void absurd_epoch_of_a_corrupt_predecessor_is_not_believed(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    const struct flatline_header header = {
        .magic = FLATLINE_MAGIC, .major = FLATLINE_MAJOR, .epoch = UINT64_MAX};
    write_file(fixture.path, &header, sizeof(header));
    fixture_publish(&fixture);
    assert_int_equal(publisher_epoch(fixture.publisher), 1);
    fixture_remove(&fixture);
}

static void bad_configurations_are_refused_by_a_sentence(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    const struct flatline_gate_member stray = {.stream = 3};
    const struct publisher_gate no_stream = {.name = "g", .members = &stray, .member_count = 1};
    const struct publisher_gate no_members = {.name = "g", .members = &stray, .member_count = 0};
    const struct publisher_stream long_name = {
        .name = "0123456789012345678901234567890123456789012345678901234567890123"};
    struct publisher_config configs[8];
    for (size_t i = 0; i < ARRAY_COUNT(configs); i++) {
        configs[i] = fixture.config;
    }
    configs[0].name = "a/b";
    configs[1].name = "";
    configs[2].name = ".hidden";
    configs[3].gates = &no_stream;
    configs[3].gate_count = 1;
    configs[4].gates = &no_members;
    configs[4].gate_count = 1;
    configs[5].streams = &long_name;
    configs[5].stream_count = 1;
    configs[6].events_max = 100;
    configs[7].faults_max = FLATLINE_RECORDS_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(configs); i++) {
        struct publisher *publisher = NULL;
        char text[PUBLISHER_ERROR_TEXT_BYTES] = "";
        assert_int_equal(publisher_create(&configs[i], &publisher, text), -EINVAL);
        assert_true(strlen(text) > 0);
    }
    fixture_remove(&fixture);
}

/* A file size limit stands in for a full file system; the full tmpfs itself is
 * tests/abi/check_enospc.sh. */
static void file_that_cannot_be_reserved_is_a_named_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct publisher *publisher = NULL;
    char text[PUBLISHER_ERROR_TEXT_BYTES] = "";
    const int error = publisher_create(&fixture.config, &publisher, text);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(error, -EFBIG);
    assert_non_null(strstr(text, "cannot reserve"));
    char temporary[128];
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", fixture.path);
    assert_int_equal(access(temporary, F_OK), -1);
    fixture_publish(&fixture); /* and the lock is free again */
    fixture_remove(&fixture);
}

static void beat_reaches_no_further_than_the_slower_thread(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    const struct flatline_header *header = flatline_header_of(reader);
    publisher_beat(fixture.publisher, 5000, 0, 100);
    assert_int_equal(header->alive_until_mono_ns, 0); /* no ingest yet */
    publisher_beat(fixture.publisher, 5000, 4000, 100);
    assert_int_equal(header->alive_until_mono_ns, 4100);
    publisher_beat(fixture.publisher, 5000, 6000, 100);
    assert_int_equal(header->alive_until_mono_ns, 5100); /* a beat from the future buys nothing */
    assert_int_equal(header->judge_beat_mono_ns, 5000);
    assert_int_equal(header->ingest_beat_mono_ns, 6000);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void cleared_faults_give_way_and_open_ones_never_do(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    for (uint64_t id = 1; id <= 4; id++) {
        const struct finding fault = fault_of(id, FLATLINE_FAULT_GAP);
        publisher_finding(fixture.publisher, &fault, 3000 + id);
    }
    struct finding change = fault_of(2, FLATLINE_FAULT_GAP);
    change.kind = FINDING_UPDATE;
    change.count = 9;
    change.at_ns = 3999;
    publisher_finding(fixture.publisher, &change, 4000);
    change.kind = FINDING_CLEAR;
    change.cleared_ns = 3900;
    publisher_finding(fixture.publisher, &change, 4001);
    struct flatline_fault faults[8];
    assert_int_equal(flatline_faults(reader, true, faults, 8), 3);
    assert_int_equal(flatline_faults(reader, false, faults, 8), 4);
    assert_int_equal(faults[0].id, 4);
    assert_int_equal(faults[2].id, 2);
    assert_int_equal(faults[2].count, 9);
    assert_int_equal(faults[2].cleared_mono_ns, 3900);
    assert_int_equal(faults[2].noticed_mono_ns, 2002); /* of the opening, not of the update */
    assert_string_equal(faults[2].text, "venue's words");

    for (uint64_t id = 5; id <= 6; id++) { /* 5 takes the place of 2; 6 finds none */
        const struct finding fault = fault_of(id, FLATLINE_FAULT_DOWN);
        publisher_finding(fixture.publisher, &fault, 5000);
    }
    assert_int_equal(flatline_faults(reader, false, faults, 2),
                     4); /* more than fit: the newest two are given */
    assert_int_equal(faults[0].id, 5);
    assert_int_equal(faults[1].id, 4);
    assert_int_equal(counter_value(reader, "faults_lost"), 1);
    assert_int_equal(flatline_header_of(reader)->fault_serial, 6);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void what_only_a_drill_caused_is_told_apart_in_table_and_ring(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    uint64_t cursor = flatline_event_head(reader);
    struct flatline_event event;
    struct flatline_fault faults[2];
    struct finding quoting = fault_of(1, FLATLINE_FAULT_ENGINE_QUOTING);
    const struct finding real = fault_of(2, FLATLINE_FAULT_ENGINE_QUOTING);
    quoting.drill = true;
    publisher_finding(fixture.publisher, &quoting, 5000);
    publisher_finding(fixture.publisher, &real, 5001);
    quoting.kind = FINDING_CLEAR;
    publisher_finding(fixture.publisher, &quoting, 5002);
    assert_int_equal(flatline_faults(reader, false, faults, 2), 2);
    assert_false(faults[0].drill);
    assert_true(faults[1].drill);

    static const enum flatline_event_type types[] = {
        FLATLINE_EVENT_DRILL_FAULT, FLATLINE_EVENT_FAULT, FLATLINE_EVENT_DRILL_CLEAR};

    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        assert_int_equal(flatline_next_event(reader, &cursor, &event, NULL), 1);
        assert_int_equal(event.type, types[i]);
        assert_int_equal(event.drill, i != 1);
    }
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void findings_become_events_in_order_and_a_slow_follower_is_told_what_it_lost(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    uint64_t cursor = 0;
    uint64_t lost = 99;
    struct flatline_event event;
    assert_int_equal(flatline_next_event(reader, &cursor, &event, &lost), 1);
    assert_int_equal(event.type, FLATLINE_EVENT_EPOCH);
    assert_int_equal(lost, 0);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, &lost), 0);

    const struct finding lapse = {.kind = FINDING_LAPSE, .stream = 1, .at_ns = 700};
    publisher_finding(fixture.publisher, &lapse, 701);
    struct finding revoke = fault_of(3, FLATLINE_FAULT_DOWN);
    revoke.kind = FINDING_REVOKE;
    publisher_finding(fixture.publisher, &revoke, 702);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, &lost), 1);
    assert_int_equal(event.type, FLATLINE_EVENT_LAPSE);
    assert_int_equal(event.at_mono_ns, 700);
    assert_int_equal(event.seen_mono_ns, 701);
    assert_int_equal(event.stream, 1);
    assert_int_equal(event.fault_kind, FLATLINE_FAULT_NONE);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, &lost), 1);
    assert_int_equal(event.type, FLATLINE_EVENT_LAPSE);
    assert_int_equal(event.fault_kind, FLATLINE_FAULT_DOWN);

    for (uint64_t i = 0; i < 20; i++) {
        publisher_finding(fixture.publisher, &lapse, 800 + i);
    }
    assert_int_equal(flatline_event_head(reader), 23);
    assert_int_equal(flatline_next_event(reader, &cursor, &event, &lost), 1);
    assert_int_equal(lost, 12); /* 3..14 are gone; 15..22 remain */
    assert_int_equal(event.number, 15);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void errors_are_kept_once_and_counted(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    char text[200];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    publisher_error(fixture.publisher, text, 1); /* cut, and known again although cut */
    publisher_error(fixture.publisher, text, 2);
    for (unsigned i = 1; i < PUBLISHER_ERRORS_MAX + 3; i++) {
        (void)snprintf(text, sizeof(text), "error %u", i);
        publisher_error(fixture.publisher, text, i);
    }
    struct flatline_error_entry entries[PUBLISHER_ERRORS_MAX];
    assert_int_equal(flatline_errors(reader, entries, PUBLISHER_ERRORS_MAX), PUBLISHER_ERRORS_MAX);
    assert_int_equal(entries[0].count, 2);
    assert_int_equal(entries[0].first_mono_ns, 1);
    assert_int_equal(entries[0].last_mono_ns, 2);
    assert_int_equal(strlen(entries[0].text), sizeof(entries[0].text) - 1);
    assert_string_equal(entries[1].text, "error 1");
    assert_int_equal(counter_value(reader, "errors_lost"), 3);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void histograms_have_a_place_each_when_asked_for(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    assert_null(publisher_stream_histogram(fixture.publisher, 0, 0));
    assert_null(publisher_connection_histogram(fixture.publisher, 0, 0));
    publisher_destroy(fixture.publisher);
    fixture.config.histograms = true;
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    assert_int_equal(flatline_record_count(reader, FLATLINE_SECTION_HISTOGRAMS), 6);
    assert_int_equal(flatline_record_count(reader, FLATLINE_SECTION_CONNECTION_HISTOGRAMS), 2);
    const struct flatline_histogram *lag = flatline_record(reader, FLATLINE_SECTION_HISTOGRAMS, 3);
    assert_int_equal(lag->sub_bucket_bits, 8);
    publisher_stream_histogram(fixture.publisher, 1, 1)->max_ns = 5;
    assert_int_equal(lag->max_ns, 5);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

static void orderly_stop_is_seen_at_once_and_takes_the_name_away(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_prepare(&fixture);
    fixture_publish(&fixture);
    struct flatline *reader = fixture_attach(&fixture);
    fixture_lease(&fixture, 0, clock_mono_ns() + 3 * NS_PER_S);
    fixture_beat(&fixture);
    struct flatline_stream stream;
    assert_int_equal(flatline_stream_at(reader, 0, &stream), 0);
    assert_true(flatline_fresh(&stream, clock_mono_ns()));
    publisher_destroy(fixture.publisher);
    fixture.publisher = NULL;
    assert_false(flatline_fresh(&stream, clock_mono_ns()));
    char text[128];
    (void)flatline_why_text(reader, &stream, clock_mono_ns(), text, sizeof(text));
    assert_string_equal(text, "the sentinel has stopped");
    assert_int_equal(flatline_reattach(reader), FLATLINE_E_NO_FILE);
    flatline_detach(reader);
    fixture_remove(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_segment_holds_what_was_configured_and_nothing_fresh),
        cmocka_unit_test(mode_is_as_configured_whatever_the_umask),
        cmocka_unit_test(second_sentinel_is_refused_and_told_the_pid),
        cmocka_unit_test(removed_lock_file_does_not_let_a_second_sentinel_in_unseen),
        cmocka_unit_test(epoch_grows_over_orderly_stops_too),
        cmocka_unit_test(dead_predecessor_is_zeroed_superseded_and_replaced),
        cmocka_unit_test(foreign_file_is_left_alone_and_named),
        cmocka_unit_test(empty_truncated_and_newer_predecessors_are_replaced),
        cmocka_unit_test(absurd_epoch_of_a_corrupt_predecessor_is_not_believed),
        cmocka_unit_test(bad_configurations_are_refused_by_a_sentence),
        cmocka_unit_test(file_that_cannot_be_reserved_is_a_named_error_and_leaves_nothing),
        cmocka_unit_test(beat_reaches_no_further_than_the_slower_thread),
        cmocka_unit_test(cleared_faults_give_way_and_open_ones_never_do),
        cmocka_unit_test(what_only_a_drill_caused_is_told_apart_in_table_and_ring),
        cmocka_unit_test(findings_become_events_in_order_and_a_slow_follower_is_told_what_it_lost),
        cmocka_unit_test(errors_are_kept_once_and_counted),
        cmocka_unit_test(histograms_have_a_place_each_when_asked_for),
        cmocka_unit_test(orderly_stop_is_seen_at_once_and_takes_the_name_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
