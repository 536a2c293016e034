/* SPDX-License-Identifier: MIT
 *
 * cli_advice.c - `flatline breaker|pause|reduce|fallback|reconnect` give and clear advice through
 * the control socket; `flatline advice` lists what the segment says of it.
 */
#include "tools/cli_advice.h"
#include "tools/cli_command.h"
#include "tools/cli_engine_files.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum give_option { OPTION_FOR, OPTION_REASON, OPTION_SOCKET };

#define GIVE_USAGE(name, what)                                                                     \
    {                                                                                              \
        .command = (name), .arguments = "TARGET [clear]",                                          \
        .text = what "\n"                                                                          \
                     "TARGET is a gate, a stream, a venue, or '*' for everything. `clear` takes "  \
                     "it back.",                                                                   \
        .own = {                                                                                   \
            {"for", "DURATION", "how long: 500ms, 30s, 5m, 8h, 2d; or forever, until cleared"},    \
            {"reason", "TEXT", "why, for those who will ask"},                                     \
            {"socket", "PATH", "control socket (default: what the segment says)"}},                \
    }

static const struct cli_usage give_usages[FLATLINE_ADVICE_COUNT] = {
    [FLATLINE_ADVICE_BREAKER] = GIVE_USAGE(
        "breaker", "Opens the breaker: the gates concerned may not quote, whatever the data."),
    [FLATLINE_ADVICE_PAUSE] = GIVE_USAGE("pause", "Pauses quoting, as for an event calendar."),
    [FLATLINE_ADVICE_REDUCE] = GIVE_USAGE("reduce", "Advises engines to quote less, or wider."),
    [FLATLINE_ADVICE_FALLBACK] =
        GIVE_USAGE("fallback", "Advises engines to take their data from REST."),
    [FLATLINE_ADVICE_RECONNECT] =
        GIVE_USAGE("reconnect", "Advises engines to make their own connections anew."),
};

/* ---- give and clear -------------------------------------------------------------------------- */

/* The object to send, NULL after saying what is wrong. */
static json_t *order_compose(enum flatline_advice_kind kind, const struct cli_choice *choice)
{
    const struct cli_usage *usage = &give_usages[kind];
    uint64_t span_ns = 0;
    const bool clear = choice->argument_count == 2 && strcmp(choice->arguments[1], "clear") == 0;
    if (choice->argument_count != 1 && !clear) {
        (void)fprintf(stderr, "flatline %s: wants TARGET, or TARGET clear\n", usage->command);
        return NULL;
    }
    if (clear) {
        return json_pack("{s:s, s:s, s:s}",
                         "do",
                         "clear",
                         "kind",
                         usage->command,
                         "target",
                         choice->arguments[0]);
    }
    const char *span = choice->own[OPTION_FOR];
    if (span == NULL || choice->own[OPTION_REASON] == NULL) {
        (void)fprintf(stderr, "flatline %s: wants --for and --reason\n", usage->command);
        return NULL;
    }
    const bool for_ever = strcmp(span, "forever") == 0;
    if (!for_ever && !cli_duration(usage, "for", span, &span_ns)) {
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:s}",
                     "do",
                     "give",
                     "kind",
                     usage->command,
                     "target",
                     choice->arguments[0],
                     "for_ns",
                     for_ever ? json_null() : json_integer((json_int_t)span_ns),
                     "reason",
                     choice->own[OPTION_REASON]);
}

static int answer_print(const struct cli_choice *choice, json_t *answer)
{
    if (choice->json) {
        return cli_json_print(answer);
    }
    const json_t *serial = json_object_get(answer, "serial");
    if (serial != NULL) {
        (void)printf("advice %lld, for %lld gates\n",
                     (long long)json_integer_value(serial),
                     (long long)json_integer_value(json_object_get(answer, "gates")));
    } else {
        (void)puts("cleared");
    }
    json_decref(answer);
    return cli_finish(CLI_DONE);
}

static int give(enum flatline_advice_kind kind, int argc, char **argv)
{
    const struct cli_usage *usage = &give_usages[kind];
    struct cli_choice choice;
    struct flatline *reader = NULL;
    char path[FLATLINE_SOCKET_BYTES];
    json_t *answer = NULL;
    int code;
    if (!cli_parse(usage, argc, argv, &choice, &code)) {
        return code;
    }
    json_t *order = order_compose(kind, &choice);
    if (order == NULL) {
        return CLI_USAGE;
    }
    if (choice.own[OPTION_SOCKET] == NULL) {
        code = cli_attach(usage->command, choice.segment, &reader);
        if (code != CLI_DONE) {
            json_decref(order);
            return code;
        }
    }
    cli_socket_path(choice.own[OPTION_SOCKET], reader, path);
    flatline_detach(reader);
    code = cli_command(usage->command, path, order, &answer);
    return code == CLI_DONE ? answer_print(&choice, answer) : code;
}

