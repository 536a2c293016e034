/* SPDX-License-Identifier: MIT
 *
 * cli_output.c - tables, times and colours for people, JSON for programs.
 */
#include "tools/cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- times ----------------------------------------------------------------------------------- */

void cli_span_text(int64_t span_ns, char text[CLI_TEXT_BYTES])
{
    const char *sign = span_ns < 0 ? "-" : "";
    const uint64_t ns = span_ns < 0 ? 0 - (uint64_t)span_ns : (uint64_t)span_ns;
    const uint64_t us = ns / 1000;
    const uint64_t ms = us / 1000;
    const uint64_t s = ms / 1000;
    if (ns < 1000) {
        (void)snprintf(text, CLI_TEXT_BYTES, "%s%" PRIu64 " ns", sign, ns);
    } else if (us < 1000) {
        (void)snprintf(
            text, CLI_TEXT_BYTES, "%s%" PRIu64 ".%" PRIu64 " us", sign, us, ns % 1000 / 100);
    } else if (ms < 1000) {
        (void)snprintf(
            text, CLI_TEXT_BYTES, "%s%" PRIu64 ".%" PRIu64 " ms", sign, ms, us % 1000 / 100);
    } else if (s < 60) {
        (void)snprintf(text, CLI_TEXT_BYTES, "%s%" PRIu64 ".%03" PRIu64 " s", sign, s, ms % 1000);
    } else if (s < 3600) {
        (void)snprintf(text, CLI_TEXT_BYTES, "%s%" PRIu64 "m %02" PRIu64 "s", sign, s / 60, s % 60);
    } else if (s < 86400) {
        (void)snprintf(
            text, CLI_TEXT_BYTES, "%s%" PRIu64 "h %02" PRIu64 "m", sign, s / 3600, s / 60 % 60);
    } else {
        (void)snprintf(
            text, CLI_TEXT_BYTES, "%s%" PRIu64 "d %02" PRIu64 "h", sign, s / 86400, s / 3600 % 24);
    }
}

void cli_age_text(uint64_t earlier_ns, uint64_t later_ns, char text[CLI_TEXT_BYTES])
{
    if (earlier_ns == 0) {
        (void)snprintf(text, CLI_TEXT_BYTES, "-");
        return;
    }
    cli_span_text((int64_t)(later_ns - earlier_ns), text);
}

void cli_evidence_text(const struct flatline_fault *fault, char text[CLI_EVIDENCE_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < FLATLINE_EVIDENCE_WORDS && length < CLI_EVIDENCE_BYTES; i++) {
        const char *key = flatline_fault_key(fault->kind, i);
        const size_t key_length = strlen(key);
        const bool is_time = key_length > 3 && strcmp(key + key_length - 3, "_ns") == 0;
        char value[CLI_TEXT_BYTES];
        if (key_length == 0) {
            continue;
        }
        if (is_time) {
            cli_span_text((int64_t)fault->evidence[i], value);
        } else {
            (void)snprintf(value, sizeof(value), "%" PRId64, (int64_t)fault->evidence[i]);
        }
        const int more = snprintf(text + length,
                                  CLI_EVIDENCE_BYTES - length,
                                  "%s%.*s %s",
                                  length > 0 ? ", " : "",
                                  (int)(is_time ? key_length - 3 : key_length),
                                  key,
                                  value);
        length += more > 0 ? (size_t)more : 0;
    }
}

/* ---- colour ---------------------------------------------------------------------------------- */

static bool colour_wanted(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

static const char *colour_code(enum cli_colour colour)
{
    static const char *const codes[] = {[CLI_PLAIN] = "",
                                        [CLI_GREEN] = "\x1b[32m",
                                        [CLI_YELLOW] = "\x1b[33m",
                                        [CLI_RED] = "\x1b[31m",
                                        [CLI_DIM] = "\x1b[2m"};
    return codes[colour];
}

/* What came from venues may hold anything: a terminal shall not obey it. */
static void print_safely(const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        (void)putchar(byte < ' ' || byte == 0x7f ? '?' : byte);
    }
}

