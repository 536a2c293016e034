/* SPDX-License-Identifier: MIT
 *
 * cli_drill.c - `flatline drill`: closes a gate for a moment, marked DRILL, and tells when each engine
 * saw it and had its quotes gone. It is how a desk learns that its engine really stops.
 */
#include "tools/cli_drill.h"

#include "tools/cli_advice.h"
#include "tools/cli_command.h"
#include "tools/flatline_commands.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define POLL_NS   200000L
#define LOOK_NS   5000000ULL    /* between two looks at the engines' files */
#define MARGIN_NS 2000000000ULL /* beyond the drill's own end: the sentinel has gone */

enum drill_option { OPTION_FOR, OPTION_YES, OPTION_REPORT, OPTION_SOCKET };

static const struct cli_usage usage = {
    .command = "drill",
    .arguments = "GATE",
    .text =
        "Closes a gate for a moment, as an open breaker does, and tells when each engine saw it "
        "and had its quotes gone.\n"
        "What comes of it is marked DRILL and pages nobody. Engines do pull their quotes.\n"
        "Exits 0 if every engine that tells of this gate reacted, else 1.",
    .own = {{"for", "DURATION", "how long, at most 60s (default: 500ms)"},
            {"yes", NULL, "do it: engines on this gate will stop quoting"},
            {"report",
             "DIR",
             "where the dated report goes (default: ~/.local/state/flatline/drills)"},
            {"socket", "PATH", "control socket (default: what the segment says)"}},
};

/* ---- the engines ----------------------------------------------------------------------------- */

static const struct flatline_engine_gate *record_of(const struct drill *drill,
                                                    const struct flatline_engine_view *view)
{
    struct flatline_engine_slot_view slot;
    const char *name = flatline_gate_name(drill->reader, drill->gate.index);
    return cli_engine_slot(view, FLATLINE_ENGINE_GATE, name, &slot) ? slot.record : NULL;
}

/* Those that speak of the gate and have not said goodbye. */
static void engines_find(struct drill *drill)
{
    (void)cli_engine_files_open(usage.command, flatline_path(drill->reader), &drill->files);
    for (uint32_t i = 0; i < drill->files.count; i++) {
        struct flatline_engine_view *view = drill->files.views[i];
        const struct flatline_engine_gate *gate = record_of(drill, view);
        if (gate != NULL && flatline_engine_view_header(view)->goodbye_mono_ns == 0) {
            drill->engines[drill->engine_count++] =
                (struct drill_engine){.view = view, .quoted = gate->quoting != 0};
        }
    }
}

/* The first time within the drill; a torn or absurd one is none. */
static void time_take(const struct drill *drill, uint64_t time_ns, uint64_t *first_ns)
{
    if (*first_ns == 0 && time_ns >= drill->since_ns && time_ns < drill->until_ns) {
        *first_ns = time_ns;
    }
}

static void engines_look(struct drill *drill)
{
    for (uint32_t i = 0; i < drill->engine_count; i++) {
        struct drill_engine *engine = &drill->engines[i];
        const struct flatline_engine_gate *gate = NULL;
        if (flatline_engine_view_read(engine->view) == 0) {
            gate = record_of(drill, engine->view);
        }
        if (gate != NULL) {
            time_take(drill, gate->seen_closed_mono_ns, &engine->seen_ns);
            time_take(drill, gate->pulled_mono_ns, &engine->pulled_ns);
        }
    }
}

/* ---- the drill ------------------------------------------------------------------------------- */

/* When the sentinel took it: our own clock of before, where its slot is gone already. */
static uint64_t since_of(const struct drill *drill)
{
    struct flatline_advice *advice = NULL;
    uint64_t since_ns = drill->asked_ns;
    const int count = cli_advice(drill->reader, &advice);
    for (int i = 0; i < count; i++) {
        if (advice[i].serial == (uint64_t)drill->serial && advice[i].since_mono_ns > since_ns) {
            since_ns = advice[i].since_mono_ns;
        }
    }
    free(advice);
    return since_ns;
}

