/* SPDX-License-Identifier: MIT
 *
 * sentinel.c - flatline_start() and flatline_stop(): allocates everything, wires the rooms, starts the
 * threads. After it nothing on the hot threads allocates.
 */
#include "flatline/sentinel.h"

#include "core/clock.h"
#include "core/detector.h"
#include "core/publisher.h"
#include "feeds/names.h"
#include "sentinel/control.h"
#include "sentinel/engine_watch.h"
#include "sentinel/ingest.h"
#include "sentinel/judge.h"
#include "sentinel/plan.h"
#include "sentinel/recorder.h"
#include "sentinel/segment_plan.h"
#include "sentinel/socket_watch.h"
#include "sentinel/takeover.h"
#include "sentinel/thread.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_RING_EVENTS 1024U
#define ORDERS_PER_SLOT     4U /* adopt, retire, keep, close: then ingest must answer first */
#define NOTICE_RING_EVENTS  256U
#define ENGINE_RING_EVENTS  4096U
#define SOCKET_RING_EVENTS  4096U
#define BEAT_MAX_NS         (250U * NS_PER_MS)

enum part {
    PART_INGEST,
    PART_JUDGE,
    PART_CONTROL,
    PART_ENGINES,
    PART_RECORDER,
    PART_SOCKETS,
    PART_COUNT
};

struct flatline_sentinel {
    struct ring ingest_ring;  /* ingest -> judge */
    struct ring control_ring; /* control -> judge */
    struct ring notice_ring;  /* ingest -> control */
    struct ring engine_ring;  /* engine watch -> judge */
    struct ring socket_ring;  /* socket watch -> judge */
    struct handover_queue orders;
    struct handover_queue ended;
    struct words words;
    struct advice_queue advice;    /* control -> judge */
    struct silence_queue silences; /* judge -> control */
    struct text_queue log;
    struct text_queue record_log;
    struct record_ring record_ring; /* ingest -> recorder; no bytes: nothing is recorded */
    struct text_queue errors;
    struct config *config;
    struct plan *plan;
    struct names *names;
    struct detector *detector;
    struct publisher *publisher;
    struct ingest *ingest;
    struct judge *judge;
    struct control *control;
    struct engine_watch *engine_watch;
    struct recorder *recorder; /* NULL: nothing is recorded */
    struct socket_watch *socket_watch;
    struct takeover *takeover; /* while we are a successor; else NULL */
    pthread_t threads[PART_COUNT];
    bool started[PART_COUNT];
};

static int fail(char *error_text, size_t error_text_bytes, int result, const char *what)
{
    if (error_text_bytes > 0 && error_text[0] == '\0') {
        (void)snprintf(error_text, error_text_bytes, "%s: %s", what, strerror(-result));
    }
    return result;
}

static int ring_make(struct ring *ring, uint64_t capacity)
{
    struct event *slots = aligned_alloc(FLATLINE_LINE_BYTES, (size_t)capacity * sizeof(*slots));
    if (slots == NULL) {
        return -ENOMEM;
    }
    memset(
        slots, 0, (size_t)capacity * sizeof(*slots)); /* touched now, not under the first burst */
    ring_init(ring, slots, capacity);
    return 0;
}

/* Touched now: a page fault under the first burst would be ingest's. */
static int record_ring_make(struct flatline_sentinel *sentinel)
{
    struct record_ring *ring = &sentinel->record_ring;
    if (sentinel->config->record_file == NULL) {
        return 0;
    }
    ring->capacity = FLATLINE_LINE_BYTES;
    while (ring->capacity < sentinel->config->record_buffer_bytes) {
        ring->capacity *= 2;
    }
    ring->bytes = aligned_alloc(FLATLINE_LINE_BYTES, (size_t)ring->capacity);
    if (ring->bytes == NULL) {
        return -ENOMEM;
    }
    memset(ring->bytes, 0, (size_t)ring->capacity);
    return 0;
}

static int queue_make(struct handover_queue *queue, uint64_t least)
{
    uint64_t capacity = 2;
    while (capacity < least) {
        capacity *= 2;
    }
    queue->slots = calloc((size_t)capacity, sizeof(*queue->slots));
    queue->mask = capacity - 1;
    return queue->slots != NULL ? 0 : -ENOMEM;
}

