/* SPDX-License-Identifier: MIT
 *
 * cli_explain.c - `flatline explain STREAM|GATE`: why it is as it is, in sentences with the numbers: the
 * lease, what came last, every finding that concerns it, whose fault, how sure.
 */
#include "tools/cli.h"
#include "tools/explain_text.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAST_MAX 3U /* findings that are over */

static const struct cli_usage usage = {
    .command = "explain",
    .arguments = "[STREAM|GATE...]",
    .text = "Tells in sentences why a stream, or each stream of a gate, is as it is: what is left "
            "of its "
            "lease, what\n"
            "came last, every finding that concerns it with its evidence, whose fault it is and "
            "how sure "
            "that is. A lapsed\n"
            "lease without a finding is told as what it is: not proven. Without a name: every "
            "stream that "
            "is not fresh.",
};

/* One stream under explanation. */
struct subject {
    const struct flatline *reader;
    struct flatline_stream stream;
    const char *name;
    struct flatline_snapshot snapshot;
    bool has_detail;
    const struct flatline_directory_entry *entry;
    uint64_t now_ns;
    const struct flatline_fault *faults; /* all there are, newest first */
    int fault_count;
};

/* ---- which findings concern it --------------------------------------------------------------- */

static bool is_of_its_venue(const struct subject *subject, uint32_t connection)
{
    const struct flatline_connection *record =
        flatline_record(subject->reader, FLATLINE_SECTION_CONNECTIONS, connection);
    return record != NULL && record->venue == subject->entry->venue;
}

/* A finding of the stream itself; of the host; of its venue; or of one of its connections, whose kind
 * the stream then shows among its own. */
static bool concerns(const struct subject *subject, const struct flatline_fault *fault)
{
    if (fault->stream != FLATLINE_NO_INDEX) {
        return fault->stream == subject->stream.index && fault->scope != FLATLINE_SCOPE_ENGINE;
    }
    if (fault->scope == FLATLINE_SCOPE_HOST) {
        return true;
    }
    if (fault->connection == FLATLINE_NO_INDEX || !is_of_its_venue(subject, fault->connection)) {
        return false;
    }
    const bool is_shown = (subject->snapshot.detail.open_faults >> fault->kind & 1) != 0;
    return fault->scope == FLATLINE_SCOPE_VENUE || fault->cleared_mono_ns != 0 || is_shown;
}

/* ---- sentences ------------------------------------------------------------------------------- */

static void say_lease(const struct subject *subject)
{
    char text[160];
    const enum flatline_why why = flatline_why(&subject->stream, subject->now_ns);
    (void)flatline_why_text(subject->reader, &subject->stream, subject->now_ns, text, sizeof(text));
    cli_print(CLI_PLAIN, subject->name);
    (void)fputs(": ", stdout);
    cli_print(cli_why_colour(why), text);
    (void)putchar('\n');
}

static void say_data(const struct subject *subject)
{
    const struct flatline_detail *detail = &subject->snapshot.detail;
    if (!subject->has_detail) {
        (void)puts("  Its details cannot be read: the sentinel is gone.");
        return;
    }
    if (detail->frames == 0) {
        (void)puts("  No frame has come since the sentinel began.");
        return;
    }
    char age[CLI_TEXT_BYTES];
    char newer[CLI_TEXT_BYTES];
    char lag[CLI_TEXT_BYTES];
    cli_age_text(detail->last_recv_mono_ns, subject->now_ns, age);
    cli_age_text(detail->last_newer_mono_ns, subject->now_ns, newer);
    cli_span_text((int64_t)detail->excess_lag_ns, lag);
    (void)printf("  The last of %" PRIu64
                 " frames came %s ago, the last that earned a lease %s ago",
                 detail->frames,
                 age,
                 newer);
    if (detail->last_exch_wall_ns != 0) {
        (void)printf(", %s late", lag);
    }
    (void)printf(". %" PRIu64 " of %" PRIu64 " connections carry it.\n",
                 detail->legs_up < detail->legs ? detail->legs_up : detail->legs,
                 detail->legs);
}

