/* SPDX-License-Identifier: MIT
 *
 * file_replace.h - a state file is replaced as a whole or not at all, whatever dies meanwhile.
 */
#ifndef FLATLINE_SENTINEL_FILE_REPLACE_H
#define FLATLINE_SENTINEL_FILE_REPLACE_H

#include <stddef.h>

struct file_part {
    const void *bytes;
    size_t count;
};

/** Writes the parts to PATH.tmp (mode 0600), syncs it and renames it to path. Returns 0 or -errno;
 *  then the old file stands as it was. */
int file_replace(const char *path, const struct file_part *parts, size_t part_count);

#endif
