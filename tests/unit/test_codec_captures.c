/* SPDX-License-Identifier: MIT
 *
 * Goal:   real recordings decode whole, and to what they say.
 * Method: every frame of every capture file goes through the codec. Counts and the sums of all ids,
 * times and prices were worked out
 *         apart from this code, by a general JSON parser in another language; id chains and orders
 *         are checked on the way. Skipped where
 *         ../shared/captures is not present.
 */
#include "core/base.h"
#include "core/event.h"
#include "feeds/channels.h"
#include "feeds/codec.h"
#include "tools/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAMS_MAX     64
#define CONNECTIONS_MAX 4

struct sums {
    uint64_t data;
    uint64_t control;
    uint64_t ignored;
    uint64_t streams;
    uint64_t ids;
    uint64_t first_ids;
    uint64_t prev_ids;
    uint64_t times_ms;
    uint64_t bids_e8;
    uint64_t asks_e8;
    uint64_t set_bids_e8; /* of the best levels that increments set */
    uint64_t set_asks_e8;
    uint64_t empty;
    uint64_t snapshots;
};

struct expectation {
    const char *file;
    enum flatline_venue venue;
    struct sums sums;
};

/* What one leg of one stream showed last. */
struct leg {
    bool is_seen;
    uint64_t id;
    int64_t exch_wall_ns;
};

struct walk {
    struct codec codec;
    struct sums sums;
    uint64_t malformed;
    uint64_t gaps;
    uint64_t regressed;
    char connections[CONNECTIONS_MAX][64];
    struct leg legs[CONNECTIONS_MAX][STREAMS_MAX];
};

static const struct expectation expectations[] = {
    {"binance-coinm-20240808.tsv.zst",
     FLATLINE_VENUE_BINANCE_COINM,
     {.data = 88722,
      .streams = 6,
      .ids = 85317236957014084,
      .prev_ids = 50114260746371526,
      .times_ms = 152882328378527761,
      .bids_e8 = 122354340848000000,
      .asks_e8 = 122354881983000000,
      .set_bids_e8 = 129879105365000000,
      .set_asks_e8 = 119951762485000000}},
    {"binance-spot-20210814.tsv.zst",
     FLATLINE_VENUE_BINANCE_SPOT,
     {.data = 1003,
      .streams = 14,
      .ids = 643590772221,
      .first_ids = 354856114750,
      .times_ms = 962710875224608,
      .bids_e8 = 9237954847,
      .asks_e8 = 9245690470,
      .set_bids_e8 = 4862874432,
      .set_asks_e8 = 5048128772}},
    {"binance-spot-20240808.tsv.zst",
     FLATLINE_VENUE_BINANCE_SPOT,
     {.data = 74865,
      .streams = 6,
      .ids = 2595642493202784,
      .first_ids = 294252257284822,
      .times_ms = 39198476474024473,
      .bids_e8 = 179581386378000000,
      .asks_e8 = 179582307665000000,
      .set_bids_e8 = 21480418690000000,
      .set_asks_e8 = 21634716642000000}},
    {"binance-us-20210814.tsv.zst",
     FLATLINE_VENUE_BINANCE_SPOT,
     {.data = 608,
      .streams = 12,
      .ids = 70165009502,
      .first_ids = 42431607129,
      .times_ms = 597825505158640,
      .bids_e8 = 54546270000,
      .asks_e8 = 54652180000,
      .set_bids_e8 = 36137030000,
      .set_asks_e8 = 44147520000}},
    {"binance-usdm-20210722.tsv.zst",
     FLATLINE_VENUE_BINANCE_USDM,
     {.data = 1535,
      .streams = 16,
      .ids = 827388476988236,
      .prev_ids = 459057031263390,
      .times_ms = 2497433883174555,
      .bids_e8 = 248857820000,
      .asks_e8 = 248952028000,
      .set_bids_e8 = 206778364000,
      .set_asks_e8 = 208433717000}},
    {"binance-usdm-20240808a.tsv.zst",
     FLATLINE_VENUE_BINANCE_USDM,
     {.data = 75120,
      .streams = 6,
      .ids = 324866808681628430,
      .prev_ids = 33648617492915997,
      .times_ms = 129443879781982225,
      .bids_e8 = 191533494704000000,
      .asks_e8 = 191533877156000000,
      .set_bids_e8 = 21054803003000000,
      .set_asks_e8 = 21090497263000000}},
    {"okx-20210722-3conn.tsv.zst",
     FLATLINE_VENUE_OKX,
     {.data = 4619,
      .control = 90,
      .streams = 29,
      .ids = 510713841,
      .times_ms = 7515093237716413,
      .bids_e8 = 446136166309,
      .asks_e8 = 446619252681,
      .set_bids_e8 = 8230878027009,
      .set_asks_e8 = 11040994515569,
      .empty = 44,
      .snapshots = 30}},
    {"okx-20220513-books.tsv.zst",
     FLATLINE_VENUE_OKX,
     {.data = 392,
      .control = 18,
      .streams = 9,
      .ids = 23367781951,
      .times_ms = 647764018399171,
      .bids_e8 = 81640983400000,
      .asks_e8 = 81642804200000,
      .set_bids_e8 = 574265400600000,
      .set_asks_e8 = 565558448400000,
      .snapshots = 3}},
};

