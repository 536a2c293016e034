/* SPDX-License-Identifier: MIT
 *
 * verbs.h - the vocabulary of commands.
 */
#ifndef FLATLINE_VENUE_VERBS_H
#define FLATLINE_VENUE_VERBS_H

#include "venue/command.h"
#include "venue/exchange.h"

/** Carries out a command at exchange->now. What it wants to say is appended to answer, each piece
 *  starting with a space.
 *  Returns NULL, or why not. */
const char *verb_do(struct exchange *exchange, const struct command *command, struct text *answer);

/** The verbs that act on connections at once; "unknown command" for any other. */
const char *
connection_verb_do(struct exchange *exchange, const struct command *command, struct text *answer);

/** Can it be given with `for`: is there an `un...` of it? */
bool verb_can_end(const char *verb);

#endif
