/* SPDX-License-Identifier: MIT
 *
 * Goal:   whatever a recording's file is like, the lines that come out are the lines that went in, or it is said why not.
 * Method: files are written to a temporary folder, plain and as zstd, whole, cut and spoilt; lines have lengths around the reader's
 *         refill size, so that every kind of boundary is crossed.
 */
#include "core/base.h"
#include "tools/capture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    char path[96];
};

static int folder_make(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/flatline-capture-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/capture", fixture->folder);
    *state = fixture;
    return 0;
}

static int folder_remove(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void file_write(const struct fixture *fixture, const void *bytes, size_t size_bytes)
{
    FILE *file = fopen(fixture->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size_bytes, file), size_bytes);
    assert_int_equal(fclose(file), 0);
}

/* Compresses text as one zstd frame; the caller frees it. */
static void *text_compress(const void *text, size_t text_bytes, size_t *ret_bytes)
{
    const size_t room = ZSTD_compressBound(text_bytes);
    void *packed = malloc(room);
    assert_non_null(packed);
    *ret_bytes = ZSTD_compress(packed, room, text, text_bytes, 3);
    assert_false(ZSTD_isError(*ret_bytes));
    return packed;
}

static struct capture *capture_begin(const struct fixture *fixture)
{
    struct capture *capture = NULL;
    assert_int_equal(capture_open(fixture->path, &capture), 0);
    assert_non_null(capture);
    return capture;
}

static void
frame_expect(struct capture *capture, uint64_t recv_ns, const char *id, const char *frame)
{
    struct capture_line line;
    assert_int_equal(capture_next(capture, &line), 1);
    assert_int_equal(line.kind, CAPTURE_FRAME);
    assert_int_equal(line.recv_unix_ns, recv_ns);
    assert_true(span_equals(line.connection, id));
    assert_true(span_equals(line.frame, frame));
}

static void plain_lines_come_out_as_they_are(void **state)
{
    static const char text[] = "1723161253937085768\tc1\t{\"a\":1}\n"
                               "0\tc2\t\n"
                               "5\t\ttab\tinside\n"
                               "6\tc1\tno newline at the end";
    struct fixture *fixture = *state;
    file_write(fixture, text, sizeof(text) - 1);
    struct capture *capture = capture_begin(fixture);
    struct capture_line line;

    frame_expect(capture, 1723161253937085768ULL, "c1", "{\"a\":1}");
    frame_expect(capture, 0, "c2", "");
    frame_expect(capture, 5, "", "tab\tinside");
    frame_expect(capture, 6, "c1", "no newline at the end");
    assert_int_equal(capture_next(capture, &line), 0);
    assert_int_equal(capture_next(capture, &line), 0);
    assert_int_equal(capture_text_bytes(capture), sizeof(text) - 1);
    capture_close(capture);
}

static void rest_and_meta_lines_are_told_by_their_id(void **state)
{
    static const char text[] = "1\tc1#rest\t{}\n2\tc1#meta\t{}\n3\t#meta\t{}\n4\tc1#metal\t{}\n";
    struct fixture *fixture = *state;
    file_write(fixture, text, sizeof(text) - 1);
    struct capture *capture = capture_begin(fixture);
    struct capture_line line;

    assert_int_equal(capture_next(capture, &line), 1);
    assert_int_equal(line.kind, CAPTURE_REST);
    assert_int_equal(capture_next(capture, &line), 1);
    assert_int_equal(line.kind, CAPTURE_META);
    assert_true(span_equals(line.connection, "c1"));
    assert_int_equal(capture_next(capture, &line), 1);
    assert_int_equal(line.kind, CAPTURE_META);
    assert_int_equal(line.connection.size_bytes, 0);
    frame_expect(capture, 4, "c1#metal", "{}");
    capture_close(capture);
}

