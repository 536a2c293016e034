/* SPDX-License-Identifier: MIT
 *
 * ask.c - the C reader answers: one command a line on standard input, one JSON object a line on standard output. Its siblings
 * ask.cpp, ask.py and go/ask.go answer the same commands, which README.md lists.
 */
#include "flatline/engine.h"
#include "flatline/flatline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ERROR_NAME(number, name, text) [number] = #name,

static const char *const error_names[] = {[0] = "OK", FLATLINE_ERRORS(ERROR_NAME)};

static struct flatline *reader;
static struct flatline_stream stream;
static struct flatline_gate gate;
static struct flatline_engine *engine;

static const char *name_of(int error)
{
    return error_names[-error];
}

static const char *truth(bool holds)
{
    return holds ? "true" : "false";
}

static void print_text_or_null(const char *text)
{
    (void)printf(text != NULL ? "\"%s\"" : "null", text);
}

static void attach(const char *path)
{
    flatline_detach(reader);
    reader = NULL;
    const int error = flatline_attach(path, &reader);
    (void)printf("{\"attach\":\"%s\"", name_of(error));
    if (error == 0) {
        (void)printf(",\"epoch\":%" PRIu64 ",\"streams\":[", flatline_header_of(reader)->epoch);
        for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
            (void)printf("%s\"%s\"", i > 0 ? "," : "", flatline_stream_name(reader, i));
        }
        (void)printf("],\"gates\":[");
        for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
            (void)printf("%s\"%s\"", i > 0 ? "," : "", flatline_gate_name(reader, i));
        }
        (void)putchar(']');
    }
    (void)puts("}");
}

static void found(int error, const char *name)
{
    (void)printf("{\"find\":\"%s\"", name_of(error));
    if (error != 0) {
        (void)printf(",\"nearest\":");
        print_text_or_null(flatline_nearest(reader, name));
    }
    (void)puts("}");
}

static void ask(uint64_t now, uint64_t last_id)
{
    const bool fresh = flatline_fresh(&stream, now);
    const uint64_t due_id = flatline_due_id(&stream);
    const struct flatline_lease *lease = stream.lease;
    (void)printf("{\"fresh\":%s,\"why\":\"%s\",\"due_id\":%" PRIu64
                 ",\"own_fresh\":%s,\"revoked_by\":%" PRIu64 "}\n",
                 truth(fresh),
                 flatline_why_name(flatline_why(&stream, now)),
                 due_id,
                 truth(fresh && last_id >= due_id),
                 lease->lease_until_mono_ns == 0 ? lease->revoked_by : 0);
}

static void ask_gate(uint64_t now)
{
    uint32_t culprit = 0;
    const enum flatline_why why = flatline_gate_why(&gate, now, &culprit);
    (void)printf("{\"fresh\":%s,\"why\":\"%s\",\"culprit\":",
                 truth(flatline_gate_fresh(&gate, now)),
                 flatline_why_name(why));
    print_text_or_null(why != FLATLINE_WHY_FRESH ? flatline_stream_name(reader, culprit) : NULL);
    (void)puts("}");
}

static void ask_quote(uint64_t now)
{
    (void)printf("{\"may_quote\":%s,\"why\":\"%s\",\"advised\":[",
                 truth(flatline_may_quote(&gate, now)),
                 flatline_why_name(flatline_quote_why(&gate, now, NULL)));
    for (uint32_t i = 0; i < FLATLINE_ADVICE_COUNT; i++) {
        const bool is = flatline_advised(&gate, (enum flatline_advice_kind)i, now);
        (void)printf("%s%d", i > 0 ? "," : "", is ? 1 : 0);
    }
    (void)printf("],\"serials\":[");
    for (uint32_t i = 0; i < FLATLINE_ADVICE_COUNT; i++) {
        const uint64_t serial = flatline_advice_serial(&gate, (enum flatline_advice_kind)i);
        (void)printf("%s%" PRIu64, i > 0 ? "," : "", serial);
    }
    (void)puts("]}");
}

#define PRINT_WORD(record, field, offset, bytes, unit, meaning)                                    \
    print_word((offset) == 0,                                                                      \
               (uint64_t)copy.field,                                                               \
               _Generic(copy.field, int64_t                                                        \
                        : true, default                                                            \
                        : false));

static void print_word(bool is_first, uint64_t word, bool is_signed)
{
    const char *comma = is_first ? "" : ",";
    if (is_signed) {
        (void)printf("%s%" PRId64, comma, (int64_t)word);
    } else {
        (void)printf("%s%" PRIu64, comma, word);
    }
}

static void print_detail(struct flatline_detail copy)
{
    (void)printf(",\"detail\":[");
    FLATLINE_DETAIL_FIELDS(PRINT_WORD)
    (void)putchar(']');
}

static void print_lease(struct flatline_lease copy)
{
    (void)printf(",\"lease\":[");
    FLATLINE_LEASE_FIELDS(PRINT_WORD)
    (void)putchar(']');
}

static void snapshot(void)
{
    struct flatline_snapshot copy;
    const int error = flatline_take_snapshot(&stream, reader, &copy);
    (void)printf("{\"snapshot\":\"%s\"", name_of(error));
    if (error == 0) {
        print_detail(copy.detail);
        print_lease(copy.lease);
    }
    (void)puts("}");
}

