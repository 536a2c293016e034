/* SPDX-License-Identifier: MIT
 *
 * engine.c - makes the engine's file, declares its slots, says goodbye. The words themselves are
 * stored inline by flatline/engine.h.
 */
#include "core/engine_internal.h"

#include "core/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS_DEFAULT 256U
#define DATA_DEFAULT  (512U << 10)
#define MODE_DEFAULT  0640
#define LATENCY_BITS  8U
#define LATENCY_UNIT  512U /* ns: the power of two below 1 us */
#define LATENCY_MAX   (3600ULL * 1000000000ULL)
#define SINK_BUCKETS  1U

/* What a failed declaration points at: as long as the longest record. */
union sink {
    struct flatline_engine_orders orders;
    struct flatline_engine_worker worker;
};

/* The same for a latency record, whose bucket_count no other record may write over. */
struct latency_sink {
    struct flatline_engine_latency latency;
    uint64_t counts[SINK_BUCKETS];
};

struct flatline_engine {
    struct flatline_engine_header *header;
    struct flatline_engine_slot *slots;
    uint64_t file_bytes;
    uint64_t small_end;   /* records grow up from data_offset ... */
    uint64_t large_begin; /* ... and the long ones down from the end */
    pthread_mutex_t lock;
    union sink sink;
    struct latency_sink latency_sink;
    char path[PATH_MAX];
};

static uint64_t line_up(uint64_t bytes)
{
    return (bytes + FLATLINE_LINE_BYTES - 1U) & ~(uint64_t)(FLATLINE_LINE_BYTES - 1U);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_engine_name(const char *name)
{
    const size_t length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length >= FLATLINE_ENGINE_NAME_BYTES) {
        return false;
    }
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
           length;
}

static int path_build(const char *segment, const char *name, char path[PATH_MAX])
{
    const char *base = segment != NULL ? segment : FLATLINE_DEFAULT_NAME;
    const char *folder = strchr(base, '/') == NULL ? FLATLINE_DEFAULT_DIRECTORY "/" : "";
    const int length =
        snprintf(path, PATH_MAX, "%s%s%s%s", folder, base, FLATLINE_ENGINE_INFIX, name);
    return base[0] != '\0' && length < PATH_MAX ? 0 : FLATLINE_E_INVALID;
}

/* Does a live process of this machine write the file that stands there? */
static bool is_in_use(const char *path)
{
    struct flatline_engine_view *view;
    if (flatline_engine_view_open(path, &view) != 0) {
        return false;
    }
    const struct flatline_engine_header *header = flatline_engine_view_header(view);
    const enum flatline_engine_life life = flatline_engine_life(header);
    const bool in_use = header->goodbye_mono_ns == 0 && life != FLATLINE_ENGINE_DEAD &&
                        life != FLATLINE_ENGINE_UNSEEN;
    flatline_engine_view_close(view);
    return in_use;
}

static void header_fill(struct flatline_engine *engine, uint32_t slots_max, const char *name)
{
    struct flatline_engine_header *header = engine->header;
    const uint64_t pid = (uint64_t)getpid();
    char state;
    uint64_t threads;
    header->major = FLATLINE_ENGINE_MAJOR;
    header->minor = FLATLINE_ENGINE_MINOR;
    header->file_bytes = engine->file_bytes;
    header->layout_hash = flatline_engine_layout_hash();
    header->pid = pid;
    if (!process_stat(pid, &state, &threads, &header->start_ticks)) {
        header->start_ticks = 0;
    }
    header->pid_namespace = process_namespace();
    header->created_mono_ns = flatline_clock_mono_ns();
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    header->created_wall_ns = (uint64_t)wall.tv_sec * 1000000000ULL + (uint64_t)wall.tv_nsec;
    header->slots_offset = sizeof(*header);
    header->slots_max = slots_max;
    header->data_offset =
        sizeof(*header) + (uint64_t)slots_max * sizeof(struct flatline_engine_slot);
    memcpy(header->name, name, strlen(name));
    /* release: the header comes first. A reader copies the file; it finds the magic or nothing. */
    store_release(&header->magic, FLATLINE_ENGINE_MAGIC);
}

