/* SPDX-License-Identifier: MIT
 *
 * hostile.h - frames no decent server sends. Pure.
 */
#ifndef FLATLINE_VENUE_HOSTILE_H
#define FLATLINE_VENUE_HOSTILE_H

#include "venue/text.h"

#include <stdbool.h>

/** The bytes of a kind of hostility, WebSocket framing included. false: no such kind. */
bool hostile_bytes(const char *kind, struct text *bytes);

/** A line that lists the kinds. */
const char *hostile_kinds(void);

#endif
