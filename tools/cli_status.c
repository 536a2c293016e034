/* SPDX-License-Identifier: MIT
 *
 * cli_status.c - `flatline status`: every stream and gate, fresh or why not.
 */
#include "tools/cli_advice.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLAG_UNANCHORED 2U /* flatline_header.sentinel_why */

static const struct cli_usage usage = {
    .command = "status",
    .arguments = "",
    .text = "Shows every stream and gate: fresh or why not, what is left of the lease, faults and "
            "counts.\n"
            "Exits 0, or 3 when there is no segment or its sentinel is dead.",
};

static struct flatline_stream stream_at(const struct flatline *reader, uint32_t index)
{
    struct flatline_stream stream = {0};
    (void)flatline_stream_at(reader, index, &stream); /* the index is below the count */
    return stream;
}

static struct flatline_gate gate_at(const struct flatline *reader, uint32_t index)
{
    struct flatline_gate gate = {0};
    (void)flatline_gate_at(reader, index, &gate);
    return gate;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *json_fault_kinds(uint64_t open_faults)
{
    json_t *kinds = json_array();
    for (uint32_t kind = 1; kind < FLATLINE_FAULT_COUNT; kind++) {
        if ((open_faults >> kind & 1) != 0) {
            (void)json_array_append_new(
                kinds, json_string(flatline_fault_name((enum flatline_fault_kind)kind)));
        }
    }
    return kinds;
}

static void json_detail(json_t *object, const struct flatline_detail *detail, uint64_t now_ns)
{
    (void)json_object_set_new(object, "age_ns", cli_json_span(detail->last_recv_mono_ns, now_ns));
    (void)json_object_set_new(
        object, "newer_age_ns", cli_json_span(detail->last_newer_mono_ns, now_ns));
    (void)json_object_set_new(object, "faults", json_fault_kinds(detail->open_faults));
    cli_json_word(object, "frames", detail->frames);
    cli_json_word(object, "gaps", detail->gaps);
    cli_json_word(object, "resets", detail->resets);
    cli_json_word(object, "regressed", detail->regressed);
    cli_json_word(object, "repeated", detail->repeated);
    cli_json_word(object, "absurd", detail->absurd);
    cli_json_word(object, "lapses", detail->lapses);
    cli_json_word(object, "lapsed_ns", detail->lapsed_ns);
    cli_json_word(object, "excess_lag_ns", detail->excess_lag_ns);
    cli_json_word(object, "frontier_id", detail->frontier_id);
    cli_json_word(object, "bid_e8", (uint64_t)detail->bid_e8);
    cli_json_word(object, "ask_e8", (uint64_t)detail->ask_e8);
    cli_json_word(object, "legs", detail->legs);
    cli_json_word(object, "legs_up", detail->legs_up);
    (void)json_object_set_new(object, "unproven", json_boolean(detail->unproven != 0));
    cli_json_word(object, "silence_provable_ns", detail->silence_provable_ns);
}

static json_t *json_stream(const struct flatline *reader, uint32_t index, uint64_t now_ns)
{
    const struct flatline_stream stream = stream_at(reader, index);
    const uint64_t until_ns = cli_word(&stream.lease->lease_until_mono_ns);
    const enum flatline_why why = flatline_why(&stream, now_ns);
    json_t *object = json_object();
    (void)json_object_set_new(object, "stream", cli_json_stream(reader, index));
    (void)json_object_set_new(object, "fresh", json_boolean(why == FLATLINE_WHY_FRESH));
    (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
    (void)json_object_set_new(object,
                              "lease_left_ns",
                              until_ns == 0 ? json_null()
                                            : json_integer((json_int_t)(until_ns - now_ns)));
    struct flatline_snapshot snapshot = {0};
    const bool whole = cli_snapshot(reader, index, &snapshot);
    json_detail(object, &snapshot.detail, now_ns); /* zeros where the detail cannot be had */
    (void)json_object_set_new(object, "detail", json_boolean(whole));
    cli_json_word(object, "due_id", flatline_due_id(&stream));
    cli_json_word(object, "lost_count", cli_word(&stream.lease->lost_count));
    return object;
}

static json_t *json_gate(const struct flatline *reader, uint32_t index, uint64_t now_ns)
{
    const struct flatline_gate gate = gate_at(reader, index);
    const struct flatline_gate witness = flatline_gate_witness(&gate);
    uint32_t culprit = 0;
    const enum flatline_why why = flatline_gate_why(&witness, now_ns, &culprit);
    json_t *object = json_object();
    (void)json_object_set_new(object, "gate", cli_json_text(flatline_gate_name(reader, index)));
    (void)json_object_set_new(object, "fresh", json_boolean(why == FLATLINE_WHY_FRESH));
    (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
    (void)json_object_set_new(object,
                              "culprit",
                              why == FLATLINE_WHY_FRESH ? json_null()
                                                        : cli_json_stream(reader, culprit));
    (void)json_object_set_new(object, "require", json_string(cli_gate_requires(&gate)));
    const enum flatline_why quote = flatline_quote_why(&witness, now_ns, NULL);
    (void)json_object_set_new(object, "may_quote", json_boolean(quote == FLATLINE_WHY_FRESH));
    (void)json_object_set_new(object, "quote_why", json_string(flatline_why_name(quote)));
    return object;
}

static bool is_unanchored(const struct flatline_header *header)
{
    return (cli_word(&header->sentinel_why) & FLAG_UNANCHORED) != 0;
}

static int print_json(const struct flatline *reader, uint64_t now_ns)
{
    const struct flatline_header *header = flatline_header_of(reader);
    json_t *object = json_object();
    (void)json_object_set_new(object, "segment", cli_json_text(flatline_path(reader)));
    cli_json_word(object, "epoch", header->epoch);
    (void)json_object_set_new(object, "alive", json_boolean(flatline_alive(reader, now_ns)));
    (void)json_object_set_new(
        object,
        "state",
        json_string(flatline_state_name((enum flatline_state)cli_word(&header->state))));
    (void)json_object_set_new(
        object, "ingest_age_ns", cli_json_span(cli_word(&header->ingest_beat_mono_ns), now_ns));
    (void)json_object_set_new(
        object, "judge_age_ns", cli_json_span(cli_word(&header->judge_beat_mono_ns), now_ns));
    json_t *streams = json_array();
    for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
        (void)json_array_append_new(streams, json_stream(reader, i, now_ns));
    }
    json_t *gates = json_array();
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        (void)json_array_append_new(gates, json_gate(reader, i, now_ns));
    }
    (void)json_object_set_new(object, "unanchored", json_boolean(is_unanchored(header)));
    (void)json_object_set_new(object, "streams", streams);
    (void)json_object_set_new(object, "gates", gates);
    (void)json_object_set_new(object, "advice", cli_json_advice(reader));
    return cli_json_print(object);
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_headline(const struct flatline *reader, uint64_t now_ns)
{
    const struct flatline_header *header = flatline_header_of(reader);
    const bool alive = flatline_alive(reader, now_ns);
    char ingest[CLI_TEXT_BYTES];
    char judge[CLI_TEXT_BYTES];
    cli_age_text(cli_word(&header->ingest_beat_mono_ns), now_ns, ingest);
    cli_age_text(cli_word(&header->judge_beat_mono_ns), now_ns, judge);
    cli_print(CLI_PLAIN, flatline_path(reader));
    (void)printf(", epoch %" PRIu64 ": ", header->epoch);
    cli_print(alive ? CLI_GREEN : CLI_RED, alive ? "alive" : "DEAD");
    (void)printf(" (%s; ingest %s ago, judge %s ago)\n%s\n",
                 flatline_state_name((enum flatline_state)cli_word(&header->state)),
                 ingest,
                 judge,
                 is_unanchored(header)
                     ? "A venue's clock is out of reach: its lag is measured against its own first "
                       "frames.\n"
                     : "");
}

static void add_fault_names(struct cli_table *table, uint64_t open_faults)
{
    char text[256] = "";
    size_t length = 0;
    for (uint32_t kind = 1; kind < FLATLINE_FAULT_COUNT; kind++) {
        if ((open_faults >> kind & 1) != 0 && length < sizeof(text)) {
            const char *name = flatline_fault_name((enum flatline_fault_kind)kind);
            const int more =
                snprintf(text + length, sizeof(text) - length, "%s%s", length > 0 ? " " : "", name);
            length += more > 0 ? (size_t)more : 0;
        }
    }
    cli_table_add(table, open_faults != 0 ? CLI_RED : CLI_PLAIN, "%s", text);
}

static void print_streams(const struct flatline *reader, uint64_t now_ns)
{
    static const char *const titles[] = {
        "STREAM", "STATE", "AGE", "LAG", "FRAMES", "GAPS", "LAPSES", "FAULTS"};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    for (uint32_t i = 0; i < flatline_stream_count(reader); i++) {
        const struct flatline_stream stream = stream_at(reader, i);
        struct flatline_snapshot snapshot = {0};
        char why[96];
        char age[CLI_TEXT_BYTES];
        char lag[CLI_TEXT_BYTES];
        (void)cli_snapshot(reader, i, &snapshot);
        (void)flatline_why_text(reader, &stream, now_ns, why, sizeof(why));
        cli_age_text(snapshot.detail.last_recv_mono_ns, now_ns, age);
        cli_span_text((int64_t)snapshot.detail.excess_lag_ns, lag);
        cli_table_add(table, CLI_PLAIN, "%s", flatline_stream_name(reader, i));
        cli_table_add(table,
                      cli_why_colour(flatline_why(&stream, now_ns)),
                      "%s%s",
                      why,
                      snapshot.detail.unproven != 0 ? " (unproven)" : "");
        cli_table_add(table, CLI_PLAIN, "%s", age);
        cli_table_add(table, CLI_PLAIN, "%s", snapshot.detail.last_exch_wall_ns == 0 ? "-" : lag);
        cli_table_add(table, CLI_PLAIN, "%" PRIu64, snapshot.detail.frames);
        cli_table_add(table, CLI_PLAIN, "%" PRIu64, snapshot.detail.gaps);
        cli_table_add(table, CLI_PLAIN, "%" PRIu64, snapshot.detail.lapses);
        add_fault_names(table, snapshot.detail.open_faults);
    }
    cli_table_print(table);
}

static void print_gates(const struct flatline *reader, uint64_t now_ns)
{
    static const char *const titles[] = {"GATE", "STATE", "BECAUSE OF"};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        const struct flatline_gate gate = gate_at(reader, i);
        uint32_t culprit = 0;
        const struct flatline_gate witness = flatline_gate_witness(&gate);
        const enum flatline_why why = flatline_quote_why(&witness, now_ns, &culprit);
        const bool of_a_stream =
            why != FLATLINE_WHY_FRESH && why != FLATLINE_WHY_BREAKER && why != FLATLINE_WHY_PAUSED;
        const char *name = flatline_stream_name(reader, culprit);
        cli_table_add(table, CLI_PLAIN, "%s", flatline_gate_name(reader, i));
        cli_table_add(table,
                      cli_why_colour(why),
                      "%s%s",
                      flatline_why_meaning(why),
                      (gate.flags & FLATLINE_GATE_BOTH) != 0 ? ", for who has it too" : "");
        cli_table_add(table, CLI_PLAIN, "%s", of_a_stream && name != NULL ? name : "");
    }
    (void)putchar('\n');
    cli_table_print(table);
}

static void print_advice(const struct flatline *reader)
{
    struct flatline_advice *advice = NULL;
    const int count = cli_advice(reader, &advice);
    free(advice);
    if (count > 0) {
        (void)putchar('\n');
        cli_table_print(cli_advice_table(reader));
    }
}

int status_command(int argc, char **argv)
{
    struct cli_choice choice;
    struct flatline *reader;
    int code;
    if (!cli_parse(&usage, argc, argv, &choice, &code)) {
        return code;
    }
    code = cli_attach(usage.command, choice.segment, &reader);
    if (code != CLI_DONE) {
        return code;
    }
    const uint64_t now_ns = flatline_now_mono_ns();
    const bool alive = flatline_alive(reader, now_ns);
    if (choice.json) {
        code = print_json(reader, now_ns);
    } else {
        print_headline(reader, now_ns);
        print_streams(reader, now_ns);
        print_gates(reader, now_ns);
        print_advice(reader);
        code = cli_finish(CLI_DONE);
    }
    flatline_detach(reader);
    return code == CLI_DONE && !alive ? CLI_DEAD : code;
}
