/* SPDX-License-Identifier: MIT
 *
 * golden_segment.c - makes the golden segment of this layout: the real publisher with chosen times,
 * then the few words that tell of this machine set to fixed values. Run once a released version
 * (tests/data/README.md); its result stays for ever.
 *
 * usage: golden_segment FILE
 */
#include "core/base.h"
#include "core/hist.h"
#include "core/publisher.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define AT (1 * NS_PER_S) /* soon after a boot, so that no machine finds it in its future */

static const struct publisher_stream streams[] = {
    {.name = "binance-usdm/BTCUSDT/depth@100ms",
     .venue = FLATLINE_VENUE_BINANCE_USDM,
     .stream_class = FLATLINE_CLASS_BOOK,
     .stale_after_ns = 3 * NS_PER_S},
    {.name = "okx/BTC-USDT-SWAP/trades",
     .venue = FLATLINE_VENUE_OKX,
     .stream_class = FLATLINE_CLASS_OTHER,
     .stale_after_ns = 3 * NS_PER_S,
     .silent_after_ns = 60 * NS_PER_S,
     .observed = true},
};
static const struct publisher_connection connections[] = {
    {.name = "binance-usdm/public/0", .venue = FLATLINE_VENUE_BINANCE_USDM}};
static const struct flatline_gate_member members[] = {
    {.stream = 0}, {.stream = 1, .stale_adjust_ns = -(int64_t)(500 * NS_PER_MS)}};
static const struct publisher_gate gates[] = {
    {.name = "both", .members = members, .member_count = 2}};
static const char *const counters[] = {"ring_full"};

static void publish(struct publisher *publisher)
{
    const struct stream_view fresh = {.lease_until_ns = AT + 3 * NS_PER_S,
                                      .due_id = 4503599627370497,
                                      .lost_count = 1,
                                      .last_recv_ns = AT,
                                      .last_newer_ns = AT,
                                      .last_exch_wall_ns = 1700000000123000000,
                                      .frontier_id = 4503599627370499,
                                      .bid_e8 = 6512340000000,
                                      .ask_e8 = 6512350000000,
                                      .excess_lag_ns = 3 * NS_PER_MS,
                                      .frames = 7,
                                      .gaps = 2,
                                      .lapses = 1,
                                      .lapsed_ns = 5 * NS_PER_MS,
                                      .legs = 2,
                                      .legs_up = 1,
                                      .open_faults = 1ULL << FLATLINE_FAULT_GAP,
                                      .silence_provable_ns = 8 * NS_PER_S,
                                      .rest_seen_ns = 20 * NS_PER_S,
                                      .rest_moved_ns = 19 * NS_PER_S,
                                      .book_debt = FLATLINE_DEBT_ON,
                                      .book_debt_waits = 21,
                                      .book_allowance_ns = 150 * NS_PER_MS};
    const struct stream_view revoked = {
        .revoked_by = FLATLINE_FAULT_DOWN, .lost_count = 2, .legs = 1};
    const struct finding gap = {.kind = FINDING_FAULT,
                                .fault_kind = FLATLINE_FAULT_GAP,
                                .scope = FLATLINE_SCOPE_STREAM,
                                .blame = FLATLINE_SCOPE_VENUE,
                                .confidence = 100,
                                .connection = 0,
                                .stream = 0,
                                .fault_id = 1,
                                .onset_ns = AT,
                                .at_ns = AT + 1,
                                .count = 2,
                                .evidence = {10, 12, 14, 2},
                                .text = "a gap"};
    const struct finding lapse = {.kind = FINDING_LAPSE, .stream = 1, .at_ns = AT + 2};
    publisher_detail(publisher, 0, &fresh);
    publisher_lease(publisher, 0, &fresh);
    publisher_detail(publisher, 1, &revoked);
    publisher_lease(publisher, 1, &revoked);
    publisher_finding(publisher, &gap, AT + 3);
    publisher_finding(publisher, &lapse, AT + 4);
    publisher_error(publisher, "an error, \"quoted\"", AT + 5);
    publisher_counter(publisher, 0, 99);
    struct flatline_advice_slot advice = {.serial = 3,
                                          .kind = FLATLINE_ADVICE_PAUSE,
                                          .target = FLATLINE_TARGET_ALL,
                                          .index = FLATLINE_NO_INDEX,
                                          .since_mono_ns = AT,
                                          .until_mono_ns = AT + NS_PER_S,
                                          .since_wall_ns = 1700000000000000000,
                                          .uid = 1000};
    memcpy(advice.by, "ops", 3);
    memcpy(advice.name, "*", 1);
    memcpy(advice.reason, "rate decision", 13);
    const struct flatline_gate_advice paused = {.pause_until_mono_ns = AT + NS_PER_S,
                                                .pause_serial = 3};
    publisher_advice(publisher, 0, &advice);
    publisher_gate_advice(publisher, 0, &paused);
    publisher_advice_event(publisher, &advice, false, AT + 5, AT + 6);
    publisher_beat(publisher, AT + 6, AT + 5, 250 * NS_PER_MS);
    for (uint64_t i = 1; i <= 1000; i++) {
        hist_record(publisher_stream_histogram(publisher, 0, 0), i * NS_PER_MS);
        hist_record(publisher_connection_histogram(publisher, 0, 0), i * 10 * NS_PER_US);
    }
    publisher_connection(publisher, 0)->state = FLATLINE_CONNECTION_UP;
    publisher_connection(publisher, 0)->frames = 8;
}

