/* SPDX-License-Identifier: MIT
 *
 * publisher_file.c - the life of the segment's file: lock, dead predecessor, build under a
 * temporary name, rename, retire.
 *
 * What a crash at each step leaves is told in docs/SHARED-MEMORY.md; the next start takes it from
 * there.
 */
#include "core/publisher_build.h"

#include "core/atomic.h"
#include "core/base.h"
#include "core/slot.h"
#include "flatline/flatline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_DEFAULT   0640
#define FILE_MODE      0600 /* while it is being made */
#define NAME_MAX_BYTES 48U  /* leaves room for ".lock" and the like in any directory entry */
#define EPOCH_ABSURD   (1ULL << 53) /* a predecessor's epoch beyond this is not believed */

/* ---- is the configuration one that can be laid out? ------------------------------------------ */

static bool name_fits(const char *name, size_t bytes)
{
    return name != NULL && name[0] != '\0' && strnlen(name, bytes) < bytes;
}

static int check_names(const struct build *build)
{
    const struct publisher_config *config = build->config;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (!name_fits(config->streams[i].name, FLATLINE_NAME_BYTES)) {
            return build_fail(
                build, -EINVAL, "stream %" PRIu32 ": its name is empty or too long", i);
        }
    }
    for (uint32_t i = 0; i < config->connection_count; i++) {
        if (!name_fits(config->connections[i].name, FLATLINE_NAME_BYTES)) {
            return build_fail(
                build, -EINVAL, "connection %" PRIu32 ": its name is empty or too long", i);
        }
    }
    for (uint32_t i = 0; i < config->counter_count; i++) {
        if (!name_fits(config->counter_names[i], sizeof(((struct flatline_counter *)0)->name))) {
            return build_fail(
                build, -EINVAL, "counter %" PRIu32 ": its name is empty or too long", i);
        }
    }
    return 0;
}

static int check_gates(const struct build *build)
{
    const struct publisher_config *config = build->config;
    uint64_t members = 0;
    for (uint32_t i = 0; i < config->gate_count; i++) {
        const struct publisher_gate *gate = &config->gates[i];
        if (!name_fits(gate->name, FLATLINE_NAME_BYTES)) {
            return build_fail(build, -EINVAL, "gate %" PRIu32 ": its name is empty or too long", i);
        }
        if (gate->member_count == 0) {
            return build_fail(build, -EINVAL, "gate %s has no members", gate->name);
        }
        members += gate->member_count;
        for (uint32_t k = 0; k < gate->member_count; k++) {
            if (gate->members[k].stream >= config->stream_count) {
                return build_fail(
                    build, -EINVAL, "gate %s: member %" PRIu32 " is no stream", gate->name, k);
            }
        }
    }
    if (members > FLATLINE_RECORDS_MAX) {
        return build_fail(
            build, -EINVAL, "gates: more than %u members in all", FLATLINE_RECORDS_MAX);
    }
    return 0;
}

static int check_config(const struct build *build)
{
    const struct publisher_config *config = build->config;
    const uint32_t max = FLATLINE_RECORDS_MAX / 4;
    if (config->stream_count > max || config->connection_count > max || config->gate_count > max ||
        config->counter_count > max || config->faults_max > max || config->events_max > max) {
        return build_fail(build, -EINVAL, "a section may hold at most %" PRIu32 " records", max);
    }
    if ((config->events_max & (config->events_max - 1)) != 0) {
        return build_fail(build, -EINVAL, "the event ring's size must be a power of two");
    }
    if ((config->mode & ~(mode_t)0777) != 0) {
        return build_fail(build, -EINVAL, "mode %o is not a file mode", (unsigned)config->mode);
    }
    const int error = check_names(build);
    return error != 0 ? error : check_gates(build);
}

int build_paths(struct build *build)
{
    const struct publisher_config *config = build->config;
    const char *directory =
        config->directory != NULL ? config->directory : FLATLINE_DEFAULT_DIRECTORY;
    const char *name = config->name != NULL ? config->name : FLATLINE_DEFAULT_NAME;
    if (!name_fits(name, NAME_MAX_BYTES) || strchr(name, '/') != NULL || name[0] == '.') {
        return build_fail(build,
                          -EINVAL,
                          "segment name '%.*s': 1 to %u bytes, no slash, no leading dot",
                          (int)NAME_MAX_BYTES,
                          name,
                          NAME_MAX_BYTES - 1);
    }
    if (strnlen(directory, PATH_MAX) + strlen(name) + sizeof("/.lock") > PATH_MAX) {
        return build_fail(build, -ENAMETOOLONG, "the segment's directory has too long a name");
    }
    const int length = (int)strlen(directory);
    (void)snprintf(build->path, PATH_MAX, "%.*s/%s", length, directory, name);
    (void)snprintf(build->lock_path, PATH_MAX, "%.*s/%s.lock", length, directory, name);
    (void)snprintf(build->temporary_path, PATH_MAX, "%.*s/%s.tmp", length, directory, name);
    return 0;
}

