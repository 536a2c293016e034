/* SPDX-License-Identifier: MIT
 *
 * dump_layout.c - layout.h told in other languages: JSON for the bindings, tables for
 * docs/SHARED-MEMORY.md, the manual page flatline_shm(5). The results are checked in; ctest
 * compares them, tests/abi/check_generated.py --write renews them.
 */
#include "flatline/flatline.h"
#include "tools/dump_engine_layout.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct field_row {
    const char *record;
    const char *name;
    uint32_t offset;
    uint32_t bytes;
    const char *unit;
    const char *meaning;
    bool is_signed;
};

struct record_row {
    const char *name;
    uint32_t bytes;
};

struct section_row {
    uint32_t number;
    const char *name;
    const char *record;
    const char *meaning;
};

struct enum_row {
    const char *list;
    uint32_t number;
    const char *name;
    const char *text;
};

struct fault_row {
    uint32_t number;
    const char *name;
    const char *keys[FLATLINE_EVIDENCE_WORDS];
};

#define IS_SIGNED(record, field)                                                                   \
    _Generic(((struct record *)NULL)->field, int64_t : true, default : false)
#define FIELD_ROW(record, field, offset, bytes, unit, meaning)                                     \
    {#record, #field, offset, bytes, unit, meaning, IS_SIGNED(record, field)},
#define RECORD_ROW(record, bytes)                       {#record, bytes},
#define SECTION_ROW(number, name, record, meaning)      {number, #name, #record, meaning},
#define FAULT_ROW(number, name, text, a, b, c, d, e, f) {number, #name, {a, b, c, d, e, f}},
#define STATE_ROW(number, name, text)                   {"flatline_state", number, #name, text},
#define VENUE_ROW(number, name, text)                   {"flatline_venue", number, #name, text},
#define CLASS_ROW(number, name, text)                   {"flatline_class", number, #name, text},
#define WHY_ROW(number, name, text)                     {"flatline_why", number, #name, text},
#define SCOPE_ROW(number, name, text)                   {"flatline_scope", number, #name, text},
#define DEBT_ROW(number, name, text)                    {"flatline_debt", number, #name, text},
#define EVENT_ROW(number, name, text)                   {"flatline_event_type", number, #name, text},
#define ADVICE_ROW(number, name, text)                  {"flatline_advice_kind", number, #name, text},
#define TARGET_ROW(number, name, text)                  {"flatline_target", number, #name, text},
#define CONNECTION_ROW(number, name, text)              {"flatline_connection_state", number, #name, text},
#define ERROR_ROW(number, name, text)                   {"flatline_error", number, #name, text},

static const struct field_row fields[] = {FLATLINE_ALL_FIELDS(FIELD_ROW)};
static const struct record_row records[] = {FLATLINE_ALL_RECORDS(RECORD_ROW)};
static const struct section_row sections[] = {FLATLINE_SECTIONS(SECTION_ROW)};
static const struct fault_row faults[] = {FLATLINE_FAULTS(FAULT_ROW)};
static const struct enum_row enums[] = {
    FLATLINE_STATES(STATE_ROW) FLATLINE_VENUES(VENUE_ROW) FLATLINE_CLASSES(CLASS_ROW)
        FLATLINE_WHYS(WHY_ROW) FLATLINE_SCOPES(SCOPE_ROW) FLATLINE_DEBTS(DEBT_ROW)
            FLATLINE_EVENTS(EVENT_ROW) FLATLINE_ADVICES(ADVICE_ROW) FLATLINE_TARGETS(TARGET_ROW)
                FLATLINE_CONNECTION_STATES(CONNECTION_ROW) FLATLINE_ERRORS(ERROR_ROW)};

static bool starts_list(size_t i)
{
    return i == 0 || strcmp(enums[i].list, enums[i - 1].list) != 0;
}

static bool is_field_of(const struct field_row *field, const struct record_row *record)
{
    return strcmp(field->record, record->name) == 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *json_fields(const struct record_row *record)
{
    json_t *array = json_array();
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (is_field_of(&fields[i], record)) {
            json_t *field = json_pack("{s:s, s:i, s:i, s:s, s:s}",
                                      "name",
                                      fields[i].name,
                                      "offset",
                                      (int)fields[i].offset,
                                      "bytes",
                                      (int)fields[i].bytes,
                                      "unit",
                                      fields[i].unit,
                                      "meaning",
                                      fields[i].meaning);
            if (fields[i].is_signed) {
                (void)json_object_set_new(field, "signed", json_true());
            }
            (void)json_array_append_new(array, field);
        }
    }
    return array;
}

static json_t *json_enums(void)
{
    json_t *lists = json_object();
    for (size_t i = 0; i < COUNT_OF(enums); i++) {
        if (starts_list(i)) {
            (void)json_object_set_new(lists, enums[i].list, json_array());
        }
        json_t *row = json_pack("{s:i, s:s, s:s}",
                                "number",
                                (int)enums[i].number,
                                "name",
                                enums[i].name,
                                "text",
                                enums[i].text);
        (void)json_array_append_new(json_object_get(lists, enums[i].list), row);
    }
    return lists;
}

static json_t *json_faults(void)
{
    json_t *array = json_array();
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        json_t *keys = json_array();
        for (size_t k = 0; k < FLATLINE_EVIDENCE_WORDS; k++) {
            if (faults[i].keys[k][0] != '\0') {
                (void)json_array_append_new(keys, json_string(faults[i].keys[k]));
            }
        }
        (void)json_array_append_new(array,
                                    json_pack("{s:i, s:s, s:o}",
                                              "number",
                                              (int)faults[i].number,
                                              "name",
                                              faults[i].name,
                                              "evidence",
                                              keys));
    }
    return array;
}