static void drill_watch(struct drill *drill)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t now_ns = flatline_now_mono_ns();
    uint64_t look_ns = now_ns + LOOK_NS;
    while (drill->opened_ns == 0 && now_ns < drill->until_ns + MARGIN_NS) {
        const bool shut = flatline_advised(&drill->gate, FLATLINE_ADVICE_BREAKER, now_ns);
        if (shut && drill->closed_ns == 0) {
            drill->closed_ns = now_ns;
            drill->since_ns = since_of(drill);
        } else if (!shut && (drill->closed_ns != 0 || now_ns >= drill->until_ns)) {
            drill->opened_ns = now_ns;
        }
        if (now_ns >= look_ns) {
            engines_look(drill);
            look_ns = now_ns + LOOK_NS;
        }
        (void)nanosleep(&pause, NULL);
        now_ns = flatline_now_mono_ns();
    }
    engines_look(drill);
}

static int drill_end(const struct drill *drill, bool json, const char *folder)
{
    char path[PATH_MAX + 8] = "";
    const bool written = drill_report(drill, folder, path, sizeof(path));
    const bool passed = drill_passed(drill) && written;
    int code;
    if (json) {
        json_t *object = drill_json(drill);
        (void)json_object_set_new(object, "report", written ? cli_json_text(path) : json_null());
        code = cli_json_print(object);
    } else {
        drill_text(drill, stdout);
        if (written) {
            (void)printf("  report: %s\n", path);
        }
        code = cli_finish(CLI_DONE);
    }
    return code == CLI_DONE && !passed ? CLI_FAILED : code;
}

static int drill_run(struct drill *drill, const struct cli_choice *choice, uint64_t for_ns)
{
    char path[FLATLINE_SOCKET_BYTES];
    json_t *answer = NULL;
    cli_socket_path(choice->own[OPTION_SOCKET], drill->reader, path);
    engines_find(drill);
    drill->asked_ns = flatline_now_mono_ns();
    drill->could_quote = flatline_may_quote(&drill->gate, drill->asked_ns);
    const int code = cli_command(usage.command,
                                 path,
                                 json_pack("{s:s, s:s, s:I}",
                                           "do",
                                           "drill",
                                           "target",
                                           choice->arguments[0],
                                           "for_ns",
                                           (json_int_t)for_ns),
                                 &answer);
    if (code != CLI_DONE) {
        return code;
    }
    drill->serial = json_integer_value(json_object_get(answer, "serial"));
    drill->until_ns = (uint64_t)json_integer_value(json_object_get(answer, "until_mono_ns"));
    drill->since_ns = drill->asked_ns;
    json_decref(answer);
    drill_watch(drill);
    return drill_end(drill, choice->json, choice->own[OPTION_REPORT]);
}

int drill_command(int argc, char **argv)
{
    struct drill drill = {0};
    struct cli_choice choice;
    struct flatline *reader = NULL;
    uint64_t for_ns = 500U * 1000000ULL;
    int code;
    if (!cli_parse(&usage, argc, argv, &choice, &code)) {
        return code;
    }
    if (choice.argument_count != 1 || choice.own[OPTION_YES] == NULL) {
        (void)fputs("flatline drill: wants one GATE, and --yes: its engines will stop quoting\n",
                    stderr);
        return CLI_USAGE;
    }
    if (choice.own[OPTION_FOR] != NULL &&
        !cli_duration(&usage, "for", choice.own[OPTION_FOR], &for_ns)) {
        return CLI_USAGE;
    }
    code = cli_attach(usage.command, choice.segment, &reader);
    if (code != CLI_DONE) {
        return code;
    }
    drill.reader = reader;
    if (flatline_find_gate(reader, choice.arguments[0], &drill.gate) != 0) {
        const char *near = flatline_nearest(reader, choice.arguments[0]);
        (void)fprintf(stderr,
                      "flatline drill: no gate '%s'%s%s\n",
                      choice.arguments[0],
                      near != NULL ? "; perhaps " : "",
                      near != NULL ? near : "");
        code = CLI_USAGE;
    } else {
        drill.gate = flatline_gate_witness(&drill.gate); /* this command has no echo of its own */
        code = drill_run(&drill, &choice, for_ns);
        cli_engine_files_close(&drill.files);
    }
    flatline_detach(reader);
    return code;
}
