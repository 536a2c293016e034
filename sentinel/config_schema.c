/* SPDX-License-Identifier: MIT */
#include "sentinel/config_schema.h"

#include "core/base.h"
#include "sentinel/config_near.h"
#include "sentinel/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target of a field; char, so that any type may be reached through it. */
static void *target_of(void *base, const struct field *field)
{
    return (char *)base + field->offset;
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* Appends a word to a list of them, as long as it fits; returns the bytes used. */
static size_t
list_append(char *list, size_t list_bytes, size_t used, const char *separator, const char *word)
{
    const int bytes =
        snprintf(list + used, list_bytes - used, "%s%s", used > 0 ? separator : "", word);
    if (bytes < 0 || (size_t)bytes >= list_bytes - used) {
        list[used] = '\0';
        return used;
    }
    return used + (size_t)bytes;
}

static void unknown_key_tell(struct reading *reading,
                             const char *what,
                             const struct field *fields,
                             const struct node *child)
{
    struct near near = {.word = child->key};
    struct quote quote;
    char known[160];
    size_t used = 0;
    for (const struct field *field = fields; field->key != NULL; field++) {
        near_offer(&near, field->key);
        used = list_append(known, sizeof(known), used, ", ", field->key);
    }
    const bool has_one = fields[1].key == NULL;
    problem_add(reading->problems,
                child->key_mark,
                "unknown key %s in %s; write %s%s",
                quote_text(&quote, child->key),
                what,
                near.best != NULL || has_one ? "" : "one of: ",
                near.best != NULL ? near.best : known);
}

static bool is_known(const struct field *fields, const char *key)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (strcmp(field->key, key) == 0) {
            return true;
        }
    }
    return false;
}

void section_read(struct reading *reading,
                  const char *what,
                  const struct field *fields,
                  const struct node *map,
                  void *base)
{
    if (map->is_bad) {
        return;
    }
    if (map->kind != NODE_MAP) {
        problem_add(reading->problems,
                    map->mark,
                    "%s is %s; write keys and values, e.g. %s: %s",
                    what,
                    node_kind_text(map),
                    fields[0].key,
                    fields[0].example);
        return;
    }
    for (const struct field *field = fields; field->key != NULL; field++) {
        const struct node *value = node_find(map, field->key);
        if (value != NULL && !value->is_bad) {
            field->read(reading, field, value, base);
        }
    }
    for (const struct node *child = map->first; child != NULL; child = child->next) {
        if (!is_known(fields, child->key)) {
            unknown_key_tell(reading, what, fields, child);
        }
    }
}

void read_section(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base)
{
    section_read(reading, field->key, field->inner, value, target_of(base, field));
}

/* ---- scalars --------------------------------------------------------------------------------- */

const char *text_of(struct reading *reading, const struct field *field, const struct node *value)
{
    if (value->is_bad) {
        return NULL;
    }
    if (value->kind != NODE_SCALAR || value->text[0] == '\0') {
        problem_add(reading->problems,
                    value->mark,
                    "%s is %s; write one value, e.g. %s",
                    field->key,
                    node_kind_text(value),
                    field->example);
        return NULL;
    }
    return value->text;
}

/* What tells one kind of number from another in messages. */
struct quantity {
    const char *noun;
    const char *units;               /* NULL: it has none */
    const char *const *likely_units; /* what a bare number was probably meant in, best first */
    enum value_result (*parse)(const char *text, uint64_t *ret_value);
    const char *(*spell)(uint64_t value, char text[VALUE_TEXT_BYTES]);
    const char *whole; /* how to write a fraction */
};

static const char *plain_text(uint64_t value, char text[VALUE_TEXT_BYTES])
{
    (void)snprintf(text, VALUE_TEXT_BYTES, "%" PRIu64, value);
    return text;
}

static const char *const duration_likely[] = {"s", "ms", "us", "ns", "m", "h", NULL};
static const char *const size_likely[] = {"KiB", "B", "MiB", NULL};
static const struct quantity durations = {.noun = "duration",
                                          .units = "ns, us, ms, s, m or h",
                                          .likely_units = duration_likely,
                                          .parse = duration_parse,
                                          .spell = duration_text,
                                          .whole = "1500ms"};
static const struct quantity sizes = {.noun = "size",
                                      .units = "B, KiB, MiB or GiB",
                                      .likely_units = size_likely,
                                      .parse = size_parse,
                                      .spell = size_text,
                                      .whole = "1536KiB"};
static const struct quantity counts = {
    .noun = "number", .parse = count_parse, .spell = plain_text, .whole = "2"};

static bool is_within(const struct field *field, uint64_t value)
{
    return value >= field->min && value <= field->max;
}

/* A bare number: the likeliest unit that makes it fit the field. */
static void bare_number_tell(struct reading *reading,
                             const struct field *field,
                             const struct node *value,
                             const struct quantity *quantity)
{
    struct quote quote;
    const char *better = field->example;
    char text[VALUE_TEXT_BYTES];
    for (const char *const *unit = quantity->likely_units; *unit != NULL; unit++) {
        uint64_t number;
        const int bytes = snprintf(text, sizeof(text), "%s%s", value->text, *unit);
        if (bytes > 0 && (size_t)bytes < sizeof(text) &&
            quantity->parse(text, &number) == VALUE_OK && is_within(field, number)) {
            better = text;
            break;
        }
    }
    problem_add(reading->problems,
                value->mark,
                "%s: %s has no unit; write %s, or another of %s",
                field->key,
                quote_text(&quote, value->text),
                better,
                quantity->units);
}