static int print_json(void)
{
    char hash[24];
    json_t *record_array = json_array();
    json_t *section_array = json_array();
    (void)snprintf(hash, sizeof(hash), "0x%016" PRIx64, flatline_layout_hash());
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        (void)json_array_append_new(record_array,
                                    json_pack("{s:s, s:i, s:o}",
                                              "name",
                                              records[i].name,
                                              "bytes",
                                              (int)records[i].bytes,
                                              "fields",
                                              json_fields(&records[i])));
    }
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        (void)json_array_append_new(section_array,
                                    json_pack("{s:i, s:s, s:s, s:s}",
                                              "number",
                                              (int)sections[i].number,
                                              "name",
                                              sections[i].name,
                                              "record",
                                              sections[i].record,
                                              "meaning",
                                              sections[i].meaning));
    }
    json_t *layout =
        json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
                  "magic",
                  "FLATLINE",
                  "major",
                  (int)FLATLINE_MAJOR,
                  "minor",
                  (int)FLATLINE_MINOR,
                  "layout_hash",
                  hash,
                  "default_directory",
                  FLATLINE_DEFAULT_DIRECTORY,
                  "default_name",
                  FLATLINE_DEFAULT_NAME,
                  "lease_absurd_ns",
                  (json_int_t)FLATLINE_LEASE_ABSURD_NS,
                  "alive_absurd_ns",
                  (json_int_t)FLATLINE_ALIVE_ABSURD_NS,
                  "records_max",
                  (json_int_t)FLATLINE_RECORDS_MAX,
                  "no_index",
                  (json_int_t)FLATLINE_NO_INDEX,
                  "records",
                  record_array,
                  "sections",
                  section_array,
                  "enums",
                  json_enums(),
                  "faults",
                  json_faults());
    const int error = json_dumpf(layout, stdout, JSON_INDENT(1));
    json_decref(layout);
    (void)putchar('\n');
    return error;
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static int print_markdown(void)
{
    (void)printf("| section | records | what |\n|---|---|---|\n");
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        (void)printf("| %" PRIu32 " %s | `%s` | %s |\n",
                     sections[i].number,
                     sections[i].name,
                     sections[i].record,
                     sections[i].meaning);
    }
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        (void)printf("\n### %s, %" PRIu32
                     " bytes\n\n| at | bytes | field | unit | meaning |\n|---|---|---|---|---|\n",
                     records[i].name,
                     records[i].bytes);
        for (size_t k = 0; k < COUNT_OF(fields); k++) {
            if (is_field_of(&fields[k], &records[i])) {
                (void)printf("| %" PRIu32 " | %" PRIu32 " | `%s` | %s | %s |\n",
                             fields[k].offset,
                             fields[k].bytes,
                             fields[k].name,
                             fields[k].unit,
                             fields[k].meaning);
            }
        }
    }
    return 0;
}

/* ---- the manual page ------------------------------------------------------------------------- */

/* A word that starts with a dot or quote would be a request, and a lone word may be a macro's
 * name. */
static void print_roff(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*text == '"') {
            (void)fputs("\\(dq", stdout);
        } else {
            (void)putchar(*text);
        }
    }
}

