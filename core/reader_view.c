/* SPDX-License-Identifier: MIT
 *
 * reader_view.c - from a path to a mapping that cannot lead its reader astray. Every step that can
 * fail has its own error.
 */
#include "core/reader_internal.h"

#include "core/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A beat this far in the future was stamped by another clock. */
#define CLOCK_MISMATCH_NS (10ULL * 1000000000ULL)

const struct flatline_header *view_header(const struct view *view)
{
    return (const void *)view->map;
}

const void *
view_record(const struct view *view, enum flatline_section_index section, uint32_t index)
{
    if ((uint32_t)section >= FLATLINE_SECTION_COUNT || index >= view->sections[section].count) {
        return NULL;
    }
    const struct flatline_section *place = &view->sections[section];
    return view->map + place->offset_bytes + (size_t)place->stride_bytes * index;
}

bool view_is_superseded(const struct view *view)
{
    /* ORDER segment.state, acquire: the successor's rename comes before it. Pairs with
     * predecessor_supersede(). */
    return load_acquire(&view_header(view)->state) == FLATLINE_STATE_SUPERSEDED;
}

bool view_is_over(const struct view *view)
{
    return view_is_superseded(view) && !header_is_alive(view_header(view), flatline_now_mono_ns());
}

bool header_is_alive(const struct flatline_header *header, uint64_t now_mono_ns)
{
    /* ORDER segment.alive, acquire: pairs with the release in publisher_beat(). */
    return flatline_until_holds(
        load_acquire(&header->alive_until_mono_ns), now_mono_ns, FLATLINE_ALIVE_ABSURD_NS);
}

/* Copies words that their owner may be changing: each word whole, each read once. */
static void copy_words(void *to, const void *from, size_t bytes)
{
    uint8_t *copy = to;
    const uint64_t *live = from;
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        const uint64_t word =
            load_relaxed(&live[i]); /* relaxed: fixed before the magic, checked after the copy */
        memcpy(&copy[i * sizeof(word)], &word, sizeof(word));
    }
}

/* ---- checks, in the order a stranger would ask ----------------------------------------------- */

static int error_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return FLATLINE_E_NO_FILE;
    case EACCES:
    case EPERM:
        return FLATLINE_E_PERMISSION;
    case ENOMEM:
        return FLATLINE_E_NO_MEMORY;
    default:
        return FLATLINE_E_SYSTEM;
    }
}

static int check_magic(uint64_t magic)
{
    if (magic == 0) {
        return FLATLINE_E_NOT_READY;
    }
    return magic == FLATLINE_MAGIC ? 0 : FLATLINE_E_BAD_MAGIC;
}

static int view_check_header(const struct view *view)
{
    const struct flatline_header *header = view_header(view);
    /* ORDER segment.magic, acquire: all that was written before the magic is read after it. Pairs
     * with publisher_publish(). */
    const int error = check_magic(load_acquire(&header->magic));
    if (error != 0) {
        return error;
    }
    struct flatline_header copy;
    copy_words(&copy, header, offsetof(struct flatline_header, reserved0));
    if (copy.major != FLATLINE_MAJOR) {
        return FLATLINE_E_OTHER_MAJOR;
    }
    if (copy.file_bytes > view->map_bytes) {
        return FLATLINE_E_TRUNCATED;
    }
    if (copy.file_bytes < sizeof(copy) ||
        (copy.minor == FLATLINE_MINOR && copy.layout_hash != flatline_layout_hash())) {
        return FLATLINE_E_CORRUPT;
    }
    const uint64_t state = load_acquire(&header->state);
    if (state == FLATLINE_STATE_STARTING) {
        return FLATLINE_E_NOT_READY;
    }
    if (state == FLATLINE_STATE_SUPERSEDED) {
        return FLATLINE_E_SUPERSEDED;
    }
    const uint64_t beat = load_acquire(&header->judge_beat_mono_ns);
    const uint64_t horizon = flatline_now_mono_ns() + CLOCK_MISMATCH_NS;
    return beat > horizon || copy.created_mono_ns > horizon ? FLATLINE_E_CLOCK_MISMATCH : 0;
}

