/* SPDX-License-Identifier: MIT
 *
 * publisher_takeover.c - how a living segment hands its name on to a successor's file. The name
 * changes in one rename, by whoever holds the passed lock; until the living one has agreed to what
 * stands there it can take the name back, however the other ended. docs/SHARED-MEMORY.md tells what
 * a death at each step leaves.
 */
#include "core/publisher_build.h"

#include "core/atomic.h"
#include "flatline/flatline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void path_beside(const struct publisher *publisher, const char *suffix, char path[PATH_MAX])
{
    const int length = (int)(PATH_MAX - 1 - strlen(suffix)); /* build_paths() has left room */
    (void)snprintf(path, PATH_MAX, "%.*s%s", length, publisher->path, suffix);
}

static bool stands_under(const struct publisher *publisher, const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 &&
           publisher_is_file(publisher, (uint64_t)status.st_dev, (uint64_t)status.st_ino);
}

bool publisher_is_file(const struct publisher *publisher, uint64_t device, uint64_t inode)
{
    return publisher->device == device && publisher->inode == inode;
}

bool publisher_has_name(const struct publisher *publisher)
{
    return stands_under(publisher, publisher->path);
}

void publisher_drop_name(const struct publisher *publisher)
{
    char path[PATH_MAX];
    path_beside(publisher, publisher->waits ? NEXT_SUFFIX : "", path);
    if (stands_under(publisher, path)) { /* still ours: nobody has replaced it behind the lock */
        (void)unlink(path);
    }
}

int publisher_lock_fd(const struct publisher *publisher)
{
    return publisher->lock_fd;
}

const char *publisher_path(const struct publisher *publisher)
{
    return publisher->path;
}

/* ---- the successor --------------------------------------------------------------------------- */

int publisher_adopt_lock(struct publisher *publisher, int lock_fd, char *ret_error_text)
{
    const struct build build = {.error_text = ret_error_text};
    char path[PATH_MAX];
    path_beside(publisher, ".lock", path);
    if (!same_file(lock_fd, path)) {
        return build_fail(&build, -ESTALE, "%s: what was passed is not this lock", path);
    }
    /* The lock is of the open file, so of ours too: this succeeds, unless it was never held. */
    if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return build_fail(&build, -errno, "%s: what was passed holds no lock", path);
    }
    const int error = lock_write(lock_fd, publisher->header->epoch);
    if (error != 0) {
        return build_fail(&build, error, "%s: %s", path, strerror(-error));
    }
    publisher->lock_fd = lock_fd;
    return 0;
}

int publisher_seize_lock(struct publisher *publisher, char *ret_error_text)
{
    struct build build = {.error_text = ret_error_text, .lock_fd = -1};
    path_beside(publisher, "", build.path);
    path_beside(publisher, ".lock", build.lock_path);
    int error = lock_take(&build);
    if (error != 0) {
        return error;
    }
    error = predecessor_open(&build);
    if (error == 0 && build_next_epoch(&build) > publisher->header->epoch) {
        error = build_fail(
            &build, -EEXIST, "%s: another sentinel has lived under this name since", build.path);
    }
    if (error == 0) {
        error = lock_write(build.lock_fd, publisher->header->epoch);
    }
    publisher->predecessor = build.predecessor;
    if (error != 0) {
        (void)close(build.lock_fd);
        return error;
    }
    publisher->lock_fd = build.lock_fd;
    return 0;
}

int publisher_take_name(struct publisher *publisher, char *ret_error_text)
{
    struct build build = {.error_text = ret_error_text, .predecessor = publisher->predecessor};
    char next[PATH_MAX];
    path_beside(publisher, NEXT_SUFFIX, next);
    if (rename(next, publisher->path) != 0) {
        return errno == ENOENT
                   ? build_fail(&build, -ENOENT, "%s: the offer was withdrawn", publisher->path)
                   : build_fail(&build,
                                -errno,
                                "%s: cannot rename to it: %s",
                                publisher->path,
                                strerror(errno));
    }
    publisher->waits = false;
    publisher->predecessor = NULL;
    predecessor_supersede(&build);
    return 0;
}

void publisher_settle_name(const struct publisher *publisher)
{
    char old[PATH_MAX];
    path_beside(publisher, OLD_SUFFIX, old);
    (void)unlink(old);
}

/* ---- the living one -------------------------------------------------------------------------- */

int publisher_offer_name(const struct publisher *publisher)
{
    char old[PATH_MAX];
    path_beside(publisher, OLD_SUFFIX, old);
    (void)unlink(old); /* what a crash left */
    if (link(publisher->path, old) != 0) {
        return -errno;
    }
    return stands_under(publisher, old) ? 0 : -ESTALE; /* the name is not ours any more */
}

int publisher_reclaim_name(const struct publisher *publisher)
{
    char next[PATH_MAX];
    char old[PATH_MAX];
    path_beside(publisher, NEXT_SUFFIX, next);
    path_beside(publisher, OLD_SUFFIX, old);
    /* First: from here on the successor has nothing left to rename. So what the name shows below is
     * what it will go on showing. */
    (void)unlink(next);
    int result = 0;
    if (!publisher_has_name(publisher)) {
        result = rename(old, publisher->path) == 0 ? 1 : -errno;
    }
    (void)unlink(old);
    (void)lock_write(publisher->lock_fd, publisher->header->epoch);
    return result;
}

int publisher_check_successor(const struct publisher *publisher)
{
    struct flatline_header header;
    if (publisher_has_name(publisher)) {
        return -ENOENT;
    }
    const int fd = open(publisher->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return -ENOENT;
    }
    const ssize_t got = pread(fd, &header, sizeof(header), 0);
    (void)close(fd);
    const bool lives =
        got == (ssize_t)sizeof(header) && header.magic == FLATLINE_MAGIC &&
        header.major == FLATLINE_MAJOR && header.epoch == publisher->header->epoch + 1 &&
        header.state == FLATLINE_STATE_RUNNING &&
        flatline_until_holds(
            header.alive_until_mono_ns, flatline_now_mono_ns(), FLATLINE_ALIVE_ABSURD_NS);
    return lives ? 0 : -EBADMSG;
}

void publisher_yield_name(struct publisher *publisher)
{
    publisher_settle_name(publisher);
    (void)close(publisher->lock_fd); /* the successor's copy keeps the lock */
    publisher->lock_fd = -1;
}

bool publisher_is_over(const struct publisher *publisher, uint64_t now_mono_ns)
{
    /* ORDER segment.state, acquire: the last promise was stored before it. */
    return load_acquire(&publisher->header->state) == FLATLINE_STATE_SUPERSEDED &&
           load_relaxed(&publisher->header->alive_until_mono_ns) <=
               now_mono_ns; /* relaxed: ordered behind the acquire */
}
