/* SPDX-License-Identifier: MIT
 *
 * codec.h - frame in, event out. Pure: no clock, no socket, no allocation.
 */
#ifndef FLATLINE_FEEDS_CODEC_H
#define FLATLINE_FEEDS_CODEC_H

#include "core/event.h"
#include "core/stream.h"
#include "feeds/names.h"
#include "feeds/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What became of a frame. Every frame is exactly one of these, and each is counted. */
enum codec_verdict {
    CODEC_DATA,    /* event.kind == EVENT_DATA, event.stream set */
    CODEC_CONTROL, /* an answer, notice or heartbeat; event.kind says which */
    /* well-formed, but nameless, or of a name nobody asked for, or another venue's, or an
     * account event where no user stream is watched */
    CODEC_IGNORED,
    CODEC_MALFORMED, /* not JSON we can walk, or a known channel without the fields it must have */
};

struct codec {
    enum flatline_venue venue;
    struct names *names; /* stream names -> catalogue index */

    /* Replay: names of data not seen before are added; the caller sees names_count() grow. */
    bool open;

    /* Index of `venue/<account>/user`, where account events go, or EVENT_NO_STREAM. The index of
     * another name is taken as EVENT_NO_STREAM, so a zeroed field does no harm. */
    uint32_t user_stream;

    /* Nobody is held against the levels that increments set: they are not read, nor is any size. */
    bool skips_levels;
};

/** Decodes one whole message.
 *
 *  codec      venue and names; names grow only where codec->open
 *  frame      the message's bytes: raw or combined envelope, any key order, any extra keys; need
 *             not be NUL-terminated and may end at an unmapped page
 *  ret_event  kind, stream, flags and payload are written on CODEC_DATA and CODEC_CONTROL;
 *             recv_mono_ns and connection are the caller's and left alone
 *
 *  An acknowledgement adds no name: OKX acknowledges streams that may never push (an instrument
 *  without trades). One of a stream that is not in the table yet is EVENT_CONTROL, never an
 *  EVENT_ACK without a stream.
 *
 *  Cost: one bounded pass over the frame, no allocation. Thread-safety: one thread per struct
 *  names where open, else any.
 *  Source: the venues' pages named in binance_codec.c and okx_codec.c, rule by rule.
 */
enum codec_verdict
codec_decode(const struct codec *codec, struct span frame, struct event *ret_event);

/** Tells a venue from a connection's first frame: OKX has `arg`; COIN-M has `ps`; USD-M has `pu`,
 *  or is a bookTicker with `e` and no `ps`; spot is a depthUpdate with neither.
 *
 *  Returns true and sets ret_venue, or false: this frame decides nothing.
 */
bool codec_guess_venue(struct span frame, enum flatline_venue *ret_venue);

/** Fingerprint of a listenKey: the key itself never travels past the codec, nor into a log. 0
 *  only for an empty key. */
uint64_t key_fingerprint(struct span key);

#endif