/* Why a text is not such a number: what to say and to write. */
static void quantity_tell(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          const struct quantity *quantity,
                          enum value_result result)
{
    char min[VALUE_TEXT_BYTES];
    char max[VALUE_TEXT_BYTES];
    struct quote quote;
    const char *said = quote_text(&quote, value->text);
    const char *unit = quantity->units != NULL ? " and its unit" : "";

    switch (result) {
    case VALUE_NO_UNIT: /* never of a kind that has no units */
        flatline_assert(quantity->likely_units != NULL);
        bare_number_tell(reading, field, value, quantity);
        break;
    case VALUE_BAD_UNIT:
        problem_add(reading->problems,
                    value->mark,
                    "%s: %s has an unknown unit; write a whole number and %s, e.g. %s",
                    field->key,
                    said,
                    quantity->units,
                    field->example);
        break;
    case VALUE_FRACTION:
        problem_add(reading->problems,
                    value->mark,
                    "%s: %s is not whole; write a whole number%s, e.g. %s",
                    field->key,
                    said,
                    quantity->units != NULL ? " of a smaller unit" : "",
                    quantity->whole);
        break;
    case VALUE_MALFORMED:
        problem_add(reading->problems,
                    value->mark,
                    "%s: %s is not a %s; write a whole number%s, e.g. %s",
                    field->key,
                    said,
                    quantity->noun,
                    unit,
                    field->example);
        break;
    case VALUE_OK:
    case VALUE_TOO_LARGE:
        problem_add(reading->problems,
                    value->mark,
                    "%s: %s is out of range; write %s to %s",
                    field->key,
                    said,
                    quantity->spell(field->min, min),
                    quantity->spell(field->max, max));
        break;
    }
}

/* Reads a number of that kind within the field's bounds; false: complained. */
static bool quantity_read(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          const struct quantity *quantity,
                          uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return false;
    }
    const enum value_result result = quantity->parse(text, &number);
    if (result != VALUE_OK || !is_within(field, number)) {
        quantity_tell(reading, field, value, quantity, result);
        return false;
    }
    *ret_number = number;
    return true;
}

void read_duration(struct reading *reading,
                   const struct field *field,
                   const struct node *value,
                   void *base)
{
    uint64_t ns;
    if (quantity_read(reading, field, value, &durations, &ns)) {
        memcpy(target_of(base, field), &ns, sizeof(ns));
    }
}

void read_duration_or_off(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          void *base)
{
    if (value->kind == NODE_SCALAR && strcmp(value->text, "off") == 0) {
        memset(target_of(base, field), 0, sizeof(uint64_t));
        return;
    }
    read_duration(reading, field, value, base);
}

/* Fields of this width have a max that fits. */
static void narrow_store(void *base, const struct field *field, uint64_t number)
{
    const uint32_t narrow = (uint32_t)number;
    memcpy(target_of(base, field), &narrow, sizeof(narrow));
}

void read_size(struct reading *reading,
               const struct field *field,
               const struct node *value,
               void *base)
{
    uint64_t bytes;
    if (quantity_read(reading, field, value, &sizes, &bytes)) {
        narrow_store(base, field, bytes);
    }
}

void read_count(struct reading *reading,
                const struct field *field,
                const struct node *value,
                void *base)
{
    uint64_t count;
    if (quantity_read(reading, field, value, &counts, &count)) {
        narrow_store(base, field, count);
    }
}

void read_power_of_two(struct reading *reading,
                       const struct field *field,
                       const struct node *value,
                       void *base)
{
    uint64_t count;
    if (!quantity_read(reading, field, value, &counts, &count)) {
        return;
    }
    if ((count & (count - 1)) != 0) {
        uint64_t above = field->min;
        while (above < count) {
            above *= 2;
        }
        problem_add(reading->problems,
                    value->mark,
                    "%s: %" PRIu64 " is not a power of two; write %" PRIu64,
                    field->key,
                    count,
                    above <= field->max ? above : field->max);
        return;
    }
    narrow_store(base, field, count);
}

void read_boolean(struct reading *reading,
                  const struct field *field,
                  const struct node *value,
                  void *base)
{
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    const bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0) {
        problem_add(reading->problems,
                    value->mark,
                    "%s: %s is not a truth value; write true or false",
                    field->key,
                    quote_text(&quote, text));
        return;
    }
    memcpy(target_of(base, field), &is_true, sizeof(is_true));
}

void read_word(struct reading *reading,
               const struct field *field,
               const struct node *value,
               void *base)
{
    struct quote quote;
    char known[120];
    size_t used = 0;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    struct near near = {.word = text};
    for (int i = 0; field->words[i] != NULL; i++) {
        if (strcmp(text, field->words[i]) == 0) {
            memcpy(target_of(base, field), &i, sizeof(i));
            return;
        }
        near_offer(&near, field->words[i]);
        used = list_append(known, sizeof(known), used, " or ", field->words[i]);
    }
    problem_add(reading->problems,
                value->mark,
                "%s: unknown word %s; write %s",
                field->key,
                quote_text(&quote, text),
                near.best != NULL ? near.best : known);
}

void text_store(struct reading *reading, const struct node *value, const char *text, char **ret)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        problem_add(reading->problems, value->mark, "out of memory");
        return;
    }
    free(*ret);
    *ret = copy;
}

char *path_resolve(struct reading *reading, const struct node *value, const char *path)
{
    char *resolved = NULL;
    const bool is_absolute = path[0] == '/';
    if (asprintf(
            &resolved, "%s%s%s", is_absolute ? "" : reading->folder, is_absolute ? "" : "/", path) <
        0) {
        problem_add(reading->problems, value->mark, "out of memory");
        return NULL;
    }
    return resolved;
}
