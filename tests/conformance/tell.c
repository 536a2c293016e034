/* SPDX-License-Identifier: MIT
 *
 * tell.c - an engine in C tells: one command a line on standard input, one JSON object a line on standard output. Its siblings
 * tell.cpp, tell.py and go/tell/tell.go obey the same commands, which README.md lists. Records are named by the order they were
 * declared in: 0, 1, 2 ...
 */
#include "flatline/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX    512U
#define BOTH_HALVES(n) ((uint64_t)(n) << 32 | (n))

#define ERROR_NAME(number, name, text) [number] = #name,
static const char *const error_names[] = {[0] = "OK", FLATLINE_ERRORS(ERROR_NAME)};

static struct flatline_engine *engine;
static void *records[RECORDS_MAX];
static uint32_t record_count;

/* A command's words: numbers, and what stands behind the first of them as text. */
struct asked {
    uint64_t n[4];
    void *record; /* of the first number */
    const char *text;
};

static void say(const char *key, int error)
{
    (void)printf("{\"%s\":\"%s\"}\n", key, error_names[-error]);
}

/* ---- the file, and what is declared in it ---------------------------------------------------- */

static void create(char *line)
{
    char segment[512];
    char name[512] = "";
    (void)sscanf(line, "create %511s %511s", segment, name);
    flatline_engine_close(engine);
    engine = NULL;
    record_count = 0;
    say("create", flatline_engine_create(segment, name, NULL, &engine));
}

static int declare_kind(const char *kind, const char *name, uint64_t parameter, void **record)
{
    if (strcmp(kind, "stream") == 0) {
        return flatline_declare_stream(engine, name, (struct flatline_engine_echo **)record);
    }
    if (strcmp(kind, "worker") == 0) {
        return flatline_declare_worker(
            engine, name, parameter, (struct flatline_engine_worker **)record);
    }
    if (strcmp(kind, "instrument") == 0) {
        return flatline_declare_instrument(
            engine, name, (struct flatline_engine_instrument **)record);
    }
    if (strcmp(kind, "counter") == 0) {
        return flatline_declare_counter(engine, name, (struct flatline_engine_number **)record);
    }
    if (strcmp(kind, "gauge") == 0) {
        return flatline_declare_gauge(engine, name, (struct flatline_engine_number **)record);
    }
    if (strcmp(kind, "latency") == 0) {
        return flatline_declare_latency(
            engine, name, parameter, (struct flatline_engine_latency **)record);
    }
    if (strcmp(kind, "orders") == 0) {
        return flatline_declare_orders(engine, name, (struct flatline_engine_orders **)record);
    }
    if (strcmp(kind, "key") == 0) {
        return flatline_declare_key(engine, name, (struct flatline_engine_key **)record);
    }
    if (strcmp(kind, "gate") == 0) {
        return flatline_declare_gate(engine, name, (struct flatline_engine_gate **)record);
    }
    return flatline_declare_advice(engine, name, (struct flatline_engine_advice **)record);
}

