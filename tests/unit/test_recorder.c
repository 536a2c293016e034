/* SPDX-License-Identifier: MIT
 *
 * Goal: a recording holds what ingest pushed, byte for byte and in order, says where something is
 * missing, and never holds ingest up; a disk that fails costs the recording alone.
 * Method: entries pushed by hand into the real ring, passes of the real recorder into a file of a
 * temporary folder, which is read back as text; two threads on a small ring for the edge between
 * them. A file-size limit plays the full disk.
 */
#include "sentinel/recorder.h"

#include "core/event.h"
#include "tools/capture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BOOK      "binance-usdm/BTCUSDT/depth@100ms"
#define MARK      "binance-usdm/BTCUSDT/markPrice@1s"
#define LINES_MAX 64

struct desk {
    char folder[32];
    char path[128];
    struct config *config;
    struct plan *plan;
    struct words words;
    struct record_ring ring;
    struct text_queue log;
    struct recorder *recorder;
};

static void desk_open(struct desk *desk, const char *file, uint64_t ring_bytes)
{
    static const char TEXT[] = "streams: [" BOOK ", " MARK "]\n";
    char why[512] = "";
    memset(desk, 0, sizeof(*desk));
    (void)snprintf(desk->folder, sizeof(desk->folder), "/tmp/flatline-rec-XXXXXX");
    assert_non_null(mkdtemp(desk->folder));
    (void)snprintf(desk->path, sizeof(desk->path), "%s/%s", desk->folder, file);
    assert_int_equal(
        config_parse("c.yaml", TEXT, sizeof(TEXT) - 1, &desk->config, why, sizeof(why)), 0);
    desk->config->record_file = strdup(desk->path);
    assert_int_equal(plan_create(desk->config, &desk->plan, why, sizeof(why)), 0);
    const uint32_t slots = plan_slot_count(desk->plan);
    desk->words.watermarks = calloc(slots, sizeof(*desk->words.watermarks));
    desk->words.slot_count = slots;
    desk->ring.bytes = calloc(1, ring_bytes);
    desk->ring.capacity = ring_bytes;
    const struct recorder_setup setup = {.config = desk->config,
                                         .plan = desk->plan,
                                         .ring = &desk->ring,
                                         .log = &desk->log,
                                         .words = &desk->words};
    assert_int_equal(recorder_create(&setup, &desk->recorder, why, sizeof(why)), 0);
}

/* Finishes the file and reads it back; lines stay valid until the next call. */
static uint32_t desk_read(struct desk *desk, char lines[LINES_MAX][512])
{
    struct capture *capture;
    struct capture_line line;
    uint32_t count = 0;
    recorder_destroy(desk->recorder);
    desk->recorder = NULL;
    assert_int_equal(capture_open(desk->path, &capture), 0);
    int status;
    while ((status = capture_next(capture, &line)) == 1) {
        assert_int_not_equal(line.kind, CAPTURE_BAD);
        if (count < LINES_MAX) {
            (void)snprintf(lines[count],
                           512,
                           "%s%.*s",
                           line.kind == CAPTURE_META ? "#" : "",
                           (int)line.frame.size_bytes,
                           line.frame.bytes);
        }
        count++;
    }
    assert_int_equal(status, 0);
    capture_close(capture);
    return count;
}

static void desk_close(struct desk *desk)
{
    recorder_destroy(desk->recorder);
    (void)unlink(desk->path);
    (void)rmdir(desk->folder);
    plan_destroy(desk->plan);
    config_free(desk->config);
    free(desk->words.watermarks);
    free(desk->ring.bytes);
}

static bool push(struct desk *desk, enum record_kind kind, uint64_t at_ns, const char *text)
{
    const struct record record = {.kind = (uint8_t)kind,
                                  .size_bytes = text != NULL ? (uint32_t)strlen(text) : 0,
                                  .recv_mono_ns = at_ns};
    return record_push(&desk->ring, &record, text);
}

static void lines_are_what_came_and_an_opening_names_its_streams(void **state)
{
    (void)state;
    static struct desk desk;
    static char lines[LINES_MAX][512];
    const char *const files[] = {"day.tsv", "day.tsv.zst"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        desk_open(&desk, files[i], 1U << 16);
        assert_true(push(&desk, RECORD_OPEN, 1000, NULL));
        assert_true(push(&desk, RECORD_FRAME, 2000, "{\"e\":1}"));
        assert_true(push(&desk, RECORD_PING, 2500, NULL));
        recorder_pass(desk.recorder, 3000);
        assert_true(push(&desk, RECORD_FRAME, 3000, "two\nlines\tand a tab"));
        const struct record end = {.kind = RECORD_CLOSE,
                                   .how = LINK_END_ERROR,
                                   .code = 104,
                                   .size_bytes = 7,
                                   .recv_mono_ns = 4000};
        assert_true(record_push(&desk.ring, &end, "a \"b\" \n"));
        assert_int_equal(desk_read(&desk, lines), 5);
        assert_non_null(strstr(lines[0], "#{\"type\":\"open\",\"route\":\"public\",\"acks\":0"));
        assert_non_null(strstr(lines[0], "\"streams\":[\"" BOOK "\"]"));
        assert_string_equal(lines[1], "{\"e\":1}");
        assert_string_equal(lines[2], "#{\"type\":\"ping\"}");
        assert_string_equal(lines[3], "two lines and a tab");
        assert_string_equal(
            lines[4], "#{\"type\":\"close\",\"how\":\"error\",\"code\":104,\"text\":\"a ?b? ?\"}");
        assert_int_equal(desk.words.record.lines, 5);
        desk_close(&desk);
    }
}

