/* SPDX-License-Identifier: MIT
 *
 * situations.c - makes the two golden segments that all readers are asked about: by the real publisher, at chosen times soon after
 * a boot, then the few words that tell of this machine set to fixed values. transcript.txt damages copies of them further.
 *
 *   running.bin    a sentinel at work: streams fresh, lapsed, revoked, never fed, absurd, quiet, suspect; gates of them
 *   successor.bin  its successor: another order of streams, other leases
 *
 * usage: situations DIRECTORY
 */
#include "core/base.h"
#include "core/publisher.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT   (1 * NS_PER_S) /* so early that no machine finds it in its future */
#define NAME "being-made"

#define STREAM(full_name, of_venue)                                                                \
    {                                                                                              \
        .name = (full_name), .venue = (of_venue), .stale_after_ns = 3 * NS_PER_S                   \
    }

static const struct publisher_stream streams[] = {
    STREAM("binance-usdm/BTCUSDT/depth@100ms", FLATLINE_VENUE_BINANCE_USDM),
    STREAM("binance-usdm/ETHUSDT/depth@100ms", FLATLINE_VENUE_BINANCE_USDM),
    STREAM("okx/BTC-USDT/books", FLATLINE_VENUE_OKX),
    STREAM("okx/ETH-USDT/books", FLATLINE_VENUE_OKX),
    STREAM("okx/BTC-USDT/trades", FLATLINE_VENUE_OKX),
    STREAM("binance-spot/BTCUSDT/bookTicker", FLATLINE_VENUE_BINANCE_SPOT),
    STREAM("okx/THIN-USDT/books", FLATLINE_VENUE_OKX),
    STREAM("okx/OWES-USDT/books", FLATLINE_VENUE_OKX),
};

enum { FRESH, FRESH_TOO, LAPSED, REVOKED, NEVER, ABSURD, QUIET, SUSPECT };

#define TIGHT (-(int64_t)(2900 * NS_PER_MS))
static const struct flatline_gate_member members[][3] = {
    {{.stream = FRESH}, {.stream = FRESH_TOO}},
    {{.stream = FRESH}, {.stream = NEVER}, {.stream = LAPSED}},
    {{.stream = LAPSED}, {.stream = REVOKED}, {.stream = NEVER}},
    {{.stream = REVOKED}, {.stream = ABSURD}},
    {{.stream = FRESH}, {.stream = FRESH_TOO, .stale_adjust_ns = TIGHT}},
    {{.stream = LAPSED, .stale_adjust_ns = 2 * NS_PER_S}},
    {{.stream = REVOKED, .stale_adjust_ns = 2 * NS_PER_S}},
    {{.stream = FRESH}, {.stream = QUIET}},
    {{.stream = FRESH, .quiet_hold_ms = 100}, {.stream = QUIET, .quiet_hold_ms = 100}},
    {{.stream = QUIET, .quiet_hold_ms = UINT32_MAX, .stale_adjust_ns = -(int64_t)(50 * NS_PER_MS)}},
    {{.stream = QUIET}, {.stream = SUSPECT, .quiet_hold_ms = 30000}, {.stream = LAPSED}},
    {{.stream = LAPSED, .quiet_hold_ms = 30000}},
    {{.stream = REVOKED, .quiet_hold_ms = 30000}},
    {{.stream = ABSURD, .quiet_hold_ms = 30000}, {.stream = NEVER, .quiet_hold_ms = 30000}},
};
static const struct publisher_gate gates[] = {
    {.name = "fresh", .members = members[0], .member_count = 2},
    {.name = "lapsed", .members = members[1], .member_count = 3},
    {.name = "revoked", .members = members[2], .member_count = 3},
    {.name = "absurd", .members = members[3], .member_count = 2},
    {.name = "tight", .members = members[4], .member_count = 2},
    {.name = "loose", .members = members[5], .member_count = 1},
    {.name = "loose/revoked", .members = members[6], .member_count = 1},
    {.name = "quiet", .members = members[7], .member_count = 2},
    {.name = "held", .members = members[8], .member_count = 2},
    {.name = "held/tight", .members = members[9], .member_count = 1},
    {.name = "held/suspect", .members = members[10], .member_count = 3},
    {.name = "held/lapsed", .members = members[11], .member_count = 1},
    {.name = "held/revoked", .members = members[12], .member_count = 1},
    {.name = "held/absurd", .members = members[13], .member_count = 2},
};

static const struct publisher_stream successor_streams[] = {
    STREAM("okx/BTC-USDT/books", FLATLINE_VENUE_OKX),
    STREAM("binance-usdm/BTCUSDT/depth@100ms", FLATLINE_VENUE_BINANCE_USDM),
};
static const struct flatline_gate_member successor_members[] = {{.stream = 1}};
static const struct publisher_gate successor_gates[] = {
    {.name = "other", .members = successor_members, .member_count = 1},
    {.name = "fresh", .members = successor_members, .member_count = 1},
};

