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

/** What it owes is overdue. Is it to be accused? If not, it owes it no more. */
bool check_tells(struct detector *detector, struct leg *leg, uint64_t at_ns);

#endif
