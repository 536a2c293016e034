/* SPDX-License-Identifier: MIT
 *
 * codec_event.h - what both codecs do to make an event of values they found. For feeds/ *_codec.c
 * only.
 */
#ifndef FLATLINE_FEEDS_CODEC_EVENT_H
#define FLATLINE_FEEDS_CODEC_EVENT_H

#include "core/event.h"
#include "feeds/codec.h"
#include "feeds/json_scan.h"

/* A data event in the making: written to the caller's event only when all is well. */
struct draft {
    struct event_data data;
    uint8_t flags;
};

/** Each takes one value into the draft and sets its flag. false: absent, or not what it must be;
 *  the draft is as before. */
bool draft_time(struct draft *draft, const struct json_value *value);
bool draft_id(struct draft *draft, const struct json_value *value);
/* first and prev share a place: the one taken last stands. */
bool draft_first(struct draft *draft, const struct json_value *value);
bool draft_prev(struct draft *draft, const struct json_value *value);

/** Best prices from the first rows of two sides `[["price", ...], ...]`. */
void draft_levels(struct draft *draft,
                  const struct json_value *bids,
                  const struct json_value *asks);

/** Of an increment's rows `[["price", "size"], ...]`: the best level that each side sets, price and
 *  size; a size of 0 sets none. Sets EVENT_SETS_LEVEL if there is one. Looks at the rows from
 *  the better end: venues sort them, one way or the other. Where one did not, another of its
 *  levels is found, or none: less is said, and nothing untrue. */
void draft_set_levels(struct draft *draft,
                      const struct json_value *bids,
                      const struct json_value *asks);

/** Mark of a size: equal sizes have equal marks; 0: none, zero, or out of range. */
uint32_t size_mark(const struct json_value *size);

/** The same of the first row of a side; 0 where there is none. */
uint32_t first_size_mark(const struct json_value *rows);

/** Sets EVENT_EMPTY if both sides are there and have no rows. */
void draft_empty(struct draft *draft, const struct json_value *bids, const struct json_value *asks);

/** Finds the stream, or adds it where the codec is open, and writes the event. CODEC_DATA, or
 *  CODEC_IGNORED for a name nobody asked for. */
enum codec_verdict draft_finish(const struct codec *codec,
                                struct span symbol,
                                struct span channel,
                                const struct draft *draft,
                                struct event *ret_event);

/** Writes a data event of a stream known by its index. */
enum codec_verdict draft_write(uint32_t stream, const struct draft *draft, struct event *ret_event);

/** Writes a note: answer, notice or error. message: its text is cut to fit; of any other type:
 *  none. Always CODEC_CONTROL. */
enum codec_verdict note_write(struct event *ret_event,
                              enum event_kind kind,
                              int64_t code,
                              uint64_t value,
                              const struct json_value *message);

/** Number in a value, or 0. Request ids and codes come as numbers or as strings. */
int64_t number_or_zero(const struct json_value *value);

#endif
