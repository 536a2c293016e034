/* SPDX-License-Identifier: MIT
 *
 * cli_gates_since.c - `flatline gates --since`: how often each gate was closed, for how long and
 * why, from the event ring. The ring is all the history there is: what it no longer holds, and
 * what was before this life of the sentinel, is not told, and how far back it goes is.
 */
#include "tools/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 50

/* A member's closure, laid over the gate. */
struct closure {
    uint64_t from_ns;
    uint64_t to_ns;
    uint32_t stream;   /* FLATLINE_NO_INDEX: the sentinel's death */
    const char *cause; /* static */
};

struct history {
    const struct flatline *reader;
    struct flatline_event *events; /* lapses and renewals, oldest first */
    size_t count;
    uint64_t covered_ns; /* from here on the ring tells all */
    bool is_cut;         /* the ring went round */
    uint64_t from_ns;    /* the window: covered, and not older than asked */
    uint64_t now_ns;
    uint64_t dead_ns; /* since when the sentinel is dead; 0 = it lives */
};

/* A segment's owner may name a stream twice in a gate: what does not fit is left out, not written. */
struct closure_list {
    struct closure *items;
    size_t count;
    size_t room;
};

struct gate_sum {
    uint64_t closures;
    uint64_t closed_ns;
    uint64_t longest_ns;
    struct closure longest; /* with its first cause */
    /* the gate is stricter than a stream, and shorter silences left no event; or it sets quiet_hold, and
     * how much of that it was granted left none */
    bool is_least;
};

/* ---- the ring -------------------------------------------------------------------------------- */

static bool history_read(const struct flatline *reader, struct history *history)
{
    const size_t room = flatline_record_count(reader, FLATLINE_SECTION_EVENTS);
    uint64_t cursor = 0;
    uint64_t lost = 0;
    struct flatline_event event;
    int tries = 0;
    history->covered_ns = flatline_header_of(reader)->created_mono_ns;
    history->events = calloc(room + 1, sizeof(*history->events));
    while (history->events != NULL && history->count < room && tries < TRIES_MAX) {
        const int result = flatline_next_event(reader, &cursor, &event, &lost);
        if (result == FLATLINE_E_AGAIN) {
            tries++;
            continue;
        }
        if (result != 1) {
            break;
        }
        if (lost > 0) { /* what was before is gone: begin again here */
            history->is_cut = true;
            history->covered_ns = event.seen_mono_ns;
            history->count = 0;
        }
        if (event.type == FLATLINE_EVENT_LAPSE || event.type == FLATLINE_EVENT_RENEW) {
            history->events[history->count++] = event;
        }
    }
    return history->events != NULL;
}

/* ---- one gate -------------------------------------------------------------------------------- */

static void list_add(struct closure_list *list, const struct closure *closure)
{
    if (list->count < list->room && closure->to_ns > closure->from_ns) {
        list->items[list->count++] = *closure;
    }
}

static int closure_compare(const void *left, const void *right)
{
    const struct closure *a = left;
    const struct closure *b = right;
    return a->from_ns < b->from_ns ? -1 : a->from_ns > b->from_ns;
}

/* A member of which the ring tells nothing is as it was all the time: open, closed, or never yet
 * opened. */
static void silent_closure(const struct history *history, uint32_t index, struct closure_list *list)
{
    struct flatline_stream stream;
    if (flatline_stream_at(history->reader, index, &stream) != 0) {
        return;
    }
    const enum flatline_why why = flatline_why(&stream, history->now_ns);
    const struct closure whole = {
        .from_ns = history->covered_ns,
        .to_ns = history->now_ns,
        .stream = index,
        .cause = why == FLATLINE_WHY_UNKNOWN ? "never open" : "closed before",
    };
    if (why == FLATLINE_WHY_UNKNOWN || why == FLATLINE_WHY_LAPSED ||
        why == FLATLINE_WHY_LAPSED_QUIET || why == FLATLINE_WHY_LAPSED_SUSPECT ||
        why == FLATLINE_WHY_REVOKED) {
        list_add(list, &whole);
    }
}

/* How much longer than its stream says a gate has a lease stand, at most. */
static uint64_t patience_ns(const struct flatline_gate_look *member)
{
    return (uint64_t)member->stale_adjust_ns + member->quiet_hold_ms * UINT64_C(1000000);
}

