/* SPDX-License-Identifier: MIT
 *
 * segment_puppet.c - a segment without a sentinel, for tests of readers: publishes three streams
 * and two gates under DIRECTORY/NAME and obeys one command a line on standard input, answering
 * "ok". Leaves without a word at the end of input (a dead writer), in order on "stop".
 *
 *   lease STREAM MS        lease until MS from now (negative: lapsed already)
 *   debt STREAM STATE WAITS  lives for a second; whether it owes what others show, waits met in the check
 *   quiet STREAM MS LIMIT  lapsed a second ago, quiet until MS from now; SILENT from LIMIT ms on
 *   revoke STREAM KIND     lease to 0, by the fault kind's number
 *   beat MS                alive until MS from now; not renewed by itself
 *   fault ID KIND STREAM   opens a fault, evidence 1 .. 6
 *   clear ID KIND STREAM   clears it
 *   event N                N lapse events of stream 0
 *   lapse STREAM MS KIND   a lapse event, MS ago; KIND 0, or the fault that revoked
 *   renew STREAM MS        a renewal event, MS ago
 *   error TEXT             into the distinct-error log
 *   advise GATE KIND MS    breaker (0) or pause (1) for MS from now, under the next serial
 *   stop                   stops in order
 */
#include "core/base.h"
#include "core/clock.h"
#include "core/publisher.h"
#include "tests/segment_cast.h"

#include <inttypes.h>
#include <string.h>

static const struct flatline_gate_member both[] = {{.stream = 0}, {.stream = 1}};
static const struct flatline_gate_member okx[] = {{.stream = 1}};
static const struct publisher_gate gates[] = {
    {.name = "both", .members = both, .member_count = 2},
    {.name = "okx/BTC-USDT", .members = okx, .member_count = 1},
};
static const char *const counters[] = {"ring_full"};

static uint64_t lost_counts[ARRAY_COUNT(cast_streams)];

static uint64_t from_now(int64_t ms)
{
    return clock_mono_ns() + (uint64_t)(ms * (int64_t)NS_PER_MS);
}

static struct stream_view leased(uint32_t stream, int64_t ms)
{
    const uint64_t until = from_now(ms);
    return (struct stream_view){.lease_until_ns = until,
                                .due_id = 41,
                                .frontier_id = 42,
                                .last_recv_ns = until - 3 * NS_PER_S,
                                .last_newer_ns = until - 3 * NS_PER_S,
                                .last_exch_wall_ns = 1,
                                .excess_lag_ns = 3 * NS_PER_MS,
                                .lost_count = lost_counts[stream],
                                .frames = 7,
                                .gaps = 2,
                                .legs = 1,
                                .legs_up = 1,
                                .ever_leased = true};
}

static void lease(struct publisher *publisher, uint32_t stream, int64_t ms)
{
    const struct stream_view view = leased(stream, ms);
    publisher_detail(publisher, stream, &view);
    publisher_lease(publisher, stream, &view);
}

static void quiet(struct publisher *publisher, uint32_t stream, int64_t ms, uint64_t limit_ms)
{
    struct stream_view view = leased(stream, -1000);
    view.quiet_until_ns = from_now(ms);
    view.silence_provable_ns = limit_ms * NS_PER_MS;
    publisher_detail(publisher, stream, &view);
    publisher_lease(publisher, stream, &view);
}

static void debt(struct publisher *publisher, uint32_t stream, uint64_t state, uint64_t waits)
{
    struct stream_view view = leased(stream, 1000);
    view.book_debt = state;
    view.book_debt_waits = waits;
    view.book_allowance_ns = 150 * NS_PER_MS;
    publisher_detail(publisher, stream, &view);
    publisher_lease(publisher, stream, &view);
}

static void revoke(struct publisher *publisher, uint32_t stream, uint64_t kind)
{
    const struct stream_view view = {
        .revoked_by = kind, .lost_count = ++lost_counts[stream], .open_faults = 1ULL << kind};
    publisher_detail(publisher, stream, &view);
    publisher_lease(publisher, stream, &view);
    const struct finding finding = {.kind = FINDING_REVOKE,
                                    .fault_kind = (uint8_t)kind,
                                    .fault_id = 1,
                                    .stream = stream,
                                    .at_ns = clock_mono_ns()};
    publisher_finding(publisher, &finding, clock_mono_ns());
}

static void
fault(struct publisher *publisher, uint8_t what, uint64_t id, uint64_t kind, uint32_t stream)
{
    const uint64_t now = clock_mono_ns();
    const struct finding finding = {.kind = what,
                                    .fault_kind = (uint8_t)kind,
                                    .scope = FLATLINE_SCOPE_STREAM,
                                    .blame = FLATLINE_SCOPE_VENUE,
                                    .confidence = 100,
                                    .connection = 1,
                                    .stream = stream,
                                    .fault_id = id,
                                    .onset_ns = now - NS_PER_S,
                                    .at_ns = now,
                                    .cleared_ns = what == FINDING_CLEAR ? now : 0,
                                    .count = 1,
                                    .evidence = {1, 2, 3, 4, 5, (uint64_t)-6},
                                    .text = "venue's \"words\""};
    publisher_finding(publisher, &finding, now);
}