/* The least a record of each section must hold. */
#define SECTION_RECORD_BYTES(number, name, record, meaning) [number] = sizeof(struct record),
static const uint32_t record_bytes[FLATLINE_SECTION_COUNT] = {
    FLATLINE_SECTIONS(SECTION_RECORD_BYTES)};

static bool
section_fits(const struct flatline_section *section, uint32_t least_bytes, uint64_t file_bytes)
{
    if (section->offset_bytes % sizeof(uint64_t) != 0 ||
        section->stride_bytes % sizeof(uint64_t) != 0 || section->stride_bytes < least_bytes ||
        section->count > FLATLINE_RECORDS_MAX ||
        section->offset_bytes < sizeof(struct flatline_header) ||
        section->offset_bytes > file_bytes) {
        return false;
    }
    /* 2^32 * 2^20 cannot overflow 64 bits. */
    return (uint64_t)section->stride_bytes * section->count <= file_bytes - section->offset_bytes;
}

static int view_check_sections(struct view *view)
{
    const struct flatline_header *header = view_header(view);
    copy_words(view->sections, header->sections, sizeof(view->sections));
    for (uint32_t i = 0; i < FLATLINE_SECTION_COUNT; i++) {
        if (!section_fits(&view->sections[i], record_bytes[i], view->map_bytes)) {
            return FLATLINE_E_CORRUPT;
        }
    }
    const uint32_t streams = view->sections[FLATLINE_SECTION_STREAMS].count;
    const bool agree = view->sections[FLATLINE_SECTION_LEASES].count == streams &&
                       view->sections[FLATLINE_SECTION_DETAILS].count == streams &&
                       view->sections[FLATLINE_SECTION_GATE_ADVICE].count ==
                           view->sections[FLATLINE_SECTION_GATES].count;
    return agree ? 0 : FLATLINE_E_CORRUPT;
}

/* A name ends inside its field, is not empty and holds nothing that a terminal would obey. */
static bool name_is_sound(const char name[FLATLINE_NAME_BYTES])
{
    if (name[0] == '\0' || memchr(name, '\0', FLATLINE_NAME_BYTES) == NULL) {
        return false;
    }
    for (const char *byte = name; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < ' ' || *byte == 0x7f) {
            return false;
        }
    }
    return true;
}

/* ---- the private copies ---------------------------------------------------------------------- */

