/* SPDX-License-Identifier: MIT
 *
 * toy_engine.c - the smallest market maker that respects a gate: it "quotes" every millisecond
 * while it may, pulls its quotes the moment it may not, and prints one JSON line at each change.
 *
 *     toy_engine [SEGMENT] GATE
 *
 * It also tells the sentinel of itself, as engine "toy-<gate>": its loop beats, its gate says when it
 * was seen to close and when the quotes were gone, and breaker and pause are acknowledged. SIGUSR1
 * makes the loop panic, SIGUSR2 blocks it for two seconds.
 *
 * A line: {"mono_ns":..,"gate":"open"|"closed","why":"...","quotes":n}. Stop it with SIGINT or
 * SIGTERM.
 */
#include "flatline/engine.h"
#include "flatline/flatline.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BEAT_NS 20000000U /* promised; the loop turns every millisecond */

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t panic_requested;
static volatile sig_atomic_t block_requested;

/* What it tells of itself. */
struct facts {
    struct flatline_engine *engine;
    struct flatline_engine_worker *loop;
    struct flatline_engine_gate *gate;
    struct flatline_engine_advice *breaker;
    struct flatline_engine_advice *pause;
    uint64_t breaker_serial; /* the last ones acknowledged */
    uint64_t pause_serial;
};

static void on_signal(int signal_number)
{
    if (signal_number == SIGUSR1) {
        panic_requested = 1;
    } else if (signal_number == SIGUSR2) {
        block_requested = 1;
    } else {
        stop_requested = 1;
    }
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
    const enum flatline_why why = flatline_quote_why(gate, now, &culprit);
    const bool of_data =
        why != FLATLINE_WHY_FRESH && why != FLATLINE_WHY_BREAKER && why != FLATLINE_WHY_PAUSED;
    const char *stream = of_data ? flatline_stream_name(reader, culprit) : "";
    (void)printf("{\"mono_ns\":%" PRIu64
                 ",\"gate\":\"%s\",\"why\":\"%s\",\"stream\":\"%s\",\"quotes\":%" PRIu64 "}\n",
                 now,
                 open ? "open" : "closed",
                 flatline_why_name(why),
                 stream == NULL ? "" : stream,
                 quotes);
    (void)fflush(stdout);
}

/* The three lines of an engine's own: beat, what the gate said, what became of the quotes. */
static void tell(const struct facts *facts, bool changed, bool open)
{
    const uint64_t now = flatline_now_mono_ns();
    flatline_beat(facts->loop, now);
    if (changed) {
        flatline_gate_seen(facts->gate, open, now);
        open ? flatline_gate_quoting(facts->gate) : flatline_gate_pulled(facts->gate, now);
    }
}

/* Acknowledges advice once a serial, after it was obeyed. */
static void acknowledge(const struct flatline_gate *gate,
                        enum flatline_advice_kind kind,
                        struct flatline_engine_advice *record,
                        uint64_t *last_serial)
{
    const uint64_t serial = flatline_advice_serial(gate, kind);
    if (serial != *last_serial) {
        *last_serial = serial;
        flatline_advice_done(record, serial, flatline_now_mono_ns());
    }
}

/* Trouble on demand. */
static void suffer(const struct facts *facts)
{
    if (panic_requested) {
        flatline_worker_panic(facts->loop, "asked to panic", flatline_now_mono_ns());
        while (!stop_requested) {
            sleep_until_ns(flatline_now_mono_ns() + 1000000U);
        }
    }
    if (block_requested) {
        block_requested = 0;
        sleep_until_ns(flatline_now_mono_ns() + 2000000000U);
    }
}

static void quote(struct flatline *reader, struct flatline_gate *gate, struct facts *facts)
{
    const uint64_t period_ns = 1000000U;
    uint64_t next_ns = flatline_now_mono_ns();
    uint64_t quotes = 0;
    bool open = false;
    while (!stop_requested) {
        /* Not fresh is believed only after a second look: the sentinel may merely have been
         * restarted. An open breaker is believed at once. */
        const bool fresh = flatline_look_quote(reader, gate, flatline_now_mono_ns());
        const bool changed = fresh != open;
        open = fresh;
        tell(facts, changed, open);
        if (changed) {
            say(reader, gate, open, quotes);
        }
        acknowledge(gate, FLATLINE_ADVICE_BREAKER, facts->breaker, &facts->breaker_serial);
        acknowledge(gate, FLATLINE_ADVICE_PAUSE, facts->pause, &facts->pause_serial);
        suffer(facts);
        quotes += open ? 1 : 0;
        /* After a stop or a block of our own the beats that were missed are not made up for. */
        const uint64_t now_ns = flatline_now_mono_ns();
        next_ns = next_ns + period_ns > now_ns ? next_ns + period_ns : now_ns;
        sleep_until_ns(next_ns);
    }
}

/* Returns 0, or why the sentinel cannot be told of us: a negative enum flatline_error. */
static int facts_begin(const char *segment, const char *gate_name, struct facts *facts)
{
    char name[FLATLINE_ENGINE_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "toy-%.27s", gate_name);
    for (char *at = name; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) ? *at : '-';
    }
    const int error = flatline_engine_create(segment, name, NULL, &facts->engine);
    if (error == 0) {
        (void)flatline_declare_worker(facts->engine, "loop", BEAT_NS, &facts->loop);
        (void)flatline_declare_gate(facts->engine, gate_name, &facts->gate);
        (void)flatline_declare_advice(facts->engine, "breaker", &facts->breaker);
        (void)flatline_declare_advice(facts->engine, "pause", &facts->pause);
    }
    return error;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: toy_engine [SEGMENT] GATE\n");
        return 2;
    }
    const char *segment = argc == 3 ? argv[1] : NULL;
    const char *gate_name = argv[argc - 1];
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGUSR1, on_signal);
    (void)signal(SIGUSR2, on_signal);

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
        struct facts facts = {0};
        const int error = facts_begin(segment, gate_name, &facts);
        if (error != 0) {
            (void)fprintf(stderr, "gate %s: %s\n", gate_name, flatline_strerror(error));
            flatline_detach(reader);
            return 1;
        }
        quote(reader, &gate, &facts);
        flatline_engine_close(facts.engine);
    }
    flatline_detach(reader);
    return 0;
}