static void a_line_of_another_shape_is_bad_and_the_next_one_is_read(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1\tc1",
        "\tc1\t{}",
        "x\tc1\t{}",
        "-1\tc1\t{}",
        "1.5\tc1\t{}",
        " 1\tc1\t{}",
        "4611686018427387905\tc1\t{}",  /* 2^62 + 1 */
        "99999999999999999999\tc1\t{}", /* beyond 64 bits */
    };
    struct fixture *fixture = *state;
    char text[1024] = "";
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        (void)strcat(strcat(text, bad[i]), "\n9\tc\tgood\n");
    }
    file_write(fixture, text, strlen(text));
    struct capture *capture = capture_begin(fixture);
    struct capture_line line;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(capture_next(capture, &line), 1);
        assert_int_equal(line.kind, CAPTURE_BAD);
        frame_expect(capture, 9, "c", "good");
    }
    assert_int_equal(capture_next(capture, &line), 0);
    capture_close(capture);
}

/* Lines of many lengths, up to several refills; the frame of line n is n bytes of a letter. */
static char *ladder_make(size_t *ret_bytes, size_t *ret_lines)
{
    static const size_t lengths[] = {0,
                                     1,
                                     4095,
                                     65536,
                                     131071,
                                     131072,
                                     131073,
                                     262143,
                                     262144,
                                     262145,
                                     300000,
                                     1048576,
                                     2000000,
                                     17};
    size_t room = 0;
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        room += lengths[i] + 16;
    }
    char *text = malloc(room);
    assert_non_null(text);
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        at += (size_t)sprintf(text + at, "%zu\tc\t", lengths[i] + 1);
        memset(text + at, (int)('a' + i), lengths[i]);
        at += lengths[i];
        text[at++] = '\n';
    }
    *ret_bytes = at;
    *ret_lines = ARRAY_COUNT(lengths);
    return text;
}

static void ladder_expect(const struct fixture *fixture, size_t lines)
{
    struct capture *capture = capture_begin(fixture);
    struct capture_line line;
    for (size_t i = 0; i < lines; i++) {
        assert_int_equal(capture_next(capture, &line), 1);
        assert_int_equal(line.kind, CAPTURE_FRAME);
        assert_int_equal(line.frame.size_bytes, line.recv_unix_ns - 1);
        for (size_t at = 0; at < line.frame.size_bytes; at++) {
            if (line.frame.bytes[at] != (char)('a' + i)) {
                fail_msg("line %zu, byte %zu", i, at);
            }
        }
    }
    assert_int_equal(capture_next(capture, &line), 0);
    capture_close(capture);
}

static void lines_across_refills_are_whole_plain_or_compressed(void **state)
{
    struct fixture *fixture = *state;
    size_t text_bytes;
    size_t lines;
    size_t packed_bytes;
    char *text = ladder_make(&text_bytes, &lines);
    file_write(fixture, text, text_bytes);
    ladder_expect(fixture, lines);
    void *packed = text_compress(text, text_bytes, &packed_bytes);
    file_write(fixture, packed, packed_bytes);
    ladder_expect(fixture, lines);
    free(packed);
    free(text);
}

static void compressed_frames_in_a_row_are_one_text(void **state)
{
    static const char first[] = "1\tc\tcut ";
    static const char second[] = "in two\n2\tc\tlast\n";
    struct fixture *fixture = *state;
    size_t first_bytes;
    size_t second_bytes;
    char *packed = text_compress(first, sizeof(first) - 1, &first_bytes);
    char *more = text_compress(second, sizeof(second) - 1, &second_bytes);
    packed = realloc(packed, first_bytes + second_bytes);
    assert_non_null(packed);
    memcpy(packed + first_bytes, more, second_bytes);
    file_write(fixture, packed, first_bytes + second_bytes);

    struct capture *capture = capture_begin(fixture);
    struct capture_line line;
    frame_expect(capture, 1, "c", "cut in two");
    frame_expect(capture, 2, "c", "last");
    assert_int_equal(capture_next(capture, &line), 0);
    capture_close(capture);
    free(packed);
    free(more);
}

