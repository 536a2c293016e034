/* SPDX-License-Identifier: MIT
 *
 * record_file.h - a recording on disk: plain text, or zstd by the name's end. Never overwrites a
 * file; a name with % of strftime(3) begins a new one each UTC day.
 */
#ifndef FLATLINE_SENTINEL_RECORD_FILE_H
#define FLATLINE_SENTINEL_RECORD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_file; /* opaque: record_file.c */

/** Makes the object and opens the first file. Returns 0; -EEXIST the file is there already; -EINVAL
 *  the name comes to nothing or is too long; -ENOMEM; -errno of open. */
int record_file_create(const char *pattern, uint64_t wall_ns, struct record_file **ret_file);

/** Finishes and closes. NULL is fine. Returns 0 or -errno of what could not be written. */
int record_file_destroy(struct record_file *file);

/** Appends bytes; they may wait in memory. Returns 0 or -errno; after an error the file is closed,
 *  cut back to what was whole, and every further call returns the same. */
int record_file_write(struct record_file *file, const char *bytes, size_t size_bytes);

/** Hands all that waits to the kernel, readable up to here whatever happens next. */
int record_file_flush(struct record_file *file);

/** Begins the next file if it is another day by then. Returns 1 a new file, 0 the same, -errno. */
int record_file_turn(struct record_file *file, uint64_t wall_ns);

/** Name of the file now written; bytes handed to the kernel over all files. */
const char *record_file_path(const struct record_file *file);
uint64_t record_file_bytes(const struct record_file *file);

#endif
