/* SPDX-License-Identifier: MIT
 *
 * stage.h - a detector on a virtual clock: what `flatline replay` and `flatline score` both stand
 * their events on.
 *
 * Every moment the clock moves to is a watermark: whatever was silent until then was seen to be
 * silent, so deadlines at or before an event's time fire before the event itself is applied. Same
 * events, same verdicts, to the last bit.
 */
#ifndef FLATLINE_TOOLS_STAGE_H
#define FLATLINE_TOOLS_STAGE_H

#include "core/detector.h"

#include <stdbool.h>
#include <stdint.h>

struct stage {
    struct detector *detector;
    uint64_t clock_ns; /* the newest time; 0 = none yet */
    bool stalled;      /* a stall was noted: the next moment is the first drained pass after it */
    uint16_t *epochs;  /* of each connection's last opening; 0 = never */
    uint32_t connection_count;
    uint32_t connections_max;
    /* Takes each finding. Returns 0, or -errno, which ends the call it happened in. */
    int (*take)(void *context, const struct finding *finding);
    void *context;
};

/** Makes room for connections_max connections around a detector (owned by the stage from now on,
 *  NULL: out of memory). Returns 0 or -ENOMEM; stage_end() is safe after either. */
int stage_begin(struct stage *stage, struct detector *detector, uint32_t connections_max);
void stage_end(struct stage *stage);

/** Adds a connection to the detector. Returns its index or -ENOSPC. */
int stage_add_connection(struct stage *stage, enum flatline_venue venue, uint32_t route);

/** Moves the clock to now, never back: what was due by then fires. */
int stage_advance(struct stage *stage, uint64_t now_ns);

/** Applies an event where the clock stands. */
int stage_apply(struct stage *stage, const struct event *event);

#endif
