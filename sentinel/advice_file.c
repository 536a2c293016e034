/* SPDX-License-Identifier: MIT
 *
 * advice_file.c - advice outlives the process, and a reboot where the file does: one small JSON
 * file, replaced as a whole. Within one boot times are CLOCK_MONOTONIC and exact; over a reboot the
 * wall clock tells what is left.
 */
#include "sentinel/advice.h"
#include "sentinel/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_VERSION 1

void advice_boot(char boot[ADVICE_BOOT_BYTES])
{
    memset(boot, 0, ADVICE_BOOT_BYTES);
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const ssize_t got = read(fd, boot, ADVICE_BOOT_BYTES - 1);
    (void)close(fd);
    boot[got > 0 ? strcspn(boot, "\n") : 0] = '\0';
}

/* ---- save ------------------------------------------------------------------------------------ */

static json_t *json_of_row(const struct flatline_advice_slot *row)
{
    const bool for_ever = row->until_mono_ns == FLATLINE_UNTIL_CLEARED;
    json_t *object = json_object();
    (void)json_object_set_new(object, "serial", json_integer((json_int_t)row->serial));
    (void)json_object_set_new(object, "kind", json_integer((json_int_t)row->kind));
    (void)json_object_set_new(
        object, "since_mono_ns", json_integer((json_int_t)row->since_mono_ns));
    (void)json_object_set_new(
        object, "since_wall_ns", json_integer((json_int_t)row->since_wall_ns));
    (void)json_object_set_new(object,
                              "until_mono_ns",
                              for_ever ? json_null()
                                       : json_integer((json_int_t)row->until_mono_ns));
    (void)json_object_set_new(
        object,
        "until_wall_ns",
        for_ever ? json_null()
                 : json_integer((json_int_t)(row->since_wall_ns +
                                             (row->until_mono_ns - row->since_mono_ns))));
    if ((row->flags & FLATLINE_ADVICE_DRILL) != 0) {
        (void)json_object_set_new(object, "drill", json_true());
    }
    (void)json_object_set_new(object, "uid", json_integer((json_int_t)row->uid));
    (void)json_object_set_new(object, "by", json_string((const char *)row->by));
    (void)json_object_set_new(object, "name", json_string((const char *)row->name));
    (void)json_object_set_new(object, "reason", json_string((const char *)row->reason));
    return object;
}

static json_t *json_of_table(const struct advice_table *table, const char *boot, bool with_drills)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        const struct flatline_advice_slot *row = &table->rows[i];
        if (row->serial != 0 && (with_drills || (row->flags & FLATLINE_ADVICE_DRILL) == 0)) {
            (void)json_array_append_new(rows, json_of_row(row));
        }
    }
    return json_pack("{s:i, s:s, s:I, s:o}",
                     "flatline_advice",
                     FILE_VERSION,
                     "boot",
                     boot,
                     "next_serial",
                     (json_int_t)table->next_serial,
                     "advice",
                     rows);
}

char *advice_text(const struct advice_table *table, const char *boot, bool with_drills)
{
    json_t *root = json_of_table(table, boot, with_drills);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    return text;
}

int advice_save(const struct advice_table *table, const char *path, const char *boot)
{
    char *text = advice_text(table, boot, false);
    if (text == NULL) {
        return -ENOMEM;
    }
    const struct state_part whole = {text, strlen(text)};
    const int error = state_file_replace(path, &whole, 1);
    free(text);
    return error;
}

/* ---- load ------------------------------------------------------------------------------------ */

static bool text_take(const json_t *object, const char *key, void *field, size_t bytes)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || !advice_text_is_sound(text, bytes)) {
        return false;
    }
    memcpy(field, text, strlen(text));
    return true;
}

static bool number_take(const json_t *object, const char *key, uint64_t *ret_number)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *ret_number = (uint64_t)json_integer_value(value);
    return true;
}