/* ---- the predecessor, known dead because its lock is ours ------------------------------------ */

static int predecessor_map(struct build *build, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return build_fail(build, -errno, "%s: %s", build->path, strerror(errno));
    }
    if (S_ISREG(status.st_mode) && status.st_size == 0) {
        return 0; /* an empty file is nobody's */
    }
    uint64_t magic = 0;
    if (!S_ISREG(status.st_mode) || pread(fd, &magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
        magic != FLATLINE_MAGIC) {
        return build_fail(build,
                          -EBADMSG,
                          "%s: not a flatline segment; remove it or choose another name",
                          build->path);
    }
    if (status.st_size < (off_t)sizeof(struct flatline_header)) {
        return 0; /* cut short: there is nothing in it to mark */
    }
    void *map =
        mmap(NULL, sizeof(struct flatline_header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return build_fail(build, -errno, "%s: %s", build->path, strerror(errno));
    }
    build->predecessor = map;
    if (build->predecessor->major != FLATLINE_MAJOR) {
        (void)munmap(map, sizeof(struct flatline_header)); /* only its magic means what we think */
        build->predecessor = NULL;
    }
    return 0;
}

int predecessor_open(struct build *build)
{
    const int fd = open(build->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EISDIR)) {
        return build_fail(build,
                          -EBADMSG,
                          "%s: not a flatline segment; remove it or choose another name",
                          build->path);
    }
    if (fd < 0) {
        return build_fail(build, -errno, "%s: %s", build->path, strerror(errno));
    }
    const int error = predecessor_map(build, fd);
    (void)close(fd);
    if (build->predecessor != NULL) {
        /* It died without a word; from here on its readers see it dead, whatever its last promise
         * was. ORDER segment.alive, release: as in publisher_beat(). */
        store_release(&build->predecessor->alive_until_mono_ns, 0);
    }
    return error;
}

/* Only once our file stands under the name: "attach again" must not lead back here. */
void predecessor_supersede(struct build *build)
{
    if (build->predecessor == NULL) {
        return;
    }
    /* ORDER segment.state, release: our rename comes first. Pairs with the acquire in the reader's
     * view_is_superseded(). */
    store_release(&build->predecessor->state, FLATLINE_STATE_SUPERSEDED);
    (void)munmap(build->predecessor, sizeof(struct flatline_header));
    build->predecessor = NULL;
}

uint64_t build_next_epoch(const struct build *build)
{
    uint64_t epoch = build->lock_epoch < EPOCH_ABSURD ? build->lock_epoch : 0;
    if (build->predecessor != NULL && build->predecessor->epoch > epoch &&
        build->predecessor->epoch < EPOCH_ABSURD) {
        epoch = build->predecessor->epoch;
    }
    return epoch + 1;
}

/* ---- the new file ---------------------------------------------------------------------------- */

static int file_reserve(const struct build *build, int fd, uint64_t bytes)
{
    const int error = posix_fallocate(fd, 0, (off_t)bytes);
    if (error == ENOSPC) {
        return build_fail(
            build, -ENOSPC, "%s: no space for a segment of %" PRIu64 " bytes", build->path, bytes);
    }
    if (error != 0) {
        return build_fail(build,
                          -error,
                          "%s: cannot reserve %" PRIu64 " bytes: %s",
                          build->path,
                          bytes,
                          strerror(error));
    }
    /* fchmod, because the umask has had its say in the mode of open(). */
    if (fchmod(fd, build->config->mode != 0 ? build->config->mode : MODE_DEFAULT) != 0) {
        return build_fail(
            build, -errno, "%s: cannot set its mode: %s", build->path, strerror(errno));
    }
    if (build->config->group != (gid_t)-1 && fchown(fd, (uid_t)-1, build->config->group) != 0) {
        return build_fail(build,
                          -errno,
                          "%s: cannot give it to group %u: %s",
                          build->path,
                          (unsigned)build->config->group,
                          strerror(errno));
    }
    return 0;
}