static void a_full_ring_refuses_and_the_recording_says_where(void **state)
{
    (void)state;
    static struct desk desk;
    static char lines[LINES_MAX][512];
    desk_open(&desk, "day.tsv", 1024);
    assert_true(push(&desk, RECORD_OPEN, 1000, NULL));
    uint32_t taken = 0;
    while (push(&desk, RECORD_FRAME, 2000 + taken, "0123456789")) {
        taken++;
    }
    assert_in_range(taken, 10, 30);
    recorder_pass(desk.recorder, 5000);
    const struct record late = {
        .kind = RECORD_FRAME, .after_loss = 1, .size_bytes = 4, .recv_mono_ns = 9000};
    assert_true(record_push(&desk.ring, &late, "late"));
    assert_int_equal(desk_read(&desk, lines), 1 + taken + 4);
    assert_non_null(strstr(lines[1 + taken], "\"type\":\"stall\""));
    assert_non_null(strstr(lines[2 + taken], "\"how\":\"local\""));
    assert_non_null(strstr(lines[3 + taken], "\"type\":\"open\""));
    assert_string_equal(lines[4 + taken], "late");
    desk_close(&desk);
}

static void a_disk_that_is_full_ends_the_recording_at_a_whole_line(void **state)
{
    (void)state;
    static struct desk desk;
    static char lines[LINES_MAX][512];
    char said[TEXT_QUEUE_BYTES];
    struct rlimit before;
    desk_open(&desk, "day.tsv", 1U << 16);
    assert_true(push(&desk, RECORD_OPEN, 1000, NULL));
    assert_true(push(&desk, RECORD_FRAME, 2000, "kept"));
    recorder_pass(desk.recorder, NS_PER_S * 10);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit full = {.rlim_cur = desk.words.record.bytes + 8,
                                .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    assert_true(push(&desk, RECORD_FRAME, 3000, "does not fit any more"));
    recorder_pass(desk.recorder, NS_PER_S * 20);
    assert_true(push(&desk, RECORD_FRAME, 4000, "nor does this"));
    recorder_pass(desk.recorder, NS_PER_S * 30);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(desk.words.record.failed, 1);
    assert_true(text_queue_take(&desk.log, said, sizeof(said)));
    assert_true(text_queue_take(&desk.log, said, sizeof(said)));
    assert_non_null(strstr(said, "no longer recorded"));
    assert_false(text_queue_take(&desk.log, said, sizeof(said)));
    assert_int_equal(desk_read(&desk, lines), 2);
    assert_string_equal(lines[1], "kept");
    desk_close(&desk);
}

/* ---- the edge between two threads ------------------------------------------------------------ */

#define ENTRIES 200000U

static void *entries_push(void *user)
{
    struct record_ring *ring = user;
    char bytes[48];
    for (uint32_t i = 0; i < ENTRIES; i++) {
        const struct record record = {
            .kind = RECORD_FRAME, .size_bytes = i % sizeof(bytes), .value = i};
        memset(bytes, (int)(i & 0xFFU), sizeof(bytes));
        while (!record_push(ring, &record, bytes)) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void every_entry_arrives_whole_and_in_order(void **state)
{
    (void)state;
    static char bytes_of_ring[4096];
    static struct record_ring ring;
    pthread_t producer;
    ring = (struct record_ring){.bytes = bytes_of_ring, .capacity = sizeof(bytes_of_ring)};
    assert_int_equal(pthread_create(&producer, NULL, entries_push, &ring), 0);
    for (uint32_t i = 0; i < ENTRIES;) {
        struct record record;
        const char *bytes;
        if (!record_peek(&ring, &record, &bytes)) {
            (void)sched_yield();
            continue;
        }
        assert_int_equal(record.value, i);
        assert_int_equal(record.size_bytes, i % 48U);
        for (uint32_t k = 0; k < record.size_bytes; k++) {
            assert_int_equal((unsigned char)bytes[k], i & 0xFFU);
        }
        record_pop(&ring, &record);
        i++;
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_what_came_and_an_opening_names_its_streams),
        cmocka_unit_test(a_full_ring_refuses_and_the_recording_says_where),
        cmocka_unit_test(a_disk_that_is_full_ends_the_recording_at_a_whole_line),
        cmocka_unit_test(every_entry_arrives_whole_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