static int file_prepare(int fd, uint64_t bytes, const struct flatline_engine_options *options)
{
    const int error = posix_fallocate(fd, 0, (off_t)bytes);
    if (error != 0) {
        return error;
    }
    if (fchmod(fd, options->mode != 0 ? options->mode : MODE_DEFAULT) != 0 ||
        (options->has_group && fchown(fd, (uid_t)-1, options->group) != 0)) {
        return errno;
    }
    return 0;
}

static int error_of(int error)
{
    errno = error;
    return error == EACCES || error == EPERM ? FLATLINE_E_PERMISSION : FLATLINE_E_SYSTEM;
}

static int file_map(struct flatline_engine *engine,
                    const char *temporary,
                    const struct flatline_engine_options *options)
{
    (void)unlink(temporary);
    const int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_of(errno);
    }
    int error = file_prepare(fd, engine->file_bytes, options);
    if (error == 0) {
        void *map = mmap(NULL,
                         (size_t)engine->file_bytes,
                         PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_POPULATE,
                         fd,
                         0);
        error = map == MAP_FAILED ? errno : 0;
        engine->header = map == MAP_FAILED ? NULL : map;
    }
    (void)close(fd);
    if (error != 0) {
        (void)unlink(temporary);
        return error_of(error);
    }
    return 0;
}

static int file_publish(struct flatline_engine *engine,
                        const char *name,
                        const struct flatline_engine_options *options)
{
    char temporary[PATH_MAX + 16];
    (void)snprintf(temporary, sizeof(temporary), "%s.%d.tmp", engine->path, (int)getpid());
    const uint32_t slots_max = options->slots_max != 0 ? options->slots_max : SLOTS_DEFAULT;
    const uint32_t data_bytes = options->data_bytes != 0 ? options->data_bytes : DATA_DEFAULT;
    const uint64_t data_offset = sizeof(struct flatline_engine_header) +
                                 (uint64_t)slots_max * sizeof(struct flatline_engine_slot);
    engine->file_bytes = data_offset + line_up(data_bytes);
    if (slots_max > FLATLINE_ENGINE_SLOTS_MAX || engine->file_bytes > FLATLINE_ENGINE_FILE_MAX) {
        return FLATLINE_E_INVALID;
    }
    const int error = file_map(engine, temporary, options);
    if (error != 0) {
        return error;
    }
    engine->slots = (void *)(engine->header + 1);
    engine->small_end = data_offset;
    engine->large_begin = engine->file_bytes;
    header_fill(engine, slots_max, name);
    if (rename(temporary, engine->path) != 0) {
        const int failed = errno;
        (void)munmap(engine->header, (size_t)engine->file_bytes);
        (void)unlink(temporary);
        return error_of(failed);
    }
    return 0;
}

int flatline_engine_create(const char *segment,
                           const char *name,
                           const struct flatline_engine_options *options,
                           struct flatline_engine **ret_engine)
{
    static const struct flatline_engine_options defaults;
    if (ret_engine == NULL || !is_engine_name(name)) {
        return FLATLINE_E_INVALID;
    }
    struct flatline_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        return FLATLINE_E_NO_MEMORY;
    }
    engine->latency_sink.latency.bucket_count = SINK_BUCKETS;
    int error = path_build(segment, name, engine->path);
    if (error == 0 && is_in_use(engine->path)) {
        error = FLATLINE_E_IN_USE;
    }
    if (error == 0) {
        error = file_publish(engine, name, options != NULL ? options : &defaults);
    }
    if (error != 0) {
        free(engine);
        return error;
    }
    (void)pthread_mutex_init(&engine->lock, NULL);
    *ret_engine = engine;
    return 0;
}