/* Closed from the lapse, which a gate's own patience may put off, until the renewal. */
static void member_closures(const struct history *history,
                            const struct flatline_gate_look *member,
                            struct closure_list *list)
{
    struct closure open = {.stream = member->stream, .cause = "closed before"};
    bool is_closed = false;
    bool is_first = true;
    for (size_t i = 0; i < history->count; i++) {
        const struct flatline_event *event = &history->events[i];
        if (event->stream != member->stream) {
            continue;
        }
        if (event->type == FLATLINE_EVENT_LAPSE) {
            const bool lapsed = event->fault_kind == FLATLINE_FAULT_NONE;
            const uint64_t from_ns = event->at_mono_ns + (lapsed ? patience_ns(member) : 0);
            if (!is_closed || from_ns < open.from_ns) { /* a fault does not wait for patience */
                open.from_ns = from_ns;
                open.cause = lapsed ? "lapsed" : flatline_fault_name(event->fault_kind);
            }
            is_closed = true;
        } else if (event->type == FLATLINE_EVENT_RENEW) {
            /* A ring that went round may begin inside a closure; a whole one begins unopened. */
            open.from_ns = is_closed ? open.from_ns : history->covered_ns;
            open.to_ns = event->at_mono_ns;
            if (is_closed || (is_first && history->is_cut)) {
                list_add(list, &open);
            }
            is_closed = false;
        }
        is_first = false;
    }
    if (is_first) {
        silent_closure(history, member->stream, list);
    } else if (is_closed) {
        open.to_ns = history->now_ns;
        list_add(list, &open);
    }
}

static void
closure_add(const struct history *history, struct gate_sum *sum, const struct closure *closure)
{
    const uint64_t from_ns =
        closure->from_ns > history->from_ns ? closure->from_ns : history->from_ns;
    if (closure->to_ns <= from_ns) {
        return; /* before the window */
    }
    const uint64_t length_ns = closure->to_ns - from_ns;
    sum->closures++;
    sum->closed_ns += length_ns;
    if (length_ns > sum->longest_ns) {
        sum->longest_ns = length_ns;
        sum->longest = *closure;
    }
}

/* Overlapping closures of members are one of the gate, its cause the first's. */
static void closures_merge(const struct history *history,
                           struct closure *closures,
                           size_t count,
                           struct gate_sum *sum)
{
    if (count == 0) {
        return;
    }
    qsort(closures, count, sizeof(*closures), closure_compare);
    struct closure whole = closures[0];
    for (size_t i = 1; i < count; i++) {
        if (closures[i].from_ns <= whole.to_ns) {
            whole.to_ns = closures[i].to_ns > whole.to_ns ? closures[i].to_ns : whole.to_ns;
        } else {
            closure_add(history, sum, &whole);
            whole = closures[i];
        }
    }
    closure_add(history, sum, &whole);
}

static bool
gate_sum(const struct history *history, const struct flatline_gate *gate, struct gate_sum *ret_sum)
{
    *ret_sum = (struct gate_sum){0};
    struct closure_list list = {.room = history->count + gate->member_count + 1};
    list.items = calloc(list.room, sizeof(*list.items));
    if (list.items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < gate->member_count; i++) {
        member_closures(history, &gate->members[i], &list);
        ret_sum->is_least |=
            gate->members[i].stale_adjust_ns < 0 || gate->members[i].quiet_hold_ms != 0;
    }
    if (history->dead_ns != 0) {
        const struct closure dead = {.from_ns = history->dead_ns,
                                     .to_ns = history->now_ns,
                                     .stream = (uint32_t)FLATLINE_NO_INDEX,
                                     .cause = "sentinel dead"};
        list_add(&list, &dead);
    }
    closures_merge(history, list.items, list.count, ret_sum);
    free(list.items);
    return true;
}

/* ---- telling --------------------------------------------------------------------------------- */

static json_t *sum_json(const struct flatline *reader,
                        const struct history *history,
                        const struct flatline_gate *gate,
                        const struct gate_sum *sum)
{
    json_t *object = json_object();
    (void)json_object_set_new(
        object, "gate", cli_json_text(flatline_gate_name(reader, gate->index)));
    cli_json_word(object, "covered_ns", history->now_ns - history->from_ns);
    cli_json_word(object, "closures", sum->closures);
    cli_json_word(object, "closed_ns", sum->closed_ns);
    cli_json_word(object, "longest_ns", sum->longest_ns);
    (void)json_object_set_new(object,
                              "longest_by",
                              sum->closures > 0 ? cli_json_stream(reader, sum->longest.stream)
                                                : json_null());
    (void)json_object_set_new(
        object, "longest_why", sum->closures > 0 ? json_string(sum->longest.cause) : json_null());
    (void)json_object_set_new(object, "at_least", json_boolean(sum->is_least));
    return object;
}

