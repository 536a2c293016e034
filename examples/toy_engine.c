/* SPDX-License-Identifier: MIT
 *
 * toy_engine.c - the smallest market maker that respects a gate: it "quotes" every millisecond
 * while the gate is fresh, pulls its quotes the moment it is not, and prints one JSON line at each
 * change.
 *
 *     toy_engine [SEGMENT] GATE
 *
 * A line: {"mono_ns":..,"gate":"open"|"closed","why":"...","quotes":n}. Stop it with SIGINT or
 * SIGTERM.
 */
#include "flatline/flatline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

static void sleep_until_ns(uint64_t mono_ns)
{
    const struct timespec until = {(time_t)(mono_ns / 1000000000U), (long)(mono_ns % 1000000000U)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* The sentinel may start after us, or be restarted: keep asking. */
static struct flatline *attach_patiently(const char *segment)
{
    struct flatline *reader = NULL;
    while (!stop_requested && flatline_attach(segment, &reader) != 0) {
        sleep_until_ns(flatline_now_mono_ns() + 10000000U);
    }
    return reader;
}

static void
say(const struct flatline *reader, const struct flatline_gate *gate, bool open, uint64_t quotes)
{
    const uint64_t now = flatline_now_mono_ns();
    uint32_t culprit = 0;
    const enum flatline_why why = flatline_gate_why(gate, now, &culprit);
    const char *stream = why == FLATLINE_WHY_FRESH ? "" : flatline_stream_name(reader, culprit);
    (void)printf("{\"mono_ns\":%" PRIu64
                 ",\"gate\":\"%s\",\"why\":\"%s\",\"stream\":\"%s\",\"quotes\":%" PRIu64 "}\n",
                 now,
                 open ? "open" : "closed",
                 flatline_why_name(why),
                 stream == NULL ? "" : stream,
                 quotes);
    (void)fflush(stdout);
}

static void quote(struct flatline *reader, struct flatline_gate *gate)
{
    const uint64_t period_ns = 1000000U;
    uint64_t next_ns = flatline_now_mono_ns();
    uint64_t quotes = 0;
    bool open = false;
    while (!stop_requested) {
        /* Not fresh is believed only after a second look: the sentinel may merely have been
         * restarted. */
        const bool fresh = flatline_gate_fresh(gate, flatline_now_mono_ns()) ||
                           flatline_look_gate(reader, gate, flatline_now_mono_ns());
        if (fresh != open) {
            open = fresh;
            say(reader, gate, open, quotes);
        }
        quotes += open ? 1 : 0;
        next_ns += period_ns;
        sleep_until_ns(next_ns);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: toy_engine [SEGMENT] GATE\n");
        return 2;
    }
    const char *segment = argc == 3 ? argv[1] : NULL;
    const char *gate_name = argv[argc - 1];
    (void)signal(SIGINT, request_stop);
    (void)signal(SIGTERM, request_stop);

    struct flatline *reader = attach_patiently(segment);
    struct flatline_gate gate;
    if (reader != NULL && flatline_find_gate(reader, gate_name, &gate) != 0) {
        const char *nearest = flatline_nearest(reader, gate_name);
        (void)fprintf(
            stderr, "no gate %s; nearest: %s\n", gate_name, nearest == NULL ? "none" : nearest);
        flatline_detach(reader);
        return 2;
    }
    if (reader != NULL) {
        quote(reader, &gate);
    }
    flatline_detach(reader);
    return 0;
}
