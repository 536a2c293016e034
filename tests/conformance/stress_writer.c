/* SPDX-License-Identifier: MIT
 *
 * stress_writer.c - publishes one stream as fast as readers can still follow, until standard input ends: the n-th publication has n
 * in every word of its detail slot but the flag at its end, and n in both halves of the lone word due_id. Whoever sees two numbers in one copy has a torn
 * read. Says "ok" once there is something to read, and at the end how many there were.
 *
 * usage: stress_writer DIRECTORY NAME
 */
#include "core/base.h"
#include "core/clock.h"
#include "core/publisher.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define PAUSE_NS_MASK  4095U /* up to 4 us between publications: enough for the slowest reader */
#define BURST          4096U
#define BOTH_HALVES(n) ((n) << 32 | (n))

static void publish(struct publisher *publisher, uint64_t n)
{
    const struct stream_view view = {.lease_until_ns = BOTH_HALVES(n),
                                     .due_id = BOTH_HALVES(n),
                                     .frontier_id = n,
                                     .last_recv_ns = n,
                                     .last_newer_ns = n,
                                     .last_exch_wall_ns = (int64_t)n,
                                     .bid_e8 = (int64_t)n,
                                     .ask_e8 = (int64_t)n,
                                     .excess_lag_ns = n,
                                     .lost_count = n,
                                     .frames = n,
                                     .gaps = n,
                                     .resets = n,
                                     .regressed = n,
                                     .repeated = n,
                                     .absurd = n,
                                     .lapses = n,
                                     .lapsed_ns = n,
                                     .lapsed_since_ns = n,
                                     .open_faults = n,
                                     .legs = (uint32_t)n,
                                     .legs_up = (uint32_t)n};
    publisher_detail(publisher, 0, &view);
    publisher_lease(publisher, 0, &view);
}

static void pause_for(uint64_t ns)
{
    const uint64_t until = clock_mono_ns() + ns;
    while (clock_mono_ns() < until) {
    }
}

static bool input_has_ended(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

int main(int argc, char **argv)
{
    static const struct publisher_stream streams[] = {{.name = "stress", .stale_after_ns = 1}};
    static const struct flatline_gate_member members[] = {{.stream = 0}};
    static const struct publisher_gate gates[] = {
        {.name = "stress", .members = members, .member_count = 1}};
    char text[PUBLISHER_ERROR_TEXT_BYTES];
    struct publisher *publisher;
    if (argc != 3) {
        (void)fputs("usage: stress_writer DIRECTORY NAME\n", stderr);
        return 2;
    }
    const struct publisher_config config = {.directory = argv[1],
                                            .name = argv[2],
                                            .group = (gid_t)-1,
                                            .streams = streams,
                                            .stream_count = 1,
                                            .gates = gates,
                                            .gate_count = 1};
    if (publisher_create(&config, &publisher, text) != 0) {
        (void)fprintf(stderr, "stress_writer: %s\n", text);
        return 1;
    }
    uint64_t n = 1;
    uint64_t random = 88172645463325252U;
    publish(publisher, n);
    (void)puts("ok");
    (void)fflush(stdout);
    while (!input_has_ended()) {
        const uint64_t now = clock_mono_ns();
        publisher_beat(publisher, now, now, 5 * NS_PER_S);
        for (uint32_t i = 0; i < BURST; i++) {
            n = n % UINT32_MAX + 1;
            publish(publisher, n);
            random ^= random << 13; /* xorshift: pauses that no reader can fall in step with */
            random ^= random >> 7;
            random ^= random << 17;
            pause_for(random & PAUSE_NS_MASK);
        }
    }
    (void)printf("%" PRIu64 "\n", n);
    publisher_destroy(publisher);
    return 0;
}
