/* SPDX-License-Identifier: MIT
 *
 * cli_engines.c - `flatline engines`: what each engine beside the segment tells of itself. Needs no
 * sentinel: the files are the engines' own.
 */
#include "tools/cli_engine_files.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <string.h>

static const struct cli_usage usage = {
    .command = "engines",
    .arguments = "",
    .text =
        "Lists the engines that write beside the segment, and what each tells of itself: workers, "
        "echoes, quotes, counters, latencies, gates.",
};

struct listing {
    json_t *engines;
    struct cli_table *table;
    uint32_t count;
};

/* ---- one slot -------------------------------------------------------------------------------- */

static void worker_tell(const struct flatline_engine_slot_view *slot,
                        json_t *json,
                        char text[CLI_EVIDENCE_BYTES])
{
    const struct flatline_engine_worker *worker = slot->record;
    const char *state = flatline_worker_state_name((enum flatline_worker_state)worker->state);
    const uint64_t now_ns = flatline_now_mono_ns();
    char beat[CLI_TEXT_BYTES];
    char error[sizeof(worker->error_text) + 1] = "";
    memcpy(error, worker->error_text, sizeof(worker->error_text));
    for (char *at = error; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
    cli_age_text(worker->beat_mono_ns, now_ns, beat);
    (void)json_object_set_new(json, "state", json_string(state));
    (void)json_object_set_new(json, "beat_age_ns", cli_json_span(worker->beat_mono_ns, now_ns));
    cli_json_word(json, "interval_ns", slot->parameter);
    cli_json_word(json, "restarts", worker->restarts);
    cli_json_word(json, "errors", worker->errors);
    (void)json_object_set_new(json, "error", cli_json_text(error));
    (void)snprintf(text,
                   CLI_EVIDENCE_BYTES,
                   "%s, beat %s ago, restarts %" PRIu64 ", errors %" PRIu64 "%s%s",
                   state,
                   beat,
                   worker->restarts,
                   worker->errors,
                   error[0] != '\0' ? ": " : "",
                   error);
}

static void
echo_tell(const struct flatline_engine_slot_view *slot, json_t *json, char text[CLI_EVIDENCE_BYTES])
{
    const struct flatline_engine_echo *echo = slot->record;
    const uint64_t now_ns = flatline_now_mono_ns();
    char age[CLI_TEXT_BYTES];
    cli_age_text(echo->recv_mono_ns, now_ns, age);
    cli_json_word(json, "last_id", echo->last_id);
    (void)json_object_set_new(json, "age_ns", cli_json_span(echo->recv_mono_ns, now_ns));
    (void)snprintf(text, CLI_EVIDENCE_BYTES, "id %" PRIu64 ", %s ago", echo->last_id, age);
}

static void instrument_tell(const struct flatline_engine_slot_view *slot,
                            json_t *json,
                            char text[CLI_EVIDENCE_BYTES])
{
    const struct flatline_engine_instrument *instrument = slot->record;
    const uint64_t now_ns = flatline_now_mono_ns();
    char age[CLI_TEXT_BYTES];
    cli_age_text(instrument->quoted_mono_ns, now_ns, age);
    cli_json_word(json, "bid_e8", (uint64_t)instrument->bid_e8);
    cli_json_word(json, "ask_e8", (uint64_t)instrument->ask_e8);
    (void)json_object_set_new(
        json, "quoted_age_ns", cli_json_span(instrument->quoted_mono_ns, now_ns));
    (void)json_object_set_new(
        json, "action_age_ns", cli_json_span(instrument->action_mono_ns, now_ns));
    cli_json_word(json, "active_orders", instrument->active_orders);
    cli_json_word(json, "position_e8", (uint64_t)instrument->position_e8);
    cli_json_word(json, "pnl_e8", (uint64_t)instrument->pnl_e8);
    (void)snprintf(text,
                   CLI_EVIDENCE_BYTES,
                   "bid %.8g, ask %.8g, quoted %s ago, orders %" PRIu64 ", position %.8g",
                   (double)instrument->bid_e8 / 1e8,
                   (double)instrument->ask_e8 / 1e8,
                   age,
                   instrument->active_orders,
                   (double)instrument->position_e8 / 1e8);
}

static void orders_tell(const struct flatline_engine_slot_view *slot,
                        json_t *json,
                        char text[CLI_EVIDENCE_BYTES])
{
    const struct flatline_engine_orders *orders = slot->record;
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < FLATLINE_ENGINE_PAIRS; i++) {
        waiting += orders->seen_mono_ns[i] < orders->sent_mono_ns[i];
    }
    cli_json_word(json, "sent", orders->sent_count);
    cli_json_word(json, "waiting", waiting);
    (void)snprintf(text,
                   CLI_EVIDENCE_BYTES,
                   "sent %" PRIu64 ", waiting %" PRIu64,
                   orders->sent_count,
                   waiting);
}

