/* SPDX-License-Identifier: MIT
 *
 * silence_file.h - what was learned of silences outlives the process: one small file, replaced as a
 * whole, with a version and a checksum. Not of the hot threads.
 */
#ifndef FLATLINE_SENTINEL_SILENCE_FILE_H
#define FLATLINE_SENTINEL_SILENCE_FILE_H

#include "core/silence.h"
#include "flatline/layout.h"

struct silence_kept {
    char name[FLATLINE_NAME_BYTES];
    struct silence_tail tail; /* observed_ns 0: nothing is known of it */
};

#define SILENCE_FILE_AGE_NS (30 * SILENCE_DAY_NS) /* older, it is of another market */

/** Writes the file. Returns 0 or -errno; the file of before then stands. */
int silence_file_save(const char *path,
                      const struct silence_kept *rows,
                      uint32_t count,
                      uint64_t wall_ns);

/** Fills the tails of those rows whose names it has; other names in it are forgotten. Returns how
 *  many, 0 also where there is no file or it is too old; -EBADMSG: it is damaged; -ENOTSUP:
 *  it is of another version; -EPERM: others may write it; another -errno. On failure no row is touched. */
int silence_file_load(const char *path,
                      struct silence_kept *rows,
                      uint32_t count,
                      uint64_t wall_ns);

#endif
