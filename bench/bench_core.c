/* SPDX-License-Identifier: MIT
 *
 * bench_core.c - what the judge's own inside costs, one thread, no memory but its own: the ring's
 * push and pop, a histogram's record, a deadline's move, a frame through the detector, a tick that
 * finds nothing due.
 *
 * Method: a round repeats one step often enough to drown the clock; 31 rounds, best, median and
 * worst in ns a step. What the steps need (values, events) is made before the clock runs; results
 * are kept so that nothing can be left out.
 */
#include "core/clock.h"
#include "core/deadlines.h"
#include "core/detector.h"
#include "core/hist.h"
#include "core/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS        31U
#define STEPS         1000000U
#define VALUES        65536U /* a power of two */
#define RING_EVENTS   1024U
#define DEADLINES     10000U
#define STREAMS_MANY  1000U
#define FRAMES_A_TICK 4U

struct bench {
    uint64_t values[VALUES];
    struct event slots[RING_EVENTS];
    struct ring ring;
    struct flatline_histogram *two_digits;
    struct flatline_histogram *three_digits;
    struct deadlines deadlines;
    uint64_t now_ns;
    struct detector *few;
    struct detector *many;
    struct detector *learned;
    uint64_t ids[STREAMS_MANY];
    uint64_t kept; /* results that must be worked out */
};

typedef void (*bench_step)(struct bench *bench, uint32_t steps);

static uint64_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 20;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void ring_hop(struct bench *bench, uint32_t steps)
{
    struct event event = {.kind = EVENT_DATA};
    struct event popped;
    for (uint32_t i = 0; i < steps; i++) {
        event.recv_mono_ns = i;
        (void)ring_push(&bench->ring, &event);
        bench->kept += ring_pop(&bench->ring, &popped, 1);
    }
}

static void record_two_digits(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        hist_record(bench->two_digits, bench->values[i % VALUES]);
    }
}

static void record_three_digits(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        hist_record(bench->three_digits, bench->values[i % VALUES]);
    }
}

static void deadline_move(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        deadlines_set(&bench->deadlines,
                      (uint32_t)(bench->values[i % VALUES] % DEADLINES),
                      bench->now_ns + 3 * NS_PER_S + i);
    }
}

static void deadline_idle(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t cursor = 0;
        bench->kept += deadlines_due(&bench->deadlines, bench->now_ns + i, &cursor);
    }
}

static void frame_apply(struct bench *bench, struct detector *detector, uint32_t stream)
{
    struct event event = {.recv_mono_ns = bench->now_ns,
                          .stream = stream,
                          .kind = EVENT_DATA,
                          .flags = EVENT_HAS_ID | EVENT_HAS_PREV | EVENT_HAS_TIME};
    event.data.prev_id = (int64_t)bench->ids[stream];
    event.data.id = ++bench->ids[stream];
    event.data.exch_wall_ns = 1700000000000000000LL + (int64_t)bench->now_ns - 2000000;
    event.data.bid_e8 = 1;
    detector_apply(detector, &event);
}

static void findings_drop(struct bench *bench, struct detector *detector)
{
    struct finding finding;
    while (detector_take(detector, &finding)) {
        bench->kept++;
    }
    while (detector_next_changed(detector) != EVENT_NO_STREAM) {
        bench->kept++;
    }
}

/* Frames 50 us apart on a few streams, as in a busy minute; findings and changes taken as the
 * judge does. */
static void frames_of_few(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        bench->now_ns += 50 * NS_PER_US;
        frame_apply(bench, bench->few, i % 4);
        findings_drop(bench, bench->few);
    }
}

static void frames_of_many(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        bench->now_ns += 50 * NS_PER_US;
        frame_apply(bench, bench->many, (uint32_t)(bench->values[i % VALUES] % STREAMS_MANY));
        findings_drop(bench, bench->many);
    }
}

/* The same with silences learned: every other frame is a gap to learn from, one in 512 a fit. */
static void frames_of_many_learned(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        bench->now_ns += 50 * NS_PER_US;
        frame_apply(bench, bench->learned, (uint32_t)(bench->values[i % VALUES] % STREAMS_MANY));
        findings_drop(bench, bench->learned);
    }
}

/* The same with a tick every few frames: the due ids of a thousand streams ripen meanwhile. */
static void frames_and_ticks_of_many(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        bench->now_ns += 50 * NS_PER_US;
        frame_apply(bench, bench->many, (uint32_t)(bench->values[i % VALUES] % STREAMS_MANY));
        if (i % FRAMES_A_TICK == 0) {
            bench->kept += detector_tick(bench->many, bench->now_ns);
        }
        findings_drop(bench, bench->many);
    }
}

