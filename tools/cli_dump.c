/* SPDX-License-Identifier: MIT
 *
 * cli_dump.c - `flatline dump`: the whole segment, field by field, straight from the tables of
 * layout.h. What a binding in another language must decode to, and what a post-mortem starts from.
 */
#include "tools/cli.h"
#include "tools/flatline_commands.h"

#include <inttypes.h>
#include <string.h>

static const struct cli_usage usage = {
    .command = "dump",
    .arguments = "",
    .text = "Prints the whole segment, field by field, as the tables of layout.h name them; empty "
            "fault, event, error and\n"
            "advice slots are left out. Words are printed as they are: signed where the layout "
            "says so, "
            "else unsigned.",
};

/* ---- the fields, by the same rows that made the layout --------------------------------------- */

enum shape { SHAPE_U32, SHAPE_U64, SHAPE_I64, SHAPE_TEXT, SHAPE_WORDS, SHAPE_OTHER };

struct field {
    const char *record;
    const char *name;
    const char *unit;
    size_t offset;
    size_t bytes;
    enum shape shape;
};

#define SHAPE_OF(expression)                                                                       \
    _Generic((expression),                                                                          \
        uint32_t: SHAPE_U32,                                                                        \
        uint64_t: SHAPE_U64,                                                                        \
        int64_t: SHAPE_I64,                                                                         \
        char *: SHAPE_TEXT,                                                                         \
        uint64_t *: SHAPE_WORDS,                                                                    \
        default: SHAPE_OTHER)
#define FIELD_ROW(record, field, offset, bytes, unit, meaning)                                     \
    {#record, #field, unit, offset, bytes, SHAPE_OF(((struct record *)0)->field)},

static const struct field fields[] = {FLATLINE_ALL_FIELDS(FIELD_ROW)};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

#define SECTION_RECORD(number, name, record, meaning) [number] = #record,
#define SECTION_NAME(number, name, record, meaning)   [number] = #name,
static const char *const section_records[] = {FLATLINE_SECTIONS(SECTION_RECORD)};
static const char *const section_names[] = {FLATLINE_SECTIONS(SECTION_NAME)};

static uint64_t field_word(const struct field *field, const uint8_t *record)
{
    if (field->shape == SHAPE_U32) {
        return __atomic_load_n((const uint32_t *)(const void *)(record + field->offset),
                               __ATOMIC_RELAXED);
    }
    return cli_word((const void *)(record + field->offset));
}

/* Text fields are char arrays, and word arrays whose unit says so. */
static bool field_is_text(const struct field *field)
{
    return field->shape == SHAPE_TEXT ||
           (field->shape == SHAPE_WORDS && strcmp(field->unit, "text") == 0);
}

#define FIELD_TEXT_BYTES 256

static void
field_text(const struct field *field, const uint8_t *record, char text[FIELD_TEXT_BYTES])
{
    size_t bytes = field->bytes < FIELD_TEXT_BYTES - 1 ? field->bytes : FIELD_TEXT_BYTES - 1;
    memset(text, 0, FIELD_TEXT_BYTES);
    memcpy(text, record + field->offset, bytes);
}

static json_t *json_of_field(const struct field *field, const uint8_t *record)
{
    if (field_is_text(field)) {
        char text[FIELD_TEXT_BYTES];
        field_text(field, record, text);
        return cli_json_text(text);
    }
    if (field->shape == SHAPE_WORDS) {
        json_t *words = json_array();
        for (size_t i = 0; i < field->bytes / sizeof(uint64_t); i++) {
            const uint64_t *word = (const void *)(record + field->offset);
            (void)json_array_append_new(words, json_integer((json_int_t)cli_word(&word[i])));
        }
        return words;
    }
    return json_integer((json_int_t)field_word(field, record));
}

static void print_field(const struct field *field, const uint8_t *record)
{
    (void)printf("  %s", field->name);
    if (field_is_text(field)) {
        char text[FIELD_TEXT_BYTES];
        field_text(field, record, text);
        (void)putchar(' ');
        cli_print(CLI_PLAIN, text);
    } else if (field->shape == SHAPE_WORDS) {
        const uint64_t *word = (const void *)(record + field->offset);
        for (size_t i = 0; i < field->bytes / sizeof(uint64_t); i++) {
            (void)printf(" %" PRIu64, cli_word(&word[i]));
        }
    } else if (field->shape == SHAPE_I64) {
        (void)printf(" %" PRId64, (int64_t)field_word(field, record));
    } else {
        (void)printf(" %" PRIu64, field_word(field, record));
    }
    (void)putchar('\n');
}

/* ---- records and sections -------------------------------------------------------------------- */

static json_t *json_of_record(const char *structure, const uint8_t *record)
{
    json_t *object = json_object();
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].record, structure) == 0 && fields[i].shape != SHAPE_OTHER) {
            (void)json_object_set_new(object, fields[i].name, json_of_field(&fields[i], record));
        }
    }
    return object;
}