/* What tells of this machine and moment. */
static int neutralize(const char *path)
{
    struct flatline_header header;
    FILE *file = fopen(path, "r+be");
    if (file == NULL || fread(&header, sizeof(header), 1, file) != 1) {
        return 1;
    }
    header.writer_pid = 4242;
    header.writer_start_ticks = 100;
    header.created_mono_ns = AT - 1;
    header.created_wall_ns = 1700000000000000000;
    header.boottime_offset_ns = 0;
    struct flatline_event_slot first;
    const long events = (long)header.sections[FLATLINE_SECTION_EVENTS].offset_bytes;
    if (fseek(file, events, SEEK_SET) != 0 || fread(&first, sizeof(first), 1, file) != 1) {
        return 1;
    }
    first.at_mono_ns = AT - 1;
    first.seen_mono_ns = AT - 1;
    if (fseek(file, events, SEEK_SET) != 0 || fwrite(&first, sizeof(first), 1, file) != 1 ||
        fseek(file, 0, SEEK_SET) != 0 || fwrite(&header, sizeof(header), 1, file) != 1) {
        return 1;
    }
    return fclose(file);
}

int main(int argc, char **argv)
{
    char text[PUBLISHER_ERROR_TEXT_BYTES];
    char directory[PATH_MAX];
    char made[PATH_MAX];
    if (argc != 2) {
        (void)fputs("usage: golden_segment FILE\n", stderr);
        return 2;
    }
    (void)snprintf(directory, sizeof(directory), "%s", argv[1]);
    const char *folder = dirname(directory);
    const struct publisher_config config = {.directory = folder,
                                            .name = "golden-being-made",
                                            .group = (gid_t)-1,
                                            .streams = streams,
                                            .stream_count = ARRAY_COUNT(streams),
                                            .connections = connections,
                                            .connection_count = ARRAY_COUNT(connections),
                                            .gates = gates,
                                            .gate_count = ARRAY_COUNT(gates),
                                            .faults_max = 4,
                                            .events_max = 8,
                                            .histograms = true,
                                            .counter_names = counters,
                                            .counter_count = ARRAY_COUNT(counters),
                                            .advice_max = 2,
                                            .control_socket = "/run/flatline/control.sock"};
    struct publisher *publisher;
    if (publisher_create(&config, &publisher, text) != 0) {
        (void)fprintf(stderr, "%s\n", text);
        return 1;
    }
    publish(publisher);
    if (snprintf(made, sizeof(made), "%s/golden-being-made", folder) >= (int)sizeof(made) ||
        rename(made, argv[1]) != 0) {
        return 1;
    }
    const int error = neutralize(argv[1]);
    (void)snprintf(made, sizeof(made), "%s/golden-being-made.lock", folder);
    (void)unlink(made);
    return error; /* without publisher_destroy(): the segment shall stay as a running one */
}
