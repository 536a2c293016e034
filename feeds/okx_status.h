/* SPDX-License-Identifier: MIT
 *
 * okx_status.h - what OKX says of itself: the rows of its status page, which its `status` channel
 * pushes one by one as they change. Pure; the codec and the REST witness read them alike.
 */
#ifndef FLATLINE_FEEDS_OKX_STATUS_H
#define FLATLINE_FEEDS_OKX_STATUS_H

#include "core/event.h"
#include "feeds/codec.h"
#include "feeds/span.h"

#include <stdbool.h>

/** The id of the request that subscribes to it: a refusal is none of a stream. */
#define OKX_STATUS_REQUEST "status"

/* A row as far as it matters; absent members are empty. */
struct okx_work {
    struct span begin; /* ms since 1970 */
    struct span end;   /* as announced */
    struct span service;
    struct span system;
    struct span state;
    struct span environment;
};

/** Can this maintenance silence market data? */
bool okx_work_concerns(const struct okx_work *work);
bool okx_work_is_under_way(const struct okx_work *work);

/** Tells it from others, on the channel as on the page. Never 0. */
uint32_t okx_work_mark(const struct okx_work *work);

/** How long it is announced to last; 0: it does not say. At most STATUS_MINUTES_MAX. */
uint32_t okx_work_minutes(const struct okx_work *work);

/** Decodes a push of the channel: EVENT_VENUE_STATUS, or EVENT_CONTROL where no row concerns
 *  market data. Of several rows the last one that is under way speaks, else the last. */
enum codec_verdict okx_status_decode(struct span frame, struct event *ret_event);

#endif
