/* SPDX-License-Identifier: MIT
 *
 * status_page.h - what a venue's status page says of maintenance, as events for the judge. Pure: the
 * page is asked for in control_witness.c.
 */
#ifndef FLATLINE_SENTINEL_STATUS_PAGE_H
#define FLATLINE_SENTINEL_STATUS_PAGE_H

#include "core/event.h"
#include "feeds/channels.h"

#include <stddef.h>

#define STATUS_PAGE_EVENTS_MAX 16U

/** Reads the body of an answer. One STATUS_UNDER_WAY of each maintenance, then STATUS_TOLD_ALL; all
 *  stamped recv_mono_ns. Returns how many; 0: it is no status page, and nothing was told, as an error
 *  that comes with HTTP 200. */
size_t status_page_read(enum flatline_venue venue,
                        const char *body,
                        uint64_t recv_mono_ns,
                        struct event events[STATUS_PAGE_EVENTS_MAX]);

#endif