/* How long it is usually silent: what a person compares the silence with. */
static void say_habits(const struct subject *subject)
{
    if (subject->entry->histogram_count == 0) {
        return;
    }
    const uint32_t index = subject->entry->first_histogram;
    char usual[CLI_TEXT_BYTES];
    char rare[CLI_TEXT_BYTES];
    char longest[CLI_TEXT_BYTES];
    const uint64_t longest_ns =
        flatline_histogram_quantile(subject->reader, FLATLINE_SECTION_HISTOGRAMS, index, 1.0);
    if (longest_ns == 0) {
        return;
    }
    cli_span_text((int64_t)flatline_histogram_quantile(
                      subject->reader, FLATLINE_SECTION_HISTOGRAMS, index, 0.5),
                  usual);
    cli_span_text((int64_t)flatline_histogram_quantile(
                      subject->reader, FLATLINE_SECTION_HISTOGRAMS, index, 0.99),
                  rare);
    cli_span_text((int64_t)longest_ns, longest);
    (void)printf("  Its gaps: usually %s, one in a hundred above %s, never above %s.\n",
                 usual,
                 rare,
                 longest);
}

/* From when on silence itself is a finding, as things stand. */
static void say_provable(const struct subject *subject)
{
    char limit[CLI_TEXT_BYTES];
    const uint64_t provable_ns = subject->snapshot.detail.silence_provable_ns;
    const bool is_learned = subject->entry->stream_class == FLATLINE_CLASS_BOOK ||
                            subject->entry->stream_class == FLATLINE_CLASS_OTHER;
    if (!subject->has_detail || (provable_ns == 0 && !is_learned)) {
        return; /* timers and accounts have other witnesses than their silence */
    }
    if (provable_ns == 0) {
        (void)puts("  By its silence alone nothing is provable yet.");
        return;
    }
    cli_span_text((int64_t)provable_ns, limit);
    (void)printf("  A silence of it is proven SILENT from %s on.\n", limit);
}

#define DEBT_NAME(number, name, text) [number] = #name,

static const char *debt_name(uint64_t debt)
{
    static const char *const names[] = {FLATLINE_DEBTS(DEBT_NAME)};
    return debt < sizeof(names) / sizeof(names[0]) ? names[debt] : "?";
}

/* What other channels of its book can prove. */
static void say_debt(const struct subject *subject)
{
    const struct flatline_detail *detail = &subject->snapshot.detail;
    char allowance[CLI_TEXT_BYTES];
    if (!subject->has_detail || detail->book_debt == FLATLINE_DEBT_NONE) {
        return;
    }
    cli_span_text((int64_t)detail->book_allowance_ns, allowance);
    if (detail->book_debt == FLATLINE_DEBT_ON) {
        (void)printf("  It owes what the other channels of its book show, within %s.\n", allowance);
    } else if (detail->book_debt == FLATLINE_DEBT_CHECKING) {
        (void)printf(
            "  It owes nothing to the other channels of its book yet: whether their ids agree "
            "is being checked,\n    %" PRIu64 " waits met so far.\n",
            detail->book_debt_waits);
    } else {
        (void)printf(
            "  It owes nothing to the other channels of its book: their ids do not agree with "
            "its own, or it takes\n    longer than %s. A new connection tries again.\n",
            allowance);
    }
}

static void say_fault(const struct subject *subject, const struct flatline_fault *fault)
{
    char sentence[EXPLAIN_TEXT_BYTES];
    char place[FLATLINE_NAME_BYTES];
    char onset[CLI_TEXT_BYTES];
    char noticed[CLI_TEXT_BYTES];
    char cleared[CLI_TEXT_BYTES];
    cli_fault_place(subject->reader, fault, place);
    cli_age_text(fault->onset_mono_ns, subject->now_ns, onset);
    cli_span_text((int64_t)(fault->noticed_mono_ns - fault->onset_mono_ns), noticed);
    cli_age_text(fault->cleared_mono_ns, subject->now_ns, cleared);
    (void)explain_fault(fault, sentence, sizeof(sentence));
    (void)fputs("  ", stdout);
    cli_print(fault->cleared_mono_ns == 0 ? CLI_RED : CLI_DIM, flatline_fault_name(fault->kind));
    (void)printf("%s of %s: ", fault->drill ? " (DRILL)" : "", place);
    cli_print(CLI_PLAIN, sentence);
    (void)printf(".\n    Began %s ago, proven %s later", onset, noticed);
    if (fault->cleared_mono_ns != 0) {
        (void)printf(", over for %s", cleared);
    }
    (void)printf(". Blame: %s; %" PRIu32 " %% sure.",
                 explain_blame(fault->blame),
                 fault->confidence_percent);
    if (fault->text[0] != '\0') {
        (void)fputs(" Words: ", stdout);
        cli_print(CLI_DIM, fault->text);
    }
    (void)putchar('\n');
}

