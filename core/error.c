/* SPDX-License-Identifier: MIT
 *
 * error.c - the texts of the closed enumerations, all from the lists of layout.h and flatline.h,
 * and the layout's hash.
 */
#include "flatline/engine.h"

#define COUNT_OF(array)                                  (sizeof(array) / sizeof((array)[0]))
#define NAME_OF(number, name, text)                      [number] = #name,
#define TEXT_OF(number, name, text)                      [number] = (text),
#define FAULT_TEXT(number, name, text, a, b, c, d, e, f) [number] = (text),
#define FAULT_KEYS(number, name, text, a, b, c, d, e, f) [number] = {a, b, c, d, e, f},

static const char *const error_texts[] = {[0] = "success", FLATLINE_ERRORS(TEXT_OF)};
static const char *const state_texts[] = {FLATLINE_STATES(TEXT_OF)};
static const char *const venue_texts[] = {FLATLINE_VENUES(TEXT_OF)};
static const char *const class_texts[] = {FLATLINE_CLASSES(TEXT_OF)};
static const char *const why_names[] = {FLATLINE_WHYS(NAME_OF)};
static const char *const why_texts[] = {FLATLINE_WHYS(TEXT_OF)};
static const char *const scope_texts[] = {FLATLINE_SCOPES(TEXT_OF)};
static const char *const event_texts[] = {FLATLINE_EVENTS(TEXT_OF)};
static const char *const advice_texts[] = {FLATLINE_ADVICES(TEXT_OF)};
static const char *const target_texts[] = {FLATLINE_TARGETS(TEXT_OF)};
static const char *const connection_texts[] = {FLATLINE_CONNECTION_STATES(TEXT_OF)};
static const char *const fault_texts[] = {FLATLINE_FAULTS(FAULT_TEXT)};
static const char *const fault_keys[][FLATLINE_EVIDENCE_WORDS] = {FLATLINE_FAULTS(FAULT_KEYS)};

FLATLINE_STATIC_ASSERT(COUNT_OF(fault_texts) == FLATLINE_FAULT_COUNT,
                       "every fault kind is counted");

FLATLINE_STATIC_ASSERT(COUNT_OF(advice_texts) == FLATLINE_ADVICE_COUNT,
                       "every kind of advice is counted");

/* Numbers come out of shared memory: any of them may be out of range. */
static const char *text_at(const char *const *texts, size_t count, uint64_t number)
{
    return number < count && texts[number] != NULL ? texts[number] : "?";
}

const char *flatline_strerror(int error)
{
    return error > 0 ? "?"
                     : text_at(error_texts, COUNT_OF(error_texts), (uint64_t) - (int64_t)error);
}

const char *flatline_why_name(enum flatline_why why)
{
    return text_at(why_names, COUNT_OF(why_names), (uint64_t)why);
}

const char *flatline_why_meaning(enum flatline_why why)
{
    return text_at(why_texts, COUNT_OF(why_texts), (uint64_t)why);
}

const char *flatline_fault_name(enum flatline_fault_kind kind)
{
    return text_at(fault_texts, COUNT_OF(fault_texts), (uint64_t)kind);
}

const char *flatline_fault_key(enum flatline_fault_kind kind, uint32_t evidence_index)
{
    if ((uint64_t)kind >= COUNT_OF(fault_keys) || evidence_index >= FLATLINE_EVIDENCE_WORDS) {
        return "";
    }
    return fault_keys[kind][evidence_index];
}

const char *flatline_scope_name(enum flatline_scope scope)
{
    return text_at(scope_texts, COUNT_OF(scope_texts), (uint64_t)scope);
}

const char *flatline_state_name(enum flatline_state state)
{
    return text_at(state_texts, COUNT_OF(state_texts), (uint64_t)state);
}

const char *flatline_venue_name(enum flatline_venue venue)
{
    return text_at(venue_texts, COUNT_OF(venue_texts), (uint64_t)venue);
}

const char *flatline_class_name(enum flatline_class stream_class)
{
    return text_at(class_texts, COUNT_OF(class_texts), (uint64_t)stream_class);
}

const char *flatline_event_name(enum flatline_event_type type)
{
    return text_at(event_texts, COUNT_OF(event_texts), (uint64_t)type);
}

const char *flatline_advice_name(enum flatline_advice_kind kind)
{
    return text_at(advice_texts, COUNT_OF(advice_texts), (uint64_t)kind);
}

const char *flatline_target_name(enum flatline_target target)
{
    return text_at(target_texts, COUNT_OF(target_texts), (uint64_t)target);
}

const char *flatline_connection_state_name(enum flatline_connection_state state)
{
    return text_at(connection_texts, COUNT_OF(connection_texts), (uint64_t)state);
}

/* ---- the layout's hash: record, field, offset and size of every row, in order ---------------- */

struct field_row {
    const char *record;
    const char *field;
    uint64_t offset;
    uint64_t bytes;
};

#define FIELD_ROW(record, field, offset, bytes, unit, meaning) {#record, #field, offset, bytes},
static const struct field_row field_rows[] = {FLATLINE_ALL_FIELDS(FIELD_ROW)};
static const struct field_row engine_field_rows[] = {FLATLINE_ENGINE_ALL_FIELDS(FIELD_ROW)};

#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME  0x100000001b3ULL

static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = hash_byte(hash, (uint8_t)*text);
    }
    return hash_byte(hash, 0);
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        hash = hash_byte(hash, (uint8_t)(number >> shift));
    }
    return hash;
}

static uint64_t rows_hash(const struct field_row *rows, size_t count)
{
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < count; i++) {
        hash = hash_text(hash, rows[i].record);
        hash = hash_text(hash, rows[i].field);
        hash = hash_number(hash, rows[i].offset);
        hash = hash_number(hash, rows[i].bytes);
    }
    return hash;
}

uint64_t flatline_layout_hash(void)
{
    return rows_hash(field_rows, COUNT_OF(field_rows));
}

uint64_t flatline_engine_layout_hash(void)
{
    return rows_hash(engine_field_rows, COUNT_OF(engine_field_rows));
}