static void *lines_alloc(size_t count, size_t size_bytes)
{
    const size_t whole = ((count + 1U) * size_bytes + FLATLINE_LINE_BYTES - 1U) &
                         ~(size_t)(FLATLINE_LINE_BYTES - 1U);
    void *memory = aligned_alloc(FLATLINE_LINE_BYTES, whole);
    if (memory != NULL) {
        memset(memory, 0, whole);
    }
    return memory;
}

/* Rings, queues and shared words. */
static int memory_make(struct flatline_sentinel *sentinel)
{
    struct words *words = &sentinel->words;
    const uint32_t slots = plan_slot_count(sentinel->plan);
    words->slot_count = slots;
    words->watermarks = lines_alloc(slots, sizeof(*words->watermarks));
    words->slots = lines_alloc(slots, sizeof(*words->slots));
    words->dials = lines_alloc(slots, sizeof(*words->dials));
    words->judge.next_deadline_mono_ns = DETECTOR_NEVER;
    if (words->watermarks == NULL || words->slots == NULL || words->dials == NULL) {
        return -ENOMEM;
    }
    int result = ring_make(&sentinel->ingest_ring, sentinel->config->ring_events);
    if (result == 0) {
        result = ring_make(&sentinel->control_ring, CONTROL_RING_EVENTS);
    }
    if (result == 0) {
        result = ring_make(&sentinel->notice_ring, NOTICE_RING_EVENTS);
    }
    if (result == 0) {
        result = ring_make(&sentinel->engine_ring, ENGINE_RING_EVENTS);
    }
    if (result == 0) {
        result = ring_make(&sentinel->socket_ring, SOCKET_RING_EVENTS);
    }
    if (result == 0) {
        result = record_ring_make(sentinel);
    }
    if (result == 0) {
        result = queue_make(&sentinel->orders, ORDERS_PER_SLOT * (uint64_t)slots);
    }
    return result != 0 ? result : queue_make(&sentinel->ended, slots);
}

static int names_make(struct flatline_sentinel *sentinel)
{
    const struct config *config = sentinel->config;
    sentinel->names = names_create(config->stream_count);
    if (sentinel->names == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->stream_count; i++) {
        enum flatline_venue venue;
        struct span symbol;
        struct span channel;
        if (!names_split(config->streams[i].name, &venue, &symbol, &channel) ||
            names_intern(sentinel->names, venue, symbol, channel) != i) {
            /* the configuration has no duplicates, so the table's order is its order */
            return -EINVAL;
        }
    }
    return 0;
}

static int detector_make(struct flatline_sentinel *sentinel)
{
    const struct config *config = sentinel->config;
    const struct plan *plan = sentinel->plan;
    const struct detector_limits limits = {.streams_max = config->stream_count,
                                           .connections_max = plan_slot_count(plan),
                                           .legs_max = plan->leg_count,
                                           .engines_max = ENGINE_WATCH_MAX,
                                           .compares_twins = plan->has_twins,
                                           .gates_max = config->gate_count,
                                           .sockets_max = SOCKET_PLACES};
    struct detector_policy policy = config->policy;
    policy.self_stall_after_ns = config->self_stall_after_ns;
    sentinel->detector = detector_create(&limits, &policy);
    if (sentinel->detector == NULL) {
        return -ENOMEM;
    }
    int result = 0;
    for (uint32_t i = 0; result >= 0 && i < config->stream_count; i++) {
        result = detector_add_stream(sentinel->detector, &config->streams[i].traits);
    }
    for (uint32_t slot = 0; result >= 0 && slot < plan_slot_count(plan); slot++) {
        const struct plan_line *line = &plan->lines[plan_line_of(slot)];
        result = detector_add_connection(sentinel->detector, line->venue, line->route);
        if (result >= 0) {
            detector_set_pings(sentinel->detector,
                               slot,
                               venue_facts(line->venue)->server_ping_ns,
                               config->venues[line->venue].ping_interval_ns);
        }
        if (result >= 0 && plan_is_spare(slot)) {
            detector_mark_spare(sentinel->detector, slot, plan_first_of(slot));
        }
        for (uint32_t k = 0; result >= 0 && k < line->stream_count; k++) {
            result = detector_add_leg(sentinel->detector, line->streams[k], slot);
        }
    }
    for (uint32_t i = 0; result >= 0 && i < config->gate_count; i++) {
        result = detector_add_gate(sentinel->detector,
                                   config->gates[i].members,
                                   config->gates[i].member_count,
                                   config->gates[i].both);
    }
    return result < 0 ? result : 0;
}

