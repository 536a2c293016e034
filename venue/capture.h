/* SPDX-License-Identifier: MIT
 *
 * capture.h - reads recordings: `<recv_unix_ns>\t<connection id>\t<frame>\n`, plain or zstd.
 */
#ifndef FLATLINE_VENUE_CAPTURE_H
#define FLATLINE_VENUE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

/* Valid until the next line is read. */
struct capture_line {
    uint64_t recv_wall_ns; /* 0 = the recorder had no clock */
    const char *connection;
    char *frame;
    size_t frame_bytes;
};

/** NULL and errno if it cannot be opened. */
struct capture *capture_open(const char *path);
void capture_close(struct capture *capture);

/** The next frame; lines that are not frames (`#rest`, `#meta`, malformed) are passed over. false:
 *  the end, or a broken file. */
bool capture_next(struct capture *capture, struct capture_line *ret_line);

#endif
