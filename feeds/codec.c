/* SPDX-License-Identifier: MIT */
#include "feeds/codec.h"

#include "feeds/binance_codec.h"
#include "feeds/okx_codec.h"

enum codec_verdict
codec_decode(const struct codec *codec, struct span frame, struct event *ret_event)
{
    if (frame.size_bytes == 0) {
        return CODEC_MALFORMED;
    }
    if (codec->venue == FLATLINE_VENUE_OKX) {
        return okx_decode(codec, frame, ret_event);
    }
    return binance_decode(codec, frame, ret_event);
}

bool codec_guess_venue(struct span frame, enum flatline_venue *ret_venue)
{
    if (frame.size_bytes == 0) {
        return false;
    }
    if (okx_frame_is_okx(frame)) {
        *ret_venue = FLATLINE_VENUE_OKX;
        return true;
    }
    return binance_guess_venue(frame, ret_venue);
}

/* FNV-1a, finished by a mixer. A listenKey is 64 random characters: nothing of it can be had
 * back from 64 bits. */
uint64_t key_fingerprint(struct span key)
{
    uint64_t hash = 0xcbf29ce484222325ULL;
    if (key.size_bytes == 0) {
        return 0;
    }
    for (size_t i = 0; i < key.size_bytes; i++) {
        hash = (hash ^ (unsigned char)key.bytes[i]) * 0x100000001b3ULL;
    }
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 33;
    return hash != 0 ? hash : 1;
}
