/* SPDX-License-Identifier: MIT */
#include "sentinel/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int part_write(int fd, const struct state_part *part)
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

static int parts_write(int fd, const struct state_part *parts, size_t part_count)
{
    for (size_t i = 0; i < part_count; i++) {
        const int error = part_write(fd, &parts[i]);
        if (error != 0) {
            return error;
        }
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

int state_file_replace(const char *path, const struct state_part *parts, size_t part_count)
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

/* ---- reading --------------------------------------------------------------------------------- */

/* In a folder that others may write, anybody could have put it there. */
static bool is_trusted(const struct stat *status)
{
    return S_ISREG(status->st_mode) && (status->st_mode & 0022U) == 0 &&
           (status->st_uid == geteuid() || status->st_uid == 0);
}

static int opened_read(int fd, size_t bytes_max, char **ret_bytes, size_t *ret_count)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    if (!is_trusted(&status)) {
        return -EPERM;
    }
    if (status.st_size < 0 || (size_t)status.st_size > bytes_max) {
        return -EBADMSG;
    }
    const size_t count = (size_t)status.st_size;
    char *bytes = malloc(count + 1U);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    const ssize_t got = read(fd, bytes, count);
    if (got != status.st_size) {
        const int error = got < 0 ? -errno : -EBADMSG;
        free(bytes);
        return error;
    }
    bytes[count] = '\0';
    *ret_bytes = bytes;
    *ret_count = count;
    return 0;
}

int state_file_read(const char *path, size_t bytes_max, void **ret_bytes, size_t *ret_count)
{
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    char *bytes = NULL;
    const int error = opened_read(fd, bytes_max, &bytes, ret_count);
    (void)close(fd);
    *ret_bytes = bytes;
    return error;
}
