/* SPDX-License-Identifier: MIT
 *
 * actions.h - what commands do to the exchange, now or later.
 */
#ifndef FLATLINE_VENUE_ACTIONS_H
#define FLATLINE_VENUE_ACTIONS_H

#include "venue/exchange.h"

struct actions;

struct actions *actions_create(struct exchange *exchange);
void actions_destroy(struct actions *actions);

/** Carries out one line, or keeps it for later if it says so; appends the answer, one line without
 *  its end: `ok ... mono_ns=N` or `error: ...`. ret_quits: the line was `quit`. */
void actions_do(struct actions *actions, const char *line, struct text *answer, bool *ret_quits);

/** Carries out what is due; returns when the next is (monotonic ns). */
uint64_t actions_tick(struct actions *actions, bool *ret_quits);

#endif