static int
publisher_make(struct flatline_sentinel *sentinel, char *error_text, size_t error_text_bytes)
{
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    struct segment_plan *segment = NULL;
    int result = segment_plan_create(sentinel->config, sentinel->plan, &segment);
    if (result == 0 && sentinel->takeover == NULL) {
        result = publisher_create(segment_plan_wanted(segment), &sentinel->publisher, why);
    } else if (result == 0) {
        const uint64_t epoch = takeover_terms(sentinel->takeover)->epoch + 1;
        result =
            publisher_create_next(segment_plan_wanted(segment), epoch, &sentinel->publisher, why);
    }
    segment_plan_destroy(segment);
    if (result != 0 && why[0] != '\0' && error_text_bytes > 0) {
        (void)snprintf(error_text, error_text_bytes, "%s", why);
    }
    return result;
}

static void poke_ingest(void *user)
{
    ingest_poke(user);
}

static void arm_ingest(void *user, uint64_t deadline_mono_ns)
{
    ingest_arm(user, deadline_mono_ns);
}

static int ingest_make(struct flatline_sentinel *sentinel)
{
    const struct ingest_setup setup = {
        .config = sentinel->config,
        .plan = sentinel->plan,
        .names = sentinel->names,
        .to_judge = &sentinel->ingest_ring,
        .to_control = &sentinel->notice_ring,
        .orders = &sentinel->orders,
        .ended = &sentinel->ended,
        .record = sentinel->record_ring.bytes != NULL ? &sentinel->record_ring : NULL,
        .words = &sentinel->words};
    return ingest_create(&setup, &sentinel->ingest);
}

static int judge_make(struct flatline_sentinel *sentinel)
{
    const struct judge_setup setup = {.config = sentinel->config,
                                      .detector = sentinel->detector,
                                      .publisher = sentinel->publisher,
                                      .from_ingest = &sentinel->ingest_ring,
                                      .from_control = &sentinel->control_ring,
                                      .from_engines = &sentinel->engine_ring,
                                      .from_sockets = &sentinel->socket_ring,
                                      .advice = &sentinel->advice,
                                      .silences = &sentinel->silences,
                                      .errors = &sentinel->errors,
                                      .words = &sentinel->words,
                                      .arm = arm_ingest,
                                      .arm_user = sentinel->ingest};
    return judge_create(&setup, &sentinel->judge);
}

static int
control_make(struct flatline_sentinel *sentinel, char *error_text, size_t error_text_bytes)
{
    const struct control_setup setup = {
        .config = sentinel->config,
        .plan = sentinel->plan,
        .to_judge = &sentinel->control_ring,
        .from_ingest = &sentinel->notice_ring,
        .orders = &sentinel->orders,
        .ended = &sentinel->ended,
        .advice = &sentinel->advice,
        .silences = &sentinel->silences,
        .log = &sentinel->log,
        .errors = &sentinel->errors,
        .words = &sentinel->words,
        .publisher = sentinel->publisher,
        .terms = sentinel->takeover != NULL ? takeover_terms(sentinel->takeover) : NULL,
        .poke_ingest = poke_ingest,
        .poke_user = sentinel->ingest};
    return control_create(&setup, &sentinel->control, error_text, error_text_bytes);
}

static int
recorder_make(struct flatline_sentinel *sentinel, char *error_text, size_t error_text_bytes)
{
    const struct recorder_setup setup = {.config = sentinel->config,
                                         .plan = sentinel->plan,
                                         .ring = &sentinel->record_ring,
                                         .log = &sentinel->record_log,
                                         .words = &sentinel->words};
    return sentinel->config->record_file == NULL
               ? 0
               : recorder_create(&setup, &sentinel->recorder, error_text, error_text_bytes);
}

