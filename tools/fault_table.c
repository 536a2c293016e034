/* SPDX-License-Identifier: MIT
 *
 * Serials are dense, so a slot's place is its serial's distance from the first one kept. Settled
 * slots are dropped from the front.
 */
#include "tools/fault_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETTLED_MAX 1024 /* settled slots at the front before they are dropped */

int fault_table_open(struct fault_table *table, const struct finding *finding)
{
    if (table->count == table->room) {
        const uint32_t room = table->room == 0 ? 64 : table->room * 2;
        struct fault_slot *slots = realloc(table->slots, room * sizeof(*slots));
        if (slots == NULL) {
            return -ENOMEM;
        }
        table->slots = slots;
        table->room = room;
    }
    if (table->count == 0) {
        table->first = finding->fault_id;
    }
    table->slots[table->count++] = (struct fault_slot){true, *finding};
    return 0;
}

static struct fault_slot *slot_find(const struct fault_table *table, uint64_t serial)
{
    const uint64_t at = serial - table->first; /* below the first: wraps to more than count */
    return at < table->count && table->slots[at].is_open ? &table->slots[at] : NULL;
}

void fault_table_update(struct fault_table *table, const struct finding *finding)
{
    struct fault_slot *slot = slot_find(table, finding->fault_id);
    if (slot != NULL) {
        memcpy(slot->finding.evidence, finding->evidence, sizeof(finding->evidence));
        slot->finding.count = finding->count;
    }
}

static void settled_drop(struct fault_table *table)
{
    uint32_t settled = 0;
    while (settled < table->count && !table->slots[settled].is_open) {
        settled++;
    }
    if (settled < table->count && settled < SETTLED_MAX) {
        return;
    }
    table->count -= settled;
    table->first += settled;
    memmove(table->slots, table->slots + settled, table->count * sizeof(*table->slots));
}

bool fault_table_clear(struct fault_table *table,
                       const struct finding *finding,
                       struct finding *ret_fault)
{
    struct fault_slot *slot = slot_find(table, finding->fault_id);
    if (slot == NULL) {
        return false;
    }
    slot->is_open = false;
    slot->finding.cleared_ns = finding->cleared_ns;
    *ret_fault = slot->finding;
    settled_drop(table);
    return true;
}

const struct finding *fault_table_next(const struct fault_table *table, uint32_t *cursor)
{
    while (*cursor < table->count) {
        const struct fault_slot *slot = &table->slots[(*cursor)++];
        if (slot->is_open) {
            return &slot->finding;
        }
    }
    return NULL;
}

void fault_table_free(struct fault_table *table)
{
    free(table->slots);
    *table = (struct fault_table){0};
}