static void print_man_head(void)
{
    (void)puts(
        ".\\\" SPDX-License-Identifier: MIT\n"
        ".\\\" Made by tools/dump_layout from include/flatline/layout.h; do not edit.\n"
        ".Dd November 21, 2026\n.Dt FLATLINE_SHM 5\n.Os\n"
        ".Sh NAME\n.Nm flatline_shm\n.Nd shared-memory format of flatline\n"
        ".Sh DESCRIPTION\n"
        "A segment is one file, by default\n.Pa /dev/shm/flatline .\n"
        "It holds a header, then sections that the header points at by byte offset.\n"
        "Everything is little-endian, naturally aligned and fixed-width.\n"
        "One writer, the judge thread of\n.Xr flatlined 8 ,\nstores; any number of readers map it "
        "read-only.\n"
        ".Pp\n"
        "Words that stand alone (leases, beats, counters) are stored with release and loaded with "
        "acquire.\n"
        "Records that begin with\n.Va sequence\nare slots: odd means that the writer is at work; "
        "a reader copies the words, looks at the sequence again and\n"
        "starts over, a bounded number of times, if it was odd or has changed.\n"
        ".Pp\n"
        "A stream is fresh while the clock\n.Pq Dv CLOCK_MONOTONIC\nis before both its\n"
        ".Va lease_until_mono_ns\nand the header's\n.Va alive_until_mono_ns ,\n"
        "and neither of the two is absurdly far in the future.");
    (void)printf("This is version %u.%u, layout hash 0x%016" PRIx64 ".\n",
                 FLATLINE_MAJOR,
                 FLATLINE_MINOR,
                 flatline_layout_hash());
}

static void print_man_records(void)
{
    (void)puts(".Sh RECORDS\nOffset and size are in bytes.");
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        (void)printf(".Ss struct %s (%" PRIu32 " bytes)\n", records[i].name, records[i].bytes);
        (void)puts(".Bl -tag -width Ds -compact");
        for (size_t k = 0; k < COUNT_OF(fields); k++) {
            if (is_field_of(&fields[k], &records[i])) {
                (void)printf(".It Va %s No at %" PRIu32 ", size %" PRIu32 "\n",
                             fields[k].name,
                             fields[k].offset,
                             fields[k].bytes);
                print_roff(fields[k].unit);
                (void)fputs(fields[k].unit[0] != '\0' && fields[k].meaning[0] != '\0' ? ": " : "",
                            stdout);
                print_roff(fields[k].meaning);
                (void)puts(fields[k].unit[0] == '\0' && fields[k].meaning[0] == '\0'
                               ? "the name says it"
                               : "");
            }
        }
        (void)puts(".El");
    }
}

static void print_man_sections(void)
{
    (void)puts(
        ".Sh SECTIONS\nIn the order of\n.Va sections\nin the header.\n.Bl -tag -width Ds -compact");
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        (void)printf(".It %" PRIu32 " Dv %s\n", sections[i].number, sections[i].name);
        print_roff(sections[i].meaning);
        (void)printf(";\n.Vt struct %s\n", sections[i].record);
    }
    (void)puts(".El");
}

static void print_man_enums(void)
{
    (void)puts(".Sh ENUMERATIONS\nAll are closed within one major version.");
    for (size_t i = 0; i < COUNT_OF(enums); i++) {
        if (starts_list(i)) {
            (void)printf(".Ss enum %s\n.Bl -tag -width Ds -compact\n", enums[i].list);
        }
        (void)printf(".It %s%" PRIu32 " Dv %s\n",
                     strcmp(enums[i].list, "flatline_error") == 0 ? "\\-" : "",
                     enums[i].number,
                     enums[i].name);
        print_roff(enums[i].text);
        (void)putchar('\n');
        if (i + 1 == COUNT_OF(enums) || starts_list(i + 1)) {
            (void)puts(".El");
        }
    }
}

static void print_man_faults(void)
{
    (void)puts(
        ".Ss enum flatline_fault_kind\nWith the keys of the evidence words, in their order.\n"
        ".Bl -tag -width Ds -compact");
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        (void)printf(".It %" PRIu32 " Dv %s\n", faults[i].number, faults[i].name);
        for (size_t k = 0; k < FLATLINE_EVIDENCE_WORDS; k++) {
            if (faults[i].keys[k][0] != '\0') {
                (void)printf("%s%s", k > 0 ? ", " : "", faults[i].keys[k]);
            }
        }
        (void)puts(faults[i].keys[0][0] == '\0' ? "no evidence words" : "");
    }
    (void)puts(".El\n.Sh SEE ALSO\n.Xr flatline 1 ,\n.Xr flatline 3 ,\n.Xr flatline_engine 3 "
               ",\n.Xr flatlined 8");
}

static int print_man(void)
{
    print_man_head();
    print_man_sections();
    print_man_records();
    print_man_enums();
    print_man_faults();
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    int error = 1;
    if (strcmp(what, "json") == 0) {
        error = print_json();
    } else if (strcmp(what, "markdown") == 0) {
        error = print_markdown();
    } else if (strcmp(what, "man") == 0) {
        error = print_man();
    } else if (strcmp(what, "engine-json") == 0) {
        error = dump_engine_json();
    } else if (strcmp(what, "engine-markdown") == 0) {
        error = dump_engine_markdown();
    } else {
        (void)fputs("usage: dump_layout json|markdown|man|engine-json|engine-markdown\n", stderr);
        return 2;
    }
    return error != 0 || fflush(stdout) != 0 ? 1 : 0;
}