/* Unrelated frames of all venues, counted by hand: venue by venue, what is its own and what is
 * another's. */
static const struct expectation single_frames[] = {
    {"single-frames.tsv.zst", FLATLINE_VENUE_BINANCE_SPOT, {.data = 13, .ignored = 27}},
    {"single-frames.tsv.zst", FLATLINE_VENUE_BINANCE_USDM, {.data = 17, .ignored = 23}},
    {"single-frames.tsv.zst", FLATLINE_VENUE_BINANCE_COINM, {.data = 17, .ignored = 23}},
    {"single-frames.tsv.zst", FLATLINE_VENUE_OKX, {.data = 19, .ignored = 21}},
};

static size_t connection_index(struct walk *walk, struct span id)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (walk->connections[i][0] == '\0') {
            (void)snprintf(walk->connections[i],
                           sizeof(walk->connections[i]),
                           "%.*s",
                           (int)id.size_bytes,
                           id.bytes);
        }
        if (span_equals(id, walk->connections[i])) {
            return i;
        }
    }
    fail_msg("more connections than the test has room for");
    return 0;
}

static void sums_add(struct sums *sums, const struct event *event)
{
    const struct event_data *data = &event->data;
    sums->ids += data->id;
    sums->first_ids += (event->flags & EVENT_HAS_FIRST) != 0 ? data->first_id : 0;
    sums->prev_ids += (event->flags & EVENT_HAS_PREV) != 0 ? (uint64_t)data->prev_id : 0;
    sums->times_ms += (uint64_t)data->exch_wall_ns / NS_PER_MS;
    const bool is_set = (event->flags & EVENT_SETS_LEVEL) != 0;
    sums->bids_e8 += is_set ? 0 : (uint64_t)data->bid_e8;
    sums->asks_e8 += is_set ? 0 : (uint64_t)data->ask_e8;
    sums->set_bids_e8 += is_set ? (uint64_t)data->bid_e8 : 0;
    sums->set_asks_e8 += is_set ? (uint64_t)data->ask_e8 : 0;
    sums->empty += (event->flags & EVENT_EMPTY) != 0;
    sums->snapshots += (event->flags & EVENT_SNAPSHOT) != 0;
}

/* The id rule of the stream, and that neither id nor time goes backwards. */
static void leg_check(struct walk *walk, struct leg *leg, const struct event *event)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    struct stream_traits traits;

    assert_true(
        names_split(names_text(walk->codec.names, event->stream), &venue, &symbol, &channel));
    channel_traits(venue, symbol, channel, &traits);
    if (leg->is_seen) {
        walk->gaps += traits.chain == CHAIN_FIRST && event->data.first_id != leg->id + 1;
        walk->gaps += traits.chain == CHAIN_PREV && (uint64_t)event->data.prev_id != leg->id;
        walk->regressed += (event->flags & EVENT_HAS_ID) != 0 && event->data.id < leg->id;
        walk->regressed +=
            (event->flags & EVENT_HAS_TIME) != 0 && event->data.exch_wall_ns < leg->exch_wall_ns;
    }
    *leg = (struct leg){true, event->data.id, event->data.exch_wall_ns};
}

