/* SPDX-License-Identifier: MIT
 *
 * explain_text.h - a fault in sentences: what was seen, since when, whose fault, how sure.
 */
#ifndef FLATLINE_TOOLS_EXPLAIN_TEXT_H
#define FLATLINE_TOOLS_EXPLAIN_TEXT_H

#include "flatline/flatline.h"

#include <stddef.h>

#define EXPLAIN_TEXT_BYTES 640
/* of a MUTE that is told by beats that do not come */
#define EXPLAIN_HELD                                                                               \
    "data was held back for up to {held_ns}, and then came at once: the venue had gone on"
#define EXPLAIN_BEATS                                                                              \
    "what comes by a timer does not: {owed_id} of the last {shown_id} beats are missing, each "    \
    "half "                                                                                        \
    "a period ({allowance_ns}) after it was due; the first of them was due {waited_ns} before "    \
    "that"

/** Writes the sentence of a fault's kind with its numbers: times as people write them. Returns the
 *  length, cut to text_bytes. */
size_t explain_fault(const struct flatline_fault *fault, char *text, size_t text_bytes);

/** The sentence's pattern, with {key} for evidence; "" for a kind of a newer writer. For tests: every
 *  key must be one of the kind's. */
const char *explain_pattern(enum flatline_fault_kind kind);

/** Whose fault it is, in words that go behind "blame:". */
const char *explain_blame(enum flatline_scope blame);

#endif