int breaker_command(int argc, char **argv)
{
    return give(FLATLINE_ADVICE_BREAKER, argc, argv);
}

int pause_command(int argc, char **argv)
{
    return give(FLATLINE_ADVICE_PAUSE, argc, argv);
}

int reduce_command(int argc, char **argv)
{
    return give(FLATLINE_ADVICE_REDUCE, argc, argv);
}

int fallback_command(int argc, char **argv)
{
    return give(FLATLINE_ADVICE_FALLBACK, argc, argv);
}

int reconnect_command(int argc, char **argv)
{
    return give(FLATLINE_ADVICE_RECONNECT, argc, argv);
}

/* ---- list ------------------------------------------------------------------------------------ */

int cli_advice(const struct flatline *reader, struct flatline_advice **ret_advice)
{
    const size_t room = flatline_record_count(reader, FLATLINE_SECTION_ADVICE);
    struct flatline_advice *advice = calloc(room + 1, sizeof(*advice));
    int count = advice == NULL ? FLATLINE_E_NO_MEMORY : FLATLINE_E_AGAIN;
    for (int i = 0; i < 50 && count == FLATLINE_E_AGAIN; i++) {
        count = flatline_list_advice(reader, flatline_now_mono_ns(), advice, room);
        const struct timespec pause = {.tv_nsec = 200000L};
        if (count == FLATLINE_E_AGAIN) {
            (void)nanosleep(&pause, NULL);
        }
    }
    *ret_advice = advice;
    return count < 0 ? 0 : count;
}

static const struct cli_usage list_usage = {
    .command = "advice",
    .arguments = "",
    .text = "Lists the advice that holds: what engines are asked to do, until when, by whom and "
            "why,\n"
            "and how soon each engine that acknowledges such advice has done so.",
};

/* What one engine says of one advice. */
struct acknowledgement {
    bool is_asked; /* it has a slot for this kind of advice */
    bool is_done;
    uint64_t sequence; /* the newest it has acted upon */
    uint64_t
        after_ns; /* since it was given; 0: it has acted upon a newer one, or of an earlier boot */
};

/* The slot is named as the kind, or TARGET/KIND where an engine serves several. */
static struct acknowledgement acknowledgement_of(const struct flatline_engine_view *view,
                                                 const struct flatline_advice *advice)
{
    struct acknowledgement found = {0};
    struct flatline_engine_slot_view slot;
    char name[2 * FLATLINE_NAME_BYTES];
    const char *kind = flatline_advice_name(advice->kind);
    (void)snprintf(name, sizeof(name), "%s/%s", advice->name, kind);
    if (cli_engine_slot(view, FLATLINE_ENGINE_ADVICE, name, &slot) ||
        cli_engine_slot(view, FLATLINE_ENGINE_ADVICE, kind, &slot)) {
        const struct flatline_engine_advice *record = slot.record;
        const uint64_t at_ns = record->acknowledged_mono_ns;
        found.is_asked = true;
        found.sequence = record->sequence;
        found.is_done = record->sequence >= advice->serial;
        if (record->sequence == advice->serial && advice->since_mono_ns != 0 &&
            at_ns > advice->since_mono_ns) {
            found.after_ns = at_ns - advice->since_mono_ns;
        }
    }
    return found;
}

static json_t *json_of_acknowledgements(const struct cli_engine_files *files,
                                        const struct flatline_advice *advice)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < files->count; i++) {
        const struct acknowledgement found = acknowledgement_of(files->views[i], advice);
        if (found.is_asked) {
            json_t *object = json_object();
            const char *name = flatline_engine_view_header(files->views[i])->name;
            (void)json_object_set_new(object, "engine", cli_json_text(name));
            (void)json_object_set_new(object, "acknowledged", json_boolean(found.is_done));
            cli_json_word(object, "sequence", found.sequence);
            (void)json_object_set_new(object,
                                      "after_ns",
                                      found.after_ns != 0 ? json_integer((json_int_t)found.after_ns)
                                                          : json_null());
            (void)json_array_append_new(array, object);
        }
    }
    return array;
}

