/* SPDX-License-Identifier: MIT
 *
 * engine_view.c - reads an engine's file into private memory, and trusts nothing in it: the file may
 * be truncated, rewritten or scrambled at any moment. Never mapped, so never a SIGBUS.
 */
#include "core/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS_MAX (1U << 16)

/* A slot that has been checked; never changed after. */
struct place {
    char name[FLATLINE_NAME_BYTES];
    enum flatline_engine_kind kind;
    uint64_t parameter;
    uint64_t offset;
    uint64_t length;
    size_t at; /* of its copy */
};

struct flatline_engine_view {
    struct flatline_engine_header header;
    struct place places[FLATLINE_ENGINE_SLOTS_MAX];
    uint32_t count;
    uint64_t taken; /* slots of the file looked at so far */
    uint64_t odd;
    uint8_t *copy;  /* of the short records, from `low` */
    uint8_t *fresh; /* the next one, until it is whole */
    uint64_t low;
    uint64_t high;
    int fd;
    char path[PATH_MAX];
};

#define KIND_BYTES(number, name, text, record) [number] = sizeof(struct record),
static const uint64_t KIND_LENGTHS[] = {FLATLINE_ENGINE_KINDS(KIND_BYTES)};
FLATLINE_STATIC_ASSERT(sizeof(KIND_LENGTHS) / sizeof(KIND_LENGTHS[0]) == FLATLINE_ENGINE_KIND_COUNT,
                       "every kind has its record");

/* ---- bytes ----------------------------------------------------------------------------------- */

static int read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
    const ssize_t got = pread(fd, to, bytes, (off_t)offset);
    if (got < 0) {
        return FLATLINE_E_SYSTEM;
    }
    return (size_t)got == bytes ? 0 : FLATLINE_E_TRUNCATED;
}

static int header_check(const struct flatline_engine_header *header)
{
    if (header->magic != FLATLINE_ENGINE_MAGIC) {
        return header->magic == 0 ? FLATLINE_E_NOT_READY : FLATLINE_E_BAD_MAGIC;
    }
    if (header->major != FLATLINE_ENGINE_MAJOR) {
        return FLATLINE_E_OTHER_MAJOR;
    }
    const bool same_minor = header->minor == FLATLINE_ENGINE_MINOR;
    const bool adds_up =
        header->file_bytes <= FLATLINE_ENGINE_FILE_MAX &&
        header->slots_max <= FLATLINE_ENGINE_SLOTS_MAX && header->slots_offset >= sizeof(*header) &&
        header->slots_offset <= header->file_bytes &&
        header->slots_max * sizeof(struct flatline_engine_slot) <=
            header->file_bytes - header->slots_offset &&
        memchr(header->name, '\0', sizeof(header->name)) != NULL && name_is_plain(header->name) &&
        (!same_minor || header->layout_hash == flatline_engine_layout_hash());
    return adds_up ? 0 : FLATLINE_E_CORRUPT;
}

