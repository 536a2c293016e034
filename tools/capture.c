/* SPDX-License-Identifier: MIT
 *
 * One buffer holds the text: whole lines are handed out in place, the unfinished tail moves to the
 * front before each refill. A line is at most CAPTURE_LINE_BYTES_MAX, so the buffer never grows.
 */
#include "tools/capture.h"

#include "core/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define CAPTURE_REFILL_BYTES (256U << 10)
#define CAPTURE_TEXT_BYTES   (CAPTURE_LINE_BYTES_MAX + CAPTURE_REFILL_BYTES)
#define CAPTURE_INPUT_BYTES  (128U << 10)

struct capture {
    int fd;
    int status; /* 0 while reading; 1 at the end; else -errno, for good */
    ZSTD_DStream *zstd;
    bool zstd_inside; /* between the first and the last byte of a zstd frame */
    bool input_ended;
    bool skipping; /* inside a line that was too long */
    ZSTD_inBuffer input;
    uint64_t text_bytes;
    uint64_t file_bytes;
    size_t begin;   /* text not yet handed out: [begin, end) */
    size_t scanned; /* no newline in [begin, scanned) */
    size_t end;
    char input_buffer[CAPTURE_INPUT_BYTES];
    char text[CAPTURE_TEXT_BYTES];
};

/* Reads from the file into a buffer. Returns the number of bytes, 0 at its end, or -errno. */
static ssize_t file_read(struct capture *capture, char *buffer, size_t buffer_bytes)
{
    ssize_t got;
    do {
        got = read(capture->fd, buffer, buffer_bytes);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }
    capture->file_bytes += (uint64_t)got;
    return got;
}

static bool is_zstd(const struct capture *capture, const char *path)
{
    static const unsigned char magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    if (capture->input.size >= sizeof(magic)) {
        return memcmp(capture->input_buffer, magic, sizeof(magic)) == 0;
    }
    const size_t path_bytes = strlen(path);
    return path_bytes > 4 && strcmp(path + path_bytes - 4, ".zst") == 0;
}

/* Looks at the first bytes and prepares the way they are to be read. */
static int capture_begin(struct capture *capture, const char *path)
{
    capture->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (capture->fd < 0) {
        return -errno;
    }
    const ssize_t got = file_read(capture, capture->input_buffer, CAPTURE_INPUT_BYTES);
    if (got < 0) {
        return (int)got;
    }
    capture->input = (ZSTD_inBuffer){capture->input_buffer, (size_t)got, 0};
    if (!is_zstd(capture, path)) {
        return 0;
    }
    capture->zstd_inside = true; /* an empty file is a frame cut short */
    capture->zstd = ZSTD_createDStream();
    return capture->zstd == NULL ? -ENOMEM : 0;
}

int capture_open(const char *path, struct capture **ret_capture)
{
    *ret_capture = NULL;
    struct capture *capture = malloc(sizeof(*capture));
    if (capture == NULL) {
        return -ENOMEM;
    }
    memset(capture, 0, offsetof(struct capture, input_buffer));
    capture->fd = -1;
    const int status = capture_begin(capture, path);
    if (status < 0) {
        capture_close(capture);
        return status;
    }
    *ret_capture = capture;
    return 0;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL) {
        return;
    }
    if (capture->fd >= 0) {
        (void)close(capture->fd);
    }
    (void)ZSTD_freeDStream(capture->zstd);
    free(capture);
}

uint64_t capture_text_bytes(const struct capture *capture)
{
    return capture->text_bytes;
}

uint64_t capture_file_bytes(const struct capture *capture)
{
    return capture->file_bytes;
}

/* Makes sure there is input, or knows that there is no more. Returns 0 or -errno. */
static int input_fill(struct capture *capture)
{
    if (capture->input.pos < capture->input.size || capture->input_ended) {
        return 0;
    }
    const ssize_t got = file_read(capture, capture->input_buffer, CAPTURE_INPUT_BYTES);
    if (got < 0) {
        return (int)got;
    }
    capture->input.pos = 0;
    capture->input.size = (size_t)got;
    capture->input_ended = got == 0;
    return 0;
}

/* Adds decompressed text at end. Returns 1 some was added (or may be, next time), 0 the end, or
 * -errno. */
static int text_decompress(struct capture *capture)
{
    ZSTD_outBuffer output = {capture->text, capture->end + CAPTURE_REFILL_BYTES, capture->end};
    const size_t input_before = capture->input.pos;
    const size_t hint = ZSTD_decompressStream(capture->zstd, &output, &capture->input);
    if (ZSTD_isError(hint)) {
        return -EBADMSG;
    }
    const bool moved = capture->input.pos > input_before || output.pos > capture->end;
    if (moved) {
        capture->zstd_inside = hint != 0;
    }
    capture->end = output.pos;
    if (moved || !capture->input_ended) {
        return 1;
    }
    return capture->zstd_inside ? -ENODATA : 0;
}

static int text_copy(struct capture *capture)
{
    const size_t left = capture->input.size - capture->input.pos;
    memcpy(capture->text + capture->end, capture->input_buffer + capture->input.pos, left);
    capture->end += left;
    capture->input.pos = capture->input.size;
    return left > 0 || !capture->input_ended;
}

_Static_assert(CAPTURE_INPUT_BYTES <= CAPTURE_REFILL_BYTES,
               "one input buffer of plain text fits one refill");

