/* SPDX-License-Identifier: MIT
 *
 * Three tables, all indexed from 0 in the order names appear: connections (found by a hash of the
 * id), streams (the codec's names table gives the index, and the detector's agrees), and the legs
 * between them, one bit each.
 */
#include "tools/replay_run.h"

#include "core/base.h"
#include "core/hist.h"
#include "tools/fault_table.h"
#include "tools/id_table.h"
#include "tools/replay_meta.h"
#include "tools/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HISTOGRAM_UNIT_NS NS_PER_US
#define HISTOGRAM_MAX_NS  (3600ULL * NS_PER_S)

struct connection {
    bool is_up;
    bool is_ours;    /* has delivered data or an answer of this venue */
    bool is_foreign; /* has delivered, but nothing of this venue */
    uint64_t opened_ns;
    uint64_t legs[REPLAY_STREAMS_MAX / 64]; /* streams it has carried */
};

struct stream {
    struct flatline_histogram *interarrival;
    struct flatline_histogram *lag;
    uint64_t lapses;
    uint64_t lapsed_ns;
    uint64_t lapsed_at_ns; /* 0 = not lapsed */
};

struct replay {
    const struct replay_options *options;
    struct replay_sink sink;
    struct replay_totals totals;
    struct codec codec;
    struct stage stage;

    struct id_table *ids; /* of the connections */
    struct connection *connections[REPLAY_CONNECTIONS_MAX];
    uint32_t connection_count;

    struct stream *streams;
    uint32_t stream_count;
    uint32_t stream_room;

    struct fault_table faults;

    struct replay_note *notes; /* wait for the next frame: the clock stops at the last one */
    uint32_t note_count;
    uint32_t note_room;
};

/* Makes room for one more record in an array. Returns it, or NULL with the old one untouched. */
static void *array_grow(void *array, uint32_t count, uint32_t *room, size_t record_bytes)
{
    if (count < *room) {
        return array;
    }
    const uint32_t wanted = *room == 0 ? 16 : *room * 2;
    void *grown = realloc(array, (size_t)wanted * record_bytes);
    if (grown != NULL) {
        *room = wanted;
    }
    return grown;
}

static int finding_take(void *context, const struct finding *finding);

/* ---- start and end --------------------------------------------------------------------------- */

static struct detector *detector_start(const struct replay_options *options)
{
    const struct detector_limits limits = {
        .streams_max = REPLAY_STREAMS_MAX,
        .connections_max = REPLAY_CONNECTIONS_MAX,
        .legs_max = REPLAY_LEGS_MAX,
    };
    struct detector_policy policy = detector_policy_default();
    if (options->config != NULL) {
        policy = options->config->policy;
    }
    policy.anchor_on_frames = true;
    return detector_create(&limits, &policy);
}

/* Where the configuration watches an account, its events are data; else nameless and ignored. */
static void user_stream_name(struct replay *replay)
{
    const struct config *config = replay->options->config;
    const enum flatline_venue venue = replay->options->venue;
    if (config != NULL && config->user_data.used && venue == FLATLINE_VENUE_BINANCE_USDM) {
        const struct span account = span_of(config->user_data.account);
        replay->codec.user_stream =
            names_intern(replay->codec.names, venue, account, span_of("user"));
    }
}

struct replay *replay_create(const struct replay_options *options, const struct replay_sink *sink)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        return NULL;
    }
    replay->options = options;
    replay->sink = *sink;
    replay->codec.venue = options->venue;
    replay->codec.open = true;
    replay->codec.user_stream = EVENT_NO_STREAM;
    replay->ids = id_table_create();
    replay->codec.names = names_create(REPLAY_STREAMS_MAX);
    replay->stage.take = finding_take;
    replay->stage.context = replay;
    const int staged = stage_begin(&replay->stage, detector_start(options), REPLAY_CONNECTIONS_MAX);
    if (replay->ids == NULL || replay->codec.names == NULL || staged != 0) {
        replay_destroy(replay);
        return NULL;
    }
    user_stream_name(replay);
    return replay;
}