static void print_record(const char *structure, const uint8_t *record)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].record, structure) == 0 && fields[i].shape != SHAPE_OTHER) {
            print_field(&fields[i], record);
        }
    }
}

/* Slots that were never written say nothing: their sequence is still 0. */
static bool is_unwritten(enum flatline_section_index section, const uint8_t *record)
{
    const bool slots = section == FLATLINE_SECTION_FAULTS || section == FLATLINE_SECTION_EVENTS ||
                       section == FLATLINE_SECTION_ERRORS || section == FLATLINE_SECTION_ADVICE;
    return slots && cli_word((const void *)record) == 0;
}

static void add_quantiles(json_t *object,
                          const struct flatline *reader,
                          enum flatline_section_index section,
                          uint32_t index)
{
    cli_json_word(object, "p50_ns", flatline_histogram_quantile(reader, section, index, 0.50));
    cli_json_word(object, "p99_ns", flatline_histogram_quantile(reader, section, index, 0.99));
}

static bool is_histograms(enum flatline_section_index section)
{
    return section == FLATLINE_SECTION_HISTOGRAMS ||
           section == FLATLINE_SECTION_CONNECTION_HISTOGRAMS;
}

static json_t *json_of_section(const struct flatline *reader, enum flatline_section_index section)
{
    json_t *records = json_array();
    for (uint32_t i = 0; i < flatline_record_count(reader, section); i++) {
        const uint8_t *record = flatline_record(reader, section, i);
        if (is_unwritten(section, record)) {
            continue;
        }
        json_t *object = json_of_record(section_records[section], record);
        if (is_histograms(section)) {
            add_quantiles(object, reader, section, i);
        }
        (void)json_array_append_new(records, object);
    }
    return records;
}

static void print_section(const struct flatline *reader, enum flatline_section_index section)
{
    const uint32_t count = flatline_record_count(reader, section);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *record = flatline_record(reader, section, i);
        if (is_unwritten(section, record)) {
            continue;
        }
        (void)printf("\n%s %" PRIu32 "\n", section_names[section], i);
        print_record(section_records[section], record);
        if (is_histograms(section)) {
            (void)printf("  p50_ns %" PRIu64 "\n",
                         flatline_histogram_quantile(reader, section, i, 0.50));
            (void)printf("  p99_ns %" PRIu64 "\n",
                         flatline_histogram_quantile(reader, section, i, 0.99));
        }
    }
}

static int dump(const struct flatline *reader, bool json)
{
    const void *header = flatline_header_of(reader);
    if (!json) {
        (void)puts("HEADER");
        print_record("flatline_header", header);
        for (uint32_t i = 0; i < FLATLINE_SECTION_COUNT; i++) {
            print_section(reader, (enum flatline_section_index)i);
        }
        return cli_finish(CLI_DONE);
    }
    json_t *object = json_object();
    (void)json_object_set_new(object, "HEADER", json_of_record("flatline_header", header));
    for (uint32_t i = 0; i < FLATLINE_SECTION_COUNT; i++) {
        (void)json_object_set_new(
            object, section_names[i], json_of_section(reader, (enum flatline_section_index)i));
    }
    return cli_json_print(object);
}

int dump_command(int argc, char **argv)
{
    return cli_run(&usage, argc, argv, dump);
}