/* The moment it ends on this boot's clock; already over: 0. */
static bool until_take(const json_t *object,
                       bool same_boot,
                       const struct advice_clock *clock,
                       uint64_t *ret_until_mono_ns)
{
    uint64_t until = 0;
    if (json_is_null(json_object_get(object, "until_wall_ns"))) {
        *ret_until_mono_ns = FLATLINE_UNTIL_CLEARED;
        return true;
    }
    if (same_boot) {
        return number_take(object, "until_mono_ns", ret_until_mono_ns);
    }
    if (!number_take(object, "until_wall_ns", &until)) {
        return false;
    }
    /* Set back by however much, the wall clock must not make an advice longer than any may be. */
    const uint64_t left = until > clock->wall_ns ? until - clock->wall_ns : 0;
    *ret_until_mono_ns =
        left == 0 ? 0 : clock->mono_ns + (left < ADVICE_FOR_MAX_NS ? left : ADVICE_FOR_MAX_NS);
    return true;
}

static bool row_take(const json_t *object,
                     bool same_boot,
                     const struct advice_clock *clock,
                     struct flatline_advice_slot *row)
{
    const bool sound = number_take(object, "serial", &row->serial) && row->serial > 0 &&
                       number_take(object, "kind", &row->kind) &&
                       row->kind < FLATLINE_ADVICE_COUNT &&
                       number_take(object, "since_mono_ns", &row->since_mono_ns) &&
                       number_take(object, "since_wall_ns", &row->since_wall_ns) &&
                       until_take(object, same_boot, clock, &row->until_mono_ns) &&
                       number_take(object, "uid", &row->uid) &&
                       text_take(object, "by", row->by, sizeof(row->by)) &&
                       text_take(object, "name", row->name, sizeof(row->name)) &&
                       text_take(object, "reason", row->reason, sizeof(row->reason));
    if (!same_boot) {
        row->since_mono_ns = 0;
    }
    row->flags = json_is_true(json_object_get(object, "drill")) ? FLATLINE_ADVICE_DRILL : 0;
    return sound;
}

static bool table_take(struct advice_table *table,
                       const json_t *root,
                       const char *boot,
                       const struct advice_clock *clock)
{
    const char *its_boot = json_string_value(json_object_get(root, "boot"));
    const json_t *rows = json_object_get(root, "advice");
    uint64_t version = 0;
    if (its_boot == NULL || !json_is_array(rows) || json_array_size(rows) > ADVICE_MAX ||
        !number_take(root, "flatline_advice", &version) || version != FILE_VERSION ||
        !number_take(root, "next_serial", &table->next_serial) || table->next_serial == 0) {
        return false;
    }
    const bool same_boot = boot[0] != '\0' && strcmp(its_boot, boot) == 0;
    uint32_t count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct flatline_advice_slot row = {0};
        enum flatline_target target;
        uint32_t index;
        if (!row_take(json_array_get(rows, i), same_boot, clock, &row) ||
            row.serial >= table->next_serial) {
            return false;
        }
        if (row.until_mono_ns <= clock->mono_ns) {
            continue;
        }
        (void)advice_resolve(table->config, (const char *)row.name, &target, &index);
        row.target = target;
        row.index = index;
        table->rows[count] = row;
        table->changed[count++] = true;
    }
    return true;
}

int advice_take(struct advice_table *table,
                const char *text,
                const char *boot,
                const struct advice_clock *clock)
{
    struct advice_table *loaded = calloc(1, sizeof(*loaded));
    if (loaded == NULL) {
        return -ENOMEM;
    }
    advice_init(loaded, table->config);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const bool sound = table_take(loaded, root, boot, clock);
    if (sound) {
        *table = *loaded;
    }
    json_decref(root);
    free(loaded);
    return sound ? 0 : -EBADMSG;
}

int advice_load(struct advice_table *table,
                const char *path,
                const char *boot,
                const struct advice_clock *clock)
{
    void *text = NULL;
    size_t count = 0;
    int error = state_file_read(path, ADVICE_FILE_MAX, &text, &count);
    if (error != 0) {
        return error == -ENOENT ? 0 : error;
    }
    error = advice_take(table, text, boot, clock);
    free(text);
    return error;
}