static void a_compressed_file_cut_anywhere_says_so_after_its_whole_lines(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    size_t text_bytes = 0;
    for (int i = 0; i < 100; i++) {
        text_bytes += (size_t)sprintf(text + text_bytes, "%d\tc\t%d\n", i + 1, i * 7919);
    }
    size_t packed_bytes;
    char *packed = text_compress(text, text_bytes, &packed_bytes);
    for (size_t cut = 4; cut < packed_bytes; cut++) {
        file_write(fixture, packed, cut);
        struct capture *capture = capture_begin(fixture);
        struct capture_line line;
        int status;
        uint64_t lines = 0;
        while ((status = capture_next(capture, &line)) > 0) {
            lines++;
            assert_int_equal(line.kind, CAPTURE_FRAME);
            assert_int_equal(line.recv_unix_ns, lines);
        }
        assert_int_equal(status, -ENODATA);
        assert_int_equal(capture_next(capture, &line), -ENODATA);
        capture_close(capture);
    }
    free(packed);
}

static void spoilt_compressed_data_are_an_error_and_an_empty_zst_is_cut_short(void **state)
{
    struct fixture *fixture = *state;
    struct capture_line line;
    size_t packed_bytes;
    unsigned char *packed = text_compress("1\tc\tframe\n", 10, &packed_bytes);
    packed[6] |= 0x06; /* RFC 8878: the first block's type becomes 3, which is reserved */
    file_write(fixture, packed, packed_bytes);
    free(packed);
    struct capture *capture = capture_begin(fixture);
    assert_int_equal(capture_next(capture, &line), -EBADMSG);
    capture_close(capture);

    (void)unlink(fixture->path);
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/empty.zst", fixture->folder);
    file_write(fixture, "", 0);
    capture = capture_begin(fixture);
    assert_int_equal(capture_next(capture, &line), -ENODATA);
    capture_close(capture);
}

static void a_line_beyond_the_bound_is_reported_once_and_skipped(void **state)
{
    struct fixture *fixture = *state;
    const size_t huge_bytes = 3U * CAPTURE_LINE_BYTES_MAX;
    char *text = malloc(huge_bytes + 64);
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "1\tc\tbefore\n2\tc\t");
    memset(text + at, 'x', huge_bytes);
    at += huge_bytes;
    at += (size_t)sprintf(text + at, "\n3\tc\tafter\n");
    file_write(fixture, text, at);

    struct capture *capture = capture_begin(fixture);
    struct capture_line line;
    frame_expect(capture, 1, "c", "before");
    assert_int_equal(capture_next(capture, &line), 1);
    assert_int_equal(line.kind, CAPTURE_BAD);
    frame_expect(capture, 3, "c", "after");
    assert_int_equal(capture_next(capture, &line), 0);
    assert_int_equal(capture_text_bytes(capture), at);
    capture_close(capture);
    free(text);
}

static void what_cannot_be_opened_has_its_errno(void **state)
{
    struct fixture *fixture = *state;
    struct capture *capture;
    assert_int_equal(capture_open(fixture->path, &capture), -ENOENT);
    assert_null(capture);
    assert_int_equal(capture_open(fixture->folder, &capture), -EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            plain_lines_come_out_as_they_are, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            rest_and_meta_lines_are_told_by_their_id, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            a_line_of_another_shape_is_bad_and_the_next_one_is_read, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            lines_across_refills_are_whole_plain_or_compressed, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            compressed_frames_in_a_row_are_one_text, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            a_compressed_file_cut_anywhere_says_so_after_its_whole_lines,
            folder_make,
            folder_remove),
        cmocka_unit_test_setup_teardown(
            spoilt_compressed_data_are_an_error_and_an_empty_zst_is_cut_short,
            folder_make,
            folder_remove),
        cmocka_unit_test_setup_teardown(
            a_line_beyond_the_bound_is_reported_once_and_skipped, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            what_cannot_be_opened_has_its_errno, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
