/* SPDX-License-Identifier: MIT
 *
 * bench_reader.c - what a look and an echo cost an engine, and what a publication costs the judge.
 *
 * Method: one thread, a segment in /dev/shm published by the real publisher and mapped by the real
 * reader (two mappings of one file). Each figure is the median over ROUNDS rounds of (time of a
 * round / looks in it); the best round stands beside it. The line is not written meanwhile: a line
 * just written by another core costs its transfer (~150 ns) on top, whatever the reader does.
 *
 * usage: bench_reader [--json]
 */
#include "core/base.h"
#include "core/clock.h"
#include "core/publisher.h"
#include "flatline/engine.h"
#include "flatline/flatline.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS  31
#define LOOKS   1000000U
#define HOUR_NS (3600 * NS_PER_S)

struct bench {
    struct publisher *publisher;
    struct flatline *reader;
    struct flatline_stream stream;
    struct flatline_gate gate;
    struct stream_view view;
    struct flatline_engine *engine;
    struct flatline_engine_echo *echo;
    struct flatline_engine_worker *worker;
    struct flatline_engine_latency *latency;
    struct flatline_engine_view *engine_view;
    uint64_t now_ns;
    uint64_t sink;
};

typedef void bench_loop(struct bench *bench, uint32_t count);

static void loop_look(struct bench *bench, uint32_t count)
{
    uint64_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        fresh += flatline_fresh(&bench->stream, bench->now_ns + i);
    }
    bench->sink += fresh;
}

static void loop_look_and_clock(struct bench *bench, uint32_t count)
{
    uint64_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        fresh += flatline_fresh(&bench->stream, flatline_now_mono_ns());
    }
    bench->sink += fresh;
}

static void loop_gate(struct bench *bench, uint32_t count)
{
    uint64_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        fresh += flatline_gate_fresh(&bench->gate, bench->now_ns + i);
    }
    bench->sink += fresh;
}

static void loop_snapshot(struct bench *bench, uint32_t count)
{
    struct flatline_snapshot snapshot;
    for (uint32_t i = 0; i < count; i++) {
        bench->sink += flatline_take_snapshot(&bench->stream, bench->reader, &snapshot) == 0;
        bench->sink += snapshot.detail.frames;
    }
}

static void loop_publish_lease(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bench->view.due_id = i;
        publisher_lease(bench->publisher, 0, &bench->view);
    }
}

static void loop_publish_detail(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bench->view.frames = i;
        publisher_detail(bench->publisher, 0, &bench->view);
    }
}

static void loop_echo(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        flatline_echo(bench->echo, i, bench->now_ns + i);
    }
}

static void loop_beat(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        flatline_beat(bench->worker, bench->now_ns + i);
    }
}

static void loop_latency(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        flatline_latency(bench->latency, (uint64_t)i << 10);
    }
}

/* What the engine watch does each 4 ms, but for the process's state: 64 slots. */
static void loop_engine_read(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 1000) {
        bench->sink += flatline_engine_view_read(bench->engine_view) == 0;
    }
}

static void loop_engine_life(struct bench *bench, uint32_t count)
{
    const struct flatline_engine_header *header = flatline_engine_view_header(bench->engine_view);
    for (uint32_t i = 0; i < count; i += 1000) {
        bench->sink += flatline_engine_life(header) == FLATLINE_ENGINE_ALIVE;
    }
}

