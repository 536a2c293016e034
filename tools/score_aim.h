/* SPDX-License-Identifier: MIT
 *
 * score_aim.h - what an injection hits: sets of a desk's streams and links, and one out of such a set.
 */
#ifndef FLATLINE_TOOLS_SCORE_AIM_H
#define FLATLINE_TOOLS_SCORE_AIM_H

#include "tools/score_fault.h"

/** A chained stream of a book; one of its best prices. */
bool stream_is_depth(const struct stream_traits *traits);
bool stream_is_best(const struct stream_traits *traits);

uint64_t streams_where(const struct desk *desk, bool (*holds)(const struct stream_traits *));

/** Links of a venue and a route (-1: any) that carry one of these streams (0: any). None that is private. */
uint32_t links_where(const struct desk *desk, int venue, int route, uint64_t streams);

/** One of the bits that are set; 0 where none is. */
uint64_t bit_pick(struct dice *dice, uint64_t bits);

#endif
