/* SPDX-License-Identifier: MIT */
#include "sentinel/engine_watch.h"

#include "core/clock.h"
#include "core/detector_engine.h"
#include "flatline/engine.h"
#include "sentinel/wakeup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS (4U * NS_PER_MS)
#define IDLE_NS       (50U * NS_PER_MS)
#define SCAN_EVERY_NS (250U * NS_PER_MS)
#define ORDER_WORDS   (2U * FLATLINE_ENGINE_PAIRS)

/* What we last told the judge of one slot. */
struct told {
    uint32_t slot; /* in the view */
    uint64_t words[4];
    uint64_t odd_id; /* an id that went back: believed when seen twice */
    uint64_t *pairs; /* of ORDERS: sent, then seen */
};

struct watched {
    struct flatline_engine_view *view; /* NULL: free */
    bool is_known;                     /* the judge was told it is up */
    bool is_over;                      /* goodbye or death was told: nothing more to look at */
    uint32_t seen_slots;               /* of the view */
    uint32_t told_count;
    struct told told[ENGINE_SLOTS_MAX];
    char file[NAME_MAX + 1];
};

struct engine_watch {
    struct engine_watch_setup setup;
    uint64_t scan_due_ns;
    bool pushed;
    char prefix[NAME_MAX + 1];
    struct watched engines[ENGINE_WATCH_MAX];
};

int engine_watch_create(const struct engine_watch_setup *setup, struct engine_watch **ret_watch)
{
    struct engine_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return -ENOMEM;
    }
    watch->setup = *setup;
    (void)snprintf(watch->prefix,
                   sizeof(watch->prefix),
                   "%.200s" FLATLINE_ENGINE_INFIX,
                   setup->config->segment_name);
    *ret_watch = watch;
    return 0;
}

static void watched_free(struct watched *engine)
{
    flatline_engine_view_close(engine->view);
    for (uint32_t i = 0; i < engine->told_count; i++) {
        free(engine->told[i].pairs);
    }
    memset(engine, 0, sizeof(*engine));
}

void engine_watch_destroy(struct engine_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        watched_free(&watch->engines[i]);
    }
    free(watch);
}

/* ---- telling the judge ----------------------------------------------------------------------- */

static struct event event_of(const struct engine_watch *watch,
                             const struct watched *engine,
                             enum event_kind kind,
                             uint64_t at_ns)
{
    return (struct event){.recv_mono_ns = at_ns,
                          .stream = EVENT_NO_STREAM,
                          .connection = EVENT_NO_CONNECTION,
                          .kind = (uint8_t)kind,
                          .engine = {.engine = (uint16_t)(engine - watch->engines)}};
}

/* false: the ring is full; what is not told now is told at the next look. */
static bool tell(struct engine_watch *watch, const struct event *event)
{
    const bool taken = ring_push(watch->setup.to_judge, event);
    watch->pushed |= taken;
    return taken;
}

static void event_text(struct event *event, const char *text)
{
    memcpy(event->engine.text, text, strnlen(text, EVENT_TEXT_BYTES - 1U));
}

/* Of a name longer than fits, the end tells more: venue/SYMBOL/channel. */
static const char *tail_of(const char *name)
{
    const size_t length = strlen(name);
    return length < EVENT_TEXT_BYTES ? name : name + length - (EVENT_TEXT_BYTES - 1U);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static bool is_judged(enum flatline_engine_kind kind)
{
    return kind == FLATLINE_ENGINE_WORKER || kind == FLATLINE_ENGINE_STREAM ||
           kind == FLATLINE_ENGINE_ORDERS || kind == FLATLINE_ENGINE_GATE ||
           kind == FLATLINE_ENGINE_KEY;
}

static uint32_t stream_named(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (strcmp(config->streams[i].name, name) == 0) {
            return i;
        }
    }
    return EVENT_NO_STREAM;
}