/* declare KIND PARAMETER NAME: the name may be empty. Says the first error of all declarations. */
static void declare(char *line)
{
    static int first_error;
    char kind[16];
    uint64_t parameter;
    int name_at = 0;
    (void)sscanf(line, "declare %15s %" SCNu64 " %n", kind, &parameter, &name_at);
    first_error = record_count == 0 ? 0 : first_error;
    const int error = declare_kind(kind, line + name_at, parameter, &records[record_count]);
    first_error = first_error != 0 ? first_error : error;
    record_count++;
    say("declare", first_error);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void do_echo(const struct asked *a)
{
    flatline_echo(a->record, a->n[1], a->n[2]);
}

static void do_beat(const struct asked *a)
{
    flatline_beat(a->record, a->n[1]);
}

static void do_idle(const struct asked *a)
{
    flatline_worker_idle(a->record, a->n[1]);
}

static void do_exit(const struct asked *a)
{
    flatline_worker_exit(a->record, a->n[1]);
}

static void do_restart(const struct asked *a)
{
    flatline_worker_restart(a->record, a->n[1]);
}

static void do_error(const struct asked *a)
{
    flatline_worker_error(a->record, a->text);
}

static void do_panic(const struct asked *a)
{
    flatline_worker_panic(a->record, strchr(a->text, ' ') + 1, a->n[1]);
}

static void do_quote(const struct asked *a)
{
    flatline_quote(a->record, (int64_t)a->n[1], (int64_t)a->n[2], a->n[3]);
}

static void do_action(const struct asked *a)
{
    flatline_order_action(a->record, a->n[1], a->n[2]);
}

static void do_position(const struct asked *a)
{
    flatline_position(a->record, (int64_t)a->n[1], (int64_t)a->n[2]);
}

static void do_count(const struct asked *a)
{
    flatline_count(a->record, a->n[1]);
}

static void do_gauge(const struct asked *a)
{
    flatline_gauge(a->record, (int64_t)a->n[1], a->n[2]);
}

static void do_latency(const struct asked *a)
{
    flatline_latency(a->record, a->n[1]);
}

static void do_sent(const struct asked *a)
{
    (void)flatline_order_sent(a->record, a->n[1]);
}

static void do_seen(const struct asked *a)
{
    flatline_report_seen(a->record, a->n[1], a->n[2]);
}

static void do_extended(const struct asked *a)
{
    flatline_key_extended(a->record, a->n[1], a->n[2]);
}

static void do_proven(const struct asked *a)
{
    flatline_key_proven(a->record, a->n[1]);
}

static void do_failed(const struct asked *a)
{
    flatline_key_failed(a->record);
}

static void do_gate_seen(const struct asked *a)
{
    flatline_gate_seen(a->record, a->n[1] != 0, a->n[2]);
}

static void do_quoting(const struct asked *a)
{
    flatline_gate_quoting(a->record);
}

static void do_pulled(const struct asked *a)
{
    flatline_gate_pulled(a->record, a->n[1]);
}

static void do_done(const struct asked *a)
{
    flatline_advice_done(a->record, a->n[1], a->n[2]);
}

/* For stress_engines.py: echoes both halves alike, n for both words, for so many ms. */
static void do_stress(const struct asked *a)
{
    const uint64_t end_ns = flatline_now_mono_ns() + a->n[1] * 1000000U;
    for (uint32_t n = 1; flatline_now_mono_ns() < end_ns;) {
        for (uint32_t i = 0; i < 1000; i++, n = n % INT32_MAX + 1) {
            flatline_echo(a->record, BOTH_HALVES(n), BOTH_HALVES(n));
        }
    }
}

/* For bench_bindings.py: what an echo costs. */
static void do_time(const struct asked *a)
{
    const uint64_t start_ns = flatline_now_mono_ns();
    for (uint64_t i = 0; i < a->n[1]; i++) {
        flatline_echo(a->record, i, start_ns);
    }
    (void)printf("{\"ns\":%" PRIu64 "}\n", flatline_now_mono_ns() - start_ns);
}

static const struct {
    const char *name;
    void (*obey)(const struct asked *asked);
} commands[] = {
    {"echo", do_echo},           {"beat", do_beat},       {"idle", do_idle},
    {"exit", do_exit},           {"restart", do_restart}, {"error", do_error},
    {"panic", do_panic},         {"quote", do_quote},     {"action", do_action},
    {"position", do_position},   {"count", do_count},     {"gauge", do_gauge},
    {"latency", do_latency},     {"sent", do_sent},       {"seen", do_seen},
    {"extended", do_extended},   {"failed", do_failed},   {"proven", do_proven},
    {"gate_seen", do_gate_seen}, {"quoting", do_quoting}, {"pulled", do_pulled},
    {"done", do_done},           {"stress", do_stress},   {"time", do_time},
};

static void write_words(char *line)
{
    char name[16];
    struct asked asked = {.text = ""};
    int text_at = 0;
    (void)sscanf(line, "%15s %" SCNu64 " %n", name, &asked.n[0], &text_at);
    asked.text = line + text_at;
    char *at = line + text_at;
    for (size_t i = 1; i < 4; i++) {
        asked.n[i] = strtoull(at, &at, 10); /* of "-9": its two's complement */
    }
    asked.record = records[asked.n[0] % RECORDS_MAX];
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].obey(&asked);
        }
    }
    if (strcmp(name, "time") != 0) {
        say(name, 0);
    }
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "create ", 7) == 0) {
            create(line);
        } else if (strncmp(line, "declare ", 8) == 0) {
            declare(line);
        } else if (strcmp(line, "close") == 0) {
            flatline_engine_close(engine);
            engine = NULL;
            say("close", 0);
        } else {
            write_words(line);
        }
        (void)fflush(stdout);
    }
    flatline_engine_close(engine);
    return 0;
}
