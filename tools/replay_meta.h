/* SPDX-License-Identifier: MIT
 *
 * replay_meta.h - the "#meta" lines of a recording: what happened to a connection besides frames.
 * docs/REPLAY.md lists them.
 */
#ifndef FLATLINE_TOOLS_REPLAY_META_H
#define FLATLINE_TOOLS_REPLAY_META_H

#include "core/event.h"
#include "feeds/json_scan.h"
#include "tools/capture.h"

#include <stdbool.h>

struct replay_note {
    struct event event;  /* connection: the caller's to set */
    uint32_t route;      /* of an opening; 0: not said */
    struct span streams; /* of an opening, a JSON array; borrows the line; empty: not said */
};

/** Reads {"type": open | close | ping | pong | stall | drained, ...}; unknown keys are passed
 *  over. Returns false: not such an object, a value out of range, or a line without a time.
 *  Cost: one pass, no allocation. */
bool replay_meta_parse(const struct capture_line *line, struct replay_note *ret_note);

/* Walks the streams that an opening names. */
struct replay_names {
    struct json_scan scan;
    bool any;
};

struct replay_names replay_names_start(const struct replay_note *note);

/** The next name, NUL-terminated. false: none left. What is no name is passed over. */
bool replay_names_next(struct replay_names *names, char name[JSON_TEXT_BYTES_MAX]);

#endif