/* Moves the unfinished line to the front and adds text behind it. Returns 1, 0 at the end, or
 * -errno. */
static int text_refill(struct capture *capture)
{
    const size_t tail_bytes = capture->end - capture->begin;
    memmove(capture->text, capture->text + capture->begin, tail_bytes);
    capture->scanned -= capture->begin;
    capture->begin = 0;
    capture->end = tail_bytes;
    const int status = input_fill(capture);
    if (status < 0) {
        return status;
    }
    return capture->zstd != NULL ? text_decompress(capture) : text_copy(capture);
}

/* How line_find() ended, above 0. */
enum { LINE_ENDED = 1, LINE_CUT = 2 };

/* Hands out everything up to the newline, or up to the end of the text. */
static struct span line_take(struct capture *capture, size_t line_end, size_t next_begin)
{
    const struct span line = {capture->text + capture->begin, line_end - capture->begin};
    capture->text_bytes += next_begin - capture->begin;
    capture->begin = next_begin;
    capture->scanned = next_begin;
    return line;
}

/* Finds the next line, without its newline. Returns LINE_ENDED, LINE_CUT (a piece of one that
 * is too long), 0 at the end of the file, or -errno. */
static int line_find(struct capture *capture, struct span *ret_line)
{
    for (;;) {
        const char *from = capture->text + capture->scanned;
        const char *newline = memchr(from, '\n', capture->end - capture->scanned);
        if (newline != NULL) {
            const size_t line_end = (size_t)(newline - capture->text);
            *ret_line = line_take(capture, line_end, line_end + 1);
            return LINE_ENDED;
        }
        capture->scanned = capture->end;
        if (capture->end - capture->begin > CAPTURE_LINE_BYTES_MAX) {
            *ret_line = line_take(capture, capture->end, capture->end);
            return LINE_CUT;
        }
        const int status = text_refill(capture);
        if (status < 0) {
            return status;
        }
        if (status == 0) {
            *ret_line = line_take(capture, capture->end, capture->end);
            return ret_line->size_bytes > 0 ? LINE_ENDED : 0;
        }
    }
}

/* The decimal receive time before the first tab. false: not one, or beyond any time. */
static bool time_parse(struct span text, uint64_t *ret_ns)
{
    if (text.size_bytes == 0 || text.size_bytes > 19) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size_bytes; i++) {
        const unsigned digit = (unsigned)(unsigned char)text.bytes[i] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_ns = value;
    return value <= CAPTURE_TIME_MAX_NS;
}

/* Cuts what `suffix` names off the end of an id. */
static bool span_cut_suffix(struct span *span, const char *suffix)
{
    const size_t suffix_bytes = strlen(suffix);
    if (span->size_bytes < suffix_bytes ||
        memcmp(span->bytes + span->size_bytes - suffix_bytes, suffix, suffix_bytes) != 0) {
        return false;
    }
    span->size_bytes -= suffix_bytes;
    return true;
}

/* Splits a line at its first two tabs; a frame may hold further ones. */
static struct capture_line line_parse(struct span text)
{
    const struct capture_line bad = {.kind = CAPTURE_BAD, .frame = text};
    const char *tab = memchr(text.bytes, '\t', text.size_bytes);
    if (tab == NULL) {
        return bad;
    }
    struct capture_line line = {.kind = CAPTURE_FRAME};
    const size_t time_bytes = (size_t)(tab - text.bytes);
    if (!time_parse((struct span){text.bytes, time_bytes}, &line.recv_unix_ns)) {
        return bad;
    }
    const char *id = tab + 1;
    tab = memchr(id, '\t', text.size_bytes - time_bytes - 1);
    if (tab == NULL) {
        return bad;
    }
    line.connection = (struct span){id, (size_t)(tab - id)};
    line.frame = (struct span){tab + 1, text.size_bytes - (size_t)(tab + 1 - text.bytes)};
    if (line.connection.size_bytes >= 5 && id[line.connection.size_bytes - 5] == '#') {
        if (span_cut_suffix(&line.connection, "#rest")) {
            line.kind = CAPTURE_REST;
        } else if (span_cut_suffix(&line.connection, "#meta")) {
            line.kind = CAPTURE_META;
        }
    }
    return line;
}

int capture_next(struct capture *capture, struct capture_line *ret_line)
{
    struct span text;
    while (capture->status == 0) {
        const int found = line_find(capture, &text);
        if (found <= 0) {
            capture->status = found == 0 ? 1 : found;
            break;
        }
        const bool reported = capture->skipping;
        capture->skipping = found == LINE_CUT;
        if (reported) {
            continue;
        }
        if (text.size_bytes > CAPTURE_LINE_BYTES_MAX) {
            *ret_line = (struct capture_line){.kind = CAPTURE_BAD};
        } else {
            *ret_line = line_parse(text);
        }
        return 1;
    }
    return capture->status == 1 ? 0 : capture->status;
}

int capture_each(const char *path, capture_take *take, void *context)
{
    struct capture *capture;
    struct capture_line line;
    int status = capture_open(path, &capture);
    if (status < 0) {
        return status;
    }
    while ((status = capture_next(capture, &line)) > 0) {
        status = take(context, &line);
        if (status < 0) {
            break;
        }
    }
    capture_close(capture);
    return status;
}