static void engine_free(struct flatline_engine *engine)
{
    (void)munmap(engine->header, (size_t)engine->file_bytes);
    (void)pthread_mutex_destroy(&engine->lock);
    free(engine);
}

/* A process that began at no time is none that lives: neither for the sentinel nor for who makes the
 * engine again. */
void flatline_engine_abandon(struct flatline_engine *engine)
{
    if (engine != NULL) {
        store_relaxed(&engine->header->start_ticks, FLATLINE_ENGINE_ABANDONED);
        engine_free(engine);
    }
}

void flatline_engine_close(struct flatline_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    store_release(&engine->header->goodbye_mono_ns, flatline_clock_mono_ns());
    struct flatline_engine_view *view;
    if (flatline_engine_view_open(engine->path, &view) == 0) {
        const struct flatline_engine_header *named = flatline_engine_view_header(view);
        if (named->pid == engine->header->pid &&
            named->created_mono_ns == engine->header->created_mono_ns) {
            (void)unlink(engine->path); /* still ours */
        }
        flatline_engine_view_close(view);
    }
    engine_free(engine);
}

const char *flatline_engine_path(const struct flatline_engine *engine)
{
    return engine->path;
}

/* ---- declarations ---------------------------------------------------------------------------- */

struct wish {
    enum flatline_engine_kind kind;
    const char *name;
    uint64_t parameter;
    uint64_t length_bytes;
};