void replay_destroy(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    for (uint32_t i = 0; i < replay->connection_count; i++) {
        free(replay->connections[i]);
    }
    for (uint32_t i = 0; i < replay->stream_count; i++) {
        free(replay->streams[i].interarrival);
        free(replay->streams[i].lag);
    }
    free(replay->streams);
    fault_table_free(&replay->faults);
    free(replay->notes);
    stage_end(&replay->stage);
    names_destroy(replay->codec.names);
    id_table_destroy(replay->ids);
    free(replay);
}

/* ---- findings -------------------------------------------------------------------------------- */

static const char *stream_name(const struct replay *replay, uint32_t stream)
{
    return stream == EVENT_NO_STREAM ? NULL : names_text(replay->codec.names, stream);
}

static void lapse_end(struct replay *replay, uint32_t index, uint64_t end_ns, bool renewed)
{
    struct stream *stream = &replay->streams[index];
    const uint64_t at_ns = stream->lapsed_at_ns;
    stream->lapsed_at_ns = 0;
    stream->lapsed_ns += end_ns > at_ns ? end_ns - at_ns : 0;
    replay->sink.lapse(
        replay->sink.context, stream_name(replay, index), at_ns, renewed ? end_ns : 0);
}

static void lapse_note(struct replay *replay, const struct finding *finding)
{
    flatline_assert(finding->stream < replay->stream_count);
    struct stream *stream = &replay->streams[finding->stream];
    if (finding->kind == FINDING_LAPSE) {
        stream->lapses++;
        stream->lapsed_at_ns = finding->at_ns;
    } else if (stream->lapsed_at_ns != 0) {
        lapse_end(replay, finding->stream, finding->at_ns, true);
    }
}

static void fault_report(struct replay *replay, const struct finding *fault)
{
    const bool has_connection = fault->connection < replay->connection_count;
    replay->sink.fault(replay->sink.context,
                       stream_name(replay, fault->stream),
                       has_connection ? id_table_text(replay->ids, fault->connection) : NULL,
                       fault);
}

static int finding_take(void *context, const struct finding *finding)
{
    struct replay *replay = context;
    struct finding fault;
    switch ((enum finding_kind)finding->kind) {
    case FINDING_LAPSE:
    case FINDING_RENEW:
        lapse_note(replay, finding);
        break;
    case FINDING_FAULT:
        return fault_table_open(&replay->faults, finding);
    case FINDING_UPDATE:
        fault_table_update(&replay->faults, finding);
        break;
    case FINDING_CLEAR:
        if (fault_table_clear(&replay->faults, finding, &fault)) {
            fault_report(replay, &fault);
        }
        break;
    case FINDING_REVOKE: /* the fault that revoked is reported itself */
        break;
    }
    return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Index of a connection, made known to the detector if new. Returns -ENOSPC, -ENOMEM. */
static int connection_find(struct replay *replay, struct span id, uint32_t route)
{
    const int index = id_table_index(replay->ids, id);
    if (index < 0 || (uint32_t)index < replay->connection_count) {
        return index;
    }
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return -ENOMEM;
    }
    replay->connections[replay->connection_count++] = connection;
    const int added = stage_add_connection(&replay->stage, replay->options->venue, route);
    flatline_assert(added == index);
    return index;
}

/* acks: how many the recorder awaited, 0 = it does not say. */
static int connection_open(struct replay *replay, uint32_t index, int32_t acks, uint64_t recv_ns)
{
    struct connection *connection = replay->connections[index];
    const uint16_t epoch = ++replay->stage.epochs[index];
    connection->is_up = true;
    connection->opened_ns = recv_ns;
    const struct event event = {
        .recv_mono_ns = recv_ns,
        .stream = EVENT_NO_STREAM,
        .connection = (uint16_t)index,
        .kind = EVENT_CONNECTION_UP,
        .link = {.code = acks, .epoch = epoch, .phase = LINK_OPEN},
    };
    return stage_apply(&replay->stage, &event);
}

