/* SPDX-License-Identifier: MIT */
#include "venue/replay.h"

#include "core/base.h"
#include "venue/capture.h"
#include "venue/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUESS_LINES_MAX 2000

struct replayed {
    char name[STREAM_BYTES];
    char connection[64]; /* the recorded connection it is told from */
    struct replayed *next;
};

struct replay {
    enum venue venue;
    struct replay_options options;
    struct capture *capture;
    struct replayed *streams;
    struct capture_line line; /* the frame to be told next */
    bool has_line;
    bool has_begun;
    struct moment begun;
    uint64_t first_recv_ns;
    uint64_t first_ms; /* the first time in the recording */
    struct replay *next;
};

static void name_of(enum venue venue, const struct replay_frame *frame, char name[STREAM_BYTES])
{
    (void)snprintf(
        name, STREAM_BYTES, "%s/%s/%s", venue_name(venue), frame->symbol, frame->channel);
}

static struct replayed *replay_stream(const struct replay *replay, const char *name)
{
    for (struct replayed *at = replay->streams; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            return at;
        }
    }
    return NULL;
}

/* The first time a frame tells, in ms; 0 = none. */
static uint64_t time_of(const char *frame)
{
    static const char *const keys[] = {"\"E\":", "\"ts\":\""};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        const char *at = strstr(frame, keys[i]);
        if (at != NULL) {
            return strtoull(at + strlen(keys[i]), NULL, 10);
        }
    }
    return 0;
}

static bool guess_venue(const char *path, enum venue *ret_venue)
{
    struct capture *capture = capture_open(path);
    struct capture_line line;
    bool is_known = false;
    for (int i = 0; i < GUESS_LINES_MAX && !is_known && capture_next(capture, &line); i++) {
        is_known = replay_venue_of(line.frame, ret_venue);
    }
    capture_close(capture);
    return is_known;
}

static void list_streams(struct replay *replay)
{
    struct capture *capture = capture_open(replay->options.path);
    struct capture_line line;
    struct replay_frame frame;
    char name[STREAM_BYTES];

    while (capture_next(capture, &line)) {
        if (!replay_frame_parse(replay->venue, line.frame, line.frame_bytes, &frame)) {
            continue;
        }
        replay->first_ms = replay->first_ms == 0 ? time_of(frame.payload) : replay->first_ms;
        name_of(replay->venue, &frame, name);
        if (replay_stream(replay, name) == NULL) {
            struct replayed *stream = allocate(sizeof(*stream));
            memcpy(stream->name, name, sizeof(stream->name));
            (void)snprintf(stream->connection, sizeof(stream->connection), "%s", line.connection);
            stream->next = replay->streams;
            replay->streams = stream;
        }
    }
    capture_close(capture);
}

struct replay *replay_open(const struct replay_options *options, char *why, size_t why_bytes)
{
    const char *colon = strchr(options->path, ':');
    enum venue venue = VENUE_SPOT;
    const char *path = options->path;
    bool is_known = false;

    if (colon != NULL && venue_of_name(path, (size_t)(colon - path), &venue)) {
        path = colon + 1;
        is_known = true;
    }
    struct capture *capture = capture_open(path);
    if (capture == NULL) {
        (void)snprintf(why, why_bytes, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (!is_known && !guess_venue(path, &venue)) {
        (void)snprintf(why, why_bytes, "%s: whose frames? write VENUE:FILE", path);
        capture_close(capture);
        return NULL;
    }
    struct replay *replay = allocate(sizeof(*replay));
    replay->venue = venue;
    replay->options = *options;
    replay->options.path = path;
    replay->capture = capture;
    list_streams(replay);
    return replay;
}

void replay_link(struct exchange *exchange, struct replay *replay)
{
    replay->next = exchange->replays;
    exchange->replays = replay;
}

void replay_destroy_all(struct replay *replays)
{
    while (replays != NULL) {
        struct replay *replay = replays;
        replays = replay->next;
        while (replay->streams != NULL) {
            struct replayed *stream = replay->streams;
            replay->streams = stream->next;
            free(stream);
        }
        capture_close(replay->capture);
        free(replay);
    }
}

bool replay_has(const struct replay *replays, const char *name)
{
    for (const struct replay *at = replays; at != NULL; at = at->next) {
        if (replay_stream(at, name) != NULL) {
            return true;
        }
    }
    return false;
}

static void replay_advance(struct replay *replay)
{
    replay->has_line = capture_next(replay->capture, &replay->line);
    if (replay->has_line && replay->first_recv_ns == 0) {
        replay->first_recv_ns = replay->line.recv_wall_ns;
    }
}

void replay_wake(struct replay *replays, const char *name, struct moment now)
{
    for (struct replay *at = replays; at != NULL; at = at->next) {
        if (!at->has_begun && replay_stream(at, name) != NULL) {
            at->has_begun = true;
            at->begun = now;
            replay_advance(at);
        }
    }
}

/* Frames without a clock follow at once. */
static uint64_t due_ns(const struct replay *replay)
{
    const uint64_t recv_ns = replay->line.recv_wall_ns;
    if (recv_ns <= replay->first_recv_ns) {
        return replay->begun.mono_ns;
    }
    return replay->begun.mono_ns +
           (uint64_t)((double)(recv_ns - replay->first_recv_ns) / replay->options.speed);
}

static void replay_tell(struct exchange *exchange, struct replay *replay)
{
    struct replay_frame frame;
    char name[STREAM_BYTES];

    if (!replay_frame_parse(replay->venue, replay->line.frame, replay->line.frame_bytes, &frame)) {
        return;
    }
    name_of(replay->venue, &frame, name);
    const struct replayed *stream = replay_stream(replay, name);
    if (stream == NULL || strcmp(stream->connection, replay->line.connection) != 0) {
        return;
    }
    if (replay->options.rebases && replay->first_ms != 0) {
        replay_rebase(
            frame.payload, replay->first_ms, wall_ms(replay->begun.wall_ns), replay->options.speed);
    }
    frame.payload[frame.payload_bytes] = '\0'; /* over the end of its envelope */
    struct topic *topic = exchange_topic(exchange, replay->venue, frame.symbol, frame.channel);
    if (topic != NULL) {
        topic_say(exchange,
                  topic,
                  &(struct text){.bytes = frame.payload, .size_bytes = frame.payload_bytes});
    }
}

uint64_t replay_tick(struct exchange *exchange, struct moment now)
{
    uint64_t next_ns = ALARM_NEVER;
    for (struct replay *at = exchange->replays; at != NULL; at = at->next) {
        while (at->has_line && due_ns(at) <= now.mono_ns) {
            replay_tell(exchange, at);
            replay_advance(at);
        }
        if (at->has_line && due_ns(at) < next_ns) {
            next_ns = due_ns(at);
        }
    }
    return next_ns;
}
