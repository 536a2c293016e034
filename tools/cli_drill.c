/* SPDX-License-Identifier: MIT
 *
 * cli_drill.c - `flatline drill`: closes a gate for a moment, marked DRILL, and tells when it closed
 * and when it was open again. It is how a desk learns that its engine really stops.
 */
#include "tools/cli_command.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <time.h>

#define POLL_NS   200000L
#define MARGIN_NS 2000000000ULL /* beyond the drill's own end: the sentinel has gone */
#define MS_OF(ns) ((double)(ns) / 1e6)

enum drill_option { OPTION_FOR, OPTION_YES, OPTION_SOCKET };

static const struct cli_usage usage = {
    .command = "drill",
    .arguments = "GATE",
    .text = "Closes a gate for a moment, as an open breaker does, and tells when it closed and "
            "opened again.\n"
            "What comes of it is marked DRILL and pages nobody. Engines do pull their quotes.",
    .own = {{"for", "DURATION", "how long, at most 60s (default: 500ms)"},
            {"yes", NULL, "do it: engines on this gate will stop quoting"},
            {"socket", "PATH", "control socket (default: what the segment says)"}},
};

struct drill {
    const struct flatline *reader;
    struct flatline_gate gate;
    bool json;
    bool could_quote; /* before */
    uint64_t asked_ns;
    uint64_t until_ns;
    uint64_t closed_ns; /* 0: not seen */
    uint64_t opened_ns;
    int64_t serial;
};

static void drill_watch(struct drill *drill)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t now_ns = flatline_now_mono_ns();
    while (drill->opened_ns == 0 && now_ns < drill->until_ns + MARGIN_NS) {
        const bool shut = flatline_advised(&drill->gate, FLATLINE_ADVICE_BREAKER, now_ns);
        if (shut && drill->closed_ns == 0) {
            drill->closed_ns = now_ns;
        } else if (!shut && (drill->closed_ns != 0 || now_ns >= drill->until_ns)) {
            drill->opened_ns = now_ns;
        }
        (void)nanosleep(&pause, NULL);
        now_ns = flatline_now_mono_ns();
    }
}

static json_t *json_after(uint64_t asked_ns, uint64_t then_ns)
{
    return then_ns == 0 ? json_null() : json_integer((json_int_t)(then_ns - asked_ns));
}

static int drill_print(const struct drill *drill)
{
    const uint64_t now_ns = flatline_now_mono_ns();
    const enum flatline_why why = flatline_quote_why(&drill->gate, now_ns, NULL);
    const char *name = flatline_gate_name(drill->reader, drill->gate.index);
    const bool done = drill->closed_ns != 0 && drill->opened_ns != 0;
    if (drill->json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "type", json_string("DRILL"));
        (void)json_object_set_new(object, "gate", cli_json_text(name));
        (void)json_object_set_new(object, "serial", json_integer(drill->serial));
        (void)json_object_set_new(object, "could_quote", json_boolean(drill->could_quote));
        cli_json_word(object, "asked_mono_ns", drill->asked_ns);
        (void)json_object_set_new(
            object, "closed_after_ns", json_after(drill->asked_ns, drill->closed_ns));
        (void)json_object_set_new(
            object, "opened_after_ns", json_after(drill->asked_ns, drill->opened_ns));
        (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
        const int code = cli_json_print(object);
        return code == CLI_DONE && !done ? CLI_FAILED : code;
    }
    (void)printf("DRILL %" PRId64 " on ", drill->serial);
    cli_print(CLI_PLAIN, name);
    if (!drill->could_quote) {
        (void)printf(" (which could not quote anyway)");
    }
    if (drill->closed_ns != 0) {
        (void)printf("\n  closed after %.3f ms", MS_OF(drill->closed_ns - drill->asked_ns));
    }
    if (done) {
        (void)printf("\n  open again after %.3f ms: %s",
                     MS_OF(drill->opened_ns - drill->asked_ns),
                     flatline_why_meaning(why));
    }
    (void)puts(done ? "" : "\n  the gate did not close and open as asked: is the sentinel alive?");
    return cli_finish(done ? CLI_DONE : CLI_FAILED);
}

static int drill_run(struct drill *drill, const char *socket, const char *gate, uint64_t for_ns)
{
    char path[FLATLINE_SOCKET_BYTES];
    json_t *answer = NULL;
    cli_socket_path(socket, drill->reader, path);
    drill->asked_ns = flatline_now_mono_ns();
    drill->could_quote = flatline_may_quote(&drill->gate, drill->asked_ns);
    const int code = cli_command(
        usage.command,
        path,
        json_pack("{s:s, s:s, s:I}", "do", "drill", "target", gate, "for_ns", (json_int_t)for_ns),
        &answer);
    if (code != CLI_DONE) {
        return code;
    }
    drill->serial = json_integer_value(json_object_get(answer, "serial"));
    drill->until_ns = (uint64_t)json_integer_value(json_object_get(answer, "until_mono_ns"));
    json_decref(answer);
    drill_watch(drill);
    return drill_print(drill);
}

int drill_command(int argc, char **argv)
{
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
    struct drill drill = {.reader = reader, .json = choice.json};
    if (flatline_find_gate(reader, choice.arguments[0], &drill.gate) != 0) {
        const char *near = flatline_nearest(reader, choice.arguments[0]);
        (void)fprintf(stderr,
                      "flatline drill: no gate '%s'%s%s\n",
                      choice.arguments[0],
                      near != NULL ? "; perhaps " : "",
                      near != NULL ? near : "");
        code = CLI_USAGE;
    } else {
        drill.gate = flatline_gate_witness(&drill.gate);
        code = drill_run(&drill, choice.own[OPTION_SOCKET], choice.arguments[0], for_ns);
    }
    flatline_detach(reader);
    return code;
}
