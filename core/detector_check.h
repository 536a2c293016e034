/* SPDX-License-Identifier: MIT
 *
 * detector_check.h - whether the channels of a book count in the same ids: what detector_debt.c and
 * detector_mute.c ask, of legs that are checked (leg.is_checked).
 */
#ifndef FLATLINE_CORE_DETECTOR_CHECK_H
#define FLATLINE_CORE_DETECTOR_CHECK_H

#include "core/detector_calls.h"

void check_stream_added(struct stream *stream);

/** A connection that carries it begins or ends a life. */
void check_revive(struct detector *detector, struct stream *stream);

/** Ids of a book began anew, or went back. */
void check_restart(struct detector *detector, uint32_t book, uint64_t at_ns);

/** Another leg of its book has shown this frame; before it is made to owe it. */
void check_hears(struct detector *detector, struct leg *leg, const struct arrival *a);

/** It has come forward with this frame; before what it owes is settled.
 *
 *  is_news  nobody of its book has shown the id yet */
void check_shows(struct detector *detector, const struct arrival *a, bool is_news);

/** A leg that owes each id: does it owe this level, beyond its newest id? Not if it is what stood there:
 *  the best has gone there and back, which leaves nothing to tell. */
bool check_owes(const struct detector *detector, const struct leg *leg, const struct best *level);

/** A leg that owes each id has come forward: the first level beyond, from which on none was what stands
 *  at its newest id. NULL: it owes none. */
const struct frontier_mark *check_owed(const struct detector *detector, struct leg *leg);

/** Frames may have been lost: the levels of this side are not known any more. */
void check_side_void(struct detector *detector, struct side *side);

/** What it owes is overdue. Is it to be accused? If not, it owes it no more. */
bool check_tells(struct detector *detector, struct leg *leg, uint64_t at_ns);

#endif