/* Every word of the stress writer's detail slot holds one number, and so do both halves of due_id. */
static bool is_torn(const struct flatline_detail *detail)
{
    const uint64_t *words = (const uint64_t *)detail;
    bool torn = false;
    for (size_t i = 2; i < offsetof(struct flatline_detail, unproven) / sizeof(*words); i++) {
        torn |= words[i] != words[1];
    }
    return torn;
}

static void stress(uint64_t seconds)
{
    const uint64_t end = flatline_now_mono_ns() + seconds * 1000000000U;
    uint64_t snapshots = 0;
    uint64_t torn = 0;
    uint64_t again = 0;
    uint64_t changes = 0;
    uint64_t last = 0;
    while (flatline_now_mono_ns() < end) {
        struct flatline_snapshot copy;
        const uint64_t due = flatline_due_id(&stream);
        torn += due >> 32 != (due & 0xffffffffU);
        if (flatline_take_snapshot(&stream, reader, &copy) != 0) {
            again++;
            continue;
        }
        snapshots++;
        torn += is_torn(&copy.detail);
        changes += copy.detail.frames != last;
        last = copy.detail.frames;
    }
    (void)printf("{\"snapshots\":%" PRIu64 ",\"torn\":%" PRIu64 ",\"again\":%" PRIu64
                 ",\"changes\":%" PRIu64 "}\n",
                 snapshots,
                 torn,
                 again,
                 changes);
}

/* What a look costs with its clock. */
static void time_looks(uint64_t count, bool of_gate)
{
    uint64_t fresh = 0;
    const uint64_t start = flatline_now_mono_ns();
    if (of_gate) {
        for (uint64_t i = 0; i < count; i++) {
            fresh += flatline_gate_fresh(&gate, flatline_now_mono_ns());
        }
    } else {
        for (uint64_t i = 0; i < count; i++) {
            fresh += flatline_fresh(&stream, flatline_now_mono_ns());
        }
    }
    (void)printf(
        "{\"ns\":%" PRIu64 ",\"fresh\":%" PRIu64 "}\n", flatline_now_mono_ns() - start, fresh);
}

static void reattach(void)
{
    const int done = flatline_reattach(reader);
    (void)printf("{\"reattach\":\"%s\"}\n", done == 1 ? "ANEW" : done == 0 ? "NO" : name_of(done));
}

/* The engine's own newest id of a stream, and the gate held against such. */
static void own(const char *name, uint64_t last_id)
{
    struct flatline_engine_echo *echo = NULL;
    int error =
        engine == NULL ? flatline_engine_create(flatline_path(reader), "ask", NULL, &engine) : 0;
    if (error == 0) {
        error = flatline_declare_stream(engine, name, &echo);
    }
    if (error == 0) {
        flatline_echo(echo, last_id, flatline_now_mono_ns());
    }
    (void)printf("{\"own\":\"%s\"}\n", name_of(error));
}

static bool obey(const char *line)
{
    char name[256];
    uint64_t a;
    uint64_t b;
    if (sscanf(line, "attach %255s", name) == 1) {
        attach(name);
    } else if (sscanf(line, "find_gate %255s", name) == 1) {
        found(flatline_find_gate(reader, name, &gate), name);
    } else if (sscanf(line, "find %255s", name) == 1) {
        found(flatline_find(reader, name, &stream), name);
    } else if (sscanf(line, "own %255s %" SCNu64, name, &a) == 2) {
        own(name, a);
    } else if (strcmp(line, "bind") == 0) {
        (void)printf("{\"bind\":\"%s\"}\n",
                     name_of(flatline_gate_bind_engine(reader, &gate, engine)));
    } else if (sscanf(line, "ask %" SCNu64 " %" SCNu64, &a, &b) == 2) {
        ask(a, b);
    } else if (sscanf(line, "ask_gate %" SCNu64, &a) == 1) {
        ask_gate(a);
    } else if (sscanf(line, "ask_quote %" SCNu64, &a) == 1) {
        ask_quote(a);
    } else if (sscanf(line, "stress %" SCNu64, &a) == 1) {
        stress(a);
    } else if (sscanf(line, "time %" SCNu64, &a) == 1) {
        time_looks(a, false);
    } else if (sscanf(line, "time_gate %" SCNu64, &a) == 1) {
        time_looks(a, true);
    } else if (strcmp(line, "snapshot") == 0) {
        snapshot();
    } else if (strcmp(line, "reattach") == 0) {
        reattach();
    } else if (strcmp(line, "look") == 0) {
        (void)printf("{\"look\":%s}\n",
                     truth(flatline_look(reader, &stream, flatline_now_mono_ns())));
    } else if (strcmp(line, "look_gate") == 0) {
        (void)printf("{\"look\":%s}\n",
                     truth(flatline_look_gate(reader, &gate, flatline_now_mono_ns())));
    } else {
        return false;
    }
    return fflush(stdout) == 0;
}

int main(void)
{
    char line[512];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!obey(line)) {
            (void)fprintf(stderr, "ask: %s?\n", line);
            return 2;
        }
    }
    flatline_detach(reader);
    flatline_engine_close(engine);
    return 0;
}