/* Builds the temporary file and maps it. A file of that name is a crashed predecessor's: the lock
 * is ours. */
static int file_map(const struct build *build, struct publisher *publisher)
{
    (void)unlink(build->temporary_path);
    const int fd =
        open(build->temporary_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return build_fail(build, -errno, "%s: %s", build->temporary_path, strerror(errno));
    }
    const uint64_t bytes = publisher->plan.file_bytes;
    int error = file_reserve(build, fd, bytes);
    struct stat status = {0};
    if (error == 0 && fstat(fd, &status) != 0) {
        error = build_fail(build, -errno, "%s: %s", build->temporary_path, strerror(errno));
    }
    if (error == 0) {
        void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (map == MAP_FAILED) {
            error = build_fail(
                build, -errno, "%s: cannot map it: %s", build->temporary_path, strerror(errno));
        } else {
            publisher->header = map;
            publisher->device = (uint64_t)status.st_dev;
            publisher->inode = (uint64_t)status.st_ino;
        }
    }
    (void)close(fd);
    if (error != 0) {
        (void)unlink(build->temporary_path);
    }
    return error;
}

static void publisher_wire(struct publisher *publisher)
{
    uint8_t *map = (uint8_t *)publisher->header;
    const struct flatline_section *sections = publisher->plan.sections;
    publisher->leases = (void *)(map + sections[FLATLINE_SECTION_LEASES].offset_bytes);
    publisher->details = (void *)(map + sections[FLATLINE_SECTION_DETAILS].offset_bytes);
    publisher->faults = (void *)(map + sections[FLATLINE_SECTION_FAULTS].offset_bytes);
    publisher->events = (void *)(map + sections[FLATLINE_SECTION_EVENTS].offset_bytes);
    publisher->counters = (void *)(map + sections[FLATLINE_SECTION_COUNTERS].offset_bytes);
    publisher->errors = (void *)(map + sections[FLATLINE_SECTION_ERRORS].offset_bytes);
    publisher->advice = (void *)(map + sections[FLATLINE_SECTION_ADVICE].offset_bytes);
    publisher->gate_advice = (void *)(map + sections[FLATLINE_SECTION_GATE_ADVICE].offset_bytes);
}

static struct publisher *publisher_allocate(const struct publisher_config *config)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));
    if (publisher == NULL) {
        return NULL;
    }
    publisher->plan = segment_plan(config);
    publisher->stream_count = config->stream_count;
    publisher->connection_count = config->connection_count;
    publisher->counter_count = config->counter_count;
    publisher->histograms = config->histograms;
    publisher->connection_histograms = connection_histograms(config);
    publisher->fault_count = publisher->plan.sections[FLATLINE_SECTION_FAULTS].count;
    publisher->advice_count = config->advice_max;
    publisher->gate_count = config->gate_count;
    publisher->event_mask = publisher->plan.sections[FLATLINE_SECTION_EVENTS].count - 1;
    publisher->lock_fd = -1;
    publisher->mirror.faults = calloc(publisher->fault_count, sizeof(*publisher->mirror.faults));
    if (publisher->mirror.faults == NULL) {
        free(publisher);
        return NULL;
    }
    return publisher;
}

static void publisher_free(struct publisher *publisher)
{
    if (publisher->header != NULL) {
        (void)munmap(publisher->header, publisher->plan.file_bytes);
    }
    free(publisher->mirror.faults);
    free(publisher);
}

/* Fills the file and stores the magic last. */
static void publisher_fill(const struct build *build, struct publisher *publisher, uint64_t epoch)
{
    flatline_assert(publisher->header != NULL); /* file_map() has succeeded */
    segment_fill((uint8_t *)publisher->header, &publisher->plan, build->config);
    publisher->header->epoch = epoch;
    publisher_wire(publisher);
    (void)snprintf(publisher->path, sizeof(publisher->path), "%s", build->path);
    const struct flatline_event_slot first = {.type = FLATLINE_EVENT_EPOCH,
                                              .stream = FLATLINE_NO_INDEX,
                                              .at_mono_ns = publisher->header->created_mono_ns,
                                              .seen_mono_ns = publisher->header->created_mono_ns};
    publisher_event(publisher, &first);
    store_release(&publisher->header->state, FLATLINE_STATE_RUNNING);
    /* ORDER segment.magic, release: the whole file comes first. Pairs with the acquire in the
     * reader's view_check_header(). Weaker: a reader that walks a half-built directory. */
    store_release(&publisher->header->magic, FLATLINE_MAGIC);
}