static void events(struct publisher *publisher, uint64_t count)
{
    const struct finding lapse = {.kind = FINDING_LAPSE, .stream = 0, .at_ns = clock_mono_ns()};
    for (uint64_t i = 0; i < count; i++) {
        publisher_finding(publisher, &lapse, clock_mono_ns());
    }
}

/* publisher_finding() dates a renewal by its end. */
static void
change(struct publisher *publisher, uint8_t what, uint32_t stream, int64_t ms_ago, uint64_t kind)
{
    const uint64_t at = from_now(-ms_ago);
    const struct finding finding = {.kind = what,
                                    .fault_kind = (uint8_t)kind,
                                    .fault_id = kind != 0 ? 1 : 0,
                                    .stream = stream,
                                    .onset_ns = at,
                                    .at_ns = at};
    publisher_finding(publisher, &finding, clock_mono_ns());
}

static void advise(struct publisher *publisher, uint32_t gate, uint64_t kind, int64_t ms)
{
    static struct flatline_gate_advice lines[ARRAY_COUNT(gates)];
    static uint64_t serial;
    struct flatline_gate_advice *line = &lines[gate];
    serial++;
    if (kind == FLATLINE_ADVICE_BREAKER) {
        line->breaker_until_mono_ns = from_now(ms);
        line->breaker_serial = serial;
    } else {
        line->pause_until_mono_ns = from_now(ms);
        line->pause_serial = serial;
    }
    publisher_gate_advice(publisher, gate, line);
}

/* Returns false for "stop" and for what it does not know. */
static bool obey(struct publisher *publisher, const char *line)
{
    uint32_t stream;
    uint64_t id;
    uint64_t kind;
    int64_t ms;
    if (sscanf(line, "lease %" SCNu32 " %" SCNd64, &stream, &ms) == 2 &&
        stream < ARRAY_COUNT(cast_streams)) {
        lease(publisher, stream, ms);
    } else if (sscanf(line, "quiet %" SCNu32 " %" SCNd64 " %" SCNu64, &stream, &ms, &id) == 3 &&
               stream < ARRAY_COUNT(cast_streams)) {
        quiet(publisher, stream, ms, id);
    } else if (sscanf(line, "debt %" SCNu32 " %" SCNu64 " %" SCNu64, &stream, &kind, &id) == 3 &&
               stream < ARRAY_COUNT(cast_streams)) {
        debt(publisher, stream, kind, id);
    } else if (sscanf(line, "revoke %" SCNu32 " %" SCNu64, &stream, &kind) == 2 &&
               stream < ARRAY_COUNT(cast_streams)) {
        revoke(publisher, stream, kind);
    } else if (sscanf(line, "beat %" SCNd64, &ms) == 1) {
        publisher_beat(publisher, clock_mono_ns(), clock_mono_ns(), (uint64_t)ms * NS_PER_MS);
    } else if (sscanf(line, "fault %" SCNu64 " %" SCNu64 " %" SCNu32, &id, &kind, &stream) == 3) {
        fault(publisher, FINDING_FAULT, id, kind, stream);
    } else if (sscanf(line, "clear %" SCNu64 " %" SCNu64 " %" SCNu32, &id, &kind, &stream) == 3) {
        fault(publisher, FINDING_CLEAR, id, kind, stream);
    } else if (sscanf(line, "event %" SCNu64, &id) == 1) {
        events(publisher, id);
    } else if (sscanf(line, "lapse %" SCNu32 " %" SCNd64 " %" SCNu64, &stream, &ms, &kind) == 3) {
        change(publisher, kind != 0 ? FINDING_REVOKE : FINDING_LAPSE, stream, ms, kind);
    } else if (sscanf(line, "renew %" SCNu32 " %" SCNd64, &stream, &ms) == 2) {
        change(publisher, FINDING_RENEW, stream, ms, 0);
    } else if (sscanf(line, "advise %" SCNu32 " %" SCNu64 " %" SCNd64, &stream, &kind, &ms) == 3 &&
               stream < ARRAY_COUNT(gates)) {
        advise(publisher, stream, kind, ms);
    } else if (strncmp(line, "error ", 6) == 0) {
        publisher_error(publisher, line + 6, clock_mono_ns());
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    char text[PUBLISHER_ERROR_TEXT_BYTES];
    char line[256];
    struct publisher *publisher;
    if (argc != 3) {
        (void)fputs("usage: segment_puppet DIRECTORY NAME\n", stderr);
        return 2;
    }
    const struct publisher_config config = {.directory = argv[1],
                                            .name = argv[2],
                                            .group = (gid_t)-1,
                                            .streams = cast_streams,
                                            .stream_count = ARRAY_COUNT(cast_streams),
                                            .connections = cast_connections,
                                            .connection_count = ARRAY_COUNT(cast_connections),
                                            .gates = gates,
                                            .gate_count = ARRAY_COUNT(gates),
                                            .events_max = 16,
                                            .histograms = true,
                                            .counter_names = counters,
                                            .counter_count = ARRAY_COUNT(counters)};
    if (publisher_create(&config, &publisher, text) != 0) {
        (void)fprintf(stderr, "%s\n", text);
        return 1;
    }
    (void)puts("ok");
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!obey(publisher, line)) {
            publisher_destroy(publisher);
            return strcmp(line, "stop") == 0 ? 0 : 2;
        }
        (void)puts("ok");
        (void)fflush(stdout);
    }
    return 0; /* without a word: what a kill leaves */
}