static void print_coloured(bool wanted, enum cli_colour colour, const char *text)
{
    const bool painted = wanted && colour != CLI_PLAIN;
    if (painted) {
        (void)fputs(colour_code(colour), stdout);
    }
    print_safely(text);
    if (painted) {
        (void)fputs("\x1b[0m", stdout);
    }
}

void cli_print(enum cli_colour colour, const char *text)
{
    print_coloured(colour_wanted(), colour, text);
}

const char *cli_gate_requires(const struct flatline_gate *gate)
{
    return (gate->flags & FLATLINE_GATE_BOTH) != 0 ? "both" : "witness";
}

enum cli_colour cli_why_colour(enum flatline_why why)
{
    if (why == FLATLINE_WHY_FRESH) {
        return CLI_GREEN;
    }
    return why == FLATLINE_WHY_UNKNOWN || why == FLATLINE_WHY_LAPSED ||
                   why == FLATLINE_WHY_LAPSED_QUIET
               ? CLI_YELLOW
               : CLI_RED;
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct cell {
    char *text;
    enum cli_colour colour;
};

struct cli_table {
    uint32_t columns;
    size_t count;
    size_t room;
    struct cell *cells;
};

static void *need(void *memory)
{
    if (memory == NULL) {
        (void)fputs("flatline: out of memory\n", stderr);
        exit(CLI_FAILED);
    }
    return memory;
}

struct cli_table *cli_table_create(uint32_t columns, const char *const *titles)
{
    struct cli_table *table = need(calloc(1, sizeof(*table)));
    table->columns = columns;
    for (uint32_t i = 0; i < columns; i++) {
        cli_table_add(table, CLI_DIM, "%s", titles[i]);
    }
    return table;
}

void cli_table_add(struct cli_table *table, enum cli_colour colour, const char *format, ...)
{
    if (table->count == table->room) {
        table->room = table->room * 2 + table->columns * 8;
        table->cells = need(realloc(table->cells, table->room * sizeof(*table->cells)));
    }
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    table->cells[table->count++] =
        (struct cell){.text = need(length < 0 ? NULL : text), .colour = colour};
}

/* Columns a text takes, continuation bytes of UTF-8 not counted. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static int column_width(const struct cli_table *table, uint32_t column)
{
    int width = 0;
    for (size_t i = column; i < table->count; i += table->columns) {
        const int cell = text_width(table->cells[i].text);
        width = cell > width ? cell : width;
    }
    return width;
}

static void cli_table_free(struct cli_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    free(table);
}

void cli_table_print(struct cli_table *table)
{
    const bool wanted = colour_wanted();
    int *widths = need(calloc(table->columns, sizeof(*widths)));
    for (uint32_t i = 0; i < table->columns; i++) {
        widths[i] = column_width(table, i);
    }
    for (size_t i = 0; i < table->count; i++) {
        const uint32_t column = (uint32_t)(i % table->columns);
        const bool last = column + 1 == table->columns;
        print_coloured(wanted, table->cells[i].colour, table->cells[i].text);
        if (last) {
            (void)putchar('\n');
        } else {
            (void)printf("%*s", widths[column] - text_width(table->cells[i].text) + 2, "");
        }
    }
    free(widths);
    cli_table_free(table);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

json_t *cli_json_text(const char *text)
{
    if (text == NULL) {
        return json_null();
    }
    json_t *string = json_string(text);
    if (string != NULL) {
        return string;
    }
    char *copy = need(strdup(text)); /* not UTF-8 */
    for (char *byte = copy; *byte != '\0'; byte++) {
        *byte = (unsigned char)*byte >= 0x80 ? '?' : *byte;
    }
    string = json_string(copy);
    free(copy);
    return string;
}

void cli_json_word(json_t *object, const char *key, uint64_t word)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)word));
}

