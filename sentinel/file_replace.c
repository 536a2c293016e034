/* SPDX-License-Identifier: MIT */
#include "sentinel/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int part_write(int fd, const struct file_part *part)
{
    const char *at = part->bytes;
    for (size_t left = part->count; left > 0;) {
        const ssize_t written = write(fd, at, left);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        at += written > 0 ? written : 0;
        left -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static int parts_write(int fd, const struct file_part *parts, size_t part_count)
{
    for (size_t i = 0; i < part_count; i++) {
        const int error = part_write(fd, &parts[i]);
        if (error != 0) {
            return error;
        }
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

int file_replace(const char *path, const struct file_part *parts, size_t part_count)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    (void)unlink(temporary); /* what a crash left; O_EXCL below follows no link and takes no gift */
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int error = parts_write(fd, parts, part_count);
    if (close(fd) != 0 && error == 0) {
        error = -errno;
    }
    if (error == 0 && rename(temporary, path) != 0) {
        error = -errno;
    }
    if (error != 0) {
        (void)unlink(temporary);
    }
    return error;
}