/* "mm1 1.2 ms, mm2 not yet" */
static void acknowledgements_text(const struct cli_engine_files *files,
                                  const struct flatline_advice *advice,
                                  char text[CLI_EVIDENCE_BYTES])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < files->count; i++) {
        const struct acknowledgement found = acknowledgement_of(files->views[i], advice);
        const size_t length = strlen(text);
        char after[CLI_TEXT_BYTES];
        cli_span_text((int64_t)found.after_ns, after);
        if (found.is_asked) {
            (void)snprintf(text + length,
                           CLI_EVIDENCE_BYTES - length,
                           "%s%s %s",
                           length > 0 ? ", " : "",
                           flatline_engine_view_header(files->views[i])->name,
                           !found.is_done        ? "not yet"
                           : found.after_ns != 0 ? after
                                                 : "yes");
        }
    }
}

static json_t *json_of_one(const struct cli_engine_files *files,
                           const struct flatline_advice *advice,
                           uint64_t now_ns)
{
    const bool for_ever = advice->until_mono_ns == FLATLINE_UNTIL_CLEARED;
    json_t *object = json_object();
    cli_json_word(object, "serial", advice->serial);
    (void)json_object_set_new(object, "kind", json_string(flatline_advice_name(advice->kind)));
    (void)json_object_set_new(object, "drill", json_boolean(advice->drill));
    (void)json_object_set_new(object, "target", cli_json_text(advice->name));
    (void)json_object_set_new(object, "scope", json_string(flatline_target_name(advice->target)));
    (void)json_object_set_new(
        object,
        "left_ns",
        for_ever ? json_null() : json_integer((json_int_t)(advice->until_mono_ns - now_ns)));
    cli_json_word(object, "since_wall_ns", advice->since_wall_ns);
    cli_json_word(object, "uid", advice->uid);
    (void)json_object_set_new(object, "by", cli_json_text(advice->by));
    (void)json_object_set_new(object, "reason", cli_json_text(advice->reason));
    (void)json_object_set_new(object, "engines", json_of_acknowledgements(files, advice));
    return object;
}

json_t *cli_json_advice(const struct flatline *reader)
{
    struct flatline_advice *advice = NULL;
    json_t *array = json_array();
    struct cli_engine_files files;
    const int count = cli_advice(reader, &advice);
    (void)cli_engine_files_open(list_usage.command, flatline_path(reader), &files);
    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_of_one(&files, &advice[i], flatline_now_mono_ns()));
    }
    cli_engine_files_close(&files);
    free(advice);
    return array;
}

struct cli_table *cli_advice_table(const struct flatline *reader)
{
    static const char *const titles[] = {
        "ADVICE", "FOR", "STILL", "BY", "SERIAL", "REASON", "ACKNOWLEDGED BY, AFTER"};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    struct flatline_advice *advice = NULL;
    const int count = cli_advice(reader, &advice);
    const uint64_t now_ns = flatline_now_mono_ns();
    struct cli_engine_files files;
    (void)cli_engine_files_open(list_usage.command, flatline_path(reader), &files);
    for (int i = 0; i < count; i++) {
        char told[CLI_EVIDENCE_BYTES];
        char left[CLI_TEXT_BYTES] = "until cleared";
        if (advice[i].until_mono_ns != FLATLINE_UNTIL_CLEARED) {
            cli_span_text((int64_t)(advice[i].until_mono_ns - now_ns), left);
        }
        const bool forbids =
            advice[i].kind == FLATLINE_ADVICE_BREAKER || advice[i].kind == FLATLINE_ADVICE_PAUSE;
        cli_table_add(table,
                      forbids ? CLI_RED : CLI_YELLOW,
                      "%s%s",
                      flatline_advice_name(advice[i].kind),
                      advice[i].drill ? " DRILL" : "");
        cli_table_add(table, CLI_PLAIN, "%s", advice[i].name);
        cli_table_add(table, CLI_PLAIN, "%s", left);
        cli_table_add(table, CLI_PLAIN, "%s", advice[i].by);
        cli_table_add(table, CLI_PLAIN, "%" PRIu64, advice[i].serial);
        cli_table_add(table, CLI_PLAIN, "%s", advice[i].reason);
        acknowledgements_text(&files, &advice[i], told);
        cli_table_add(table, CLI_PLAIN, "%s", told);
    }
    cli_engine_files_close(&files);
    free(advice);
    return table;
}

static int print_advice(const struct flatline *reader, bool json)
{
    return cli_print_either(json, cli_json_advice(reader), cli_advice_table(reader));
}

int advice_command(int argc, char **argv)
{
    return cli_run(&list_usage, argc, argv, print_advice);
}
