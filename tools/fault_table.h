/* SPDX-License-Identifier: MIT
 *
 * fault_table.h - the faults a detector has opened and not yet cleared, found by their serial in
 * constant time.
 */
#ifndef FLATLINE_TOOLS_FAULT_TABLE_H
#define FLATLINE_TOOLS_FAULT_TABLE_H

#include "core/detector.h"

#include <stdbool.h>
#include <stdint.h>

struct fault_slot {
    bool is_open;
    struct finding finding;
};

/* Zero-initialise; fault_table_free() at the end. */
struct fault_table {
    struct fault_slot *slots; /* slots[i] has the serial first + i */
    uint32_t count;
    uint32_t room;
    uint64_t first;
};

/** Takes FINDING_FAULT. Serials come in order. Returns 0 or -ENOMEM. */
int fault_table_open(struct fault_table *table, const struct finding *finding);

/** Takes FINDING_UPDATE: newer evidence and count. An unknown serial is passed over. */
void fault_table_update(struct fault_table *table, const struct finding *finding);

/** Takes FINDING_CLEAR. Returns true and the whole fault, or false: unknown serial, or cleared
 *  before. */
bool fault_table_clear(struct fault_table *table,
                       const struct finding *finding,
                       struct finding *ret_fault);

/** The next open fault at or after *cursor (start with 0), NULL at the end. */
const struct finding *fault_table_next(const struct fault_table *table, uint32_t *cursor);

void fault_table_free(struct fault_table *table);

#endif
