/* SPDX-License-Identifier: MIT
 *
 * replay_run.h - one recording through codec and detector on a virtual clock; the lines come from
 * the caller.
 *
 * The clock is the recorder's receive time, taken as it is. Every line is also a watermark:
 * whatever was silent until then was seen to be silent, so deadlines at or before a line's time
 * fire before the line itself is applied. Same lines, same verdicts, to the last bit.
 * docs/REPLAY.md says what each rule means for a recording.
 */
#ifndef FLATLINE_TOOLS_REPLAY_RUN_H
#define FLATLINE_TOOLS_REPLAY_RUN_H

#include "core/detector.h"
#include "feeds/codec.h"
#include "flatline/layout.h"
#include "sentinel/config.h"
#include "tools/capture.h"
#include "tools/id_table.h"

#include <stdbool.h>
#include <stdint.h>

/* What one recording may hold; beyond it replay_line() says -ENOSPC. */
#define REPLAY_STREAMS_MAX     16384U
#define REPLAY_CONNECTIONS_MAX ID_TABLE_MAX
#define REPLAY_LEGS_MAX        65536U
#define REPLAY_NOTES_MAX       65536U /* #meta lines in a row */

struct replay_options {
    enum flatline_venue venue;
    uint64_t stale_after_ns;     /* of every stream; 0: the configuration's, or by class */
    const struct config *config; /* NULL: defaults for all */
};

/* Where findings go, as they become final. Names are valid during the call. */
struct replay_sink {
    void *context;
    /** until_ns 0: still lapsed at the end. */
    void (*lapse)(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns);
    /** stream, connection NULL: not of one. finding->cleared_ns 0: still open at the end. */
    void (*fault)(void *context,
                  const char *stream,
                  const char *connection,
                  const struct finding *finding);
};

struct replay_totals {
    uint64_t frames; /* = data + control + ignored + malformed */
    uint64_t data;
    uint64_t control;
    uint64_t ignored;
    uint64_t malformed;
    uint64_t first_ns; /* receive time of the first and the last timed frame; 0 = none */
    uint64_t last_ns;
    uint64_t notes;         /* #meta lines, uncounted above */
    uint64_t notes_refused; /* of these, not understood */
    uint64_t time_clamped;  /* receive times that went back */
    uint64_t findings_lost; /* a defect of ours if ever above 0 */
};

struct replay_stream {
    const char *name;
    const struct stream_view *view;                /* ids and counts, as the detector has them */
    const struct flatline_histogram *interarrival; /* of each leg; NULL: none */
    const struct flatline_histogram *lag;          /* above the envelope; NULL: none */
    uint64_t lapses;
    uint64_t lapsed_ns; /* up to the last frame */
};

struct replay; /* opaque: replay_run.c */

/** Starts the replay of one recording. options, its config and sink must outlive it. NULL: out
 *  of memory. */
struct replay *replay_create(const struct replay_options *options, const struct replay_sink *sink);
void replay_destroy(struct replay *replay);

/** Applies one line. Cost: the codec's and the detector's; allocates only when a name appears
 *  for the first time. Returns 0, -ENOMEM, or -ENOSPC: the recording names more streams or
 *  connections than REPLAY_*_MAX. */
int replay_line(struct replay *replay, const struct capture_line *line);

/** Ends the clock at the last frame and reports what is still open. Call once. */
void replay_finish(struct replay *replay);

const struct replay_totals *replay_totals(const struct replay *replay);
uint32_t replay_stream_count(const struct replay *replay);
struct replay_stream replay_stream(const struct replay *replay, uint32_t index);

#endif
