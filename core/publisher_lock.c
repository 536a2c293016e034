/* SPDX-License-Identifier: MIT
 *
 * publisher_lock.c - the lock that keeps a second writer from a segment's name. It belongs to an
 * open file, not to a process: passed on, it is held without a gap.
 */
#include "core/publisher_build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_MODE       0600 /* whoever can open it can hold it: not for the readers' group */
#define LOCK_TRIES      8
#define LOCK_TEXT_BYTES 64

int build_fail(const struct build *build, int error, const char *format, ...)
{
    if (build->error_text != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(build->error_text, PUBLISHER_ERROR_TEXT_BYTES, format, arguments);
        va_end(arguments);
    }
    return error;
}

/* Two steps: with O_CREAT, protected_regular refuses another user's file in a sticky directory even
 * to root. */
static int lock_open(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 || errno != ENOENT) {
        return fd;
    }
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
}

bool same_file(int fd, const char *path)
{
    struct stat held;
    struct stat named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

/* Takes `word` and the number behind it from *text. false: something else stands there. */
static bool take_number(const char **text, const char *word, uint64_t *ret_number)
{
    const size_t word_bytes = strlen(word);
    if (strncmp(*text, word, word_bytes) != 0) {
        return false;
    }
    const char *digits = *text + word_bytes;
    char *end;
    errno = 0;
    const uint64_t number = strtoull(digits, &end, 10);
    if (end == digits || errno != 0) {
        return false;
    }
    *ret_number = number;
    *text = end;
    return true;
}

/* The lock file is never removed: it carries the lock from one life to the next, and remembers pid
 * and epoch (docs/decisions/0008). What does not say both leaves what is missing 0. */
static void lock_read(int fd, uint64_t *ret_pid, uint64_t *ret_epoch)
{
    char bytes[LOCK_TEXT_BYTES] = {0};
    const char *text = bytes;
    *ret_pid = 0;
    *ret_epoch = 0;
    if (pread(fd, bytes, sizeof(bytes) - 1, 0) > 0 && take_number(&text, "pid ", ret_pid)) {
        (void)take_number(&text, " epoch ", ret_epoch);
    }
}

int lock_write(int fd, uint64_t epoch)
{
    char text[LOCK_TEXT_BYTES];
    const int length =
        snprintf(text, sizeof(text), "pid %d epoch %" PRIu64 "\n", (int)getpid(), epoch);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}

static int lock_refused(const struct build *build, int fd)
{
    uint64_t pid;
    uint64_t epoch;
    lock_read(fd, &pid, &epoch);
    if (pid == 0) {
        return build_fail(build, -EEXIST, "%s: another sentinel holds the lock", build->lock_path);
    }
    return build_fail(build,
                      -EEXIST,
                      "%s: another sentinel holds the lock (pid %" PRIu64 ")",
                      build->lock_path,
                      pid);
}

int lock_take(struct build *build)
{
    for (int attempt = 0; attempt < LOCK_TRIES; attempt++) {
        const int fd = lock_open(build->lock_path);
        if (fd < 0 && errno == EEXIST) {
            continue; /* another created it between our two steps */
        }
        if (fd < 0) {
            return build_fail(build, -errno, "%s: %s", build->lock_path, strerror(errno));
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            const int error =
                errno == EWOULDBLOCK
                    ? lock_refused(build, fd)
                    : build_fail(build, -errno, "%s: %s", build->lock_path, strerror(errno));
            (void)close(fd);
            return error;
        }
        if (same_file(fd, build->lock_path)) {
            uint64_t pid;
            lock_read(fd, &pid, &build->lock_epoch);
            build->lock_fd = fd;
            return 0;
        }
        (void)close(fd); /* someone removed the file we have locked: the lock is elsewhere now */
    }
    return build_fail(build, -EAGAIN, "%s: the lock file keeps being replaced", build->lock_path);
}
