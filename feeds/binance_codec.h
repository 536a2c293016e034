/* SPDX-License-Identifier: MIT
 *
 * binance_codec.h - frames of Binance spot, USD-M and COIN-M. Called through feeds/codec.h.
 */
#ifndef FLATLINE_FEEDS_BINANCE_CODEC_H
#define FLATLINE_FEEDS_BINANCE_CODEC_H

#include "feeds/codec.h"

/** codec_decode() for the three Binance venues; the frame's text is not empty. */
enum codec_verdict
binance_decode(const struct codec *codec, struct span text, struct event *ret_event);

/** The Binance part of codec_guess_venue(). */
bool binance_guess_venue(struct span frame, enum flatline_venue *ret_venue);

#endif
