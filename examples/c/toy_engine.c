/* SPDX-License-Identifier: MIT
 *
 * toy_engine.c - the smallest market maker that respects a gate, in C. Its siblings in C++, Go and Python do the same.
 *
 *     toy_engine [SEGMENT] GATE
 *
 * Each millisecond it looks: while it may quote it quotes, the moment it may not it pulls, and at each change it prints a line:
 *
 *     {"mono_ns":..,"gate":"open"|"closed","why":"..","stream":"..","quotes":n}
 *
 * It tells the sentinel of itself, as engine "toy-<gate>": its loop beats, each stream's newest id is echoed (having no feed of its own,
 * it takes what the sentinel has seen), its gate was seen to close and its quotes were gone, a breaker or a pause was obeyed. SIGUSR1
 * makes the loop panic, SIGUSR2 blocks it for two seconds, SIGINT or SIGTERM ends it in order.
 */
#include <flatline/engine.h>
#include <flatline/flatline.h>

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TURN_NS     1000000U
#define BEAT_NS     20000000U /* promised */
#define BLOCK_NS    2000000000U
#define STREAMS_MAX 64U
#define OBEYED      2U /* the kinds of advice that flatline_may_quote() obeys: the first two */

static volatile sig_atomic_t stop_asked;
static volatile sig_atomic_t panic_asked;
static volatile sig_atomic_t block_asked;

struct toy {
    struct flatline *reader;
    struct flatline_gate gate;
    struct flatline_stream streams[STREAMS_MAX]; /* of the gate */
    uint32_t stream_count;
    /* what it tells */
    struct flatline_engine *engine;
    struct flatline_engine_worker *loop;
    struct flatline_engine_gate *gate_told;
    struct flatline_engine_echo *echoes[STREAMS_MAX];
    struct flatline_engine_advice *obeyed[OBEYED];
    uint64_t serials[OBEYED];
};

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        panic_asked = 1;
    } else if (number == SIGUSR2) {
        block_asked = 1;
    } else {
        stop_asked = 1;
    }
}