static bool copy_names(const struct view *view,
                       enum flatline_section_index section,
                       char (*names)[FLATLINE_NAME_BYTES])
{
    for (uint32_t i = 0; i < view->sections[section].count; i++) {
        copy_words(names[i],
                   view_record(view, section, i),
                   FLATLINE_NAME_BYTES); /* the name leads both records */
        if (!name_is_sound(names[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_members(struct view *view)
{
    for (uint32_t i = 0; i < view->sections[FLATLINE_SECTION_GATE_MEMBERS].count; i++) {
        struct flatline_gate_member member;
        copy_words(&member, view_record(view, FLATLINE_SECTION_GATE_MEMBERS, i), sizeof(member));
        const struct flatline_lease *lease =
            view_record(view, FLATLINE_SECTION_LEASES, member.stream);
        if (lease == NULL) {
            return false;
        }
        view->looks[i] = (struct flatline_gate_look){.lease = lease,
                                                     .stale_adjust_ns = member.stale_adjust_ns,
                                                     .stream = member.stream,
                                                     .quiet_hold_ms = member.quiet_hold_ms};
    }
    return true;
}

static bool copy_gates(struct view *view)
{
    const uint32_t members = view->sections[FLATLINE_SECTION_GATE_MEMBERS].count;
    for (uint32_t i = 0; i < view->sections[FLATLINE_SECTION_GATES].count; i++) {
        struct flatline_gate_entry entry;
        copy_words(&entry,
                   view_record(view, FLATLINE_SECTION_GATES, i),
                   offsetof(struct flatline_gate_entry, reserved));
        if (entry.first_member > members || entry.member_count > members - entry.first_member) {
            return false;
        }
        view->gates[i] = (struct gate_span){.first_member = entry.first_member,
                                            .member_count = entry.member_count,
                                            .flags = (uint32_t)entry.flags};
    }
    return true;
}

static int view_copy(struct view *view)
{
    const size_t streams = view->sections[FLATLINE_SECTION_STREAMS].count;
    const size_t gates = view->sections[FLATLINE_SECTION_GATES].count;
    const size_t members = view->sections[FLATLINE_SECTION_GATE_MEMBERS].count;
    uint8_t *memory = calloc(1,
                             members * sizeof(*view->looks) + gates * sizeof(*view->gates) +
                                 (streams + gates) * FLATLINE_NAME_BYTES + 1);
    if (memory == NULL) {
        return FLATLINE_E_NO_MEMORY;
    }
    view->looks = (void *)memory;
    view->gates = (void *)(memory + members * sizeof(*view->looks));
    view->stream_names =
        (void *)(memory + members * sizeof(*view->looks) + gates * sizeof(*view->gates));
    view->gate_names = view->stream_names + streams;
    const bool sound = copy_names(view, FLATLINE_SECTION_STREAMS, view->stream_names) &&
                       copy_names(view, FLATLINE_SECTION_GATES, view->gate_names) &&
                       copy_members(view) && copy_gates(view);
    return sound ? 0 : FLATLINE_E_CORRUPT;
}

/* ---- open and close -------------------------------------------------------------------------- */

/* A file too short for a header is told apart by as much of it as there is. */
static int check_short_file(int fd)
{
    uint32_t words[4] = {0};
    const ssize_t length = pread(fd, words, sizeof(words), 0);
    uint64_t magic;
    memcpy(&magic, words, sizeof(magic));
    if (length < (ssize_t)sizeof(magic) || magic == FLATLINE_MAGIC || magic == 0) {
        return length == (ssize_t)sizeof(words) && magic == FLATLINE_MAGIC &&
                       words[2] != FLATLINE_MAJOR
                   ? FLATLINE_E_OTHER_MAJOR
                   : FLATLINE_E_TRUNCATED;
    }
    return FLATLINE_E_BAD_MAGIC;
}

static int view_map(int fd, const struct view *current, struct view *view)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return error_of_errno(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return FLATLINE_E_BAD_MAGIC;
    }
    if (current != NULL && current->device == status.st_dev && current->inode == status.st_ino) {
        return 0;
    }
    if (status.st_size < (off_t)sizeof(struct flatline_header)) {
        return check_short_file(fd);
    }
    void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return error_of_errno(errno);
    }
    view->map = map;
    view->map_bytes = (size_t)status.st_size;
    view->device = status.st_dev;
    view->inode = status.st_ino;
    return 0;
}

static int view_check(struct view *view)
{
    int error = view_check_header(view);
    if (error == 0) {
        error = view_check_sections(view);
    }
    return error != 0 ? error : view_copy(view);
}

int view_open(const char *path, const struct view *current, struct view **ret_view)
{
    /* Never O_CREAT; O_NONBLOCK, so that a pipe of that name cannot hold us. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return error_of_errno(errno);
    }
    struct view *view = calloc(1, sizeof(*view));
    int error = view == NULL ? FLATLINE_E_NO_MEMORY : view_map(fd, current, view);
    (void)close(fd);
    if (error == 0 && view->map != NULL) {
        error = view_check(view);
    }
    if (error != 0 || view->map == NULL) {
        view_close(view);
        view = NULL;
    }
    if (error == 0) {
        *ret_view = view;
    }
    return error;
}

void view_close(struct view *view)
{
    if (view == NULL) {
        return;
    }
    if (view->map != NULL) {
        (void)munmap((void *)(uintptr_t)view->map, view->map_bytes);
    }
    view_unbind(view);
    free(view->looks);
    free(view);
}
