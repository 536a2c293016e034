/* SPDX-License-Identifier: MIT
 *
 * How many recorded frames a second go through replay on one core, decompression included.
 *
 *     bench_replay [--rounds N] FILE...
 *
 * For each file and round two passes over the whole file, each from open to close: reading only
 * (zstd and the splitting of lines), and everything (reading, codec, detector, histograms,
 * findings). The best round counts: on a shared machine the others measure the neighbours. All
 * rounds' median is printed beside it.
 */
#include "core/base.h"
#include "core/clock.h"
#include "tools/capture.h"
#include "tools/replay_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 99

struct pass {
    uint64_t frames;
    uint64_t text_bytes;
    uint64_t lasted_ns;
    uint64_t findings;
};

static void lapse_count(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns)
{
    (void)stream;
    (void)at_ns;
    (void)until_ns;
    ++*(uint64_t *)context;
}

static void fault_count(void *context,
                        const char *stream,
                        const char *connection,
                        const struct finding *finding)
{
    (void)stream;
    (void)connection;
    (void)finding;
    ++*(uint64_t *)context;
}

static bool lines_read(struct capture *capture, struct pass *pass)
{
    struct capture_line line;
    int status;
    while ((status = capture_next(capture, &line)) > 0) {
        pass->frames += line.kind == CAPTURE_FRAME;
    }
    return status == 0;
}

static bool lines_replay(struct capture *capture, struct pass *pass)
{
    struct replay_options options = {.venue = FLATLINE_VENUE_BINANCE_SPOT};
    const struct replay_sink sink = {&pass->findings, lapse_count, fault_count};
    struct replay *replay = NULL;
    struct capture_line line;
    int status = 0;
    while (status == 0 && (status = capture_next(capture, &line)) > 0) {
        if (replay == NULL) { /* the first frame decides, else it is spot's bookTicker */
            (void)codec_guess_venue(line.frame, &options.venue);
            replay = replay_create(&options, &sink);
        }
        status = replay == NULL ? -1 : replay_line(replay, &line);
    }
    if (replay != NULL) {
        replay_finish(replay);
        pass->frames = replay_totals(replay)->frames;
    }
    replay_destroy(replay);
    return status == 0;
}

static bool
pass_run(const char *path, bool (*work)(struct capture *, struct pass *), struct pass *ret_pass)
{
    struct capture *capture;
    *ret_pass = (struct pass){0};
    const uint64_t begin_ns = clock_mono_ns();
    if (capture_open(path, &capture) < 0) {
        return false;
    }
    const bool good = work(capture, ret_pass);
    ret_pass->text_bytes = capture_text_bytes(capture);
    capture_close(capture);
    ret_pass->lasted_ns = clock_mono_ns() - begin_ns;
    return good;
}

static int compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

struct series {
    uint64_t read_ns[ROUNDS_MAX];
    uint64_t whole_ns[ROUNDS_MAX];
    struct pass pass;
};

static void series_print(const char *name, struct series *series, int rounds)
{
    qsort(series->read_ns, (size_t)rounds, sizeof(uint64_t), compare_u64);
    qsort(series->whole_ns, (size_t)rounds, sizeof(uint64_t), compare_u64);
    const double frames = (double)series->pass.frames;
    const uint64_t median_ns = series->whole_ns[rounds / 2];
    const double best_ns = (double)series->whole_ns[0];
    (void)printf("%-34s %8" PRIu64 " %7.1f %8.3f %8.3f %9.0f %9.0f %9.0f\n",
                 name,
                 series->pass.frames,
                 (double)series->pass.text_bytes / 1e6,
                 frames / best_ns * 1e3,
                 frames / (double)median_ns * 1e3,
                 best_ns / frames,
                 (double)series->read_ns[0] / frames,
                 (double)series->pass.text_bytes / best_ns * 1e3);
}

static bool file_measure(const char *path, int rounds, struct series *series)
{
    for (int round = 0; round < rounds; round++) {
        struct pass reading;
        if (!pass_run(path, lines_read, &reading) || !pass_run(path, lines_replay, &series->pass)) {
            return false;
        }
        series->read_ns[round] = reading.lasted_ns;
        series->whole_ns[round] = series->pass.lasted_ns;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct series one;
    static struct series all;
    int rounds = 5;
    int at = 1;
    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = (int)strtol(argv[2], NULL, 10); /* 0 where it is no number */
        at = 3;
    }
    if (at >= argc || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fputs("usage: bench_replay [--rounds N] FILE...\n", stderr);
        return 2;
    }
    (void)printf("%-34s %8s %7s %8s %8s %9s %9s %9s\n",
                 "file",
                 "frames",
                 "MB",
                 "Mfr/s",
                 "median",
                 "ns/frame",
                 "reading",
                 "MB/s");
    for (; at < argc; at++) {
        if (!file_measure(argv[at], rounds, &one)) {
            (void)fprintf(stderr, "bench_replay: %s cannot be replayed\n", argv[at]);
            return 1;
        }
        for (int round = 0; round < rounds; round++) {
            all.read_ns[round] += one.read_ns[round];
            all.whole_ns[round] += one.whole_ns[round];
        }
        all.pass.frames += one.pass.frames;
        all.pass.text_bytes += one.pass.text_bytes;
        const char *slash = strrchr(argv[at], '/');
        series_print(slash == NULL ? argv[at] : slash + 1, &one, rounds);
    }
    series_print("all", &all, rounds);
    return 0;
}