/* A stream whose newest frame came at `recv_ns`. */
static void publish(struct publisher *publisher, uint32_t stream, uint64_t recv_ns, uint64_t id)
{
    const struct stream_view view = {.lease_until_ns = recv_ns + 3 * NS_PER_S,
                                     .due_id = id - 1,
                                     .frontier_id = id,
                                     .last_recv_ns = recv_ns,
                                     .last_newer_ns = recv_ns,
                                     .last_exch_wall_ns = -5,
                                     .bid_e8 = 6512340000000,
                                     .ask_e8 = -1,
                                     .excess_lag_ns = 3 * NS_PER_MS,
                                     .lost_count = 1,
                                     .frames = 7,
                                     .gaps = 2,
                                     .resets = 3,
                                     .regressed = 4,
                                     .repeated = 5,
                                     .absurd = 6,
                                     .lapses = 8,
                                     .lapsed_ns = 9,
                                     .lapsed_since_ns = 10,
                                     .open_faults = 1ULL << FLATLINE_FAULT_GAP,
                                     .legs = 2,
                                     .legs_up = 1,
                                     .ever_leased = true};
    publisher_detail(publisher, stream, &view);
    publisher_lease(publisher, stream, &view);
}

static void publish_running(struct publisher *publisher)
{
    const struct stream_view revoked = {.revoked_by = FLATLINE_FAULT_DOWN, .lost_count = 2};
    const struct stream_view absurd = {.lease_until_ns = AT + 3 * 3600 * NS_PER_S};
    publish(publisher, FRESH, AT, 1ULL << 53 | 1);
    publish(publisher, FRESH_TOO, AT, 42);
    const struct stream_view lapsed = {.lease_until_ns = AT, .due_id = 42};
    publisher_lease(publisher, LAPSED, &lapsed);
    publisher_lease(publisher, REVOKED, &revoked);
    const struct stream_view quiet = {.lease_until_ns = AT, .quiet_until_ns = AT + 200 * NS_PER_MS};
    const struct stream_view suspect = {.lease_until_ns = AT, .quiet_until_ns = AT - 1};
    publisher_lease(publisher, QUIET, &quiet);
    publisher_lease(publisher, SUSPECT, &suspect);
    publisher_lease(publisher, ABSURD, &absurd);
    publisher_beat(publisher, AT, AT, 250 * NS_PER_MS);
}

static void publish_successor(struct publisher *publisher)
{
    publish(publisher, 0, AT, 99);
    publish(publisher, 1, AT + NS_PER_S, 100);
    publisher_beat(publisher, AT, AT, 250 * NS_PER_MS);
}

/* What tells of this machine and moment. */
static void neutralize(uint8_t *map, uint64_t epoch)
{
    struct flatline_header *header = (void *)map;
    header->epoch = epoch;
    header->writer_pid = 4242;
    header->writer_start_ticks = 100;
    header->created_mono_ns = AT - 1;
    header->created_wall_ns = 1700000000000000000;
    header->boottime_offset_ns = 0;
    struct flatline_event_slot *first =
        (void *)(map + header->sections[FLATLINE_SECTION_EVENTS].offset_bytes);
    first->at_mono_ns = AT - 1;
    first->seen_mono_ns = AT - 1;
}

/* Writes a copy of the live segment, made neutral, to `path`. */
static int keep(const char *live, const char *path, uint64_t epoch)
{
    const int fd = open(live, O_RDONLY | O_CLOEXEC);
    const off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    const size_t bytes = length > 0 ? (size_t)length : 0;
    uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED) {
        return 1;
    }
    neutralize(map, epoch);
    FILE *file = fopen(path, "we");
    const bool written = file != NULL && fwrite(map, bytes, 1, file) == 1 && fclose(file) == 0;
    return munmap(map, bytes) != 0 || !written;
}

static int
make(const char *directory, const char *file, struct publisher_config config, uint64_t epoch)
{
    char text[PUBLISHER_ERROR_TEXT_BYTES];
    char live[PATH_MAX];
    char kept[PATH_MAX];
    struct publisher *publisher;
    config.directory = directory;
    config.name = NAME;
    config.group = (gid_t)-1;
    config.faults_max = 1;
    config.events_max = 2;
    if (publisher_create(&config, &publisher, text) != 0) {
        (void)fprintf(stderr, "situations: %s\n", text);
        return 1;
    }
    (epoch == 1 ? publish_running : publish_successor)(publisher);
    (void)snprintf(live, sizeof(live), "%s/" NAME, directory);
    (void)snprintf(kept, sizeof(kept), "%s/%s", directory, file);
    const int error = keep(live, kept, epoch);
    publisher_destroy(publisher);
    return error;
}

int main(int argc, char **argv)
{
    char lock[PATH_MAX];
    if (argc != 2) {
        (void)fputs("usage: situations DIRECTORY\n", stderr);
        return 2;
    }
    const struct publisher_config running = {.streams = streams,
                                             .stream_count = ARRAY_COUNT(streams),
                                             .gates = gates,
                                             .gate_count = ARRAY_COUNT(gates)};
    const struct publisher_config successor = {.streams = successor_streams,
                                               .stream_count = ARRAY_COUNT(successor_streams),
                                               .gates = successor_gates,
                                               .gate_count = ARRAY_COUNT(successor_gates)};
    const int error = make(argv[1], "running.bin", running, 1) != 0 ||
                      make(argv[1], "successor.bin", successor, 2) != 0;
    (void)snprintf(lock, sizeof(lock), "%s/" NAME ".lock", argv[1]);
    (void)unlink(lock);
    return error;
}