/* Reads the header; what was fixed in it must stay so, unless its writer has let go. */
static int header_read(struct flatline_engine_view *view, bool first)
{
    struct flatline_engine_header header;
    int error = read_at(view->fd, &header, sizeof(header), 0);
    if (error == 0) {
        error = header_check(&header);
    }
    if (error != 0) {
        return error;
    }
    struct flatline_engine_header fixed = view->header;
    if (header.start_ticks == FLATLINE_ENGINE_ABANDONED) {
        fixed.start_ticks = header.start_ticks;
    }
    if (!first &&
        memcmp(&header, &fixed, offsetof(struct flatline_engine_header, slot_count)) != 0) {
        return FLATLINE_E_CORRUPT;
    }
    header.slot_count = header.slot_count < header.slots_max ? header.slot_count : header.slots_max;
    view->header = header;
    return 0;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static bool slot_is_sound(const struct flatline_engine_view *view,
                          const struct flatline_engine_slot *slot)
{
    return slot->kind > FLATLINE_ENGINE_NONE && slot->kind < FLATLINE_ENGINE_KIND_COUNT &&
           memchr(slot->name, '\0', sizeof(slot->name)) != NULL && slot->name[0] != '\0' &&
           name_is_plain(slot->name) && slot->offset_bytes % FLATLINE_LINE_BYTES == 0 &&
           slot->offset_bytes >= sizeof(view->header) &&
           slot->offset_bytes <= view->header.file_bytes &&
           slot->length_bytes <= view->header.file_bytes - slot->offset_bytes &&
           slot->length_bytes >= KIND_LENGTHS[slot->kind];
}

static void place_add(struct flatline_engine_view *view, const struct flatline_engine_slot *slot)
{
    struct place *place = &view->places[view->count];
    memcpy(place->name, slot->name, sizeof(place->name));
    place->kind = (enum flatline_engine_kind)slot->kind;
    place->parameter = slot->parameter;
    place->offset = slot->offset_bytes;
    place->length = slot->length_bytes;
    const uint64_t end = place->offset + KIND_LENGTHS[place->kind];
    if (place->kind != FLATLINE_ENGINE_LATENCY) {
        view->low = place->offset < view->low ? place->offset : view->low;
        view->high = end > view->high ? end : view->high;
    }
    view->count++;
}

/* Makes the copies as wide as the window that holds every short record. */
static int copies_widen(struct flatline_engine_view *view)
{
    const size_t bytes = (size_t)(view->high - view->low);
    uint8_t *copy = calloc(1, bytes);
    uint8_t *fresh = calloc(1, bytes);
    free(view->copy);
    free(view->fresh);
    view->copy = copy;
    view->fresh = fresh;
    if (copy != NULL && fresh != NULL) {
        return 0;
    }
    view->taken = 0; /* begin again, next time */
    view->count = 0;
    view->low = UINT64_MAX;
    view->high = 0;
    return FLATLINE_E_NO_MEMORY;
}

/* Takes over slots declared since; one not yet whole waits for the next time, and those behind it. */
static int slots_take(struct flatline_engine_view *view)
{
    const uint64_t low_before = view->low;
    const uint64_t high_before = view->high;
    int error = 0;
    while (error == 0 && view->taken < view->header.slot_count) {
        struct flatline_engine_slot slot;
        error = read_at(
            view->fd, &slot, sizeof(slot), view->header.slots_offset + view->taken * sizeof(slot));
        if (error != 0 || slot.kind == FLATLINE_ENGINE_NONE) {
            break;
        }
        view->taken++;
        if (slot_is_sound(view, &slot)) {
            place_add(view, &slot);
        } else {
            view->odd++;
        }
    }
    if (view->low != low_before || view->high != high_before) {
        const int widened = copies_widen(view);
        error = error != 0 ? error : widened;
    }
    return error;
}

static void places_settle(struct flatline_engine_view *view)
{
    for (uint32_t i = 0; i < view->count; i++) {
        struct place *place = &view->places[i];
        if (place->kind != FLATLINE_ENGINE_LATENCY) {
            place->at = (size_t)(place->offset - view->low);
        }
    }
}

int flatline_engine_view_read(struct flatline_engine_view *view)
{
    int error = header_read(view, view->header.magic == 0);
    if (error == 0 && view->taken < view->header.slot_count) {
        error = slots_take(view);
        places_settle(view);
    }
    if (error != 0 || view->high <= view->low) {
        return error;
    }
    error = read_at(view->fd, view->fresh, (size_t)(view->high - view->low), view->low);
    if (error == 0) {
        uint8_t *before = view->copy;
        view->copy = view->fresh;
        view->fresh = before;
    }
    return error;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int error_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return FLATLINE_E_NO_FILE;
    case EACCES:
    case EPERM:
        return FLATLINE_E_PERMISSION;
    case ELOOP:
    case ENXIO:
        return FLATLINE_E_CORRUPT; /* a link or a pipe: no engine makes these */
    default:
        return FLATLINE_E_SYSTEM;
    }
}

