/* SPDX-License-Identifier: MIT
 *
 * quirk.h - frames that say the same in another way: what documents allow and clients forget. Pure.
 */
#ifndef FLATLINE_VENUE_QUIRK_H
#define FLATLINE_VENUE_QUIRK_H

#include "venue/text.h"

#include <stdbool.h>

enum quirk {
    QUIRK_MICROSECONDS, /* Binance times in 16 digits (spot: timeUnit=MICROSECOND) */
    QUIRK_NUMERIC_TS,   /* OKX ts as a number */
    QUIRK_EXTRA_KEYS,   /* keys nobody has heard of come first */
    QUIRK_REORDER,      /* keys in another order */
    QUIRK_SPACES,       /* white space wherever JSON allows it */
    QUIRK_COUNT
};

/** false: no such quirk. */
bool quirk_of_name(const char *name, enum quirk *ret_quirk);

/** Appends the frame in that manner of speaking. */
void quirk_apply(enum quirk quirk, const struct text *frame, struct text *out);

#endif
