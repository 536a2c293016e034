/* SPDX-License-Identifier: MIT
 *
 * score_recording.h - a recording as a source of trials: its lines go through the codec once, the
 * events are then played as often as there are trials.
 */
#ifndef FLATLINE_TOOLS_SCORE_RECORDING_H
#define FLATLINE_TOOLS_SCORE_RECORDING_H

#include "tools/score_desk.h"

struct recording; /* opaque: score_recording.c */

/** Reads a file. Returns 0; -ENOTSUP its venue cannot be told; -ENOSPC more streams or connections
 *  than a desk holds; -ENODATA nothing timed in it; -errno of reading. */
int recording_open(const char *path, struct recording **ret_recording);
void recording_close(struct recording *recording);

/* A recording from its beginning, as a source; several may play one side by side. */
struct playback {
    struct source source; /* first: fill() gets it */
    const struct recording *recording;
    uint32_t at; /* of its events */
};

struct playback playback_of(const struct recording *recording);

uint64_t recording_from_ns(const struct recording *recording);
uint64_t recording_span_ns(const struct recording *recording);

#endif
