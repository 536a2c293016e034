/* SPDX-License-Identifier: MIT
 *
 * config_gates.c - the section gates, and the gates that are there without it.
 */
#include "core/base.h"
#include "feeds/names.h"
#include "sentinel/config_near.h"
#include "sentinel/config_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAREST_TOLD_MAX                                                                           \
    16U /* looking for the nearest of thousands of names costs: enough is enough */

/* One gate as it stands there. */
struct gate_text {
    const struct node *streams;
    uint64_t stale_after_ns;
    int require; /* index in require_words */
    uint64_t quiet_hold_ns;
};

/* Added to a member's lease as the gate sees it. The user stream is leased by its key, not by
 * age. */
static int64_t adjust_of(const struct stream_traits *traits, uint64_t gate_stale_after_ns)
{
    if (gate_stale_after_ns == 0 || traits->stream_class == FLATLINE_CLASS_USER) {
        return 0;
    }
    return (int64_t)gate_stale_after_ns - (int64_t)traits->stale_after_ns;
}

/* A member, which never has the account's stream held: that one is leased by its key and socket. */
static struct flatline_gate_member
member_of(struct stream_traits *traits, uint32_t stream, const struct config_gate *gate)
{
    struct flatline_gate_member member = {
        .stream = stream, .stale_adjust_ns = adjust_of(traits, gate->stale_after_ns)};
    if (traits->stream_class != FLATLINE_CLASS_USER && gate->quiet_hold_ns != 0) {
        const uint64_t ahead_ns =
            member.stale_adjust_ns < 0 ? (uint64_t)-member.stale_adjust_ns : 0;
        member.quiet_hold_ms = (uint32_t)(gate->quiet_hold_ns / NS_PER_MS);
        traits->quiet_ahead_ns =
            ahead_ns > traits->quiet_ahead_ns ? ahead_ns : traits->quiet_ahead_ns;
    }
    return member;
}

/* ---- members --------------------------------------------------------------------------------- */

