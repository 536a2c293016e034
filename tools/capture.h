/* SPDX-License-Identifier: MIT
 *
 * capture.h - reads a recording line by line: plain text or zstd, as a stream, with bounded lines.
 *
 *     <recv_unix_ns>\t<connection id>\t<raw frame>\n
 *
 * An id that ends in "#rest" marks a REST body the recorder interleaved, one that ends in "#meta"
 * a note of the recorder about the connection; neither is a frame. docs/REPLAY.md describes the
 * format.
 */
#ifndef FLATLINE_TOOLS_CAPTURE_H
#define FLATLINE_TOOLS_CAPTURE_H

#include "feeds/span.h"

#include <stdint.h>

/* The longest line that is read whole; a longer one is reported once, as CAPTURE_BAD, and
 * skipped. */
#define CAPTURE_LINE_BYTES_MAX (4U << 20)

/* Receive times beyond this are not times: 2^62 ns is the year 2116. It keeps all sums of times
 * within 64 bits. */
#define CAPTURE_TIME_MAX_NS (1ULL << 62)

enum capture_kind {
    CAPTURE_FRAME,
    CAPTURE_META, /* connection: without its "#meta" */
    CAPTURE_REST,
    /* not three fields, not a time, or longer than CAPTURE_LINE_BYTES_MAX; no field is set but
     * the line */
    CAPTURE_BAD,
};

struct capture_line {
    enum capture_kind kind;
    uint64_t recv_unix_ns; /* 0 = the recorder had no clock */
    struct span connection;
    struct span frame;
};

struct capture; /* opaque: capture.c */

/** Opens a recording. Compression is told by the file's first bytes, or else by a name that
 *  ends in ".zst". Returns 0, -ENOMEM, or -errno of open and read. */
int capture_open(const char *path, struct capture **ret_capture);
void capture_close(struct capture *capture);

/** Reads the next line. Its spans borrow the reader's buffer and are valid until the next call.
 *
 *  Returns 1 a line, 0 the end, -ENODATA a compressed file that is cut short, -EBADMSG one that is
 *  corrupt, or -errno of read. All whole lines before an error have been returned; a line the
 *  error cut in two has not. At a clean end the last line needs no newline. After 0 or an error
 *  further calls return the same. Cost: one memchr over the line, no allocation. Thread-safety:
 *  one thread a capture.
 */
int capture_next(struct capture *capture, struct capture_line *ret_line);

/** What to do with a line; below 0 ends the reading. */
typedef int capture_take(void *context, const struct capture_line *line);

/** Gives every line of a recording to take(). Returns 0, what take() ended it with, or as
 *  capture_open() and capture_next(). */
int capture_each(const char *path, capture_take *take, void *context);

/** Uncompressed bytes delivered so far, and bytes read from the file. */
uint64_t capture_text_bytes(const struct capture *capture);
uint64_t capture_file_bytes(const struct capture *capture);

#endif