static struct flatline_engine_slot *slot_find(const struct flatline_engine *engine,
                                              const struct wish *wish)
{
    for (uint64_t i = 0; i < engine->header->slot_count; i++) {
        struct flatline_engine_slot *slot = &engine->slots[i];
        if (slot->kind == (uint64_t)wish->kind && strcmp(slot->name, wish->name) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* Short records lie together, so that they can be read in one piece; the long ones lie apart. */
static uint64_t room_take(struct flatline_engine *engine, const struct wish *wish)
{
    const uint64_t bytes = line_up(wish->length_bytes);
    if (engine->large_begin - engine->small_end < bytes) {
        return 0;
    }
    if (wish->kind == FLATLINE_ENGINE_LATENCY) {
        engine->large_begin -= bytes;
        return engine->large_begin;
    }
    engine->small_end += bytes;
    return engine->small_end - bytes;
}

static struct flatline_engine_slot *slot_add(struct flatline_engine *engine,
                                             const struct wish *wish)
{
    struct flatline_engine_header *header = engine->header;
    const uint64_t at = header->slot_count;
    const uint64_t offset = at < header->slots_max ? room_take(engine, wish) : 0;
    if (offset == 0) {
        store_relaxed(&header->refused, header->refused + 1U);
        return NULL;
    }
    struct flatline_engine_slot *slot = &engine->slots[at];
    memcpy(slot->name, wish->name, strlen(wish->name));
    slot->offset_bytes = offset;
    slot->length_bytes = line_up(wish->length_bytes);
    slot->parameter = wish->parameter;
    if (wish->kind == FLATLINE_ENGINE_LATENCY) {
        struct flatline_engine_latency *latency = (void *)((uint8_t *)header + offset);
        latency->unit_ns = LATENCY_UNIT;
        latency->sub_bucket_bits = LATENCY_BITS;
        latency->bucket_count = (wish->length_bytes - sizeof(*latency)) / sizeof(uint64_t);
    }
    /* release: the slot is whole before it counts. Who reads the file copies kind and the rest, and
     * checks both. */
    store_release(&slot->kind, (uint64_t)wish->kind);
    store_release(&header->slot_count, at + 1U);
    return slot;
}

static int declare(struct flatline_engine *engine, const struct wish *wish, void **ret_record)
{
    const char *name = wish->name;
    *ret_record = &engine->sink;
    if (name == NULL || name[0] == '\0' || strlen(name) >= FLATLINE_NAME_BYTES ||
        !name_is_plain(name)) {
        return FLATLINE_E_INVALID;
    }
    (void)pthread_mutex_lock(&engine->lock);
    struct flatline_engine_slot *slot = slot_find(engine, wish);
    if (slot == NULL) {
        slot = slot_add(engine, wish);
    }
    (void)pthread_mutex_unlock(&engine->lock);
    if (slot == NULL) {
        return FLATLINE_E_NO_MEMORY;
    }
    *ret_record = (uint8_t *)engine->header + slot->offset_bytes;
    return 0;
}

/* A kind without a parameter. */
#define DECLARE(what, KIND, record)                                                                \
    int flatline_declare_##what(                                                                   \
        struct flatline_engine *engine, const char *name, struct record **ret_record)              \
    {                                                                                              \
        const struct wish wish = {                                                                 \
            .kind = FLATLINE_ENGINE_##KIND, .name = name, .length_bytes = sizeof(struct record)};  \
        void *found;                                                                               \
        const int error = declare(engine, &wish, &found);                                          \
        *ret_record = found;                                                                       \
        return error;                                                                              \
    }

DECLARE(stream, STREAM, flatline_engine_echo)
DECLARE(instrument, INSTRUMENT, flatline_engine_instrument)
DECLARE(counter, COUNTER, flatline_engine_number)
DECLARE(gauge, GAUGE, flatline_engine_number)
DECLARE(orders, ORDERS, flatline_engine_orders)
DECLARE(key, KEY, flatline_engine_key)
DECLARE(gate, GATE, flatline_engine_gate)
DECLARE(advice, ADVICE, flatline_engine_advice)

int flatline_declare_worker(struct flatline_engine *engine,
                            const char *name,
                            uint64_t interval_ns,
                            struct flatline_engine_worker **ret_record)
{
    const struct wish wish = {.kind = FLATLINE_ENGINE_WORKER,
                              .name = name,
                              .parameter = interval_ns,
                              .length_bytes = sizeof(struct flatline_engine_worker)};
    void *found = &engine->sink;
    const bool is_sane = interval_ns != 0 && interval_ns <= FLATLINE_ENGINE_INTERVAL_MAX_NS;
    const int error = is_sane ? declare(engine, &wish, &found) : FLATLINE_E_INVALID;
    *ret_record = found;
    return error;
}

int flatline_declare_latency(struct flatline_engine *engine,
                             const char *name,
                             uint64_t max_ns,
                             struct flatline_engine_latency **ret_record)
{
    void *found = NULL;
    int error = FLATLINE_E_INVALID;
    if (max_ns >= LATENCY_UNIT && max_ns <= LATENCY_MAX) {
        const uint64_t buckets = latency_bucket(max_ns / LATENCY_UNIT, LATENCY_BITS) + 1U;
        const struct wish wish = {.kind = FLATLINE_ENGINE_LATENCY,
                                  .name = name,
                                  .parameter = max_ns,
                                  .length_bytes = sizeof(struct flatline_engine_latency) +
                                                  buckets * sizeof(uint64_t)};
        error = declare(engine, &wish, &found);
    }
    *ret_record = error == 0 ? found : &engine->latency_sink.latency;
    return error;
}

/* ---- words that are more than a store -------------------------------------------------------- */

void flatline_worker_error(struct flatline_engine_worker *worker, const char *text)
{
    char padded[sizeof(worker->error_text)] = {0};
    memcpy(padded, text, strnlen(text, sizeof(padded) - 1U));
    for (size_t i = 0; i < sizeof(padded) / sizeof(uint64_t); i++) {
        uint64_t word;
        memcpy(&word, &padded[i * sizeof(word)], sizeof(word));
        store_relaxed(&worker->error_text[i], word);
    }
    store_relaxed(&worker->errors, load_relaxed(&worker->errors) + 1U);
}

void flatline_worker_panic(struct flatline_engine_worker *worker,
                           const char *text,
                           uint64_t now_mono_ns)
{
    flatline_worker_error(worker, text);
    flatline_worker_change(worker, FLATLINE_WORKER_PANICKED, now_mono_ns);
}
