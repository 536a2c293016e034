/* SPDX-License-Identifier: MIT
 *
 * publisher_build.h - what the files share that give a segment's file its name: publisher_file.c
 * builds and retires it, publisher_lock.c knows the lock, publisher_takeover.c hands the name on.
 */
#ifndef FLATLINE_CORE_PUBLISHER_BUILD_H
#define FLATLINE_CORE_PUBLISHER_BUILD_H

#include "core/publisher_internal.h"

#define NEXT_SUFFIX ".next" /* a successor's file, until it takes the name */
#define OLD_SUFFIX  ".old"  /* a second name of ours, while a successor may take the first */

struct build {
    const struct publisher_config *config;
    char path[PATH_MAX];
    char lock_path[PATH_MAX];
    char temporary_path[PATH_MAX];
    char *error_text; /* may be NULL */
    int lock_fd;
    uint64_t lock_epoch;                 /* as the lock file remembers it */
    struct flatline_header *predecessor; /* mapped, or NULL */
};

/** Returns error, having said why. */
__attribute__((format(printf, 3, 4))) int
build_fail(const struct build *build, int error, const char *format, ...);

/** Composes the paths, having checked the names. */
int build_paths(struct build *build);

/** Takes the lock; build->lock_fd and lock_epoch on success. */
int lock_take(struct build *build);
/** Writes pid and epoch into it. */
int lock_write(int fd, uint64_t epoch);
/** Is this the file that stands under the path? */
bool same_file(int fd, const char *path);

/** With the lock held: maps what stands under the name and lets its readers see it dead. */
int predecessor_open(struct build *build);
/** Marks it, once ours stands under the name. */
void predecessor_supersede(struct build *build);
/** Removes what names of ours there still are, where they still are ours. */
void publisher_drop_name(const struct publisher *publisher);
/** The epoch after the last one known. */
uint64_t build_next_epoch(const struct build *build);

#endif