static const struct {
    const char *name;
    bench_loop *loop;
} loops[] = {
    {"look", loop_look},
    {"look_and_clock", loop_look_and_clock},
    {"gate_of_3", loop_gate},
    {"snapshot", loop_snapshot},
    {"publish_lease", loop_publish_lease},
    {"publish_detail", loop_publish_detail},
    {"echo", loop_echo},
    {"beat", loop_beat},
    {"latency", loop_latency},
    {"engine_read/1000", loop_engine_read},
    {"engine_life/1000", loop_engine_life},
};

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(struct bench *bench, const char *name, bench_loop *loop, bool json)
{
    double ns[ROUNDS];
    loop(bench, LOOKS); /* warm */
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t start = clock_mono_ns();
        loop(bench, LOOKS);
        ns[round] = (double)(clock_mono_ns() - start) / LOOKS;
    }
    qsort(ns, ROUNDS, sizeof(ns[0]), compare_doubles);
    (void)printf(json ? "{\"bench\":\"%s\",\"median_ns\":%.2f,\"best_ns\":%.2f,\"worst_ns\":%.2f}\n"
                      : "%-16s median %7.2f ns   best %7.2f   worst %7.2f\n",
                 name,
                 ns[ROUNDS / 2],
                 ns[0],
                 ns[ROUNDS - 1]);
}

static int bench_start(struct bench *bench, char name[32])
{
    static const struct publisher_stream streams[] = {
        {.name = "bench/A/book", .stale_after_ns = 1},
        {.name = "bench/B/book", .stale_after_ns = 1},
        {.name = "bench/C/book", .stale_after_ns = 1}};
    static const struct flatline_gate_member members[] = {
        {.stream = 0}, {.stream = 1}, {.stream = 2}};
    static const struct publisher_gate gates[] = {
        {.name = "all", .members = members, .member_count = 3}};
    char text[PUBLISHER_ERROR_TEXT_BYTES];
    (void)snprintf(name, 32, "flatline-bench-%d", (int)getpid());
    const struct publisher_config config = {.name = name,
                                            .group = (gid_t)-1,
                                            .streams = streams,
                                            .stream_count = 3,
                                            .gates = gates,
                                            .gate_count = 1};
    if (publisher_create(&config, &bench->publisher, text) != 0) {
        (void)fprintf(stderr, "bench_reader: %s\n", text);
        return 1;
    }
    bench->now_ns = clock_mono_ns();
    bench->view = (struct stream_view){.lease_until_ns = bench->now_ns + HOUR_NS, .frames = 1};
    for (uint32_t i = 0; i < 3; i++) {
        publisher_lease(bench->publisher, i, &bench->view);
        publisher_detail(bench->publisher, i, &bench->view);
    }
    publisher_beat(bench->publisher, bench->now_ns, bench->now_ns, 9 * NS_PER_S);
    return flatline_attach(name, &bench->reader) != 0 ||
           flatline_stream_at(bench->reader, 0, &bench->stream) != 0 ||
           flatline_gate_at(bench->reader, 0, &bench->gate) != 0;
}

static int engine_start(struct bench *bench, const char *segment)
{
    if (flatline_engine_create(segment, "bench", NULL, &bench->engine) != 0) {
        return 1;
    }
    (void)flatline_declare_stream(bench->engine, "bench/A/book", &bench->echo);
    (void)flatline_declare_latency(bench->engine, "round trip", 60 * NS_PER_S, &bench->latency);
    for (uint32_t i = 0; i < 62; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "worker %u", i);
        (void)flatline_declare_worker(bench->engine, name, NS_PER_MS, &bench->worker);
    }
    return flatline_engine_view_open(flatline_engine_path(bench->engine), &bench->engine_view);
}

int main(int argc, char **argv)
{
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    char name[32];
    char lock[64];
    struct bench bench = {.sink = 0};
    const int error = bench_start(&bench, name) != 0 ? 1 : engine_start(&bench, name);
    for (size_t i = 0; error == 0 && i < ARRAY_COUNT(loops); i++) {
        measure(&bench, loops[i].name, loops[i].loop, json);
    }
    flatline_engine_view_close(bench.engine_view);
    flatline_engine_close(bench.engine);
    flatline_detach(bench.reader);
    publisher_destroy(bench.publisher);
    (void)snprintf(lock, sizeof(lock), FLATLINE_DEFAULT_DIRECTORY "/%s.lock", name);
    (void)unlink(lock);
    return error != 0 || bench.sink == 0 ? 1 : 0;
}
