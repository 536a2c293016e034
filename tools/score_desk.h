/* SPDX-License-Identifier: MIT
 *
 * score_desk.h - what is watched in a trial: streams, the connections (links) that carry them, and
 * a tape of what came over these. Filled by a generated market or by a recording.
 */
#ifndef FLATLINE_TOOLS_SCORE_DESK_H
#define FLATLINE_TOOLS_SCORE_DESK_H

#include "core/event.h"
#include "core/silence.h"
#include "core/stream.h"
#include "tools/stage.h"

#include <stdbool.h>
#include <stdint.h>

#define DESK_STREAMS_MAX 64U /* a set of streams is a word of bits */
#define DESK_LINKS_MAX   16U

#define SCORE_KEY 77U /* fingerprint of the account's key */

/* Not CLOCK_MONOTONIC, which a virtual clock has no use for: any time but 0, which means no clock. */
#define DESK_EPOCH_NS (1000 * NS_PER_S)

struct desk_link {
    enum flatline_venue venue;
    uint32_t route;
    uint64_t streams; /* bits: what it carries */
    int twin;         /* the link it is a twin of, or has; -1: none */
    bool is_private;  /* carries accounts alone */
};

struct desk {
    char names[DESK_STREAMS_MAX][FLATLINE_NAME_BYTES];
    struct stream_traits traits[DESK_STREAMS_MAX];
    uint8_t symbols[DESK_STREAMS_MAX]; /* equal: the same symbol of the same venue */
    uint32_t stream_count;
    struct desk_link links[DESK_LINKS_MAX];
    uint32_t link_count;
    uint64_t echoed; /* bits: what the engine beside it echoes, from connections of its own */
};

/** Adds a stream with its venue's rules. Returns its index, or -ENOSPC, or -EINVAL: no such name. */
int desk_add_stream(struct desk *desk, const char *name);

/** Index of a name, -1: none. */
int desk_find(const struct desk *desk, const char *name);

/** Builds a stage with a detector that knows the desk. Returns 0 or -ENOMEM. */
int desk_stage(const struct desk *desk,
               const struct detector_policy *policy,
               struct stage *ret_stage);

/* What an earlier life of the detector learned of silences, as the file of a sentinel keeps it: of each
 * stream, and of each connection, and of all together. */
struct lesson {
    struct silence_tail streams[DESK_STREAMS_MAX];
    struct silence_tail links[DESK_LINKS_MAX];
    struct silence_tail host;
};

/** Takes what a stage's detector has learned so far. */
void lesson_take(struct lesson *lesson, const struct desk *desk, const struct stage *stage);
/** Gives it to another, before its first event: of the same desk, or of one with fewer links. */
void lesson_give(const struct lesson *lesson, const struct desk *desk, struct stage *stage);

/* What came, in order of time. */
struct tape {
    struct event *events;
    uint32_t count;
    uint32_t room;
    bool is_short; /* out of memory: something is missing */
};

void tape_free(struct tape *tape);
void tape_add(struct tape *tape, const struct event *event);
/** Puts the events in order of time; those of one time and link stay as they are. */
void tape_sort(struct tape *tape);

/* A market, live or recorded: fills tapes, one stretch of time after the other. */
struct source {
    const struct desk *desk;
    /** Adds what comes before until_ns. Returns false when the market is over. */
    bool (*fill)(struct source *source, uint64_t until_ns, struct tape *tape);
};

#endif
