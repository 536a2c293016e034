/* SPDX-License-Identifier: MIT
 *
 * cli_check.c - `flatline check`: one verdict as exit code, for scripts and monitoring plugins.
 *
 * 3 when nothing can be known (no segment, dead sentinel, no streams), else the worst of: 2 a gate
 * shut by anything but missing first data, or a revoked stream; 3 a gate or a stream without data
 * yet; 1 an open fault, or a lapsed stream outside gates; 0.
 */
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <stdlib.h>

enum verdict { VERDICT_HEALTHY, VERDICT_FAULT, VERDICT_SHUT, VERDICT_UNKNOWN };

static const struct cli_usage usage = {
    .command = "check",
    .arguments = "",
    .text = "Judges the whole segment and tells by exit code: 0 healthy; 1 an open fault, or a "
            "lapsed stream outside\n"
            "gates; 2 a gate not fresh, or a stream revoked by a fault; 3 no segment, a dead "
            "sentinel, no streams, or\n"
            "something of which nothing is known yet.",
};

struct checkup {
    const struct flatline *reader;
    uint64_t now_ns;
    bool json;
    bool found[VERDICT_UNKNOWN + 1];
    json_t *problems;
};

static void found(struct checkup *checkup,
                  enum verdict verdict,
                  const char *what,
                  const char *name,
                  const char *why)
{
    checkup->found[verdict] = true;
    if (!checkup->json) {
        cli_print(verdict == VERDICT_SHUT ? CLI_RED : CLI_YELLOW, what);
        (void)putchar(' ');
        cli_print(CLI_PLAIN, name != NULL ? name : "-");
        (void)fputs(": ", stdout);
        cli_print(CLI_PLAIN, why);
        (void)putchar('\n');
        return;
    }
    json_t *problem = json_object();
    (void)json_object_set_new(problem, "what", json_string(what));
    (void)json_object_set_new(problem, "name", cli_json_text(name));
    (void)json_object_set_new(problem, "why", json_string(why));
    (void)json_object_set_new(problem, "exit", json_integer(verdict));
    (void)json_array_append_new(checkup->problems, problem);
}

static void check_gates(struct checkup *checkup, bool *gated)
{
    for (uint32_t i = 0; i < flatline_gate_count(checkup->reader); i++) {
        struct flatline_gate gate;
        if (flatline_gate_at(checkup->reader, i, &gate) != 0) {
            continue;
        }
        for (uint32_t k = 0; k < gate.member_count; k++) {
            gated[gate.members[k].stream] = true; /* checked at attach */
        }
        const struct flatline_gate witness = flatline_gate_witness(&gate); /* no echo of our own */
        const enum flatline_why why = flatline_gate_why(&witness, checkup->now_ns, NULL);
        if (why != FLATLINE_WHY_FRESH) {
            found(checkup,
                  why == FLATLINE_WHY_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_SHUT,
                  "gate",
                  flatline_gate_name(checkup->reader, i),
                  flatline_why_name(why));
        }
    }
}

static enum verdict verdict_of_stream(enum flatline_why why)
{
    if (why == FLATLINE_WHY_FRESH) {
        return VERDICT_HEALTHY;
    }
    if (why == FLATLINE_WHY_UNKNOWN) {
        return VERDICT_UNKNOWN;
    }
    return why == FLATLINE_WHY_REVOKED
               ? VERDICT_SHUT
               : VERDICT_FAULT; /* else lapsed: the segment itself is alive */
}

static void check_streams(struct checkup *checkup, const bool *gated)
{
    for (uint32_t i = 0; i < flatline_stream_count(checkup->reader); i++) {
        struct flatline_stream stream;
        if (flatline_stream_at(checkup->reader, i, &stream) != 0) {
            continue;
        }
        const enum flatline_why why = flatline_why(&stream, checkup->now_ns);
        const enum verdict verdict = verdict_of_stream(why);
        if (verdict == VERDICT_HEALTHY || (gated[i] && verdict == VERDICT_FAULT)) {
            continue; /* a lapsed member is its gate's business: the gate may trust it longer */
        }
        found(checkup,
              verdict,
              "stream",
              flatline_stream_name(checkup->reader, i),
              flatline_why_name(why));
    }
}

static void check_faults(struct checkup *checkup)
{
    struct flatline_fault *faults = NULL;
    const int count = cli_faults(checkup->reader, true, &faults);
    if (count < 0) {
        found(checkup,
              VERDICT_UNKNOWN,
              "segment",
              flatline_path(checkup->reader),
              flatline_strerror(count));
        return;
    }
    for (int i = 0; i < count; i++) {
        char place[FLATLINE_NAME_BYTES];
        if (faults[i].drill) {
            continue; /* an exercise is no trouble */
        }
        cli_fault_place(checkup->reader, &faults[i], place);
        found(checkup, VERDICT_FAULT, "fault", place, flatline_fault_name(faults[i].kind));
    }
    free(faults);
}

static void check_all(struct checkup *checkup)
{
    const uint32_t streams = flatline_stream_count(checkup->reader);
    bool *gated = calloc((size_t)streams + 1, sizeof(*gated));
    const char *path = flatline_path(checkup->reader);
    if (!flatline_alive(checkup->reader, checkup->now_ns)) {
        found(checkup,
              VERDICT_UNKNOWN,
              "segment",
              path,
              flatline_why_name(FLATLINE_WHY_SENTINEL_DEAD));
    } else if (streams == 0 || gated == NULL) {
        found(checkup, VERDICT_UNKNOWN, "segment", path, "no streams");
    } else {
        check_gates(checkup, gated);
        check_streams(checkup, gated);
        check_faults(checkup);
    }
    free(gated);
}

static enum verdict verdict_of(const struct checkup *checkup)
{
    /* Proven trouble before ignorance, ignorance before lesser trouble. */
    static const enum verdict order[] = {VERDICT_SHUT, VERDICT_UNKNOWN, VERDICT_FAULT};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (checkup->found[order[i]]) {
            return order[i];
        }
    }
    return VERDICT_HEALTHY;
}

int check_command(int argc, char **argv)
{
    static const char *const names[] = {"healthy", "fault", "shut", "unknown"};
    struct cli_choice choice;
    struct flatline *reader;
    int code;
    if (!cli_parse(&usage, argc, argv, &choice, &code)) {
        return code;
    }
    if (cli_attach(usage.command, choice.segment, &reader) != CLI_DONE) {
        return VERDICT_UNKNOWN; /* whatever kept us from looking */
    }
    struct checkup checkup = {.reader = reader,
                              .now_ns = flatline_now_mono_ns(),
                              .json = choice.json,
                              .problems = json_array()};
    check_all(&checkup);
    const enum verdict verdict = verdict_of(&checkup);
    if (choice.json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "verdict", json_string(names[verdict]));
        (void)json_object_set_new(object, "exit", json_integer(verdict));
        (void)json_object_set_new(object, "problems", checkup.problems);
        code = cli_json_print(object);
    } else {
        json_decref(checkup.problems);
        cli_print(verdict == VERDICT_HEALTHY ? CLI_GREEN : CLI_PLAIN, names[verdict]);
        (void)putchar('\n');
        code = cli_finish(CLI_DONE);
    }
    flatline_detach(reader);
    return code == CLI_DONE ? (int)verdict : VERDICT_UNKNOWN;
}
