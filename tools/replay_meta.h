/* SPDX-License-Identifier: MIT
 *
 * replay_meta.h - the "#meta" lines of a recording: what happened to a connection besides frames.
 * docs/REPLAY.md lists them.
 */
#ifndef FLATLINE_TOOLS_REPLAY_META_H
#define FLATLINE_TOOLS_REPLAY_META_H

#include "core/event.h"
#include "tools/capture.h"

#include <stdbool.h>

struct replay_note {
    struct event event; /* connection: the caller's to set */
};

/** Reads {"type": open | close | ping | pong | stall | drained, ...}; unknown keys are passed
 *  over. Returns false: not such an object, a value out of range, or a line without a time.
 *  Cost: one pass, no allocation. */
bool replay_meta_parse(const struct capture_line *line, struct replay_note *ret_note);

#endif
