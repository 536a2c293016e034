/* SPDX-License-Identifier: MIT
 *
 * bench_cost.c - what all evidence costs a frame: recorded frames through codec and detector with
 * debt, book levels and learned silences, and in the same run without.
 *
 *     bench_cost [--rounds N] [--only all|off|codec] FILE...
 *
 * The frames lie in memory, and go through three pipelines in turns, a thousand at a time: all on
 * (the live policy, every stream's silence learned), off (nobody owes, no silence is learned, no
 * levels are read), and the codec alone. What the judge takes is taken, findings and changed
 * streams; ring and segment are not in it. Each thousand is timed in each round; their medians, and
 * their best, are summed over the recording: on a shared machine the others measure the neighbours.
 *
 * --only runs one pipeline, which is for counting the instructions of frames_run(), and for
 * comparing with another commit: scripts/bench. Built with BENCH_COST_BEFORE it knows none of the
 * switches, for commits that have none.
 */
#include "core/base.h"
#include "core/clock.h"
#include "core/detector.h"
#include "feeds/channels.h"
#include "feeds/codec.h"
#include "feeds/names.h"
#include "tools/capture.h"

#ifndef BENCH_COST_BEFORE
#    include "core/silence.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX  201U
#define FRAMES_MAX  100000U
#define STREAMS_MAX 64U
#define PART_FRAMES 1000U
#define PARTS_MAX   (FRAMES_MAX / PART_FRAMES)

enum kind { KIND_ALL, KIND_OFF, KIND_CODEC, KINDS };

static const char *const KIND_NAMES[KINDS] = {"all", "off", "codec"};

struct frame {
    uint64_t recv_ns;
    struct span text;
};

/* A recording in memory. */
struct tape {
    const char *name;
    enum flatline_venue venue;
    struct names *names;
    struct frame *frames;
    uint32_t count;
};

struct pipeline {
    enum kind kind;
    struct codec codec;
    struct detector *detector;
    uint64_t faults;
};

/* ns of a part in a round. */
static uint64_t samples_ns[KINDS][PARTS_MAX][ROUNDS_MAX];

/* ---- the recording --------------------------------------------------------------------------- */

static bool frame_keep(struct tape *tape, const struct capture_line *line)
{
    char *text = malloc(line->frame.size_bytes);
    if (text == NULL || tape->count == FRAMES_MAX) {
        free(text);
        return false;
    }
    memcpy(text, line->frame.bytes, line->frame.size_bytes);
    tape->frames[tape->count++] =
        (struct frame){.recv_ns = line->recv_unix_ns, .text = {text, line->frame.size_bytes}};
    return true;
}

/* Meets all names before the clock runs. */
static void names_meet(struct tape *tape)
{
    const struct codec codec = {
        .venue = tape->venue, .names = tape->names, .open = true, .user_stream = EVENT_NO_STREAM};
    for (uint32_t i = 0; i < tape->count; i++) {
        struct event event;
        (void)codec_decode(&codec, tape->frames[i].text, &event);
    }
}

static bool tape_load(const char *path, struct tape *tape)
{
    const char *slash = strrchr(path, '/');
    struct capture *capture;
    struct capture_line line;
    int status = 0;
    bool kept = true;
    *tape = (struct tape){.name = slash == NULL ? path : slash + 1,
                          .venue = FLATLINE_VENUE_BINANCE_SPOT,
                          .names = names_create(STREAMS_MAX),
                          .frames = calloc(FRAMES_MAX, sizeof(*tape->frames))};
    if (tape->frames == NULL || tape->names == NULL || capture_open(path, &capture) < 0) {
        return false;
    }
    while (kept && (status = capture_next(capture, &line)) > 0) {
        kept = line.kind != CAPTURE_FRAME || frame_keep(tape, &line);
    }
    capture_close(capture);
    if (!kept || status != 0 || tape->count == 0) {
        return false;
    }
    (void)codec_guess_venue(tape->frames[0].text, &tape->venue); /* else spot's bookTicker */
    names_meet(tape);
    return true;
}

static void tape_free(struct tape *tape)
{
    for (uint32_t i = 0; i < tape->count; i++) {
        free((void *)(uintptr_t)tape->frames[i].text.bytes);
    }
    free(tape->frames);
    names_destroy(tape->names);
}

/* ---- all on, or off -------------------------------------------------------------------------- */

#ifdef BENCH_COST_BEFORE

static void policy_switch(struct detector_policy *policy, enum kind kind)
{
    (void)policy;
    (void)kind;
}

static void codec_switch(struct codec *codec, enum kind kind)
{
    (void)codec;
    (void)kind;
}