/* Returns how many stand. */
static uint32_t say_faults(const struct subject *subject)
{
    uint32_t standing = 0;
    uint32_t past = 0;
    for (int i = 0; i < subject->fault_count; i++) {
        if (subject->faults[i].cleared_mono_ns == 0 && concerns(subject, &subject->faults[i])) {
            say_fault(subject, &subject->faults[i]);
            standing++;
        }
    }
    for (int i = 0; i < subject->fault_count && past < PAST_MAX; i++) {
        if (subject->faults[i].cleared_mono_ns != 0 && concerns(subject, &subject->faults[i])) {
            say_fault(subject, &subject->faults[i]);
            past++;
        }
    }
    return standing;
}

/* What the venue itself said, asked because nothing came. */
static void say_rest(const struct subject *subject)
{
    const struct flatline_detail *detail = &subject->snapshot.detail;
    const bool has_moved = detail->rest_moved_mono_ns > detail->last_recv_mono_ns;
    char seen[CLI_TEXT_BYTES];
    if (detail->rest_seen_mono_ns <= detail->last_recv_mono_ns) {
        return; /* its own frames are the better word */
    }
    cli_age_text(detail->rest_seen_mono_ns, subject->now_ns, seen);
    (void)printf("  REST, asked %s ago, %s.\n",
                 seen,
                 has_moved ? "has shown the book change since its last frame"
                           : "shows the book as it was: the market is quiet");
}

static void say_nothing_proven(const struct subject *subject)
{
    const enum flatline_why why = flatline_why(&subject->stream, subject->now_ns);
    if (why == FLATLINE_WHY_UNKNOWN) {
        (void)puts("  No finding stands: nothing is known of it yet.");
    } else if (why == FLATLINE_WHY_LAPSED_QUIET) {
        (void)puts("  No finding stands, and others of its connection speak: the market is quiet, "
                   "as far as can be seen.");
    } else if (why == FLATLINE_WHY_LAPSED_SUSPECT) {
        (void)puts("  No finding stands, but it is suspect: the others of its connection fell "
                   "silent, too, or a finding ended the quiet.");
    } else if (why == FLATLINE_WHY_LAPSED) {
        (void)puts(
            "  No finding stands: this silence is neither proven a fault nor a quiet market.");
    }
}

static void say_gates(const struct subject *subject)
{
    bool is_first = true;
    for (uint32_t i = 0; i < flatline_gate_count(subject->reader); i++) {
        struct flatline_gate gate;
        if (flatline_gate_at(subject->reader, i, &gate) != 0) {
            continue;
        }
        for (uint32_t k = 0; k < gate.member_count; k++) {
            if (gate.members[k].stream == subject->stream.index) {
                (void)fputs(is_first ? "  Gates that need it: " : ", ", stdout);
                cli_print(CLI_PLAIN, flatline_gate_name(subject->reader, i));
                is_first = false;
            }
        }
    }
    (void)fputs(is_first ? "  No gate needs it.\n" : ".\n", stdout);
}

