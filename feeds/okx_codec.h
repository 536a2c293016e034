/* SPDX-License-Identifier: MIT
 *
 * okx_codec.h - frames of OKX v5. Called through feeds/codec.h.
 */
#ifndef FLATLINE_FEEDS_OKX_CODEC_H
#define FLATLINE_FEEDS_OKX_CODEC_H

#include "feeds/codec.h"

/** codec_decode() for OKX; the frame's text is not empty. */
enum codec_verdict okx_decode(const struct codec *codec, struct span text, struct event *ret_event);

/** Does a well-formed frame have the `arg` that all but OKX lack? */
bool okx_frame_is_okx(struct span frame);

#endif