int flatline_engine_view_open(const char *path, struct flatline_engine_view **ret_view)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return error_of_errno(errno);
    }
    int error = fstat(fd, &status) != 0 ? FLATLINE_E_SYSTEM : 0;
    if (error == 0 && (!S_ISREG(status.st_mode) || status.st_size < 0 ||
                       (uint64_t)status.st_size > FLATLINE_ENGINE_FILE_MAX)) {
        error = FLATLINE_E_CORRUPT;
    }
    struct flatline_engine_view *view = error == 0 ? calloc(1, sizeof(*view)) : NULL;
    if (view == NULL) {
        (void)close(fd);
        return error != 0 ? error : FLATLINE_E_NO_MEMORY;
    }
    view->fd = fd;
    view->low = UINT64_MAX;
    (void)snprintf(view->path, sizeof(view->path), "%s", path);
    error = flatline_engine_view_read(view);
    if (error == 0 && (uint64_t)status.st_size < view->header.file_bytes) {
        error = FLATLINE_E_TRUNCATED;
    }
    if (error != 0) {
        flatline_engine_view_close(view);
        return error;
    }
    *ret_view = view;
    return 0;
}

void flatline_engine_view_close(struct flatline_engine_view *view)
{
    if (view == NULL) {
        return;
    }
    (void)close(view->fd);
    free(view->copy);
    free(view->fresh);
    free(view);
}

const struct flatline_engine_header *
flatline_engine_view_header(const struct flatline_engine_view *view)
{
    return &view->header;
}

uint32_t flatline_engine_view_count(const struct flatline_engine_view *view)
{
    return view->count;
}

uint64_t flatline_engine_view_odd(const struct flatline_engine_view *view)
{
    return view->odd;
}

int flatline_engine_view_slot(const struct flatline_engine_view *view,
                              uint32_t index,
                              struct flatline_engine_slot_view *ret_slot)
{
    const struct place *place = index < view->count ? &view->places[index] : NULL;
    if (place == NULL || (place->kind != FLATLINE_ENGINE_LATENCY && view->copy == NULL)) {
        return FLATLINE_E_UNKNOWN_NAME;
    }
    *ret_slot = (struct flatline_engine_slot_view){
        .name = place->name,
        .kind = place->kind,
        .parameter = place->parameter,
        .record = place->kind != FLATLINE_ENGINE_LATENCY ? view->copy + place->at : NULL};
    return 0;
}

bool flatline_engine_view_moved(const struct flatline_engine_view *view)
{
    struct stat held;
    struct stat named;
    return fstat(view->fd, &held) != 0 || lstat(view->path, &named) != 0 ||
           held.st_dev != named.st_dev || held.st_ino != named.st_ino;
}

/* ---- latency --------------------------------------------------------------------------------- */

static uint64_t counts_quantile(const struct flatline_engine_latency *latency,
                                const uint64_t *counts,
                                double quantile)
{
    const uint32_t bits = (uint32_t)latency->sub_bucket_bits;
    const uint32_t shift = (uint32_t)__builtin_ctzll(latency->unit_ns);
    uint64_t total = 0;
    for (uint64_t i = 0; i < latency->bucket_count; i++) {
        total += counts[i]; /* what is there now, whatever the live total says */
    }
    const double clamped = quantile < 0.0 ? 0.0 : quantile > 1.0 ? 1.0 : quantile;
    uint64_t wanted = (uint64_t)(clamped * (double)total + 0.5); /* as hist_quantile() */
    wanted = wanted == 0 ? 1 : wanted;
    uint64_t seen = 0;
    for (uint64_t i = 0; i < latency->bucket_count && total != 0; i++) {
        seen += counts[i];
        if (seen >= wanted) {
            const uint64_t edge = ((latency_edge(i, bits) + 1U) << shift) - 1U;
            return edge < latency->max_ns && i + 1U < latency->bucket_count ? edge
                                                                            : latency->max_ns;
        }
    }
    return 0;
}

