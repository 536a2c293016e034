/* SPDX-License-Identifier: MIT
 *
 * cli_list.c - `flatline streams` and `flatline gates`: what is fixed for one life of the sentinel.
 */
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <stdlib.h>

#define SINCE_SECONDS_MAX (366ULL * 86400ULL)

static const struct cli_usage streams_usage = {
    .command = "streams",
    .arguments = "",
    .text = "Lists the streams and what is fixed about them: venue, class, how long fresh data is "
            "trusted.",
};

static const struct cli_usage gates_usage = {
    .command = "gates",
    .arguments = "",
    .text = "Lists the gates, whether each may quote, and its members.",
    .own = {{"since", "D", "how often each closed in the last D (30m, 24h), and why"}},
};

enum gates_option { OPTION_SINCE };

/* ---- streams --------------------------------------------------------------------------------- */

/* How long a silence must be to be SILENT, as things stand; 0: none would be. */
static uint64_t silence_provable_ns(const struct flatline *reader, uint32_t index)
{
    struct flatline_snapshot snapshot = {0};
    (void)cli_snapshot(reader, index, &snapshot);
    return snapshot.detail.silence_provable_ns;
}

static json_t *json_of_entry(const struct flatline *reader,
                             uint32_t index,
                             const struct flatline_directory_entry *entry)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "stream", cli_json_stream(reader, index));
    cli_json_word(object, "index", index);
    (void)json_object_set_new(
        object, "venue", json_string(flatline_venue_name((enum flatline_venue)entry->venue)));
    (void)json_object_set_new(
        object,
        "class",
        json_string(flatline_class_name((enum flatline_class)entry->stream_class)));
    cli_json_word(object, "stale_after_ns", entry->stale_after_ns);
    cli_json_word(object, "silent_after_ns", entry->silent_after_ns);
    cli_json_word(object, "silence_provable_ns", silence_provable_ns(reader, index));
    (void)json_object_set_new(
        object, "observed", json_boolean((entry->flags & FLATLINE_STREAM_OBSERVED) != 0));
    return object;
}

static void add_entry(struct cli_table *table,
                      const struct flatline *reader,
                      uint32_t index,
                      const struct flatline_directory_entry *entry)
{
    char stale_after[CLI_TEXT_BYTES];
    char silent_after[CLI_TEXT_BYTES];
    const uint64_t provable_ns = silence_provable_ns(reader, index);
    cli_span_text((int64_t)entry->stale_after_ns, stale_after);
    cli_span_text((int64_t)provable_ns, silent_after);
    cli_table_add(table, CLI_PLAIN, "%s", flatline_stream_name(reader, index));
    cli_table_add(
        table, CLI_PLAIN, "%s", flatline_class_name((enum flatline_class)entry->stream_class));
    cli_table_add(table, CLI_PLAIN, "%s", stale_after);
    cli_table_add(table, CLI_PLAIN, "%s", provable_ns == 0 ? "not provable" : silent_after);
    cli_table_add(
        table, CLI_PLAIN, "%s", (entry->flags & FLATLINE_STREAM_OBSERVED) != 0 ? "observed" : "");
}

static int print_streams(const struct flatline *reader, bool json)
{
    static const char *const titles[] = {
        "STREAM", "CLASS", "STALE AFTER", "SILENCE PROVABLE IN", ""};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    json_t *streams = json_array();
    for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
        const struct flatline_directory_entry *entry =
            flatline_record(reader, FLATLINE_SECTION_STREAMS, i);
        (void)json_array_append_new(streams, json_of_entry(reader, i, entry));
        add_entry(table, reader, i, entry);
    }
    return cli_print_either(json, streams, table);
}

/* ---- gates ----------------------------------------------------------------------------------- */