/* How long the quotes stood after the engine had seen its gate close. */
static void
gate_tell(const struct flatline_engine_slot_view *slot, json_t *json, char text[CLI_EVIDENCE_BYTES])
{
    const struct flatline_engine_gate *gate = slot->record;
    const uint64_t closed_ns = gate->seen_closed_mono_ns;
    const bool pulled = closed_ns != 0 && gate->pulled_mono_ns >= closed_ns;
    char pulled_after[CLI_TEXT_BYTES];
    cli_age_text(pulled ? closed_ns : 0, gate->pulled_mono_ns, pulled_after);
    (void)json_object_set_new(json, "quoting", json_boolean(gate->quoting != 0));
    cli_json_word(json, "seen_closed_mono_ns", closed_ns);
    cli_json_word(json, "seen_open_mono_ns", gate->seen_open_mono_ns);
    cli_json_word(json, "pulled_mono_ns", gate->pulled_mono_ns);
    (void)json_object_set_new(
        json, "pulled_after_ns", cli_json_span(pulled ? closed_ns : 0, gate->pulled_mono_ns));
    (void)snprintf(text,
                   CLI_EVIDENCE_BYTES,
                   "%s, pulled %s after it was seen to close",
                   gate->quoting != 0 ? "quoting" : "no quotes",
                   pulled_after);
}

static void latency_tell(const struct flatline_engine_view *view,
                         uint32_t index,
                         json_t *json,
                         char text[CLI_EVIDENCE_BYTES])
{
    static const struct {
        const char *key;
        double quantile;
    } rows[] = {{"p50_ns", 0.5}, {"p99_ns", 0.99}, {"p999_ns", 0.999}, {"max_ns", 1.0}};

    text[0] = '\0';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint64_t value_ns = flatline_engine_view_quantile(view, index, rows[i].quantile);
        const size_t length = strlen(text);
        char span[CLI_TEXT_BYTES];
        cli_span_text((int64_t)value_ns, span);
        cli_json_word(json, rows[i].key, value_ns);
        (void)snprintf(text + length,
                       CLI_EVIDENCE_BYTES - length,
                       "%s%.*s %s",
                       i > 0 ? ", " : "",
                       (int)strlen(rows[i].key) - 3,
                       rows[i].key,
                       span);
    }
}

static void other_tell(const struct flatline_engine_slot_view *slot,
                       json_t *json,
                       char text[CLI_EVIDENCE_BYTES])
{
    const uint64_t *words = slot->record;
    const char *key = slot->kind == FLATLINE_ENGINE_KEY      ? "extended_mono_ns"
                      : slot->kind == FLATLINE_ENGINE_ADVICE ? "sequence"
                                                             : "value";
    cli_json_word(json, key, words[0]);
    (void)snprintf(text, CLI_EVIDENCE_BYTES, "%" PRId64, (int64_t)words[0]);
}