json_t *cli_json_span(uint64_t earlier_ns, uint64_t later_ns)
{
    return earlier_ns == 0 ? json_null() : json_integer((json_int_t)(later_ns - earlier_ns));
}

json_t *cli_json_stream(const struct flatline *reader, uint32_t stream)
{
    return cli_json_text(flatline_stream_name(reader, stream)); /* NULL beyond the directory */
}

json_t *cli_json_evidence(const struct flatline_fault *fault)
{
    json_t *evidence = json_object();
    for (uint32_t i = 0; i < FLATLINE_EVIDENCE_WORDS; i++) {
        const char *key = flatline_fault_key(fault->kind, i);
        if (key[0] != '\0') {
            cli_json_word(evidence, key, fault->evidence[i]);
        }
    }
    return evidence;
}

/* The name is fixed for the segment's life, but not ours: it ends here, whatever the segment
 * says. */
static bool
connection_name(const struct flatline *reader, uint32_t connection, char name[FLATLINE_NAME_BYTES])
{
    const struct flatline_connection *record =
        flatline_record(reader, FLATLINE_SECTION_CONNECTIONS, connection);
    if (record == NULL) {
        return false;
    }
    memcpy(name, record->name, FLATLINE_NAME_BYTES);
    name[FLATLINE_NAME_BYTES - 1] = '\0';
    return true;
}

json_t *cli_json_connection(const struct flatline *reader, uint32_t connection)
{
    char name[FLATLINE_NAME_BYTES];
    return connection_name(reader, connection, name) ? cli_json_text(name) : json_null();
}

void cli_fault_place(const struct flatline *reader,
                     const struct flatline_fault *fault,
                     char place[FLATLINE_NAME_BYTES])
{
    const char *stream = flatline_stream_name(reader, fault->stream);
    if (stream == NULL && connection_name(reader, fault->connection, place)) {
        return;
    }
    (void)snprintf(place,
                   FLATLINE_NAME_BYTES,
                   "%s",
                   stream != NULL ? stream : flatline_scope_name(fault->scope));
}

json_t *cli_json_fault(const struct flatline *reader, const struct flatline_fault *fault)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "type", json_string("fault"));
    cli_json_word(object, "id", fault->id);
    (void)json_object_set_new(object, "stream", cli_json_stream(reader, fault->stream));
    (void)json_object_set_new(object, "connection", cli_json_connection(reader, fault->connection));
    (void)json_object_set_new(object, "kind", json_string(flatline_fault_name(fault->kind)));
    (void)json_object_set_new(object, "scope", json_string(flatline_scope_name(fault->scope)));
    (void)json_object_set_new(object, "blame", json_string(flatline_scope_name(fault->blame)));
    cli_json_word(object, "onset_ns", fault->onset_mono_ns);
    cli_json_word(object, "at_ns", fault->noticed_mono_ns);
    (void)json_object_set_new(object,
                              "cleared_ns",
                              fault->cleared_mono_ns == 0
                                  ? json_null()
                                  : json_integer((json_int_t)fault->cleared_mono_ns));
    cli_json_word(object, "count", fault->count);
    cli_json_word(object, "confidence_percent", fault->confidence_percent);
    (void)json_object_set_new(object, "drill", json_boolean(fault->drill));
    (void)json_object_set_new(object, "text", cli_json_text(fault->text));
    (void)json_object_set_new(object, "evidence", cli_json_evidence(fault));
    return object;
}

int cli_json_print(json_t *object)
{
    const int error = json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    (void)putchar('\n');
    return error != 0 ? CLI_FAILED : cli_finish(CLI_DONE);
}

int cli_print_either(bool json, json_t *object, struct cli_table *table)
{
    if (json) {
        cli_table_free(table);
        return cli_json_print(object);
    }
    json_decref(object);
    cli_table_print(table);
    return cli_finish(CLI_DONE);
}

int cli_finish(int code)
{
    return fflush(stdout) != 0 || ferror(stdout) != 0 ? CLI_FAILED : code;
}