static json_t *
json_of_gate(const struct flatline *reader, const struct flatline_gate *gate, enum flatline_why why)
{
    json_t *object = json_object();
    json_t *members = json_array();
    for (uint32_t i = 0; i < gate->member_count; i++) {
        json_t *member = json_object();
        (void)json_object_set_new(
            member, "stream", cli_json_stream(reader, gate->members[i].stream));
        cli_json_word(member, "stale_adjust_ns", (uint64_t)gate->members[i].stale_adjust_ns);
        cli_json_word(member, "quiet_hold_ns", gate->members[i].quiet_hold_ms * UINT64_C(1000000));
        (void)json_array_append_new(members, member);
    }
    (void)json_object_set_new(
        object, "gate", cli_json_text(flatline_gate_name(reader, gate->index)));
    (void)json_object_set_new(object, "fresh", json_boolean(why == FLATLINE_WHY_FRESH));
    (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
    (void)json_object_set_new(object, "require", json_string(cli_gate_requires(gate)));
    const struct flatline_gate witness = flatline_gate_witness(gate);
    const enum flatline_why quote = flatline_quote_why(&witness, flatline_now_mono_ns(), NULL);
    (void)json_object_set_new(object, "may_quote", json_boolean(quote == FLATLINE_WHY_FRESH));
    (void)json_object_set_new(object, "quote_why", json_string(flatline_why_name(quote)));
    (void)json_object_set_new(object, "members", members);
    return object;
}

static void add_gate(struct cli_table *table,
                     const struct flatline *reader,
                     const struct flatline_gate *gate,
                     enum flatline_why why)
{
    for (uint32_t i = 0; i < gate->member_count; i++) {
        char adjust[CLI_TEXT_BYTES];
        cli_span_text(gate->members[i].stale_adjust_ns, adjust);
        cli_table_add(
            table, CLI_PLAIN, "%s", i == 0 ? flatline_gate_name(reader, gate->index) : "");
        cli_table_add(table, cli_why_colour(why), "%s", i == 0 ? flatline_why_meaning(why) : "");
        cli_table_add(table, CLI_PLAIN, "%s", i == 0 ? cli_gate_requires(gate) : "");
        cli_table_add(
            table, CLI_PLAIN, "%s", flatline_stream_name(reader, gate->members[i].stream));
        cli_table_add(table, CLI_PLAIN, "%s", gate->members[i].stale_adjust_ns == 0 ? "" : adjust);
        cli_span_text(gate->members[i].quiet_hold_ms * INT64_C(1000000), adjust);
        cli_table_add(table, CLI_PLAIN, "%s", gate->members[i].quiet_hold_ms == 0 ? "" : adjust);
    }
}

static int print_gates(const struct flatline *reader, bool json)
{
    static const char *const titles[] = {"GATE", "STATE", "REQUIRES", "MEMBER", "ADJUST", "QUIET"};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    json_t *gates = json_array();
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        struct flatline_gate gate;
        if (flatline_gate_at(reader, i, &gate) == 0) {
            const struct flatline_gate witness = flatline_gate_witness(&gate);
            const uint64_t now_ns = flatline_now_mono_ns();
            (void)json_array_append_new(
                gates, json_of_gate(reader, &gate, flatline_gate_why(&witness, now_ns, NULL)));
            add_gate(table, reader, &gate, flatline_quote_why(&witness, now_ns, NULL));
        }
    }
    return cli_print_either(json, gates, table);
}

int streams_command(int argc, char **argv)
{
    return cli_run(&streams_usage, argc, argv, print_streams);
}

/* 90s, 30m, 24h, 7d. */
static bool since_parse(const char *text, uint64_t *ret_ns)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

    char *end = NULL;
    const unsigned long long number = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[0] >= '0' && text[0] <= '9' && end[0] == units[i].unit && end[1] == '\0' &&
            number > 0 && number <= SINCE_SECONDS_MAX / units[i].seconds) {
            *ret_ns = number * units[i].seconds * 1000000000U;
            return true;
        }
    }
    return false;
}

int gates_command(int argc, char **argv)
{
    struct cli_choice choice;
    struct flatline *reader;
    uint64_t since_ns = 0;
    int code;
    if (!cli_parse(&gates_usage, argc, argv, &choice, &code)) {
        return code;
    }
    const char *since = choice.own[OPTION_SINCE];
    if (since != NULL && !since_parse(since, &since_ns)) {
        (void)fprintf(
            stderr, "flatline gates: --since wants a time such as 30m, 24h or 7d, not %s\n", since);
        return CLI_USAGE;
    }
    code = cli_attach(gates_usage.command, choice.segment, &reader);
    if (code == CLI_DONE) {
        const bool is_alive = flatline_alive(reader, flatline_now_mono_ns());
        code = since != NULL ? cli_gates_since(reader, since_ns, choice.json)
                             : print_gates(reader, choice.json);
        code = cli_verdict(gates_usage.command, is_alive, code);
        flatline_detach(reader);
    }
    return code;
}