static json_t *
slot_tell(const struct flatline_engine_view *view, uint32_t index, struct cli_table *table)
{
    typedef void teller(const struct flatline_engine_slot_view *, json_t *, char *);
    static teller *const tellers[FLATLINE_ENGINE_KIND_COUNT] = {
        [FLATLINE_ENGINE_STREAM] = echo_tell,
        [FLATLINE_ENGINE_WORKER] = worker_tell,
        [FLATLINE_ENGINE_INSTRUMENT] = instrument_tell,
        [FLATLINE_ENGINE_ORDERS] = orders_tell,
        [FLATLINE_ENGINE_GATE] = gate_tell,
    };
    struct flatline_engine_slot_view slot;
    json_t *json = json_object();
    char text[CLI_EVIDENCE_BYTES] = "";
    if (flatline_engine_view_slot(view, index, &slot) != 0) {
        return json;
    }
    (void)json_object_set_new(json, "name", cli_json_text(slot.name));
    (void)json_object_set_new(json, "kind", json_string(flatline_engine_kind_name(slot.kind)));
    if (slot.kind == FLATLINE_ENGINE_LATENCY) {
        latency_tell(view, index, json, text);
    } else {
        (tellers[slot.kind] != NULL ? tellers[slot.kind] : other_tell)(&slot, json, text);
    }
    cli_table_add(table, CLI_PLAIN, "%s", flatline_engine_kind_name(slot.kind));
    cli_table_add(table, CLI_PLAIN, "%s", slot.name);
    cli_table_add(table, CLI_PLAIN, "%s", text);
    return json;
}

/* ---- one engine ------------------------------------------------------------------------------ */

static void engine_tell(const struct flatline_engine_view *view, struct listing *listing)
{
    const struct flatline_engine_header *header = flatline_engine_view_header(view);
    const enum flatline_engine_life life = flatline_engine_life(header);
    const char *said =
        header->goodbye_mono_ns != 0 ? "said goodbye" : flatline_engine_life_name(life);
    json_t *json = json_object();
    json_t *slots = json_array();
    (void)json_object_set_new(json, "engine", cli_json_text(header->name));
    cli_json_word(json, "pid", header->pid);
    (void)json_object_set_new(json, "process", json_string(flatline_engine_life_name(life)));
    (void)json_object_set_new(json, "goodbye", json_boolean(header->goodbye_mono_ns != 0));
    cli_json_word(json, "refused", header->refused);
    cli_json_word(json, "odd_slots", flatline_engine_view_odd(view));
    cli_table_add(listing->table, CLI_PLAIN, "%s", header->name);
    cli_table_add(listing->table, life == FLATLINE_ENGINE_ALIVE ? CLI_GREEN : CLI_RED, "%s", said);
    cli_table_add(listing->table, CLI_PLAIN, "engine");
    cli_table_add(listing->table, CLI_PLAIN, "%s", "");
    cli_table_add(listing->table, CLI_PLAIN, "pid %" PRIu64, header->pid);
    for (uint32_t i = 0; i < flatline_engine_view_count(view); i++) {
        cli_table_add(listing->table, CLI_PLAIN, "%s", "");
        cli_table_add(listing->table, CLI_PLAIN, "%s", "");
        (void)json_array_append_new(slots, slot_tell(view, i, listing->table));
    }
    (void)json_object_set_new(json, "slots", slots);
    (void)json_array_append_new(listing->engines, json);
    listing->count++;
}

static int print_engines(const struct cli_choice *choice)
{
    static const char *const titles[] = {"ENGINE", "PROCESS", "KIND", "NAME", "WHAT"};
    struct cli_engine_files files;
    if (!cli_engine_files_open(usage.command, choice->segment, &files)) {
        (void)fprintf(stderr, "flatline engines: %s\n", flatline_strerror(FLATLINE_E_NO_FILE));
        return CLI_DEAD;
    }
    struct listing listing = {.engines = json_array(),
                              .table =
                                  cli_table_create(sizeof(titles) / sizeof(titles[0]), titles)};
    for (uint32_t i = 0; i < files.count; i++) {
        engine_tell(files.views[i], &listing);
    }
    cli_engine_files_close(&files);
    const int code = cli_print_either(choice->json, listing.engines, listing.table);
    return code != CLI_DONE || listing.count > 0 ? code : CLI_DEAD;
}

int engines_command(int argc, char **argv)
{
    struct cli_choice choice;
    int code;
    return cli_parse(&usage, argc, argv, &choice, &code) ? print_engines(&choice) : code;
}