static void sum_row(struct cli_table *table,
                    const struct flatline *reader,
                    const struct history *history,
                    const struct flatline_gate *gate,
                    const struct gate_sum *sum)
{
    char closed[CLI_TEXT_BYTES];
    char longest[CLI_TEXT_BYTES];
    const uint64_t span_ns = history->now_ns - history->from_ns;
    const char *stream = flatline_stream_name(reader, sum->longest.stream);
    cli_span_text((int64_t)sum->closed_ns, closed);
    cli_span_text((int64_t)sum->longest_ns, longest);
    cli_table_add(table, CLI_PLAIN, "%s", flatline_gate_name(reader, gate->index));
    cli_table_add(table,
                  sum->closures > 0 ? CLI_YELLOW : CLI_GREEN,
                  "%s%" PRIu64,
                  sum->is_least ? "at least " : "",
                  sum->closures);
    cli_table_add(table, CLI_PLAIN, "%s", closed);
    cli_table_add(table,
                  CLI_PLAIN,
                  "%.3f%%",
                  span_ns > 0 ? 100 * (double)sum->closed_ns / (double)span_ns : 0);
    cli_table_add(table, CLI_PLAIN, "%s", longest);
    cli_table_add(table,
                  CLI_PLAIN,
                  "%s %s",
                  sum->closures == 0 ? "" : sum->longest.cause,
                  sum->closures == 0 || stream == NULL ? "" : stream);
}

static void coverage_print(const struct history *history, uint64_t since_ns)
{
    char covered[CLI_TEXT_BYTES];
    char asked[CLI_TEXT_BYTES];
    const uint64_t span_ns = history->now_ns - history->from_ns;
    cli_span_text((int64_t)span_ns, covered);
    cli_span_text((int64_t)since_ns, asked);
    if (span_ns >= since_ns) {
        (void)printf("\nThe last %s.\n", asked);
    } else {
        (void)printf("\n%s of the %s asked for: %s.\n",
                     covered,
                     asked,
                     history->is_cut ? "the event ring remembers no more (segment: {events: N})"
                                     : "this sentinel began then");
    }
}

static int gates_tell(const struct flatline *reader, const struct history *history, bool json)
{
    static const char *const titles[] = {
        "GATE", "CLOSURES", "CLOSED", "SHARE", "LONGEST", "BECAUSE"};
    struct cli_table *table = cli_table_create(sizeof(titles) / sizeof(titles[0]), titles);
    json_t *gates = json_array();
    for (uint32_t i = 0; i < flatline_gate_count(reader); i++) {
        struct flatline_gate gate;
        struct gate_sum sum;
        if (flatline_gate_at(reader, i, &gate) == 0 && gate_sum(history, &gate, &sum)) {
            (void)json_array_append_new(gates, sum_json(reader, history, &gate, &sum));
            sum_row(table, reader, history, &gate, &sum);
        }
    }
    return cli_print_either(json, gates, table);
}

int cli_gates_since(const struct flatline *reader, uint64_t since_ns, bool json)
{
    struct history history = {.reader = reader, .now_ns = flatline_now_mono_ns()};
    if (!history_read(reader, &history)) {
        return CLI_FAILED;
    }
    const uint64_t asked_ns = history.now_ns > since_ns ? history.now_ns - since_ns : 0;
    history.from_ns = history.covered_ns > asked_ns ? history.covered_ns : asked_ns;
    if (history.from_ns > history.now_ns) { /* a segment that lies, or another clock */
        history.from_ns = history.now_ns;
    }
    if (!flatline_alive(reader, history.now_ns)) {
        const uint64_t until_ns = cli_word(&flatline_header_of(reader)->alive_until_mono_ns);
        const bool is_past = until_ns != 0 && until_ns < history.now_ns;
        history.dead_ns = is_past ? until_ns : history.now_ns;
    }
    int code = gates_tell(reader, &history, json);
    if (!json) {
        coverage_print(&history, since_ns);
        code = cli_finish(code);
    }
    free(history.events);
    return code;
}