static uint32_t gate_named(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->gate_count; i++) {
        if (strcmp(config->gates[i].name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool slot_tell(struct engine_watch *watch,
                      struct watched *engine,
                      const struct flatline_engine_slot_view *slot,
                      uint64_t at_ns)
{
    const struct config *config = watch->setup.config;
    struct told *told = &engine->told[engine->told_count];
    struct event event = event_of(watch, engine, EVENT_ENGINE_SLOT, at_ns);
    event.stream = stream_named(config, slot->name);
    event.engine.slot = (uint16_t)engine->told_count;
    event.engine.code = (uint32_t)slot->kind;
    event.engine.word =
        slot->kind == FLATLINE_ENGINE_GATE ? gate_named(config, slot->name) : slot->parameter;
    if (slot->kind == FLATLINE_ENGINE_WORKER &&
        (slot->parameter == 0 || slot->parameter > FLATLINE_ENGINE_INTERVAL_MAX_NS)) {
        event.engine.word = FLATLINE_ENGINE_INTERVAL_MAX_NS;
        count_relaxed(&watch->setup.words->engines.absurd, 1);
    }
    event_text(&event, tail_of(slot->name));
    if (slot->kind == FLATLINE_ENGINE_ORDERS && told->pairs == NULL) {
        told->pairs = calloc(ORDER_WORDS, sizeof(uint64_t));
        if (told->pairs == NULL) {
            return false;
        }
    }
    return tell(watch, &event);
}

/* Slots declared since the last look. Those beyond what the judge keeps are only shown. */
static bool slots_tell(struct engine_watch *watch, struct watched *engine, uint64_t at_ns)
{
    while (engine->seen_slots < flatline_engine_view_count(engine->view)) {
        struct flatline_engine_slot_view slot;
        if (flatline_engine_view_slot(engine->view, engine->seen_slots, &slot) != 0) {
            return false;
        }
        if (is_judged(slot.kind) && engine->told_count < ENGINE_SLOTS_MAX) {
            if (!slot_tell(watch, engine, &slot, at_ns)) {
                return false;
            }
            engine->told[engine->told_count].slot = engine->seen_slots;
            engine->told_count++;
        }
        engine->seen_slots++;
    }
    return true;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void absurd(struct engine_watch *watch)
{
    count_relaxed(&watch->setup.words->engines.absurd, 1);
}

/* A time that may be believed: neither ahead of the clock nor behind what was told before; else the
 * one before stands. */
static uint64_t
sane_time(struct engine_watch *watch, uint64_t time_ns, uint64_t before, uint64_t now)
{
    if (time_ns > now || time_ns < before) {
        absurd(watch);
        return before;
    }
    return time_ns;
}

struct look {
    struct engine_watch *watch;
    struct watched *engine;
    uint64_t began_ns; /* before anything was read: what the judge may rely on */
    uint64_t read_ns;  /* after: nothing read can be later */
};

/* Tells four words if they changed. */
static void words_tell(const struct look *look,
                       struct told *told,
                       enum event_kind kind,
                       const uint64_t words[4])
{
    if (memcmp(told->words, words, sizeof(told->words)) == 0) {
        return;
    }
    struct event event = event_of(look->watch, look->engine, kind, look->began_ns);
    event.engine.slot = (uint16_t)(told - look->engine->told);
    event.engine.word = words[0];
    memcpy(event.engine.more, &words[1], 3 * sizeof(uint64_t));
    if (tell(look->watch, &event)) {
        memcpy(told->words, words, sizeof(told->words));
    }
}

static void error_tell(const struct look *look,
                       const struct told *told,
                       const struct flatline_engine_worker *worker)
{
    char text[sizeof(worker->error_text)];
    memcpy(text, worker->error_text, sizeof(text));
    text[sizeof(text) - 1U] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
    struct event event = event_of(look->watch, look->engine, EVENT_ENGINE_ERROR, look->began_ns);
    event.engine.slot = (uint16_t)(told - look->engine->told);
    event_text(&event, text);
    (void)tell(look->watch, &event);
}

static void worker_look(const struct look *look, struct told *told, const void *record)
{
    const struct flatline_engine_worker *worker = record;
    uint64_t state = worker->state;
    if (state > FLATLINE_WORKER_PANICKED) {
        absurd(look->watch);
        state = told->words[1];
    }
    if (worker->errors != told->words[3]) {
        error_tell(look, told, worker); /* before the state that it explains */
    }
    const uint64_t words[4] = {
        sane_time(look->watch, worker->beat_mono_ns, told->words[0], look->read_ns),
        state,
        worker->restarts,
        worker->errors};
    words_tell(look, told, EVENT_ENGINE_WORKER, words);
}

/* An id may go back, where the venue begins anew; a torn one does not do so twice. */
static void echo_look(const struct look *look, struct told *told, const void *record)
{
    const struct flatline_engine_echo *echo = record;
    uint64_t words[4] = {echo->last_id,
                         sane_time(look->watch, echo->recv_mono_ns, told->words[1], look->read_ns)};
    if (echo->last_id < told->words[0] && echo->last_id != told->odd_id) {
        absurd(look->watch);
        words[0] = told->words[0];
    }
    told->odd_id = echo->last_id;
    words_tell(look, told, EVENT_ENGINE_ECHO, words);
}

static void gate_look(const struct look *look, struct told *told, const void *record)
{
    const struct flatline_engine_gate *gate = record;
    const uint64_t words[4] = {
        gate->quoting != 0,
        sane_time(look->watch, gate->seen_closed_mono_ns, told->words[1], look->read_ns),
        sane_time(look->watch, gate->pulled_mono_ns, told->words[2], look->read_ns),
        sane_time(look->watch, gate->seen_open_mono_ns, told->words[3], look->read_ns)};
    words_tell(look, told, EVENT_ENGINE_GATE, words);
}

static void key_look(const struct look *look, struct told *told, const void *record)
{
    const struct flatline_engine_key *key = record;
    const uint64_t words[4] = {
        sane_time(look->watch, key->extended_mono_ns, told->words[0], look->read_ns),
        key->failures,
        key->fingerprint,
        sane_time(look->watch, key->proven_mono_ns, told->words[3], look->read_ns)};
    words_tell(look, told, EVENT_ENGINE_KEY, words);
}

static void orders_look(const struct look *look, struct told *told, const void *record)
{
    const struct flatline_engine_orders *orders = record;
    for (uint32_t i = 0; i < FLATLINE_ENGINE_PAIRS; i++) {
        uint64_t *sent = &told->pairs[i];
        uint64_t *seen = &told->pairs[FLATLINE_ENGINE_PAIRS + i];
        const uint64_t sent_ns =
            sane_time(look->watch, orders->sent_mono_ns[i], *sent, look->read_ns);
        const uint64_t seen_ns =
            sane_time(look->watch, orders->seen_mono_ns[i], *seen, look->read_ns);
        if (sent_ns == *sent && seen_ns == *seen) {
            continue;
        }
        struct event event =
            event_of(look->watch, look->engine, EVENT_ENGINE_ORDER, look->began_ns);
        event.engine.slot = (uint16_t)(told - look->engine->told);
        event.engine.code = i;
        event.engine.word = sent_ns;
        event.engine.more[0] = seen_ns;
        if (tell(look->watch, &event)) {
            *sent = sent_ns;
            *seen = seen_ns;
        }
    }
}

static void told_look(const struct look *look, struct told *told)
{
    struct flatline_engine_slot_view slot;
    if (flatline_engine_view_slot(look->engine->view, told->slot, &slot) != 0) {
        return;
    }
    if (slot.kind == FLATLINE_ENGINE_WORKER) {
        worker_look(look, told, slot.record);
    } else if (slot.kind == FLATLINE_ENGINE_STREAM) {
        echo_look(look, told, slot.record);
    } else if (slot.kind == FLATLINE_ENGINE_GATE) {
        gate_look(look, told, slot.record);
    } else if (slot.kind == FLATLINE_ENGINE_KEY) {
        key_look(look, told, slot.record);
    } else if (slot.kind == FLATLINE_ENGINE_ORDERS) {
        orders_look(look, told, slot.record);
    }
}

/* ---- one engine ------------------------------------------------------------------------------ */

static bool up_tell(struct engine_watch *watch, struct watched *engine, uint64_t at_ns)
{
    struct event event = event_of(watch, engine, EVENT_ENGINE_UP, at_ns);
    event_text(&event, flatline_engine_view_header(engine->view)->name);
    engine->is_known = engine->is_known || tell(watch, &event);
    return engine->is_known;
}

/* For the socket watch: whose connections to look for. */
static void pid_tell(const struct engine_watch *watch,
                     const struct watched *engine,
                     enum flatline_engine_life life)
{
    const bool is_here = life != FLATLINE_ENGINE_DEAD && life != FLATLINE_ENGINE_UNSEEN;
    const uint64_t pid = is_here ? flatline_engine_view_header(engine->view)->pid : 0;
    store_relaxed(&watch->setup.words->engines.pids[engine - watch->engines], pid);
}

static void engine_look(struct engine_watch *watch, struct watched *engine)
{
    struct look look = {.watch = watch, .engine = engine, .began_ns = clock_mono_ns()};
    /* Life before words: what a process wrote before it died is read after it died. */
    const enum flatline_engine_life life =
        flatline_engine_life(flatline_engine_view_header(engine->view));
    pid_tell(watch, engine, life);
    if (flatline_engine_view_read(engine->view) != 0) {
        count_relaxed(&watch->setup.words->engines.odd, 1);
        if (life != FLATLINE_ENGINE_DEAD) {
            return; /* a file that makes no sense says nothing of its engine: no verdict */
        }
    }
    look.read_ns = clock_mono_ns();
    if (!up_tell(watch, engine, look.began_ns) || !slots_tell(watch, engine, look.began_ns)) {
        return; /* the ring is full: no look's end, no verdict */
    }
    for (uint32_t i = 0; i < engine->told_count; i++) {
        told_look(&look, &engine->told[i]);
    }
    const struct flatline_engine_header *header = flatline_engine_view_header(engine->view);
    struct event event = event_of(watch, engine, EVENT_ENGINE_LOOKED, look.began_ns);
    event.engine.code = (uint32_t)life;
    event.engine.word = header->goodbye_mono_ns;
    event.engine.more[0] = header->pid;
    event.engine.more[1] = look.read_ns;
    const bool told = tell(watch, &event);
    engine->is_over = told && (header->goodbye_mono_ns != 0 || life == FLATLINE_ENGINE_DEAD);
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct watched *watched_find(struct engine_watch *watch, const char *file)
{
    struct watched *place = NULL;
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        struct watched *engine = &watch->engines[i];
        if (engine->view != NULL && strcmp(engine->file, file) == 0) {
            return engine;
        }
        if (engine->view == NULL && place == NULL) {
            place = engine;
        }
    }
    return place;
}

static void file_take(struct engine_watch *watch, const char *file)
{
    char path[PATH_MAX];
    struct watched *engine = watched_find(watch, file);
    if (engine == NULL || engine->view != NULL) {
        return; /* no room, or known */
    }
    (void)snprintf(path, sizeof(path), "%s/%s", watch->setup.config->segment_directory, file);
    struct flatline_engine_view *view;
    const int error = flatline_engine_view_open(path, &view);
    if (error != 0) {
        const bool counts = error != FLATLINE_E_NO_FILE && error != FLATLINE_E_NOT_READY;
        count_relaxed(&watch->setup.words->engines.odd, counts ? 1 : 0);
        return;
    }
    memset(engine, 0, sizeof(*engine));
    engine->view = view;
    (void)snprintf(engine->file, sizeof(engine->file), "%s", file);
}

/* A file that was removed or replaced: its engine left the stage. One that ended without goodbye
 * stays accused until then. */
static void files_drop(struct engine_watch *watch, uint64_t now_ns)
{
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        struct watched *engine = &watch->engines[i];
        if (engine->view == NULL || !flatline_engine_view_moved(engine->view)) {
            continue;
        }
        if (!engine->is_over) {
            engine_look(watch, engine); /* its last words */
        }
        const struct event event = event_of(watch, engine, EVENT_ENGINE_LEFT, now_ns);
        if (!engine->is_known || tell(watch, &event)) {
            store_relaxed(&watch->setup.words->engines.pids[i], 0);
            watched_free(engine);
        }
    }
}

static void files_scan(struct engine_watch *watch, uint64_t now_ns)
{
    const size_t prefix_bytes = strlen(watch->prefix);
    files_drop(watch, now_ns);
    DIR *folder = opendir(watch->setup.config->segment_directory);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *name = entry->d_name;
        /* a name holds no dot: what is still being made has one */
        if (strncmp(name, watch->prefix, prefix_bytes) == 0 && name[prefix_bytes] != '\0' &&
            strchr(name + prefix_bytes, '.') == NULL) {
            file_take(watch, name);
        }
    }
    (void)closedir(folder);
}

uint32_t engine_watch_pass(struct engine_watch *watch, uint64_t now_mono_ns)
{
    uint32_t count = 0;
    if (now_mono_ns >= watch->scan_due_ns) {
        watch->scan_due_ns = now_mono_ns + SCAN_EVERY_NS;
        files_scan(watch, now_mono_ns);
    }
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        struct watched *engine = &watch->engines[i];
        if (engine->view != NULL && !engine->is_over) {
            engine_look(watch, engine);
            count++;
        }
    }
    if (watch->pushed && watch->setup.config->wait == THREAD_BLOCK) {
        (void)wakeup_signal(&watch->setup.words->judge.asleep);
    }
    watch->pushed = false;
    store_relaxed(&watch->setup.words->engines.watched, count);
    count_relaxed(&watch->setup.words->engines.looks, count > 0);
    return count;
}

void *engine_watch_run(void *user)
{
    struct engine_watch *watch = user;
    while (load_acquire(&watch->setup.words->stop) ==
           0) { /* acquire: pairs with flatline_stop()'s release */
        const uint32_t count = engine_watch_pass(watch, clock_mono_ns());
        const struct timespec nap = {0, count > 0 ? LOOK_EVERY_NS : IDLE_NS};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    return NULL;
}