static void frame_take(struct walk *walk, const struct capture_line *line)
{
    struct event event;
    switch (codec_decode(&walk->codec, line->frame, &event)) {
    case CODEC_DATA:
        walk->sums.data++;
        sums_add(&walk->sums, &event);
        assert_true(event.stream < STREAMS_MAX);
        leg_check(
            walk, &walk->legs[connection_index(walk, line->connection)][event.stream], &event);
        break;
    case CODEC_CONTROL:
        walk->sums.control++;
        break;
    case CODEC_IGNORED:
        walk->sums.ignored++;
        break;
    case CODEC_MALFORMED:
        walk->malformed++;
        print_error("malformed: %.*s\n", (int)line->frame.size_bytes, line->frame.bytes);
        break;
    }
}

static void file_walk(const struct expectation *expected, struct walk *walk)
{
    char path[512];
    struct capture *capture;
    struct capture_line line;
    int result;

    (void)snprintf(path, sizeof(path), "%s/%s", FLATLINE_CAPTURES, expected->file);
    assert_int_equal(capture_open(path, &capture), 0);
    *walk = (struct walk){.codec = {.venue = expected->venue,
                                    .names = names_create(STREAMS_MAX),
                                    .open = true,
                                    .user_stream = EVENT_NO_STREAM}};
    while ((result = capture_next(capture, &line)) == 1) {
        if (line.kind == CAPTURE_FRAME) {
            frame_take(walk, &line);
        }
    }
    assert_int_equal(result, 0);
    walk->sums.streams = names_count(walk->codec.names);
    print_message("%s as %s: %ju data, %ju control, %ju ignored, %ju malformed\n",
                  expected->file,
                  venue_facts(expected->venue)->name,
                  (uintmax_t)walk->sums.data,
                  (uintmax_t)walk->sums.control,
                  (uintmax_t)walk->sums.ignored,
                  (uintmax_t)walk->malformed);
    names_destroy(walk->codec.names);
    capture_close(capture);
}

static void captures_need(void)
{
    if (access(FLATLINE_CAPTURES, R_OK) != 0) {
        print_message("no captures at %s: skipped\n", FLATLINE_CAPTURES);
        skip();
    }
}

static void recordings_decode_to_what_another_parser_reads(void **state)
{
    static struct walk walk;
    (void)state;

    captures_need();
    for (size_t i = 0; i < ARRAY_COUNT(expectations); i++) {
        file_walk(&expectations[i], &walk);
        assert_true(walk.malformed == 0);
        assert_memory_equal(&walk.sums, &expectations[i].sums, sizeof(walk.sums));
    }
}

static void recordings_hold_neither_gap_nor_reversal(void **state)
{
    static struct walk walk;
    (void)state;

    captures_need();
    for (size_t i = 0; i < ARRAY_COUNT(expectations); i++) {
        file_walk(&expectations[i], &walk);
        assert_true(walk.gaps == 0);
        assert_true(walk.regressed == 0);
    }
}

static void each_venue_takes_its_own_of_mixed_frames(void **state)
{
    static struct walk walk;
    (void)state;

    captures_need();
    for (size_t i = 0; i < ARRAY_COUNT(single_frames); i++) {
        file_walk(&single_frames[i], &walk);
        assert_true(walk.malformed == 0);
        assert_true(walk.sums.data == single_frames[i].sums.data);
        assert_true(walk.sums.control == 0);
        assert_true(walk.sums.ignored == single_frames[i].sums.ignored);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings_decode_to_what_another_parser_reads),
        cmocka_unit_test(recordings_hold_neither_gap_nor_reversal),
        cmocka_unit_test(each_venue_takes_its_own_of_mixed_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