static void tick_idle(struct bench *bench, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        bench->kept += detector_tick(bench->many, bench->now_ns);
    }
}

/* ---- the frame of it ------------------------------------------------------------------------- */

static struct flatline_histogram *hist_create(uint32_t bits)
{
    struct flatline_histogram *hist = calloc(1, hist_size_bytes(bits, NS_PER_US, 3600 * NS_PER_S));
    if (hist != NULL) {
        hist_init(hist, bits, NS_PER_US, 3600 * NS_PER_S);
    }
    return hist;
}

static struct detector *detector_of(uint32_t streams, uint64_t silent_every_ns)
{
    const struct detector_limits limits = {
        .streams_max = streams, .connections_max = 1, .legs_max = streams};
    const struct stream_traits traits = {.venue = FLATLINE_VENUE_BINANCE_USDM,
                                         .key = KEY_ID,
                                         .chain = CHAIN_PREV,
                                         .stale_after_ns = 3 * NS_PER_S};
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    policy.silent_every_ns = silent_every_ns;
    policy.silent_warm_up_ns = 0; /* limits are drawn from the first fit on */
    struct detector *detector = detector_create(&limits, &policy);
    if (detector == NULL || detector_add_connection(detector, traits.venue, 0) < 0) {
        return NULL;
    }
    for (uint32_t i = 0; i < streams; i++) {
        (void)detector_add_stream(detector, &traits);
        (void)detector_add_leg(detector, i, 0);
    }
    return detector;
}

static bool bench_create(struct bench *bench)
{
    uint64_t random = 42;
    memset(bench, 0, sizeof(*bench));
    for (uint32_t i = 0; i < VALUES; i++) { /* most near 25 us, some far out */
        bench->values[i] = 1000 + random_bits(&random) % 50000 +
                           (i % 100 == 0 ? random_bits(&random) % 50000000 : 0);
    }
    ring_init(&bench->ring, bench->slots, RING_EVENTS);
    bench->two_digits = hist_create(HIST_BITS_TWO_DIGITS);
    bench->three_digits = hist_create(HIST_BITS_THREE_DIGITS);
    uint64_t *words = calloc(deadlines_words(DEADLINES), sizeof(*words));
    bench->few = detector_of(4, 0);
    bench->many = detector_of(STREAMS_MANY, 0);
    bench->learned = detector_of(STREAMS_MANY, 30 * 86400 * NS_PER_S);
    if (words != NULL) {
        deadlines_init(&bench->deadlines, words, DEADLINES);
    }
    bench->now_ns = NS_PER_S;
    return words != NULL && bench->two_digits != NULL && bench->three_digits != NULL &&
           bench->few != NULL && bench->many != NULL && bench->learned != NULL;
}

static void bench_destroy(struct bench *bench)
{
    free(bench->two_digits);
    free(bench->three_digits);
    free(bench->deadlines.at_ns);
    detector_destroy(bench->few);
    detector_destroy(bench->many);
    detector_destroy(bench->learned);
    free(bench);
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(struct bench *bench, const char *name, bench_step step)
{
    double rounds[ROUNDS];
    step(bench, STEPS); /* warm */
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const uint64_t start_ns = clock_mono_ns();
        step(bench, STEPS);
        rounds[i] = (double)(clock_mono_ns() - start_ns) / STEPS;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
    (void)printf("%-20s median %7.2f ns   best %7.2f   worst %7.2f\n",
                 name,
                 rounds[ROUNDS / 2],
                 rounds[0],
                 rounds[ROUNDS - 1]);
}

int main(void)
{
    struct bench *bench = malloc(sizeof(*bench));
    if (bench == NULL || !bench_create(bench)) {
        (void)fprintf(stderr, "bench_core: out of memory\n");
        return 1;
    }
    measure(bench, "ring_push_pop", ring_hop);
    measure(bench, "hist_two_digits", record_two_digits);
    measure(bench, "hist_three_digits", record_three_digits);
    measure(bench, "deadline_move", deadline_move);
    measure(bench, "deadlines_idle", deadline_idle);
    measure(bench, "frame_of_4", frames_of_few);
    measure(bench, "frame_of_1000", frames_of_many);
    measure(bench, "with_ticks_of_1000", frames_and_ticks_of_many);
    measure(bench, "tick_idle", tick_idle);
    measure(bench, "learned_of_1000", frames_of_many_learned);
    (void)printf("(%llu)\n", (unsigned long long)(bench->kept + bench->two_digits->total));
    bench_destroy(bench);
    return 0;
}