static int connection_close(struct replay *replay, struct event *event)
{
    struct connection *connection = replay->connections[event->connection];
    if (!connection->is_up) {
        return 0;
    }
    connection->is_up = false;
    event->link.epoch = replay->stage.epochs[event->connection];
    event->link.value = event->recv_mono_ns - connection->opened_ns;
    return stage_apply(&replay->stage, event);
}

/* It speaks, and it is one of this venue's: if no opening was noted, it is open since now. */
static int connection_speaks(struct replay *replay, uint32_t index, uint64_t recv_ns)
{
    struct connection *connection = replay->connections[index];
    connection->is_ours = true;
    connection->is_foreign = false;
    return !connection->is_up && recv_ns != 0 ? connection_open(replay, index, 0, recv_ns) : 0;
}

/* It speaks another venue's language: a recording may hold several. Nothing is expected of it. */
static int connection_babbles(struct replay *replay, uint32_t index, uint64_t recv_ns)
{
    struct connection *connection = replay->connections[index];
    if (connection->is_ours || connection->is_foreign) {
        return 0;
    }
    connection->is_foreign = true;
    struct event event = {
        .recv_mono_ns = recv_ns,
        .stream = EVENT_NO_STREAM,
        .connection = (uint16_t)index,
        .kind = EVENT_CONNECTION_DOWN,
        .link = {.how = LINK_END_LOCAL, .phase = LINK_OPEN},
    };
    return connection_close(replay, &event);
}

/* ---- streams --------------------------------------------------------------------------------- */

static struct flatline_histogram *histogram_create(void)
{
    struct flatline_histogram *hist =
        calloc(1, hist_size_bytes(HIST_BITS_TWO_DIGITS, HISTOGRAM_UNIT_NS, HISTOGRAM_MAX_NS));
    if (hist != NULL) {
        hist_init(hist, HIST_BITS_TWO_DIGITS, HISTOGRAM_UNIT_NS, HISTOGRAM_MAX_NS);
    }
    return hist;
}

/* The venue's rules for a name, with the file's or the caller's policy laid over them. */
static void traits_fill(const struct replay *replay, const char *name, struct stream_traits *traits)
{
    enum flatline_venue venue = replay->options->venue;
    struct span symbol = {0};
    struct span channel = {0};
    flatline_assert(names_split(name, &venue, &symbol, &channel));
    channel_traits(venue, symbol, channel, traits);
    const struct config *config = replay->options->config;
    for (uint32_t i = 0; config != NULL && i < config->stream_count; i++) {
        if (strcmp(config->streams[i].name, name) == 0) {
            *traits = config->streams[i].traits;
        }
    }
    if (replay->options->stale_after_ns != 0) {
        traits->stale_after_ns = replay->options->stale_after_ns;
    }
}

static int stream_add(struct replay *replay)
{
    void *streams = array_grow(
        replay->streams, replay->stream_count, &replay->stream_room, sizeof(*replay->streams));
    if (streams == NULL) {
        return -ENOMEM;
    }
    replay->streams = streams;
    struct stream *stream = &replay->streams[replay->stream_count];
    *stream = (struct stream){.interarrival = histogram_create(), .lag = histogram_create()};
    struct stream_traits traits;
    traits_fill(replay, names_text(replay->codec.names, replay->stream_count), &traits);
    replay->stream_count++; /* from here replay_destroy() frees the histograms */
    if (stream->interarrival == NULL || stream->lag == NULL) {
        return -ENOMEM;
    }
    const int index = detector_add_stream(replay->stage.detector, &traits);
    flatline_assert(index < 0 || (uint32_t)index == replay->stream_count - 1);
    return index < 0 ? index : 0;
}

/* Tells the detector of names the codec has just met, and that this connection is a leg. */
static int names_follow(struct replay *replay, uint32_t stream, uint16_t connection)
{
    while (UNLIKELY(replay->stream_count < names_count(replay->codec.names))) {
        const int status = stream_add(replay);
        if (status < 0) {
            return status;
        }
    }
    flatline_assert(stream < replay->stream_count);
    uint64_t *legs = &replay->connections[connection]->legs[stream / 64];
    const uint64_t leg = 1ULL << (stream % 64);
    if (LIKELY((*legs & leg) != 0)) {
        return 0;
    }
    *legs |= leg;
    const int index = detector_add_leg(replay->stage.detector, stream, connection);
    return index < 0 ? index : 0;
}

