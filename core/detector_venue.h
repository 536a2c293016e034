/* SPDX-License-Identifier: MIT
 *
 * detector_venue.h - what a venue says it is working on. Its channel pushes the one that changed, its
 * page lists all: both add to one set, by marks, and the venue is down while there is one in it. What neither says again
 * runs out: the word that it is over may have been missed.
 */
#ifndef FLATLINE_CORE_DETECTOR_VENUE_H
#define FLATLINE_CORE_DETECTOR_VENUE_H

#include <stdbool.h>
#include <stdint.h>

#define VENUE_WORKS_MAX 8U /* at once; one more than these is not told apart from them */

struct venue_works {
    uint32_t marks[VENUE_WORKS_MAX];
    uint64_t until_ns[VENUE_WORKS_MAX]; /* over by then, unless it is said again */
    bool named[VENUE_WORKS_MAX];        /* by the page, since it was last read to its end */
    uint32_t count;
};

#endif