/* In the order of dependence. The segment comes last: it is the first thing anybody else sees. */
static int rooms_make(struct flatline_sentinel *sentinel,
                      bool takes_over,
                      char *error_text,
                      size_t error_text_bytes)
{
    int result = plan_create(sentinel->config, &sentinel->plan, error_text, error_text_bytes);
    if (result == 0 && takes_over) {
        result = takeover_begin(
            sentinel->config, sentinel->plan, &sentinel->takeover, error_text, error_text_bytes);
    }
    if (result == 0) {
        result = memory_make(sentinel);
    }
    if (result == 0) {
        result = names_make(sentinel);
    }
    if (result == 0) {
        result = detector_make(sentinel);
    }
    if (result == 0) {
        result = ingest_make(sentinel);
    }
    if (result == 0) {
        result = recorder_make(sentinel, error_text, error_text_bytes);
    }
    if (result == 0) {
        /* before control: who is locked out makes no TLS contexts, of which libwebsockets 4.1.6 loses
         * one when two of its own live in one process */
        result = publisher_make(sentinel, error_text, error_text_bytes);
    }
    if (result == 0) {
        result = control_make(sentinel, error_text, error_text_bytes);
    }
    if (result == 0) {
        control_recall_silences(sentinel->control, sentinel->detector);
    }
    if (result == 0) {
        result = judge_make(sentinel);
    }
    if (result == 0) {
        const struct engine_watch_setup setup = {.config = sentinel->config,
                                                 .to_judge = &sentinel->engine_ring,
                                                 .words = &sentinel->words};
        result = engine_watch_create(&setup, &sentinel->engine_watch);
    }
    if (result == 0) {
        const struct socket_watch_setup setup = {.config = sentinel->config,
                                                 .plan = sentinel->plan,
                                                 .to_judge = &sentinel->socket_ring,
                                                 .words = &sentinel->words};
        result = socket_watch_create(&setup, &sentinel->socket_watch);
    }
    if (result == 0 && !takes_over) {
        result = control_listen(sentinel->control, error_text, error_text_bytes);
    }
    return result != 0 ? fail(error_text, error_text_bytes, result, "cannot start") : 0;
}

static int
threads_start(struct flatline_sentinel *sentinel, char *error_text, size_t error_text_bytes)
{
    const struct {
        const char *name;
        int cpu;
        void *(*body)(void *);
        void *user;
    } parts[PART_COUNT] = {
        [PART_INGEST] = {"fl-ingest", sentinel->config->ingest_cpu, ingest_run, sentinel->ingest},
        [PART_JUDGE] = {"fl-judge", sentinel->config->judge_cpu, judge_run, sentinel->judge},
        [PART_CONTROL] = {"fl-control", THREAD_ANY_CPU, control_run, sentinel->control},
        [PART_ENGINES] = {"fl-engines", THREAD_ANY_CPU, engine_watch_run, sentinel->engine_watch},
        [PART_SOCKETS] = {"fl-sockets", THREAD_ANY_CPU, socket_watch_run, sentinel->socket_watch},
        [PART_RECORDER] = {"fl-record", THREAD_ANY_CPU, recorder_run, sentinel->recorder}};

    for (size_t i = 0; i < PART_COUNT; i++) {
        if (parts[i].user == NULL) {
            continue; /* nothing is recorded */
        }
        const int result = thread_start(
            &sentinel->threads[i], parts[i].name, parts[i].cpu, parts[i].body, parts[i].user);
        if (result == -EINVAL && error_text_bytes > 0) {
            (void)snprintf(
                error_text, error_text_bytes, "%s: no CPU %d here", parts[i].name, parts[i].cpu);
        }
        if (result != 0) {
            return fail(error_text, error_text_bytes, result, parts[i].name);
        }
        sentinel->started[i] = true;
    }
    return 0;
}

/* What the caller asks for over what the file says. */
static int options_lay(struct config *config, const struct flatline_start_options *options)
{
    if (options == NULL || options->record_file == NULL) {
        return 0;
    }
    free(config->record_file);
    config->record_file = strdup(options->record_file);
    return config->record_file != NULL ? 0 : -ENOMEM;
}

int flatline_start(const char *config_path,
                   struct flatline_sentinel **ret_sentinel,
                   char *error_text,
                   size_t error_text_bytes)
{
    return flatline_start_with(config_path, NULL, ret_sentinel, error_text, error_text_bytes);
}

