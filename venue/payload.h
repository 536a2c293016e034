/* SPDX-License-Identifier: MIT
 *
 * payload.h - what a stream says, in the venue's words. Pure: state in, text out.
 */
#ifndef FLATLINE_VENUE_PAYLOAD_H
#define FLATLINE_VENUE_PAYLOAD_H

#include "venue/market.h"

/* How a frame is stamped. */
struct stamp {
    uint64_t wall_ns;
    uint64_t id_back; /* subtracted from every id: a fault */
    bool crosses;     /* best bid and ask change places: a fault */
    struct work work;
};

/** Appends the stream's next frame, without Binance's combined envelope. false: it has nothing to
 *  say. */
bool binance_payload(const struct stream *stream, struct stamp stamp, struct text *text);
bool okx_payload(const struct stream *stream, struct stamp stamp, struct text *text);

/** OKX: what a new subscriber gets first. false: nothing for this channel. */
bool okx_first_payload(const struct stream *stream, struct stamp stamp, struct text *text);

/** OKX: a row of the status page, without its closing bracket: the channel adds a time. */
void okx_work_row(struct work work, struct text *text);

/** OKX: what a stream says when nothing changed for long. */
bool okx_idle_payload(const struct stream *stream, struct stamp stamp, struct text *text);

/** Appends one side of a book: `[[price,size],...]`, or with OKX's two more columns.
 *  changed_since: only levels changed after that id, removed ones with size 0; 0 = every level. */
void payload_side(const struct instrument *instrument,
                  enum book_side side,
                  unsigned levels,
                  uint64_t changed_since,
                  struct text *text);

/** Appends a price or a size the way this venue writes it. */
void payload_price(const struct instrument *instrument, int64_t tick, struct text *text);
void payload_size(const struct instrument *instrument, uint64_t lots, struct text *text);

#endif
