/* SPDX-License-Identifier: MIT
 *
 * replay.h - recorded frames told again, in their own rhythm, from the moment somebody listens.
 *
 * A stream that several recorded connections carried is told from the first of them. The
 * recording's times are moved to now, all by the same amount, so that lag is what it was; ids are
 * left as they are.
 */
#ifndef FLATLINE_VENUE_REPLAY_H
#define FLATLINE_VENUE_REPLAY_H

#include "venue/market.h"

struct exchange;
struct replay;

struct replay_options {
    const char *path; /* or VENUE:path */
    double speed;
    bool rebases;
};

/** Opens a recording and lists its streams. NULL and a line why. The caller links it into
 *  exchange->replays by replay_link(). */
struct replay *replay_open(const struct replay_options *options, char *why, size_t why_bytes);
void replay_link(struct exchange *exchange, struct replay *replay);
void replay_destroy_all(struct replay *replays);

/** Does any recording hold this stream (venue/SYMBOL/channel)? Such a stream is not generated. */
bool replay_has(const struct replay *replays, const char *name);

/** Somebody listens to this stream: the recording that holds it begins, unless it has. */
void replay_wake(struct replay *replays, const char *name, struct moment now);

/** Says everything due by now; returns when the next frame is due (monotonic ns). */
uint64_t replay_tick(struct exchange *exchange, struct moment now);

/** Moves the millisecond (or microsecond) times of a frame (E, T, ts): (time - from) / speed + to.
 *  In place; same length. Pure. */
void replay_rebase(char *frame, uint64_t from_ms, uint64_t to_ms, double speed);

/* A frame's stream and its payload without envelope. */
struct replay_frame {
    char symbol[SYMBOL_BYTES];
    char channel[CHANNEL_BYTES];
    char *payload;
    size_t payload_bytes;
};

/** Reads which stream a recorded frame belongs to. false: to none. Pure. */
bool replay_frame_parse(enum venue venue,
                        char *frame,
                        size_t frame_bytes,
                        struct replay_frame *ret_frame);

/** Whose frame is it? false: it does not say. Pure. */
bool replay_venue_of(const char *frame, enum venue *ret_venue);

#endif
