/* SPDX-License-Identifier: MIT
 *
 * score_ways.h - the ways to spoil a tape, for fault_inject(): each from the truth's start to its end,
 * at its streams and links. All tell in it when the first event did not come, or came wrong.
 */
#ifndef FLATLINE_TOOLS_SCORE_WAYS_H
#define FLATLINE_TOOLS_SCORE_WAYS_H

#include "tools/score_fault.h"

/* Drops data, and with `all` whatever else comes over the links. */
void way_mute(struct tape *tape, struct truth *truth, bool all);

/* The engine's beat goes on, and its echo tells no id newer than what was shown before. When it missed the first is told by the
 * echo that the tape had; 0: it missed none. */
uint64_t way_echo_stop(const struct desk *desk, struct tape *tape, const struct truth *truth);

/* A connection ends; a new one serves all, all but one, or nothing, as the injection's way has it. */
void way_reconnect(const struct injection *injection,
                   const struct desk *desk,
                   struct dice *dice,
                   struct tape *tape,
                   struct truth *truth);

/* Nothing at all comes over a connection until its pong is overdue; then as above. */
void way_blackhole(const struct desk *desk, struct tape *tape, struct truth *truth);

/* The account's key is gone, and comes back. */
void way_key(struct tape *tape, struct truth *truth, struct dice *dice);

/* A venue announces its maintenance a second before its data is missing, and takes it back three
 * seconds after it comes again. */
void way_maintenance(const struct desk *desk, struct tape *tape, struct truth *truth);

/* A venue says that a symbol is halted, as the data ends, and a second after it comes again that it is not. */
void way_halt(const struct desk *desk, struct tape *tape, struct truth *truth);

#endif