static void traits_switch(struct stream_traits *traits, enum kind kind)
{
    (void)traits;
    (void)kind;
}

static bool silence_teach(struct detector *detector, uint32_t stream)
{
    (void)detector;
    (void)stream;
    return true;
}

#else

static void policy_switch(struct detector_policy *policy, enum kind kind)
{
    policy->silent_every_ns = kind == KIND_OFF ? 0 : 30 * SILENCE_DAY_NS;
}

static void codec_switch(struct codec *codec, enum kind kind)
{
    codec->skips_levels = kind == KIND_OFF;
}

static void traits_switch(struct stream_traits *traits, enum kind kind)
{
    if (kind == KIND_OFF) {
        traits->book = 0;
        traits->owes = OWES_NOTHING;
    }
}

/* Three days of a market whose tail is heavy: its limits are fitted, and never reached here. */
static bool silence_teach(struct detector *detector, uint32_t stream)
{
    struct silence_tail tail = {.observed_ns = 3 * SILENCE_DAY_NS};
    for (uint32_t bin = 0; bin < SILENCE_BINS / 2; bin++) {
        tail.counts[bin] = (100000U >> (bin / 4)) * SILENCE_WEIGHT;
        tail.total += 2ULL * tail.counts[bin];
    }
    return detector_silence(detector, stream) == NULL ||
           detector_recall_silence(detector, stream, &tail);
}

#endif

static bool stream_add(struct pipeline *pipeline, uint32_t stream)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    struct stream_traits traits;
    if (!names_split(names_text(pipeline->codec.names, stream), &venue, &symbol, &channel)) {
        return false;
    }
    channel_traits(venue, symbol, channel, &traits);
    traits_switch(&traits, pipeline->kind);
    return detector_add_stream(pipeline->detector, &traits) >= 0 &&
           detector_add_leg(pipeline->detector, stream, 0) >= 0 &&
           silence_teach(pipeline->detector, stream);
}

static bool pipeline_start(struct pipeline *pipeline, const struct tape *tape, enum kind kind)
{
    const struct detector_limits limits = {
        .streams_max = STREAMS_MAX, .connections_max = 1, .legs_max = STREAMS_MAX};
    const struct event up = {.recv_mono_ns = tape->frames[0].recv_ns,
                             .stream = EVENT_NO_STREAM,
                             .kind = EVENT_CONNECTION_UP,
                             .link = {.epoch = 1}};
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    policy_switch(&policy, kind);
    *pipeline = (struct pipeline){
        .kind = kind,
        .codec = {.venue = tape->venue, .names = tape->names, .user_stream = EVENT_NO_STREAM},
        .detector = detector_create(&limits, &policy)};
    codec_switch(&pipeline->codec, kind);
    bool added = pipeline->detector != NULL &&
                 detector_add_connection(pipeline->detector, tape->venue, 0) == 0;
    for (uint32_t i = 0; added && i < names_count(tape->names); i++) {
        added = stream_add(pipeline, i);
    }
    if (added) {
        detector_apply(pipeline->detector, &up);
    }
    return added;
}

/* ---- a part of it ---------------------------------------------------------------------------- */

static void outbox_empty(struct pipeline *pipeline)
{
    struct finding finding;
    while (detector_take(pipeline->detector, &finding)) {
        pipeline->faults += finding.kind == FINDING_FAULT;
    }
    while (detector_next_changed(pipeline->detector) != EVENT_NO_STREAM) {
    }
}

static void frame_run(struct pipeline *pipeline, const struct frame *frame)
{
    struct event event = {.recv_mono_ns = frame->recv_ns};
    if (codec_decode(&pipeline->codec, frame->text, &event) != CODEC_DATA ||
        pipeline->kind == KIND_CODEC) {
        return;
    }
    if (detector_next_deadline(pipeline->detector) <= frame->recv_ns) {
        detector_watermark(pipeline->detector, 0, 1, frame->recv_ns);
        (void)detector_tick(pipeline->detector, frame->recv_ns);
    }
    detector_apply(pipeline->detector, &event);
    outbox_empty(pipeline);
}

