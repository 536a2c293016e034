/* SPDX-License-Identifier: MIT */
#include "sentinel/advice.h"

#include "feeds/channels.h"
#include "feeds/utf8.h"

#include <errno.h>
#include <string.h>

#define DRILL FLATLINE_ADVICE_DRILL

void advice_init(struct advice_table *table, const struct config *config)
{
    memset(table, 0, sizeof(*table));
    table->config = config;
    table->next_serial = 1;
}

static bool is_gate(const struct config *config, const char *name, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < config->gate_count; i++) {
        if (strcmp(config->gates[i].name, name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool is_stream(const struct config *config, const char *name, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (strcmp(config->streams[i].name, name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool is_venue(const struct config *config, const char *name, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        if (config->venues[i].used &&
            strcmp(venue_facts((enum flatline_venue)i)->name, name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool advice_resolve(const struct config *config,
                    const char *name,
                    enum flatline_target *ret_target,
                    uint32_t *ret_index)
{
    *ret_index = (uint32_t)FLATLINE_NO_INDEX;
    *ret_target = FLATLINE_TARGET_UNKNOWN;
    if (strcmp(name, "*") == 0) {
        *ret_target = FLATLINE_TARGET_ALL;
    } else if (is_gate(config, name, ret_index)) {
        *ret_target = FLATLINE_TARGET_GATE;
    } else if (is_stream(config, name, ret_index)) {
        *ret_target = FLATLINE_TARGET_STREAM;
    } else if (is_venue(config, name, ret_index)) {
        *ret_target = FLATLINE_TARGET_VENUE;
    }
    return *ret_target != FLATLINE_TARGET_UNKNOWN;
}

static bool name_is(const struct flatline_advice_slot *row, const char *name)
{
    return strncmp((const char *)row->name, name, sizeof(row->name)) == 0;
}

/* The row of this kind and target, else -1. */
static int row_find(const struct advice_table *table,
                    enum flatline_advice_kind kind,
                    uint64_t flags,
                    const char *name)
{
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        const struct flatline_advice_slot *row = &table->rows[i];
        if (row->serial != 0 && row->kind == (uint64_t)kind && row->flags == flags &&
            name_is(row, name)) {
            return (int)i;
        }
    }
    return -1;
}

static int row_free(const struct advice_table *table)
{
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        if (table->rows[i].serial == 0) {
            return (int)i;
        }
    }
    return -ENOSPC;
}

bool advice_text_is_sound(const char *text, size_t bytes)
{
    struct utf8 utf8 = {0};
    const size_t length = strnlen(text, bytes);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    return length > 0 && length < bytes && utf8_check(&utf8, (const uint8_t *)text, length) &&
           utf8_is_whole(&utf8);
}

static bool wish_is_sound(const struct advice_wish *wish)
{
    const uint64_t most_ns = wish->drill ? ADVICE_DRILL_MAX_NS : ADVICE_FOR_MAX_NS;
    const bool time_is_sound = (wish->for_ns > 0 && wish->for_ns <= most_ns) ||
                               (wish->for_ns == FLATLINE_UNTIL_CLEARED && !wish->drill);
    return time_is_sound && advice_text_is_sound(wish->name, FLATLINE_NAME_BYTES) &&
           advice_text_is_sound(wish->by, FLATLINE_BY_BYTES) &&
           advice_text_is_sound(wish->reason, FLATLINE_REASON_BYTES);
}

int advice_give(struct advice_table *table,
                const struct advice_wish *wish,
                const struct advice_clock *clock)
{
    enum flatline_target target;
    uint32_t index;
    if (!wish_is_sound(wish)) {
        return -EINVAL;
    }
    if (!advice_resolve(table->config, wish->name, &target, &index)) {
        return -ENOENT;
    }
    const uint64_t flags = wish->drill ? DRILL : 0;
    const int found = row_find(table, wish->kind, flags, wish->name);
    const int place = found >= 0 ? found : row_free(table);
    if (place < 0) {
        return place;
    }
    struct flatline_advice_slot *row = &table->rows[place];
    *row = (struct flatline_advice_slot){.serial = table->next_serial++,
                                         .kind = wish->kind,
                                         .flags = flags,
                                         .target = target,
                                         .index = index,
                                         .since_mono_ns = clock->mono_ns,
                                         .until_mono_ns = wish->for_ns == FLATLINE_UNTIL_CLEARED
                                                              ? FLATLINE_UNTIL_CLEARED
                                                              : clock->mono_ns + wish->for_ns,
                                         .since_wall_ns = clock->wall_ns,
                                         .uid = wish->uid};
    memcpy(row->by, wish->by, strlen(wish->by));
    memcpy(row->name, wish->name, strlen(wish->name));
    memcpy(row->reason, wish->reason, strlen(wish->reason));
    table->changed[place] = true;
    return place;
}

static void row_drop(struct advice_table *table, uint32_t place)
{
    memset(&table->rows[place], 0, sizeof(table->rows[place]));
    table->changed[place] = true;
}

int advice_clear(struct advice_table *table, enum flatline_advice_kind kind, const char *name)
{
    const int place = row_find(table, kind, 0, name);
    if (place < 0) {
        return -ENOENT;
    }
    row_drop(table, (uint32_t)place);
    return 0;
}

bool advice_expire(struct advice_table *table, uint64_t now_mono_ns)
{
    bool any = false;
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        if (table->rows[i].serial != 0 && table->rows[i].until_mono_ns <= now_mono_ns) {
            row_drop(table, i);
            any = true;
        }
    }
    return any;
}

int advice_next_change(const struct advice_table *table)
{
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        if (table->changed[i]) {
            return (int)i;
        }
    }
    return -1;
}

bool advice_covers(const struct config *config,
                   const struct flatline_advice_slot *advice,
                   uint32_t gate)
{
    if (advice->target == FLATLINE_TARGET_ALL) {
        return true;
    }
    if (advice->target == FLATLINE_TARGET_GATE) {
        return advice->index == gate;
    }
    const struct config_gate *members = &config->gates[gate];
    for (uint32_t i = 0; i < members->member_count; i++) {
        const uint32_t stream = members->members[i].stream;
        const bool meant = (advice->target == FLATLINE_TARGET_STREAM && stream == advice->index) ||
                           (advice->target == FLATLINE_TARGET_VENUE &&
                            (uint64_t)config->streams[stream].traits.venue == advice->index);
        if (meant) {
            return true;
        }
    }
    return false;
}
