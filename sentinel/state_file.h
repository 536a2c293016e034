/* SPDX-License-Identifier: MIT
 *
 * state_file.h - small files that outlive the process: replaced as a whole or not at all, whatever
 * dies meanwhile, and believed only where nobody else could have written them.
 */
#ifndef FLATLINE_SENTINEL_STATE_FILE_H
#define FLATLINE_SENTINEL_STATE_FILE_H

#include <stddef.h>

struct state_part {
    const void *bytes;
    size_t count;
};

/** Writes the parts to PATH.tmp (mode 0600), syncs it and renames it to path. Returns 0 or -errno;
 *  then the old file stands as it was. */
int state_file_replace(const char *path, const struct state_part *parts, size_t part_count);

/** Reads the whole file, with a NUL behind it; the caller frees. Returns 0, -EPERM where it is no
 *  regular file, or others may write it or own it, -EBADMSG where it is larger than bytes_max or
 *  changes meanwhile, or -errno of open and read. */
int state_file_read(const char *path, size_t bytes_max, void **ret_bytes, size_t *ret_count);

#endif
