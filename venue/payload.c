/* SPDX-License-Identifier: MIT
 *
 * payload.c - what both venues' payloads are made of: numbers and the sides of a book.
 */
#include "venue/payload.h"

#define LOOK_BACK_TICKS 100 /* how far the price may have gone since a level left the book */

void payload_price(const struct instrument *instrument, int64_t tick, struct text *text)
{
    const unsigned decimals = instrument->price_decimals;
    unsigned shown = decimals;
    if (instrument->venue == VENUE_SPOT) {
        shown = 8; /* spot writes eight digits whatever the tick */
    } else if (instrument->venue == VENUE_USDM && decimals < 2) {
        shown = 2;
    }
    text_add_decimal(text, tick, decimals, shown);
}

void payload_size(const struct instrument *instrument, uint64_t lots, struct text *text)
{
    const unsigned decimals = instrument->lot_decimals;
    const bool is_okx = instrument->venue == VENUE_OKX;
    if (lots == 0 && is_okx) {
        text_add(text, "0");
        return;
    }
    text_add_decimal(text, (int64_t)lots, decimals, instrument->venue == VENUE_SPOT ? 8 : decimals);
}

static void payload_row(const struct instrument *instrument,
                        int64_t tick,
                        uint64_t lots,
                        bool is_first,
                        struct text *text)
{
    text_add(text, is_first ? "[\"" : ",[\"");
    payload_price(instrument, tick, text);
    text_add(text, "\",\"");
    payload_size(instrument, lots, text);
    if (instrument->venue == VENUE_OKX) {
        text_addf(text, "\",\"0\",\"%u", lots == 0 ? 0U : (unsigned)(1 + lots % 23));
    }
    text_add(text, "\"]");
}

static void side_whole(const struct instrument *instrument,
                       enum book_side side,
                       unsigned levels,
                       struct text *text)
{
    const unsigned count = levels == 0 || levels > BOOK_LEVELS ? BOOK_LEVELS : levels;
    for (unsigned n = 0; n < count; n++) {
        const struct book_level *level = book_level(&instrument->book, side, n);
        payload_row(instrument, level->tick, level->lots[side], n == 0, text);
    }
}

static void side_changes(const struct instrument *instrument,
                         enum book_side side,
                         uint64_t since,
                         struct text *text)
{
    const struct book *book = &instrument->book;
    const int64_t way = side == BOOK_BID ? -1 : 1;
    const int64_t from = book->best_tick[side] - way * LOOK_BACK_TICKS;
    bool is_first = true;

    for (int64_t n = 0; n < BOOK_LEVELS + 2 * LOOK_BACK_TICKS; n++) {
        const struct book_level *level = book_level_at(book, from + way * n);
        if (level != NULL && level->changed[side] > since) {
            payload_row(instrument, level->tick, level->lots[side], is_first, text);
            is_first = false;
        }
    }
}

void payload_side(const struct instrument *instrument,
                  enum book_side side,
                  unsigned levels,
                  uint64_t changed_since,
                  struct text *text)
{
    text_add(text, "[");
    if (changed_since == 0) {
        side_whole(instrument, side, levels, text);
    } else {
        side_changes(instrument, side, changed_since, text);
    }
    text_add(text, "]");
}
