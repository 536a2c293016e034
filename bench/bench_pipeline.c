/* SPDX-License-Identifier: MIT
 *
 * bench_pipeline.c - frame in hand to lease: from a whole message before the codec to the lease
 * word in the segment, the judge spinning on another core. Decoding, the ring's hop, the detector
 * and the release store are all in it; the socket is not.
 *
 * Method: this thread plays ingest. It stamps, decodes a recorded-looking USD-M bookTicker,
 * pushes, and spins on the stream's lease word until it moves; then waits a little, so that every
 * sample finds the judge idle. Beside it in the same run: the bare ring hop, push to pop and back
 * through a second ring, halved. Cores move under a virtual machine: compare within one run.
 */
#include "core/clock.h"
#include "feeds/codec.h"
#include "flatline/flatline.h"
#include "sentinel/judge.h"
#include "sentinel/plan.h"
#include "sentinel/segment_plan.h"
#include "sentinel/thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES     20000U
#define WARM_UP     2000U
#define RING_EVENTS 1024U
#define PAUSE_NS    3000U
#define GIVE_UP_NS  NS_PER_S

static const char CONFIG[] =
    "streams: [binance-spot/BTCUSDT/bookTicker]\nsegment: {name: bench}\nthreads: {wait: spin}\n";

struct bench {
    struct ring ring;
    struct ring back;
    struct ring control;
    struct event slots[RING_EVENTS];
    struct event back_slots[RING_EVENTS];
    struct event control_slots[RING_EVENTS];
    struct words words;
    struct watermark marks[2];
    struct slot_words slot_words[2];
    struct dial_words dials[2];
    struct text_queue errors;
    uint64_t samples_ns[SAMPLES];
    uint64_t decoded_ns[SAMPLES]; /* from the decoded event on */
    struct config *config;
    struct plan *plan;
    struct names *names;
    struct detector *detector;
    struct publisher *publisher;
    struct judge *judge;
    struct flatline *reader;
    struct flatline_stream stream;
};

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *what, uint64_t *samples_ns, uint64_t divisor)
{
    qsort(samples_ns, SAMPLES, sizeof(*samples_ns), by_value);
    (void)printf("%-24s p50 %6llu ns  p90 %6llu ns  p99 %6llu ns  min %6llu ns\n",
                 what,
                 (unsigned long long)(samples_ns[SAMPLES / 2] / divisor),
                 (unsigned long long)(samples_ns[SAMPLES * 9 / 10] / divisor),
                 (unsigned long long)(samples_ns[SAMPLES * 99 / 100] / divisor),
                 (unsigned long long)(samples_ns[0] / divisor));
}

static void spin_for(uint64_t ns)
{
    const uint64_t until = clock_mono_ns() + ns;
    while (clock_mono_ns() < until) {
        cpu_pause();
    }
}

static void *echo_run(void *user)
{
    struct bench *bench = user;
    struct event event;
    while (load_acquire(&bench->words.stop) == 0) {
        if (ring_pop(&bench->ring, &event, 1) == 1) {
            (void)ring_push(&bench->back, &event);
        }
    }
    return NULL;
}

static void hop_measure(struct bench *bench, int cpu)
{
    pthread_t echo;
    store_release(&bench->words.stop, 0);
    if (thread_start(&echo, "echo", cpu, echo_run, bench) != 0) {
        return;
    }
    for (uint32_t i = 0; i < SAMPLES + WARM_UP; i++) {
        struct event event = {.recv_mono_ns = clock_mono_ns()};
        (void)ring_push(&bench->ring, &event);
        while (ring_pop(&bench->back, &event, 1) == 0) {
        }
        if (i >= WARM_UP) {
            bench->samples_ns[i - WARM_UP] = clock_mono_ns() - event.recv_mono_ns;
        }
    }
    store_release(&bench->words.stop, 1);
    (void)pthread_join(echo, NULL);
    report("ring hop (round trip/2)", bench->samples_ns, 2);
}

/* From the frame, and from its decoded event. */
struct taken {
    uint64_t frame_ns;
    uint64_t event_ns;
};

static bool
frame_measure(struct bench *bench, const struct codec *codec, uint64_t id, struct taken *ret_taken)
{
    char frame[256];
    const int length =
        snprintf(frame,
                 sizeof(frame),
                 "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"u\":%llu,\"s\":\"BTCUSDT\",\"b\":"
                 "\"25.35190000\","
                 "\"B\":\"31.21000000\",\"a\":\"25.36520000\",\"A\":\"40.66000000\"}}",
                 (unsigned long long)id);
    const uint64_t before = load_acquire(&bench->stream.lease->lease_until_mono_ns);
    const uint64_t start = clock_mono_ns();
    struct event event = {.recv_mono_ns = start, .connection = 0};
    if (codec_decode(codec, (struct span){frame, (size_t)length}, &event) != CODEC_DATA) {
        return false;
    }
    const uint64_t decoded = clock_mono_ns();
    (void)ring_push(&bench->ring, &event);
    while (load_acquire(&bench->stream.lease->lease_until_mono_ns) == before) {
        if (clock_mono_ns() - start > GIVE_UP_NS) {
            return false;
        }
    }
    const uint64_t seen = clock_mono_ns();
    *ret_taken = (struct taken){.frame_ns = seen - start, .event_ns = seen - decoded};
    return true;
}

