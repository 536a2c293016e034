/* SPDX-License-Identifier: MIT
 *
 * takeover_line.h - the successor's connection to the running sentinel: a JSON object a line, and
 * the descriptors that come with an answer.
 */
#ifndef FLATLINE_SENTINEL_TAKEOVER_LINE_H
#define FLATLINE_SENTINEL_TAKEOVER_LINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define TAKEOVER_ANSWER_BYTES 1024U
#define TAKEOVER_FDS          2U

struct takeover_line {
    int fd; /* -1: none yet */
    size_t heard_bytes;
    char heard[TAKEOVER_ANSWER_BYTES];
    uint32_t fd_count;
    int fds[TAKEOVER_FDS]; /* what came, ours to close */
};

/** Hears what has come, within wait_ms. Returns 1 a whole line stands in heard; 0 not yet; -EPIPE
 *  the end. */
int takeover_line_hear(struct takeover_line *line, int wait_ms);

/** Says an object, which is freed. */
void takeover_line_say(struct takeover_line *line, json_t *object);

void takeover_line_close(struct takeover_line *line);

#endif