/* A stream that was complained of is not complained of again where a gate names it. */
static bool is_bad_name(const struct reading *reading, const char *name)
{
    if (reading->bad_name_count == BAD_NAMES_MAX) {
        return true;
    }
    for (uint32_t i = 0; i < reading->bad_name_count; i++) {
        if (strcmp(reading->bad_names[i]->text, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
unknown_member_tell(struct reading *reading, const struct node *gate, const struct node *member)
{
    struct near near = {.word = member->text};
    struct quote quote;
    struct quote gate_quote;
    for (uint32_t i = 0;
         reading->problems->count < NEAREST_TOLD_MAX && i < reading->config->stream_count;
         i++) {
        near_offer(&near, reading->config->streams[i].name);
    }
    problem_add(reading->problems,
                member->mark,
                "gate %s: %s is not in streams; write %s",
                quote_text(&gate_quote, gate->key),
                quote_text(&quote, member->text),
                near.best != NULL ? near.best : "one that is, or add it there");
}

/* Index of the stream a member names, NAMES_NONE after complaining. */
static uint32_t
member_find(struct reading *reading, const struct node *gate, const struct node *member)
{
    static const struct field item = {.key = "a gate's stream", .example = "okx/BTC-USDT/books"};
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    const char *text = text_of(reading, &item, member);
    if (text == NULL) {
        return NAMES_NONE;
    }
    if (names_split(text, &venue, &symbol, &channel)) {
        const uint32_t index = names_find(reading->names, venue, symbol, channel);
        if (index < reading->config->stream_count &&
            strcmp(text, reading->config->streams[index].name) == 0) {
            return index;
        }
    }
    if (!is_bad_name(reading, text)) {
        unknown_member_tell(reading, gate, member);
    }
    return NAMES_NONE;
}

static bool gate_has(const struct config_gate *gate, uint32_t stream)
{
    for (uint32_t i = 0; i < gate->member_count; i++) {
        if (gate->members[i].stream == stream) {
            return true;
        }
    }
    return false;
}

static void members_read(struct reading *reading,
                         const struct node *node,
                         const struct node *list,
                         struct config_gate *gate)
{
    struct quote quote;
    if (list == NULL || list->is_bad) {
        return;
    }
    if (list->kind != NODE_LIST || list->count == 0) {
        problem_add(reading->problems,
                    list->mark,
                    "gate %s is %s and would never open; write the streams it needs, e.g. [%s]",
                    quote_text(&quote, node->key),
                    list->kind == NODE_LIST ? "empty" : node_kind_text(list),
                    reading->config->stream_count > 0 ? reading->config->streams[0].name
                                                      : "okx/BTC-USDT/books");
        return;
    }
    gate->members = calloc(list->count, sizeof(*gate->members));
    if (gate->members == NULL) {
        problem_add(reading->problems, list->mark, "out of memory");
        return;
    }
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        const uint32_t stream = member_find(reading, node, item);
        if (stream == NAMES_NONE) {
            continue;
        }
        if (gate_has(gate, stream)) {
            problem_add(reading->problems,
                        item->mark,
                        "gate %s has %s twice; write it once only",
                        quote_text(&quote, node->key),
                        item->text);
            continue;
        }
        gate->members[gate->member_count++] =
            member_of(&reading->config->streams[stream].traits, stream, gate);
    }
}

/* ---- gates ----------------------------------------------------------------------------------- */

static void read_gate_streams(struct reading *reading,
                              const struct field *field,
                              const struct node *value,
                              void *base)
{
    struct gate_text *text = base;
    (void)reading;
    (void)field;
    text->streams = value;
}

static const char *const require_words[] = {"witness", "both", NULL};

static const struct field gate_fields[] = {
    {.key = "streams", .read = read_gate_streams, .example = "[okx/BTC-USDT/books]"},
    {.key = "stale_after",
     .read = read_duration,
     .offset = offsetof(struct gate_text, stale_after_ns),
     .min = 10 * NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .example = "3s"},
    {.key = "require",
     .read = read_word,
     .offset = offsetof(struct gate_text, require),
     .words = require_words,
     .example = "both"},
    {.key = "quiet_hold",
     .read = read_duration,
     .offset = offsetof(struct gate_text, quiet_hold_ns),
     .min = 10 * NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .example = "30s"},
    {.key = NULL},
};

static bool gate_name_check(struct reading *reading, const struct node *node)
{
    struct quote quote;
    const size_t bytes = strlen(node->key);
    if (bytes > 0 && bytes < FLATLINE_NAME_BYTES && strpbrk(node->key, " \"\\") == NULL) {
        return true;
    }
    problem_add(
        reading->problems,
        node->key_mark,
        "%s is not a gate's name; write 1 to %u characters without spaces, quotes and backslashes",
        quote_text(&quote, node->key),
        FLATLINE_NAME_BYTES - 1);
    return false;
}

static void gate_read(struct reading *reading, const struct node *node)
{
    struct gate_text text = {.streams = node};
    struct config_gate *gate = &reading->config->gates[reading->config->gate_count];
    struct quote quote;
    if (node->is_bad || !gate_name_check(reading, node)) {
        return;
    }
    if (node->kind == NODE_MAP) {
        text.streams = NULL;
        section_read(reading, "a gate", gate_fields, node, &text);
        if (node_find(node, "streams") == NULL) {
            problem_add(reading->problems,
                        node->mark,
                        "gate %s names no streams and would never open; write streams: [...] in it",
                        quote_text(&quote, node->key));
        }
    }
    (void)snprintf(gate->name, sizeof(gate->name), "%s", node->key);
    gate->stale_after_ns = text.stale_after_ns;
    gate->both = text.require == 1;
    gate->quiet_hold_ns = text.quiet_hold_ns;
    reading->config->gate_count++;
    members_read(reading, node, text.streams, gate);
}

void read_gates(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base)
{
    struct config *config = base;
    if (value->kind != NODE_MAP || value->count == 0) {
        problem_add(reading->problems,
                    value->mark,
                    "%s is %s; write NAME: [stream, ...] below it, or remove the key: then there "
                    "is one gate "
                    "an instrument",
                    field->key,
                    value->kind == NODE_MAP ? "empty" : node_kind_text(value));
        return;
    }
    config->gates = calloc(value->count, sizeof(*config->gates));
    if (config->gates == NULL) {
        problem_add(reading->problems, value->mark, "out of memory");
        return;
    }
    for (const struct node *node = value->first; node != NULL; node = node->next) {
        gate_read(reading, node);
    }
}

/* ---- without the section --------------------------------------------------------------------- */

/* Does the stream stand in the gate of its instrument? Books and best bids and asks do, and
 * what the file says is not just observed. */
static bool is_gated(const struct reading *reading, uint32_t stream)
{
    const struct stream_traits *traits = &reading->config->streams[stream].traits;
    return !traits->observed && traits->stream_class != FLATLINE_CLASS_USER &&
           (traits->stream_class == FLATLINE_CLASS_BOOK || reading->notes[stream].is_asked_for);
}

/* The gate of a stream's instrument, by its name `venue/SYMBOL`; made if it is not there. */
static struct config_gate *
instrument_gate(struct config *config, struct names *gates, const char *stream)
{
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    if (!names_split(stream, &venue, &symbol, &channel)) {
        return NULL;
    }
    const uint32_t index = names_intern(gates, venue, symbol, span_of("g"));
    if (index == NAMES_NONE) {
        return NULL;
    }
    struct config_gate *gate = &config->gates[index];
    if (index == config->gate_count) {
        const int name_bytes = (int)(symbol.bytes + symbol.size_bytes - stream);
        (void)snprintf(gate->name, sizeof(gate->name), "%.*s", name_bytes, stream);
        gate->automatic = true;
        config->gate_count++;
    }
    return gate;
}

/* Grows by one; gates are small and made once. */
static bool member_append(struct config_gate *gate, uint32_t stream)
{
    struct flatline_gate_member *members =
        realloc(gate->members, (gate->member_count + 1U) * sizeof(*members));
    if (members == NULL) {
        return false;
    }
    gate->members = members;
    members[gate->member_count++] = (struct flatline_gate_member){.stream = stream};
    return true;
}

/* The account's events belong to every decision on that venue. */
static bool user_stream_append(struct config *config)
{
    const char *venue = venue_facts(FLATLINE_VENUE_BINANCE_USDM)->name;
    const size_t venue_bytes = strlen(venue);
    bool is_good = true;
    for (uint32_t i = 0; config->user_data.used && i < config->gate_count; i++) {
        struct config_gate *gate = &config->gates[i];
        if (strncmp(gate->name, venue, venue_bytes) == 0 && gate->name[venue_bytes] == '/') {
            is_good = is_good && member_append(gate, config->user_data.stream);
        }
    }
    return is_good;
}

void gates_automatic(struct reading *reading)
{
    struct config *config = reading->config;
    if (config->stream_count == 0) {
        return;
    }
    struct names *gates = names_create(config->stream_count);
    config->gates = calloc(config->stream_count, sizeof(*config->gates));
    bool is_good = gates != NULL && config->gates != NULL;
    for (uint32_t i = 0; is_good && i < config->stream_count; i++) {
        if (is_gated(reading, i)) {
            struct config_gate *gate = instrument_gate(config, gates, config->streams[i].name);
            is_good = gate != NULL && member_append(gate, i);
        }
    }
    if (!is_good || !user_stream_append(config)) {
        problem_add(reading->problems, (struct mark){1, 1}, "out of memory");
    }
    names_destroy(gates);
}
