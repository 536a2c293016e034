/* SPDX-License-Identifier: MIT
 *
 * bench_lateness.c - how late is a verdict, and how late is a look?
 *
 *     bench_lateness SEGMENT LAPSES LOOKS
 *
 * Attaches to the segment of a running sentinel whose streams lapse all the time (bench/live.py arranges that) and measures
 *   verdict  seen - at of LAPSES lapse events: when the judge wrote it, against the lease's own end;
 *   timer    a bare timerfd armed at absolute deadlines in the same seconds: what this kernel and host give anyone who sleeps;
 *   look     for LOOKS lapses, how far past lease_until a reader that spins on flatline_fresh() sees it close.
 * Either number may be 0: then that half is left out.
 * A timer more than HICCUP_NS late marks a host stall; verdicts whose interval overlaps one are reported apart as well.
 */
#include "flatline/flatline.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SAMPLES_MAX     200000U
#define STALLS_MAX      4096U
#define TIMER_PERIOD_NS 1000000U
#define HICCUP_NS       500000U
#define PATIENCE_NS     (120ULL * 1000000000ULL)

struct samples {
    uint64_t *values_ns;
    size_t count;
};

struct interval {
    uint64_t from_ns;
    uint64_t until_ns;
};

struct timer_run {
    struct samples overshoot;
    struct interval stalls[STALLS_MAX];
    size_t stall_count;
    atomic_bool stop;
};

static void samples_add(struct samples *samples, uint64_t value_ns)
{
    if (samples->count < SAMPLES_MAX) {
        samples->values_ns[samples->count++] = value_ns;
    }
}

static int compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void samples_print(const char *name, struct samples *samples)
{
    if (samples->count == 0) {
        (void)printf("%-28s no samples\n", name);
        return;
    }
    qsort(samples->values_ns, samples->count, sizeof(uint64_t), compare_u64);
    const uint64_t *values = samples->values_ns;
    const size_t last = samples->count - 1;
    (void)printf(
        "%-28s n %6zu   p50 %10.2f   p90 %10.2f   p99 %10.2f   p99.9 %10.2f   max %10.2f  us\n",
        name,
        samples->count,
        (double)values[last / 2] / 1e3,
        (double)values[last * 90 / 100] / 1e3,
        (double)values[last * 99 / 100] / 1e3,
        (double)values[last * 999 / 1000] / 1e3,
        (double)values[last] / 1e3);
}

/* Sleeps to one absolute deadline after another and notes how late each wake-up came. */
static void *timer_main(void *argument)
{
    struct timer_run *run = argument;
    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    uint64_t deadline_ns = flatline_now_mono_ns();
    while (timer >= 0 && !atomic_load(&run->stop)) {
        deadline_ns += TIMER_PERIOD_NS;
        const struct itimerspec when = {
            .it_value = {(time_t)(deadline_ns / 1000000000U), (long)(deadline_ns % 1000000000U)}};
        uint64_t expirations = 0;
        if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) != 0 ||
            read(timer, &expirations, sizeof expirations) != (ssize_t)sizeof expirations) {
            break;
        }
        const uint64_t now_ns = flatline_now_mono_ns();
        const uint64_t late_ns = now_ns > deadline_ns ? now_ns - deadline_ns : 0;
        samples_add(&run->overshoot, late_ns);
        if (late_ns > HICCUP_NS && run->stall_count < STALLS_MAX) {
            run->stalls[run->stall_count++] = (struct interval){deadline_ns, now_ns};
        }
        if (late_ns > TIMER_PERIOD_NS) {
            deadline_ns = now_ns;
        }
    }
    if (timer >= 0) {
        (void)close(timer);
    }
    return NULL;
}

static bool overlaps_stall(const struct timer_run *run, uint64_t from_ns, uint64_t until_ns)
{
    for (size_t i = 0; i < run->stall_count; i++) {
        if (run->stalls[i].from_ns < until_ns && from_ns < run->stalls[i].until_ns) {
            return true;
        }
    }
    return false;
}

/* Follows the event ring until enough lapses were seen; keeps their intervals, to be told apart
 * when the stalls are known. */