static void sample_record(struct replay *replay, uint32_t stream)
{
    const struct detector_sample sample = detector_last_sample(replay->stage.detector);
    if (sample.has_interarrival) {
        hist_record(replay->streams[stream].interarrival, sample.interarrival_ns);
    }
    if (sample.has_lag) {
        hist_record(replay->streams[stream].lag, sample.excess_lag_ns);
    }
}

/* ---- notes of the recorder ------------------------------------------------------------------- */

/* Fills in what only the replay knows, and applies it. */
static int note_apply(struct replay *replay, struct event *event)
{
    event->recv_mono_ns =
        event->recv_mono_ns > replay->stage.clock_ns ? event->recv_mono_ns : replay->stage.clock_ns;
    if (event->kind == EVENT_CONNECTION_UP) {
        const bool is_foreign = replay->connections[event->connection]->is_foreign;
        return is_foreign ? 0
                          : connection_open(
                                replay, event->connection, event->link.code, event->recv_mono_ns);
    }
    if (event->kind == EVENT_CONNECTION_DOWN) {
        return connection_close(replay, event);
    }
    return stage_apply(&replay->stage, event);
}

/* Before a frame, the clock passes over each note first; after the last frame it stands. A
 * stall is judged from its start: the silence inside it was our own. */
static int notes_apply(struct replay *replay, bool clock_runs)
{
    int status = 0;
    for (uint32_t i = 0; i < replay->note_count && status == 0; i++) {
        struct event *event = &replay->notes[i].event;
        const bool is_stall = event->kind == EVENT_SELF_STALL;
        if (clock_runs) {
            status =
                stage_advance(&replay->stage, is_stall ? event->note.value : event->recv_mono_ns);
        }
        if (status == 0) {
            status = note_apply(replay, event);
        }
    }
    replay->note_count = 0;
    return status;
}

/* The streams an opening names are legs from then on, delivered or not. One of another venue says
 * that the whole connection is that venue's. */
static int streams_follow(struct replay *replay, const struct replay_note *note)
{
    struct replay_names names = replay_names_start(note);
    char name[JSON_TEXT_BYTES_MAX];
    int status = 0;
    while (status == 0 && replay_names_next(&names, name)) {
        enum flatline_venue venue;
        struct span symbol;
        struct span channel;
        if (!names_split(name, &venue, &symbol, &channel)) {
            continue;
        }
        if (venue != replay->options->venue) {
            replay->connections[note->event.connection]->is_foreign = true;
            return 0;
        }
        const uint32_t stream = names_intern(replay->codec.names, venue, symbol, channel);
        status =
            stream == NAMES_NONE ? -ENOSPC : names_follow(replay, stream, note->event.connection);
    }
    return status;
}