/* What is timed, and by its name counted. */
__attribute__((noinline)) static void
frames_run(struct pipeline *pipeline, const struct frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        frame_run(pipeline, &frames[i]);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static uint32_t parts_of(const struct tape *tape)
{
    return (tape->count + PART_FRAMES - 1U) / PART_FRAMES;
}

/* Each pipeline is before and behind each other one as often as not. */
static void
round_run(struct pipeline pipelines[KINDS], const struct tape *tape, uint32_t round, uint32_t set)
{
    for (uint32_t part = 0; part < parts_of(tape); part++) {
        const uint32_t first = part * PART_FRAMES;
        const uint32_t left = tape->count - first;
        const uint32_t count = left < PART_FRAMES ? left : PART_FRAMES;
        for (uint32_t i = 0; i < KINDS; i++) {
            const uint32_t kind = (i + part + round) % KINDS;
            if ((set >> kind & 1U) != 0) {
                const uint64_t begin_ns = clock_mono_ns();
                frames_run(&pipelines[kind], &tape->frames[first], count);
                samples_ns[kind][part][round] = clock_mono_ns() - begin_ns;
            }
        }
    }
}

static bool tape_run(const struct tape *tape, uint32_t rounds, uint32_t set)
{
    bool good = true;
    for (uint32_t round = 0; good && round < rounds; round++) {
        struct pipeline pipelines[KINDS] = {0};
        for (uint32_t kind = 0; good && kind < KINDS; kind++) {
            good = pipeline_start(&pipelines[kind], tape, (enum kind)kind);
        }
        if (good) {
            round_run(pipelines, tape, round, set);
        }
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            good = good && pipelines[kind].faults == 0; /* nothing is wrong with these days */
            detector_destroy(pipelines[kind].detector);
        }
    }
    return good;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct cost {
    double median_ns; /* a frame */
    double best_ns;
};

static struct cost cost_of(const struct tape *tape, uint32_t kind, uint32_t rounds)
{
    uint64_t median_ns = 0;
    uint64_t best_ns = 0;
    for (uint32_t part = 0; part < parts_of(tape); part++) {
        qsort(samples_ns[kind][part], rounds, sizeof(uint64_t), by_value);
        median_ns += samples_ns[kind][part][rounds / 2U];
        best_ns += samples_ns[kind][part][0];
    }
    return (struct cost){(double)median_ns / tape->count, (double)best_ns / tape->count};
}

static void table_head(void)
{
    (void)printf("%-30s %7s %6s  %8s %8s %8s %7s %7s\n",
                 "ns a frame",
                 "frames",
                 "",
                 "codec",
                 "off",
                 "all on",
                 "more",
                 "ratio");
}

static void table_row(const struct tape *tape, uint32_t rounds)
{
    const struct cost codec = cost_of(tape, KIND_CODEC, rounds);
    const struct cost off = cost_of(tape, KIND_OFF, rounds);
    const struct cost all = cost_of(tape, KIND_ALL, rounds);
    (void)printf("%-30s %7u median  %8.1f %8.1f %8.1f %7.1f %7.3f\n",
                 tape->name,
                 tape->count,
                 codec.median_ns,
                 off.median_ns,
                 all.median_ns,
                 all.median_ns - off.median_ns,
                 all.median_ns / off.median_ns);
    (void)printf("%-30s %7s best    %8.1f %8.1f %8.1f %7.1f %7.3f\n",
                 "",
                 "",
                 codec.best_ns,
                 off.best_ns,
                 all.best_ns,
                 all.best_ns - off.best_ns,
                 all.best_ns / off.best_ns);
}

static uint32_t kind_of(const char *name)
{
    uint32_t kind = 0;
    while (kind < KINDS && strcmp(name, KIND_NAMES[kind]) != 0) {
        kind++;
    }
    return kind;
}

static bool file_measure(const char *path, uint32_t rounds, uint32_t only)
{
    struct tape tape;
    const uint32_t set = only < KINDS ? 1U << only : (1U << KINDS) - 1U;
    const bool good = tape_load(path, &tape) && tape_run(&tape, rounds, set);
    if (!good) {
        (void)fprintf(stderr, "bench_cost: %s: cannot be run, or has faults\n", path);
    } else if (only < KINDS) {
        const struct cost cost = cost_of(&tape, only, rounds);
        (void)printf("%s %u %.2f %.2f\n", tape.name, tape.count, cost.median_ns, cost.best_ns);
    } else {
        table_row(&tape, rounds);
    }
    tape_free(&tape);
    return good;
}

int main(int argc, char **argv)
{
    uint32_t rounds = 51;
    uint32_t only = KINDS;
    bool good = true;
    int at = 1;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--rounds") == 0) {
            rounds = (uint32_t)strtoul(argv[at + 1], NULL, 10);
        } else {
            only = kind_of(argv[at + 1]);
        }
    }
    if (at >= argc || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fputs("usage: bench_cost [--rounds N] [--only all|off|codec] FILE...\n", stderr);
        return 2;
    }
    if (only == KINDS) {
        table_head();
    }
    for (; at < argc && good; at++) {
        good = file_measure(argv[at], rounds, only);
    }
    return good ? 0 : 1;
}
