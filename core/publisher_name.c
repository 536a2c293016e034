/* SPDX-License-Identifier: MIT
 *
 * publisher_name.c - a living segment looks after its names: people and janitors remove files in
 * /dev/shm, and readers find a segment by its name alone.
 */
#include "core/publisher_build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look that fails for another reason says nothing of the name. */
int publisher_check_name(const struct publisher *publisher)
{
    struct stat status;
    if (lstat(publisher->path, &status) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? -ENOENT : 0;
    }
    const bool is_ours =
        publisher_is_file(publisher, (uint64_t)status.st_dev, (uint64_t)status.st_ino);
    return is_ours ? 0 : -EEXIST;
}

/* The lock of a file without a name keeps nobody out. Two who find none both try to make one, and
 * O_EXCL and flock let one of them. */
int publisher_mend_lock(struct publisher *publisher, char *ret_error_text)
{
    struct build build = {.error_text = ret_error_text, .lock_fd = -1};
    (void)snprintf(build.lock_path,
                   sizeof(build.lock_path),
                   "%.*s.lock",
                   (int)(PATH_MAX - sizeof(".lock")),
                   publisher->path);
    if (publisher->lock_fd < 0 || same_file(publisher->lock_fd, build.lock_path)) {
        return 0;
    }
    int error = lock_take(&build);
    if (error != 0) {
        return error;
    }
    error = lock_write(build.lock_fd, publisher->header->epoch);
    if (error != 0) {
        (void)close(build.lock_fd);
        return build_fail(&build, error, "%s: %s", build.lock_path, strerror(-error));
    }
    (void)close(publisher->lock_fd);
    publisher->lock_fd = build.lock_fd;
    return 1;
}
