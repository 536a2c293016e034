/* SPDX-License-Identifier: MIT
 *
 * replay.h - recorded frames told again, in their own rhythm.
 */
#ifndef FLATLINE_VENUE_REPLAY_H
#define FLATLINE_VENUE_REPLAY_H

#include "venue/market.h"

struct exchange;
struct replay;

/** Does any recording hold this stream (venue/SYMBOL/channel)? Such a stream is not generated. */
bool replay_has(const struct replay *replays, const char *name);

/** Says everything due by now; returns when the next frame is (monotonic ns), ALARM_NEVER if none. */
uint64_t replay_tick(struct exchange *exchange, struct moment now);
void replay_destroy_all(struct replay *replays);

#endif
