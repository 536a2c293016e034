/* SPDX-License-Identifier: MIT
 *
 * segment_cast.h - the streams and connections of the small segment that tests of publisher and
 * readers share, in one process (unit/segment_fixture.h) or in another (cli/segment_puppet.c).
 */
#ifndef FLATLINE_TESTS_SEGMENT_CAST_H
#define FLATLINE_TESTS_SEGMENT_CAST_H

#include "core/base.h"
#include "core/publisher.h"

static const struct publisher_stream cast_streams[] = {
    {.name = "binance-usdm/BTCUSDT/depth@100ms",
     .venue = FLATLINE_VENUE_BINANCE_USDM,
     .stream_class = FLATLINE_CLASS_BOOK,
     .stale_after_ns = 3 * NS_PER_S},
    {.name = "okx/BTC-USDT/books",
     .venue = FLATLINE_VENUE_OKX,
     .stream_class = FLATLINE_CLASS_BOOK,
     .stale_after_ns = 3 * NS_PER_S},
    {.name = "okx/BTC-USDT/trades",
     .venue = FLATLINE_VENUE_OKX,
     .stream_class = FLATLINE_CLASS_OTHER,
     .stale_after_ns = 3 * NS_PER_S,
     .observed = true},
};

static const struct publisher_connection cast_connections[] = {
    {.name = "binance-usdm/public/0", .venue = FLATLINE_VENUE_BINANCE_USDM},
    {.name = "okx/public/0", .venue = FLATLINE_VENUE_OKX},
};

#endif
