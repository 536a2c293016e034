/* SPDX-License-Identifier: MIT
 *
 * score_witness.h - REST as control brings it (sentinel/control_witness.c), on the virtual clock: it is
 * asked where all streams of a book have earned nothing for half of their lease, a second later again
 * and then ever more rarely, and answers with the levels as they are, whatever a connection delivers.
 *
 * What they are is known from the tape before anything is done to it.
 */
#ifndef FLATLINE_TOOLS_SCORE_WITNESS_H
#define FLATLINE_TOOLS_SCORE_WITNESS_H

#include "tools/score_desk.h"

struct witness; /* opaque: score_witness.c */

/** It looks from from_ns on, where the market begins. NULL: out of memory. */
struct witness *witness_create(const struct desk *desk, uint64_t from_ns);
void witness_destroy(struct witness *witness);

/** Reads what the books do from a tape that nothing was done to; the newest in place of those before.
 *  Returns 0 or -ENOMEM. */
int witness_read(struct witness *witness, const struct tape *tape);

/** Nothing can be asked from from_ns to until_ns: our own line, or we ourselves, are out. */
void witness_bar(struct witness *witness, uint64_t from_ns, uint64_t until_ns);

/** When it wants to be stepped next. */
uint64_t witness_due_ns(const struct witness *witness);

/** Asks, and brings answers that are due, where the stage's clock stands. Returns 0 or -errno. */
int witness_step(struct witness *witness, struct stage *stage);

#endif
