/* SPDX-License-Identifier: MIT
 *
 * Open addressing, at most half full, nothing is ever removed.
 */
#include "tools/id_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS     (2U * ID_TABLE_MAX) /* a power of two */
#define SLOT_FREE UINT32_MAX

struct id_table {
    uint32_t count;
    uint32_t last; /* most lines come from the connection of the line before */
    uint32_t slots[SLOTS];

    struct {
        char *text;
        size_t bytes;
    } ids[ID_TABLE_MAX];
};

struct id_table *id_table_create(void)
{
    struct id_table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        memset(table->slots, 0xff, sizeof(table->slots)); /* SLOT_FREE */
    }
    return table;
}

void id_table_destroy(struct id_table *table)
{
    for (uint32_t i = 0; table != NULL && i < table->count; i++) {
        free(table->ids[i].text);
    }
    free(table);
}

static bool id_is(const struct id_table *table, uint32_t index, struct span id)
{
    return table->ids[index].bytes == id.size_bytes &&
           memcmp(table->ids[index].text, id.bytes, id.size_bytes) == 0;
}

static uint32_t slot_of(const struct id_table *table, struct span id)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < id.size_bytes; i++) {
        hash = (hash ^ (uint8_t)id.bytes[i]) * 16777619U;
    }
    uint32_t at = hash % SLOTS;
    while (table->slots[at] != SLOT_FREE && !id_is(table, table->slots[at], id)) {
        at = (at + 1) % SLOTS;
    }
    return at;
}

int id_table_index(struct id_table *table, struct span id)
{
    if (table->last < table->count && id_is(table, table->last, id)) {
        return (int)table->last;
    }
    const uint32_t at = slot_of(table, id);
    if (table->slots[at] == SLOT_FREE) {
        if (table->count == ID_TABLE_MAX) {
            return -ENOSPC;
        }
        char *text = malloc(id.size_bytes + 1);
        if (text == NULL) {
            return -ENOMEM;
        }
        memcpy(text, id.bytes, id.size_bytes);
        text[id.size_bytes] = '\0';
        table->ids[table->count].text = text;
        table->ids[table->count].bytes = id.size_bytes;
        table->slots[at] = table->count++;
    }
    table->last = table->slots[at];
    return (int)table->last;
}

uint32_t id_table_count(const struct id_table *table)
{
    return table->count;
}

const char *id_table_text(const struct id_table *table, uint32_t index)
{
    return table->ids[index].text;
}
