/* SPDX-License-Identifier: MIT */
#include "tools/dump_engine_layout.h"

#include "flatline/engine.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct field_row {
    const char *record;
    const char *name;
    int offset;
    int bytes;
    const char *unit;
    const char *meaning;
};

struct record_row {
    const char *name;
    int bytes;
};

struct kind_row {
    int number;
    const char *name;
    const char *text;
    const char *record;
};

#define FIELD_ROW(record, field, offset, bytes, unit, meaning)                                     \
    {#record, #field, offset, bytes, unit, meaning},
#define RECORD_ROW(record, bytes)            {#record, bytes},
#define KIND_ROW(number, name, text, record) {number, #name, text, #record},
#define STATE_ROW(number, name, text)        {number, #name, text, ""},

static const struct field_row fields[] = {FLATLINE_ENGINE_ALL_FIELDS(FIELD_ROW)};
static const struct record_row records[] = {FLATLINE_ENGINE_ALL_RECORDS(RECORD_ROW)};
static const struct kind_row kinds[] = {FLATLINE_ENGINE_KINDS(KIND_ROW)};
static const struct kind_row states[] = {FLATLINE_WORKER_STATES(STATE_ROW)};

static json_t *json_record(const struct record_row *record)
{
    json_t *array = json_array();
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].record, record->name) == 0) {
            (void)json_array_append_new(array,
                                        json_pack("{s:s, s:i, s:i, s:s, s:s}",
                                                  "name",
                                                  fields[i].name,
                                                  "offset",
                                                  fields[i].offset,
                                                  "bytes",
                                                  fields[i].bytes,
                                                  "unit",
                                                  fields[i].unit,
                                                  "meaning",
                                                  fields[i].meaning));
        }
    }
    return json_pack(
        "{s:s, s:i, s:o}", "name", record->name, "bytes", record->bytes, "fields", array);
}

static json_t *json_rows(const struct kind_row *rows, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_pack("{s:i, s:s, s:s}",
                                "number",
                                rows[i].number,
                                "name",
                                rows[i].name,
                                "text",
                                rows[i].text);
        if (rows[i].record[0] != '\0') {
            (void)json_object_set_new(row, "record", json_string(rows[i].record));
        }
        (void)json_array_append_new(array, row);
    }
    return array;
}

int dump_engine_json(void)
{
    char hash[24];
    json_t *array = json_array();
    (void)snprintf(hash, sizeof(hash), "0x%016" PRIx64, flatline_engine_layout_hash());
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        (void)json_array_append_new(array, json_record(&records[i]));
    }
    json_t *layout = json_pack("{s:s, s:i, s:i, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:o, s:o, s:o}",
                               "magic",
                               "FLENGINE",
                               "major",
                               (int)FLATLINE_ENGINE_MAJOR,
                               "minor",
                               (int)FLATLINE_ENGINE_MINOR,
                               "layout_hash",
                               hash,
                               "infix",
                               FLATLINE_ENGINE_INFIX,
                               "pairs",
                               (int)FLATLINE_ENGINE_PAIRS,
                               "slots_max",
                               (int)FLATLINE_ENGINE_SLOTS_MAX,
                               "file_max_bytes",
                               (json_int_t)FLATLINE_ENGINE_FILE_MAX,
                               "interval_max_ns",
                               (json_int_t)FLATLINE_ENGINE_INTERVAL_MAX_NS,
                               "beat_least_ns",
                               (json_int_t)FLATLINE_ENGINE_BEAT_LEAST_NS,
                               "kinds",
                               json_rows(kinds, COUNT_OF(kinds)),
                               "worker_states",
                               json_rows(states, COUNT_OF(states)),
                               "records",
                               array);
    const int error = json_dumpf(layout, stdout, JSON_INDENT(1));
    json_decref(layout);
    (void)putchar('\n');
    return error;
}

int dump_engine_markdown(void)
{
    (void)printf("| kind | record | what |\n|---|---|---|\n");
    for (size_t i = 1; i < COUNT_OF(kinds); i++) {
        (void)printf("| %d %s | `%s` | %s |\n",
                     kinds[i].number,
                     kinds[i].name,
                     kinds[i].record,
                     kinds[i].text);
    }
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        (void)printf("\n### %s, %d bytes\n\n| at | bytes | field | unit | meaning "
                     "|\n|---|---|---|---|---|\n",
                     records[i].name,
                     records[i].bytes);
        for (size_t k = 0; k < COUNT_OF(fields); k++) {
            if (strcmp(fields[k].record, records[i].name) == 0) {
                (void)printf("| %d | %d | `%s` | %s | %s |\n",
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