uint64_t flatline_engine_view_quantile(const struct flatline_engine_view *view,
                                       uint32_t index,
                                       double quantile)
{
    struct flatline_engine_latency latency;
    const struct place *place = index < view->count ? &view->places[index] : NULL;
    if (place == NULL || place->kind != FLATLINE_ENGINE_LATENCY ||
        read_at(view->fd, &latency, sizeof(latency), place->offset) != 0) {
        return 0;
    }
    const uint64_t room = (place->length - sizeof(latency)) / sizeof(uint64_t);
    if (latency.bucket_count > room || latency.bucket_count > BUCKETS_MAX ||
        latency.sub_bucket_bits < 2 || latency.sub_bucket_bits > 16 || latency.unit_ns == 0 ||
        latency.unit_ns > (1ULL << 30)) {
        return 0;
    }
    uint64_t *counts = calloc((size_t)latency.bucket_count + 1U, sizeof(*counts));
    uint64_t value = 0;
    if (counts != NULL && read_at(view->fd,
                                  counts,
                                  (size_t)latency.bucket_count * sizeof(*counts),
                                  place->offset + sizeof(latency)) == 0) {
        value = counts_quantile(&latency, counts, quantile);
    }
    free(counts);
    return value;
}

/* ---- the process ----------------------------------------------------------------------------- */

bool process_stat(uint64_t pid, char *ret_state, uint64_t *ret_threads, uint64_t *ret_start_ticks)
{
    char path[48];
    char text[1024] = {0};
    (void)snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const ssize_t length = read(fd, text, sizeof(text) - 1U);
    (void)close(fd);
    /* The command in brackets may hold anything, brackets included: fields count from the last. */
    const char *rest = length > 0 ? strrchr(text, ')') : NULL;
    unsigned long long threads;
    unsigned long long ticks;
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %llu",
               ret_state,
               &threads,
               &ticks) != 3) {
        return false;
    }
    *ret_threads = threads;
    *ret_start_ticks = ticks;
    return true;
}

uint64_t process_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

enum flatline_engine_life flatline_engine_life(const struct flatline_engine_header *header)
{
    char state;
    uint64_t threads;
    uint64_t start_ticks;
    const uint64_t namespace = process_namespace();
    if (namespace == 0 || header->pid_namespace != namespace || header->start_ticks == 0) {
        return FLATLINE_ENGINE_UNSEEN;
    }
    if (!process_stat(header->pid, &state, &threads, &start_ticks) ||
        start_ticks != header->start_ticks) {
        return FLATLINE_ENGINE_DEAD;
    }
    switch (state) {
    case 'T':
    case 't':
        return FLATLINE_ENGINE_STOPPED;
    case 'Z':
        return threads > 1 ? FLATLINE_ENGINE_ZOMBIE : FLATLINE_ENGINE_DEAD;
    case 'X':
    case 'x':
        return FLATLINE_ENGINE_DEAD;
    default:
        return FLATLINE_ENGINE_ALIVE;
    }
}

/* ---- texts ----------------------------------------------------------------------------------- */

#define KIND_TEXT(number, name, text, record) [number] = (text),
#define STATE_TEXT(number, name, text)        [number] = (text),
static const char *const kind_texts[] = {FLATLINE_ENGINE_KINDS(KIND_TEXT)};
static const char *const worker_texts[] = {FLATLINE_WORKER_STATES(STATE_TEXT)};
static const char *const life_texts[] = {"alive", "stopped", "zombie", "dead", "unseen"};

static const char *text_at(const char *const *texts, size_t count, uint64_t number)
{
    return number < count ? texts[number] : "?";
}

const char *flatline_engine_kind_name(enum flatline_engine_kind kind)
{
    return text_at(kind_texts, sizeof(kind_texts) / sizeof(kind_texts[0]), (uint64_t)kind);
}

const char *flatline_worker_state_name(enum flatline_worker_state state)
{
    return text_at(worker_texts, sizeof(worker_texts) / sizeof(worker_texts[0]), (uint64_t)state);
}

const char *flatline_engine_life_name(enum flatline_engine_life life)
{
    return text_at(life_texts, sizeof(life_texts) / sizeof(life_texts[0]), (uint64_t)life);
}