static void sleep_until(uint64_t mono_ns)
{
    const struct timespec until = {(time_t)(mono_ns / 1000000000U), (long)(mono_ns % 1000000000U)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* ---- before the first turn ------------------------------------------------------------------- */

/* The sentinel may start after us: keep asking. */
static void attach_patiently(struct toy *toy, const char *segment)
{
    while (!stop_asked && flatline_attach(segment, &toy->reader) != 0) {
        sleep_until(flatline_now_mono_ns() + 10 * TURN_NS);
    }
}

static void streams_find(struct toy *toy)
{
    for (uint32_t i = 0; i < toy->gate.member_count && i < STREAMS_MAX; i++) {
        const uint32_t index = toy->gate.members[i].stream;
        const char *name = flatline_stream_name(toy->reader, index);
        (void)flatline_stream_at(toy->reader, index, &toy->streams[i]);
        (void)flatline_declare_stream(toy->engine, name, &toy->echoes[i]);
        toy->stream_count = i + 1;
    }
}

static int engine_begin(struct toy *toy, const char *segment, const char *gate_name)
{
    char name[FLATLINE_ENGINE_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "toy-%.27s", gate_name);
    for (char *at = name; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) ? *at : '-';
    }
    const int error = flatline_engine_create(segment, name, NULL, &toy->engine);
    if (error == 0) {
        (void)flatline_declare_worker(toy->engine, "loop", BEAT_NS, &toy->loop);
        (void)flatline_declare_gate(toy->engine, gate_name, &toy->gate_told);
        (void)flatline_declare_advice(toy->engine, "breaker", &toy->obeyed[0]);
        (void)flatline_declare_advice(toy->engine, "pause", &toy->obeyed[1]);
        (void)flatline_gate_bind_engine(toy->reader, &toy->gate, toy->engine);
        streams_find(toy);
    }
    return error;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void echo(struct toy *toy)
{
    struct flatline_snapshot seen;
    for (uint32_t i = 0; i < toy->stream_count; i++) {
        (void)flatline_look(toy->reader, &toy->streams[i], flatline_now_mono_ns());
        if (flatline_take_snapshot(&toy->streams[i], toy->reader, &seen) == 0) {
            flatline_echo(toy->echoes[i], seen.detail.frontier_id, seen.detail.last_recv_mono_ns);
        }
    }
}

static void say(struct toy *toy, bool open, uint64_t quotes, uint64_t now)
{
    uint32_t culprit = 0;
    const enum flatline_why why = flatline_quote_why(&toy->gate, now, NULL);
    const bool is_streams = flatline_gate_why(&toy->gate, now, &culprit) != FLATLINE_WHY_FRESH;
    const char *stream = is_streams ? flatline_stream_name(toy->reader, culprit) : NULL;
    (void)printf("{\"mono_ns\":%" PRIu64
                 ",\"gate\":\"%s\",\"why\":\"%s\",\"stream\":\"%s\",\"quotes\":%" PRIu64 "}\n",
                 now,
                 open ? "open" : "closed",
                 flatline_why_name(why),
                 stream == NULL ? "" : stream,
                 quotes);
    (void)fflush(stdout);
}

static void change(struct toy *toy, bool open, uint64_t quotes)
{
    const uint64_t now = flatline_now_mono_ns();
    flatline_gate_seen(toy->gate_told, open, now);
    open ? flatline_gate_quoting(toy->gate_told) : flatline_gate_pulled(toy->gate_told, now);
    say(toy, open, quotes, now);
}

/* What was advised has been obeyed by now: a turn looks first, and pulls. */
static void acknowledge(struct toy *toy)
{
    for (uint32_t kind = 0; kind < OBEYED; kind++) {
        const uint64_t serial = flatline_advice_serial(&toy->gate, (enum flatline_advice_kind)kind);
        if (serial != toy->serials[kind]) {
            toy->serials[kind] = serial;
            flatline_advice_done(toy->obeyed[kind], serial, flatline_now_mono_ns());
        }
    }
}

/* Turns until it is asked to stop, or to panic. */
static void quote(struct toy *toy)
{
    uint64_t next = flatline_now_mono_ns();
    uint64_t quotes = 0;
    bool open = false;
    while (!stop_asked && !panic_asked) {
        const bool was_open = open;
        flatline_beat(toy->loop, flatline_now_mono_ns());
        echo(toy);
        open = flatline_look_quote(toy->reader, &toy->gate, flatline_now_mono_ns());
        if (open != was_open) {
            change(toy, open, quotes);
        }
        acknowledge(toy);
        quotes += open;
        if (block_asked) {
            block_asked = 0;
            sleep_until(flatline_now_mono_ns() + BLOCK_NS);
        }
        const uint64_t now = flatline_now_mono_ns();
        next = next + TURN_NS > now ? next + TURN_NS : now; /* turns that were missed stay missed */
        sleep_until(next);
    }
}

static int run(struct toy *toy, const char *segment, const char *gate_name)
{
    if (flatline_find_gate(toy->reader, gate_name, &toy->gate) != 0) {
        const char *nearest = flatline_nearest(toy->reader, gate_name);
        (void)fprintf(
            stderr, "no gate %s; nearest: %s\n", gate_name, nearest == NULL ? "none" : nearest);
        return 2;
    }
    const int error = engine_begin(toy, segment, gate_name);
    if (error != 0) {
        (void)fprintf(stderr, "gate %s: %s\n", gate_name, flatline_strerror(error));
        return 1;
    }
    quote(toy);
    if (panic_asked) {
        flatline_worker_panic(toy->loop, "asked to panic", flatline_now_mono_ns());
        while (!stop_asked) {
            sleep_until(flatline_now_mono_ns() + TURN_NS);
        }
    }
    flatline_engine_close(toy->engine);
    return 0;
}

int main(int argc, char **argv)
{
    static struct toy toy;
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: toy_engine [SEGMENT] GATE\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], on_signal);
    }
    const char *segment = argc == 3 ? argv[1] : NULL;
    attach_patiently(&toy, segment);
    const int code = toy.reader != NULL ? run(&toy, segment, argv[argc - 1]) : 0;
    flatline_detach(toy.reader);
    return code;
}