static void lease_measure(struct bench *bench, int cpu)
{
    const struct codec codec = {.venue = FLATLINE_VENUE_BINANCE_SPOT,
                                .names = bench->names,
                                .user_stream = EVENT_NO_STREAM};
    pthread_t judge;
    store_release(&bench->words.stop, 0);
    if (thread_start(&judge, "judge", cpu, judge_run, bench->judge) != 0) {
        return;
    }
    struct event up = {
        .recv_mono_ns = clock_mono_ns(), .stream = EVENT_NO_STREAM, .kind = EVENT_CONNECTION_UP};
    up.link.epoch = 1;
    (void)ring_push(&bench->ring, &up);
    bool whole = true;
    for (uint32_t i = 0; i < SAMPLES + WARM_UP && whole; i++) {
        struct taken taken = {0};
        whole = frame_measure(bench, &codec, 1000U + i, &taken);
        if (i >= WARM_UP) {
            bench->samples_ns[i - WARM_UP] = taken.frame_ns;
            bench->decoded_ns[i - WARM_UP] = taken.event_ns;
        }
        spin_for(PAUSE_NS);
    }
    store_release(&bench->words.stop, 1);
    (void)pthread_join(judge, NULL);
    if (whole) {
        report("frame in hand to lease", bench->samples_ns, 1);
        report("  event in hand to lease", bench->decoded_ns, 1);
    } else {
        (void)fprintf(stderr, "no lease came\n");
    }
}

static int bench_open(struct bench *bench, const char *directory)
{
    char why[512] = "";
    struct segment_plan *segment = NULL;
    if (config_parse("bench.yaml", CONFIG, sizeof(CONFIG) - 1, &bench->config, why, sizeof(why)) !=
            0 ||
        plan_create(bench->config, &bench->plan, why, sizeof(why)) != 0 ||
        segment_plan_create(bench->config, bench->plan, &segment) != 0) {
        (void)fprintf(stderr, "%s\n", why);
        return -1;
    }
    struct publisher_config wanted = *segment_plan_wanted(segment);
    wanted.directory = directory;
    const int result = publisher_create(&wanted, &bench->publisher, why);
    segment_plan_destroy(segment);
    const struct detector_limits limits = {.streams_max = 1, .connections_max = 2, .legs_max = 2};
    bench->detector = detector_create(&limits, &bench->config->policy);
    bench->names = names_create(1);
    if (result != 0 || bench->detector == NULL || bench->names == NULL) {
        (void)fprintf(stderr, "%s\n", why);
        return -1;
    }
    (void)names_intern(
        bench->names, FLATLINE_VENUE_BINANCE_SPOT, span_of("BTCUSDT"), span_of("bookTicker"));
    (void)detector_add_stream(bench->detector, &bench->config->streams[0].traits);
    (void)detector_add_connection(bench->detector, FLATLINE_VENUE_BINANCE_SPOT, ROUTE_STREAM);
    (void)detector_add_leg(bench->detector, 0, 0);
    ring_init(&bench->ring, bench->slots, RING_EVENTS);
    ring_init(&bench->back, bench->back_slots, RING_EVENTS);
    ring_init(&bench->control, bench->control_slots, RING_EVENTS);
    bench->words.watermarks = bench->marks;
    bench->words.slots = bench->slot_words;
    bench->words.dials = bench->dials;
    bench->words.slot_count = 2;
    const struct judge_setup setup = {.config = bench->config,
                                      .detector = bench->detector,
                                      .publisher = bench->publisher,
                                      .from_ingest = &bench->ring,
                                      .from_control = &bench->control,
                                      .errors = &bench->errors,
                                      .words = &bench->words};
    return judge_create(&setup, &bench->judge);
}

static void bench_close(struct bench *bench)
{
    flatline_detach(bench->reader);
    judge_destroy(bench->judge);
    publisher_destroy(bench->publisher);
    detector_destroy(bench->detector);
    names_destroy(bench->names);
    plan_destroy(bench->plan);
    config_free(bench->config);
}

int main(void)
{
    char directory[] = "/tmp/flatline-bench-XXXXXX";
    char path[64];
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct bench *bench = aligned_alloc(128, (sizeof(*bench) + 127U) & ~(size_t)127U);
    if (cpus < 2 || bench == NULL || mkdtemp(directory) == NULL) {
        (void)fprintf(stderr, "needs two cores and a temporary directory\n");
        return 1;
    }
    memset(bench, 0, sizeof(*bench));
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(first), &first);
    (void)snprintf(path, sizeof(path), "%s/bench", directory);
    int result = bench_open(bench, directory);
    if (result == 0) {
        result = flatline_attach(path, &bench->reader);
    }
    if (result == 0) {
        result = flatline_find(bench->reader, "binance-spot/BTCUSDT/bookTicker", &bench->stream);
    }
    if (result == 0) {
        hop_measure(bench, 1);
        lease_measure(bench, 1);
    }
    bench_close(bench);
    (void)snprintf(path, sizeof(path), "%s/bench.lock", directory);
    (void)unlink(path);
    (void)rmdir(directory);
    free(bench);
    return result == 0 ? 0 : 1;
}