static void say_all(const struct subject *subject)
{
    say_lease(subject);
    say_data(subject);
    say_habits(subject);
    say_provable(subject);
    say_debt(subject);
    say_rest(subject);
    if (say_faults(subject) == 0) {
        say_nothing_proven(subject);
    }
    say_gates(subject);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *json_finding(const struct subject *subject, const struct flatline_fault *fault)
{
    char sentence[EXPLAIN_TEXT_BYTES];
    json_t *object = cli_json_fault(subject->reader, fault);
    (void)explain_fault(fault, sentence, sizeof(sentence));
    (void)json_object_set_new(object, "sentence", json_string(sentence));
    return object;
}

static json_t *json_subject(const struct subject *subject)
{
    char text[160];
    const enum flatline_why why = flatline_why(&subject->stream, subject->now_ns);
    (void)flatline_why_text(subject->reader, &subject->stream, subject->now_ns, text, sizeof(text));
    json_t *object = json_object();
    (void)json_object_set_new(object, "stream", cli_json_text(subject->name));
    (void)json_object_set_new(object, "why", json_string(flatline_why_name(why)));
    (void)json_object_set_new(object, "text", json_string(text));
    (void)json_object_set_new(
        object,
        "age_ns",
        cli_json_span(subject->snapshot.detail.last_recv_mono_ns, subject->now_ns));
    cli_json_word(object, "silence_provable_ns", subject->snapshot.detail.silence_provable_ns);
    (void)json_object_set_new(
        object, "book_debt", json_string(debt_name(subject->snapshot.detail.book_debt)));
    cli_json_word(object, "book_debt_waits", subject->snapshot.detail.book_debt_waits);
    cli_json_word(object, "book_allowance_ns", subject->snapshot.detail.book_allowance_ns);
    json_t *findings = json_array();
    for (int i = 0; i < subject->fault_count; i++) {
        if (concerns(subject, &subject->faults[i])) {
            (void)json_array_append_new(findings, json_finding(subject, &subject->faults[i]));
        }
    }
    (void)json_object_set_new(object, "findings", findings);
    return object;
}

/* ---- the command ----------------------------------------------------------------------------- */

struct telling {
    const struct flatline *reader;
    json_t *json; /* NULL: for people */
    const struct flatline_fault *faults;
    int fault_count;
};

static void tell_stream(struct telling *telling, uint32_t index)
{
    struct subject subject = {.reader = telling->reader,
                              .name = flatline_stream_name(telling->reader, index),
                              .entry =
                                  flatline_record(telling->reader, FLATLINE_SECTION_STREAMS, index),
                              .now_ns = flatline_now_mono_ns(),
                              .faults = telling->faults,
                              .fault_count = telling->fault_count};
    if (flatline_stream_at(telling->reader, index, &subject.stream) != 0 || subject.entry == NULL) {
        return;
    }
    subject.has_detail = cli_snapshot(telling->reader, index, &subject.snapshot);
    if (telling->json != NULL) {
        (void)json_array_append_new(telling->json, json_subject(&subject));
    } else {
        say_all(&subject);
    }
}

/* A stream, or every stream of a gate. */
static int tell_name(struct telling *telling, const char *name)
{
    struct flatline_stream stream;
    struct flatline_gate gate;
    if (flatline_find(telling->reader, name, &stream) == 0) {
        tell_stream(telling, stream.index);
        return CLI_DONE;
    }
    if (flatline_find_gate(telling->reader, name, &gate) == 0) {
        for (uint32_t i = 0; i < gate.member_count; i++) {
            tell_stream(telling, gate.members[i].stream);
        }
        return CLI_DONE;
    }
    const char *near = flatline_nearest(telling->reader, name);
    (void)fprintf(stderr,
                  "flatline explain: no stream or gate '%s'%s%s%s\n",
                  name,
                  near != NULL ? "; did you mean '" : "",
                  near != NULL ? near : "",
                  near != NULL ? "'?" : "");
    return CLI_USAGE;
}

/* Without a name: whatever is in trouble. */
static void tell_troubles(struct telling *telling)
{
    uint32_t troubles = 0;
    for (uint32_t i = 0; i < flatline_stream_count(telling->reader); i++) {
        struct flatline_stream stream;
        if (flatline_stream_at(telling->reader, i, &stream) == 0 &&
            flatline_why(&stream, flatline_now_mono_ns()) != FLATLINE_WHY_FRESH) {
            tell_stream(telling, i);
            troubles++;
        }
    }
    if (troubles == 0 && telling->json == NULL) {
        (void)puts("Every stream is fresh.");
    }
}

static int explain(const struct flatline *reader, bool json, int argument_count, char **arguments)
{
    struct flatline_fault *faults = NULL;
    const int count = cli_faults(reader, false, &faults);
    if (count < 0) {
        (void)fprintf(stderr, "flatline explain: %s\n", flatline_strerror(count));
        return CLI_FAILED;
    }
    struct telling telling = {.reader = reader,
                              .json = json ? json_array() : NULL,
                              .faults = faults,
                              .fault_count = count};
    int code = CLI_DONE;
    if (argument_count == 0) {
        tell_troubles(&telling);
    }
    for (int i = 0; i < argument_count && code == CLI_DONE; i++) {
        code = tell_name(&telling, arguments[i]);
    }
    free(faults);
    if (telling.json != NULL && code != CLI_DONE) {
        json_decref(telling.json);
        return code;
    }
    return telling.json != NULL ? cli_json_print(telling.json) : cli_finish(code);
}

int explain_command(int argc, char **argv)
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
        code = explain(reader, choice.json, choice.argument_count, choice.arguments);
        code = cli_verdict(usage.command, is_alive, code);
        flatline_detach(reader);
    }
    return code;
}