static void leftover_remove(const struct build *build, const char *suffix)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s%s", build->path, suffix) < (int)sizeof(path)) {
        (void)unlink(path);
    }
}

/* With the lock held: predecessor, file, name. */
static int build_segment(struct build *build, struct publisher *publisher)
{
    int error = predecessor_open(build);
    if (error != 0) {
        return error;
    }
    const uint64_t epoch = build_next_epoch(build);
    error = lock_write(build->lock_fd, epoch);
    if (error != 0) {
        return build_fail(build, error, "%s: %s", build->lock_path, strerror(-error));
    }
    error = file_map(build, publisher);
    if (error != 0) {
        return error;
    }
    publisher_fill(build, publisher, epoch);
    if (rename(build->temporary_path, build->path) != 0) {
        error =
            build_fail(build, -errno, "%s: cannot rename to it: %s", build->path, strerror(errno));
        (void)unlink(build->temporary_path);
        return error;
    }
    leftover_remove(build, NEXT_SUFFIX); /* of a takeover that both sides died in */
    leftover_remove(build, OLD_SUFFIX);
    return 0;
}

static int build_begin(struct build *build, struct publisher **ret_publisher)
{
    int error = check_config(build);
    if (error == 0) {
        error = build_paths(build);
    }
    if (error != 0) {
        return error;
    }
    *ret_publisher = publisher_allocate(build->config);
    return *ret_publisher != NULL ? 0 : build_fail(build, -ENOMEM, "out of memory");
}

int publisher_create_next(const struct publisher_config *config,
                          uint64_t epoch,
                          struct publisher **ret_publisher,
                          char *ret_error_text)
{
    struct build build = {.config = config, .error_text = ret_error_text, .lock_fd = -1};
    struct publisher *publisher = NULL;
    int error = build_begin(&build, &publisher);
    if (error != 0) {
        return error;
    }
    if (snprintf(build.temporary_path, PATH_MAX, "%s" NEXT_SUFFIX, build.path) >= PATH_MAX) {
        publisher_free(publisher);
        return build_fail(&build, -ENAMETOOLONG, "the segment's directory has too long a name");
    }
    error = file_map(&build, publisher);
    if (error != 0) {
        publisher_free(publisher);
        return error;
    }
    publisher_fill(&build, publisher, epoch);
    publisher->waits = true;
    *ret_publisher = publisher;
    return 0;
}

int publisher_create(const struct publisher_config *config,
                     struct publisher **ret_publisher,
                     char *ret_error_text)
{
    struct build build = {.config = config, .error_text = ret_error_text, .lock_fd = -1};
    struct publisher *publisher = NULL;
    int error = build_begin(&build, &publisher);
    if (error != 0) {
        return error;
    }
    error = lock_take(&build);
    if (error == 0) {
        error = build_segment(&build, publisher);
    }
    if (error != 0) {
        if (build.predecessor != NULL) {
            (void)munmap(build.predecessor, sizeof(struct flatline_header));
        }
        if (build.lock_fd >= 0) {
            (void)close(build.lock_fd);
        }
        publisher_free(publisher);
        return error;
    }
    predecessor_supersede(&build);
    publisher->lock_fd = build.lock_fd;
    *ret_publisher = publisher;
    return 0;
}

void publisher_destroy(struct publisher *publisher)
{
    if (publisher == NULL) {
        return;
    }
    if (!publisher->superseded) { /* else the last promise runs out by itself */
        /* ORDER segment.alive, release: as in publisher_beat(): from here on nothing is fresh. */
        store_release(&publisher->header->alive_until_mono_ns, 0);
        /* ORDER segment.state, release: dead first, then why. Pairs with the acquire in the
         * reader. */
        store_release(&publisher->header->state, FLATLINE_STATE_STOPPED);
    }
    publisher_drop_name(publisher);
    if (publisher->lock_fd >= 0) {
        (void)close(publisher->lock_fd);
    }
    if (publisher->predecessor != NULL) {
        (void)munmap(publisher->predecessor, sizeof(struct flatline_header));
    }
    publisher_free(publisher);
}
