/* SPDX-License-Identifier: MIT
 *
 * id_table.h - connection ids of a recording to indices, 0, 1, 2 ... in the order they appear.
 */
#ifndef FLATLINE_TOOLS_ID_TABLE_H
#define FLATLINE_TOOLS_ID_TABLE_H

#include "feeds/span.h"

#include <stdint.h>

#define ID_TABLE_MAX 4096U

struct id_table; /* opaque: id_table.c */

/** Allocates an empty table. NULL: out of memory. */
struct id_table *id_table_create(void);
void id_table_destroy(struct id_table *table);

/** Index of an id, added if new (the index then equals the count before the call). Cost: one
 *  compare for the id of the call before, else a hash. Returns -ENOSPC beyond ID_TABLE_MAX,
 *  -ENOMEM. */
int id_table_index(struct id_table *table, struct span id);

uint32_t id_table_count(const struct id_table *table);

/** An id's text, NUL-terminated (and cut at a NUL of its own); lives as long as the table. */
const char *id_table_text(const struct id_table *table, uint32_t index);

#endif