static size_t collect_lapses(const struct flatline *reader, struct interval *lapses, size_t wanted)
{
    const uint64_t give_up_ns = flatline_now_mono_ns() + PATIENCE_NS;
    uint64_t cursor = flatline_event_head(reader);
    size_t count = 0;
    while (count < wanted && flatline_now_mono_ns() < give_up_ns) {
        struct flatline_event event;
        const int got = flatline_next_event(reader, &cursor, &event, NULL);
        if (got == 1 && event.type == FLATLINE_EVENT_LAPSE) {
            lapses[count++] = (struct interval){event.at_mono_ns, event.seen_mono_ns};
        } else if (got != 1) {
            (void)usleep(2000);
        }
    }
    return count;
}

/* Spins on one stream after another, as an engine would, and notes how far past the lease's end
 * the first "no" came. */
static void collect_looks(const struct flatline *reader, struct samples *looks, size_t wanted)
{
    const uint64_t give_up_ns = flatline_now_mono_ns() + PATIENCE_NS;
    const uint32_t streams = flatline_stream_count(reader);
    uint32_t index = 0;
    while (looks->count < wanted && flatline_now_mono_ns() < give_up_ns) {
        struct flatline_stream stream;
        if (flatline_stream_at(reader, index++ % streams, &stream) != 0) {
            continue;
        }
        uint64_t now_ns = flatline_now_mono_ns();
        if (!flatline_fresh(&stream, now_ns)) {
            continue;
        }
        while (flatline_fresh(&stream, now_ns)) {
            now_ns = flatline_now_mono_ns();
        }
        const uint64_t until_ns =
            __atomic_load_n(&stream.lease->lease_until_mono_ns, __ATOMIC_ACQUIRE);
        if (until_ns != 0 && until_ns <= now_ns) {
            samples_add(looks, now_ns - until_ns);
        }
    }
}

static struct samples samples_new(void)
{
    struct samples samples = {malloc(SAMPLES_MAX * sizeof(uint64_t)), 0};
    if (samples.values_ns == NULL) {
        abort();
    }
    return samples;
}

static void print_verdicts(struct timer_run *run, const struct interval *lapses, size_t count)
{
    struct samples all = samples_new();
    struct samples calm = samples_new();
    for (size_t i = 0; i < count; i++) {
        const uint64_t late_ns = lapses[i].until_ns - lapses[i].from_ns;
        samples_add(&all, late_ns);
        if (!overlaps_stall(run, lapses[i].from_ns, lapses[i].until_ns)) {
            samples_add(&calm, late_ns);
        }
    }
    samples_print("verdict, all", &all);
    samples_print("verdict, outside host stalls", &calm);
    samples_print("bare timerfd, same run", &run->overshoot);
    (void)printf("host stalls (timer > 0.5 ms late): %zu\n", run->stall_count);
    free(all.values_ns);
    free(calm.values_ns);
}

int main(int argc, char **argv)
{
    struct flatline *reader = NULL;
    if (argc != 4 || flatline_attach(argv[1], &reader) != 0) {
        (void)fprintf(
            stderr,
            "usage: bench_lateness SEGMENT LAPSES LOOKS (the segment of a running sentinel)\n");
        return 2;
    }
    const size_t wanted = (size_t)strtoul(argv[2], NULL, 10);
    const size_t looks_wanted = (size_t)strtoul(argv[3], NULL, 10);
    static struct timer_run run;
    run.overshoot = samples_new();
    struct interval *lapses = calloc(wanted + 1, sizeof *lapses);
    pthread_t timer;
    if (lapses == NULL || pthread_create(&timer, NULL, timer_main, &run) != 0) {
        return 1;
    }
    const size_t count = collect_lapses(reader, lapses, wanted);
    atomic_store(&run.stop, true);
    (void)pthread_join(timer, NULL);
    if (wanted > 0) {
        print_verdicts(&run, lapses, count);
    }
    if (looks_wanted > 0) {
        struct samples looks = samples_new();
        collect_looks(reader, &looks, looks_wanted);
        samples_print("look past the deadline", &looks);
        free(looks.values_ns);
    }
    free(run.overshoot.values_ns);
    free(lapses);
    flatline_detach(reader);
    return count >= wanted ? 0 : 1;
}
