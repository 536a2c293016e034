/* SPDX-License-Identifier: MIT
 *
 * cli_faults.c - `flatline faults`: the fault table, newest first; also of a dead sentinel.
 */
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct cli_usage usage = {
    .command = "faults",
    .arguments = "",
    .text = "Lists the fault table, newest first: kind, scope, onset, evidence. It can be read "
            "after the sentinel's death.",
    .own = {{"open", NULL, "only faults that have not cleared"}},
};

static void add_fault(struct cli_table *table,
                      const struct flatline *reader,
                      const struct flatline_fault *fault)
{
    const uint64_t now_ns = flatline_now_mono_ns();
    char place[FLATLINE_NAME_BYTES];
    char onset[CLI_TEXT_BYTES];
    char lasted[CLI_TEXT_BYTES];
    char evidence[CLI_EVIDENCE_BYTES];
    cli_age_text(fault->onset_mono_ns, now_ns, onset);
    cli_age_text(fault->onset_mono_ns,
                 fault->cleared_mono_ns != 0 ? fault->cleared_mono_ns : now_ns,
                 lasted);
    cli_evidence_text(fault, evidence);
    cli_fault_place(reader, fault, place);
    cli_table_add(table, CLI_PLAIN, "%" PRIu64, fault->id);
    cli_table_add(table,
                  fault->cleared_mono_ns == 0 ? CLI_RED : CLI_GREEN,
                  "%s%s",
                  flatline_fault_name(fault->kind),
                  fault->drill ? " DRILL" : "");
    cli_table_add(table, CLI_PLAIN, "%s", fault->cleared_mono_ns == 0 ? "open" : "cleared");
    cli_table_add(table, CLI_PLAIN, "%s", place);
    cli_table_add(table, CLI_PLAIN, "%s", onset);
    cli_table_add(table, CLI_PLAIN, "%s", lasted);
    cli_table_add(table, CLI_PLAIN, "%" PRIu64, fault->count);
    cli_table_add(table, CLI_PLAIN, "%s", evidence);
    cli_table_add(table, CLI_DIM, "%s", fault->text);
}

static int print_faults(const struct flatline *reader, bool json, bool open_only)
{
    static const char *const titles[] = {
        "ID", "KIND", "STATE", "OF", "ONSET AGO", "LASTED", "TIMES", "EVIDENCE", "WORDS"};
    struct flatline_fault *faults = NULL;
    const int count = cli_faults(reader, open_only, &faults);
    if (count < 0) {
        (void)fprintf(stderr, "flatline faults: %s\n", flatline_strerror(count));
        return CLI_FAILED;
    }
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(array, cli_json_fault(reader, &faults[i]));
        add_fault(table, reader, &faults[i]);
    }
    free(faults);
    return cli_print_either(json, array, table);
}

int faults_command(int argc, char **argv)
{
    struct cli_choice choice;
    struct flatline *reader;
    int code;
    if (!cli_parse(&usage, argc, argv, &choice, &code)) {
        return code;
    }
    code = cli_attach(usage.command, choice.segment, &reader);
    if (code == CLI_DONE) {
        const bool is_alive = flatline_alive(reader, flatline_now_mono_ns());
        code = print_faults(reader, choice.json, choice.own[0] != NULL);
        code = cli_verdict(usage.command, is_alive, code);
        flatline_detach(reader);
    }
    return code;
}