int flatline_start_with(const char *config_path,
                        const struct flatline_start_options *options,
                        struct flatline_sentinel **ret_sentinel,
                        char *error_text,
                        size_t error_text_bytes)
{
    char unwanted[1];
    const uint64_t within_ns = options != NULL ? options->take_over_within_ns : 0;
    if (config_path == NULL || ret_sentinel == NULL || within_ns > TAKEOVER_WITHIN_MAX_NS) {
        return -EINVAL;
    }
    if (error_text == NULL) {
        error_text = unwanted;
        error_text_bytes = 0;
    } else if (error_text_bytes > 0) {
        error_text[0] = '\0';
    }
    struct flatline_sentinel *sentinel = lines_alloc(1, sizeof(*sentinel));
    if (sentinel == NULL) {
        return fail(error_text, error_text_bytes, -ENOMEM, "cannot start");
    }
    int result = config_load(config_path, &sentinel->config, error_text, error_text_bytes);
    if (result == 0) {
        result = options_lay(sentinel->config, options);
    }
    if (result == 0) {
        result = rooms_make(sentinel, within_ns > 0, error_text, error_text_bytes);
    }
    if (result == 0) {
        result = threads_start(sentinel, error_text, error_text_bytes);
    }
    if (result != 0) {
        flatline_stop(sentinel);
        return result;
    }
    if (sentinel->takeover != NULL) {
        takeover_arm(sentinel->takeover, sentinel->publisher, sentinel->control, within_ns);
    }
    *ret_sentinel = sentinel;
    return 0;
}

int flatline_take_over_step(struct flatline_sentinel *sentinel,
                            char *error_text,
                            size_t error_text_bytes)
{
    if (sentinel->takeover == NULL) {
        return 0;
    }
    if (error_text_bytes > 0) {
        error_text[0] = '\0';
    }
    const int result = takeover_step(sentinel->takeover, error_text, error_text_bytes);
    if (result == 0) {
        takeover_end(sentinel->takeover);
        sentinel->takeover = NULL;
    }
    return result;
}

bool flatline_superseded(const struct flatline_sentinel *sentinel)
{
    return publisher_is_over(sentinel->publisher, clock_mono_ns());
}

bool flatline_lost(const struct flatline_sentinel *sentinel)
{
    return load_acquire(&sentinel->words.control.lost) != 0; /* ORDER segment.lost, acquire */
}

static void threads_stop(struct flatline_sentinel *sentinel)
{
    store_release(&sentinel->words.stop, 1); /* pairs with the acquire in the five loops */
    if (sentinel->ingest != NULL) {
        ingest_poke(sentinel->ingest);
    }
    if (sentinel->control != NULL) {
        control_poke(sentinel->control);
    }
    (void)wakeup_signal(&sentinel->words.judge.asleep);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (sentinel->started[i]) {
            (void)pthread_join(sentinel->threads[i], NULL);
        }
    }
}

void flatline_stop(struct flatline_sentinel *sentinel)
{
    if (sentinel == NULL) {
        return;
    }
    threads_stop(sentinel);
    publisher_destroy(sentinel->publisher); /* first: readers learn at once */
    if (sentinel->started[PART_JUDGE]) {
        control_keep_silences(sentinel->control, sentinel->detector);
    }
    takeover_end(sentinel->takeover); /* then the one we wanted to follow, if we still do */
    judge_destroy(sentinel->judge);
    engine_watch_destroy(sentinel->engine_watch);
    socket_watch_destroy(sentinel->socket_watch);
    ingest_destroy(sentinel->ingest); /* says goodbye on the open connections */
    recorder_destroy(sentinel->recorder);
    control_destroy(sentinel->control); /* frees the trust stores: after every connection */
    detector_destroy(sentinel->detector);
    names_destroy(sentinel->names);
    plan_destroy(sentinel->plan);
    config_free(sentinel->config);
    free(sentinel->ingest_ring.slots);
    free(sentinel->control_ring.slots);
    free(sentinel->notice_ring.slots);
    free(sentinel->engine_ring.slots);
    free(sentinel->record_ring.bytes);
    free(sentinel->socket_ring.slots);
    free(sentinel->orders.slots);
    free(sentinel->ended.slots);
    free(sentinel->words.watermarks);
    free(sentinel->words.slots);
    free(sentinel->words.dials);
    free(sentinel);
}

bool flatline_beats(const struct flatline_sentinel *sentinel)
{
    const uint64_t ingest =
        load_acquire(&sentinel->words.ingest.pass_mono_ns); /* pairs with pass_publish() */
    const uint64_t judge =
        load_acquire(&sentinel->words.judge.beat_mono_ns); /* pairs with house_keep() */
    const uint64_t now = clock_mono_ns();
    return now - ingest < BEAT_MAX_NS && now - judge < BEAT_MAX_NS;
}

bool flatline_take_log(struct flatline_sentinel *sentinel, char *text, size_t text_bytes)
{
    return text_queue_take(&sentinel->log, text, text_bytes) ||
           text_queue_take(&sentinel->record_log, text, text_bytes);
}