static int note_keep(struct replay *replay, const struct capture_line *line)
{
    struct replay_note note;
    replay->totals.notes++;
    if (!replay_meta_parse(line, &note) || replay->note_count == REPLAY_NOTES_MAX) {
        replay->totals.notes_refused++;
        return 0;
    }
    if (note.event.kind != EVENT_SELF_STALL) {
        const int connection = connection_find(replay, line->connection, note.route);
        if (connection < 0) {
            return connection;
        }
        note.event.connection = (uint16_t)connection;
        const int status = streams_follow(replay, &note);
        if (status < 0) {
            return status;
        }
    }
    void *notes = array_grow(replay->notes, replay->note_count, &replay->note_room, sizeof(note));
    if (notes == NULL) {
        return -ENOMEM;
    }
    replay->notes = notes;
    replay->notes[replay->note_count++] = note;
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* The frame's own time on the clock: never back, 0 where it has none. */
static int frame_clock(struct replay *replay, uint64_t recv_ns, uint64_t *ret_now_ns)
{
    *ret_now_ns = recv_ns;
    if (recv_ns == 0) {
        return 0;
    }
    if (recv_ns < replay->stage.clock_ns) {
        replay->totals.time_clamped++;
        *ret_now_ns = replay->stage.clock_ns;
    }
    struct replay_totals *totals = &replay->totals;
    totals->first_ns = totals->first_ns == 0 ? *ret_now_ns : totals->first_ns;
    totals->last_ns = *ret_now_ns;
    return stage_advance(&replay->stage, *ret_now_ns);
}

static int event_judge(struct replay *replay, const struct event *event)
{
    int status = connection_speaks(replay, event->connection, event->recv_mono_ns);
    if (status == 0 && event->kind == EVENT_DATA) {
        status = names_follow(replay, event->stream, event->connection);
    }
    if (status == 0) {
        status = stage_apply(&replay->stage, event);
    }
    if (status == 0 && event->kind == EVENT_DATA) {
        sample_record(replay, event->stream);
    }
    return status;
}

static int frame_judge(struct replay *replay, struct span frame, struct event *event)
{
    switch (codec_decode(&replay->codec, frame, event)) {
    case CODEC_DATA:
        replay->totals.data++;
        return event_judge(replay, event);
    case CODEC_CONTROL:
        replay->totals.control++;
        return event_judge(replay, event);
    case CODEC_IGNORED:
        replay->totals.ignored++;
        if (names_count(replay->codec.names) == REPLAY_STREAMS_MAX) {
            return -ENOSPC;
        }
        return connection_babbles(replay, event->connection, event->recv_mono_ns);
    case CODEC_MALFORMED:
        replay->totals.malformed++;
        break;
    }
    return 0;
}

static int frame_apply(struct replay *replay, const struct capture_line *line)
{
    replay->totals.frames++;
    struct event event = {.stream = EVENT_NO_STREAM};
    const int status = frame_clock(replay, line->recv_unix_ns, &event.recv_mono_ns);
    if (status < 0) {
        return status;
    }
    const int connection = connection_find(replay, line->connection, 0);
    if (connection < 0) {
        return connection;
    }
    event.connection = (uint16_t)connection;
    return frame_judge(replay, line->frame, &event);
}

int replay_line(struct replay *replay, const struct capture_line *line)
{
    switch (line->kind) {
    case CAPTURE_REST:
        break;
    case CAPTURE_META:
        return note_keep(replay, line);
    case CAPTURE_BAD:
        replay->totals.frames++;
        replay->totals.malformed++;
        break;
    case CAPTURE_FRAME: {
        const int status = notes_apply(replay, true);
        return status < 0 ? status : frame_apply(replay, line);
    }
    }
    return 0;
}

void replay_finish(struct replay *replay)
{
    const uint64_t end_ns = replay->totals.last_ns;
    (void)notes_apply(replay, false);
    for (uint32_t i = 0; i < replay->stream_count; i++) {
        if (replay->streams[i].lapsed_at_ns != 0) {
            lapse_end(replay, i, end_ns, false);
        }
    }
    const struct finding *fault;
    for (uint32_t cursor = 0; (fault = fault_table_next(&replay->faults, &cursor)) != NULL;) {
        fault_report(replay, fault);
    }
    replay->totals.findings_lost = detector_totals(replay->stage.detector).findings_lost;
}

/* ---- reading it ------------------------------------------------------------------------------ */

const struct replay_totals *replay_totals(const struct replay *replay)
{
    return &replay->totals;
}

uint32_t replay_stream_count(const struct replay *replay)
{
    return replay->stream_count;
}

struct replay_stream replay_stream(const struct replay *replay, uint32_t index)
{
    flatline_assert(index < replay->stream_count);
    const struct stream *stream = &replay->streams[index];
    return (struct replay_stream){
        .name = names_text(replay->codec.names, index),
        .view = detector_stream(replay->stage.detector, index),
        .interarrival = stream->interarrival,
        .lag = stream->lag,
        .lapses = stream->lapses,
        .lapsed_ns = stream->lapsed_ns,
    };
}
