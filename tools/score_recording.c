/* SPDX-License-Identifier: MIT */
#include "tools/score_recording.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/codec.h"
#include "feeds/names.h"
#include "tools/capture.h"
#include "tools/id_table.h"
#include "tools/replay_file.h"
#include "tools/replay_meta.h"

#include <errno.h>
#include <stdlib.h>

struct recording {
    struct desk desk;
    struct tape events;
    /* while it is read */
    struct codec codec;
    struct id_table *links;
    uint64_t last_ns;
    uint32_t opened; /* links that have begun */
};

/* ---- reading --------------------------------------------------------------------------------- */

static int streams_follow(struct recording *recording)
{
    while (recording->desk.stream_count < names_count(recording->codec.names)) {
        const uint32_t next = recording->desk.stream_count;
        const int added =
            desk_add_stream(&recording->desk, names_text(recording->codec.names, next));
        if (added < 0) {
            return added;
        }
    }
    return 0;
}

static void link_open(struct recording *recording, uint32_t link, uint64_t recv_ns)
{
    const struct event up = {.recv_mono_ns = recv_ns,
                             .stream = EVENT_NO_STREAM,
                             .connection = (uint16_t)link,
                             .kind = EVENT_CONNECTION_UP,
                             .link = {.phase = LINK_OPEN}};
    tape_add(&recording->events, &up);
    recording->opened |= 1U << link;
}

static int link_find(struct recording *recording, struct span id)
{
    const int link = id_table_index(recording->links, id);
    if (link >= (int)DESK_LINKS_MAX) {
        return -ENOSPC;
    }
    if (link >= 0 && (uint32_t)link == recording->desk.link_count) {
        recording->desk.links[recording->desk.link_count++] =
            (struct desk_link){.venue = recording->codec.venue, .twin = -1};
    }
    return link;
}

/* The route of a link is that of the first channel it delivers. */
static void link_carries(struct recording *recording, uint32_t link, uint32_t stream)
{
    struct desk_link *carrier = &recording->desk.links[link];
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    enum route route;
    if (carrier->streams == 0 &&
        names_split(recording->desk.names[stream], &venue, &symbol, &channel) &&
        channel_route(venue, channel, &route)) {
        carrier->route = route;
    }
    carrier->streams |= 1ULL << stream;
}

static int frame_take(struct recording *recording, const struct capture_line *line)
{
    struct event event = {.stream = EVENT_NO_STREAM};
    if (line->recv_unix_ns == 0) {
        return 0;
    }
    const enum codec_verdict verdict = codec_decode(&recording->codec, line->frame, &event);
    if (verdict != CODEC_DATA && verdict != CODEC_CONTROL) {
        return 0;
    }
    const int link = link_find(recording, line->connection);
    const int followed = streams_follow(recording);
    if (link < 0 || followed < 0) {
        return link < 0 ? link : followed;
    }
    event.recv_mono_ns =
        line->recv_unix_ns > recording->last_ns ? line->recv_unix_ns : recording->last_ns;
    event.connection = (uint16_t)link;
    recording->last_ns = event.recv_mono_ns;
    if ((recording->opened >> link & 1U) == 0) {
        link_open(recording, (uint32_t)link, event.recv_mono_ns);
    }
    if (verdict == CODEC_DATA) {
        link_carries(recording, (uint32_t)link, event.stream);
    }
    tape_add(&recording->events, &event);
    return 0;
}

/* Of the notes, those that the links' lives are made of. */
static int note_take(struct recording *recording, const struct capture_line *line)
{
    struct replay_note note;
    if (!replay_meta_parse(line, &note) || note.event.kind == EVENT_DRAINED) {
        return 0;
    }
    const int link = link_find(recording, line->connection);
    if (link < 0) {
        return link;
    }
    note.event.connection = (uint16_t)link;
    if (note.event.kind == EVENT_CONNECTION_UP) {
        link_open(recording, (uint32_t)link, note.event.recv_mono_ns);
    } else {
        tape_add(&recording->events, &note.event);
    }
    return 0;
}

static int line_take(void *context, const struct capture_line *line)
{
    struct recording *recording = context;
    return line->kind == CAPTURE_FRAME  ? frame_take(recording, line)
           : line->kind == CAPTURE_META ? note_take(recording, line)
                                        : 0;
}

/* ---- playing --------------------------------------------------------------------------------- */

static bool playback_fill(struct source *source, uint64_t until_ns, struct tape *tape)
{
    struct playback *playback = (struct playback *)source;
    const struct tape *all = &playback->recording->events;
    while (playback->at < all->count && all->events[playback->at].recv_mono_ns < until_ns) {
        tape_add(tape, &all->events[playback->at++]);
    }
    return playback->at < all->count;
}

struct playback playback_of(const struct recording *recording)
{
    return (struct playback){.source = {.desk = &recording->desk, .fill = playback_fill},
                             .recording = recording};
}

/* ---- a whole file ---------------------------------------------------------------------------- */

/* Links that carry the same are twins, be there two or more of them. */
static void twins_find(struct desk *desk)
{
    for (uint32_t i = 0; i < desk->link_count; i++) {
        for (uint32_t k = 0; k < desk->link_count; k++) {
            if (i != k && (desk->links[i].streams & desk->links[k].streams) != 0) {
                desk->links[i].twin = (int)k;
            }
        }
    }
}

int recording_open(const char *path, struct recording **ret_recording)
{
    enum flatline_venue venue;
    const int told = replay_venue_guess(path, &venue);
    if (told <= 0) {
        return told < 0 ? told : -ENOTSUP;
    }
    struct recording *recording = calloc(1, sizeof(*recording));
    if (recording == NULL) {
        return -ENOMEM;
    }
    recording->codec = (struct codec){.venue = venue,
                                      .names = names_create(DESK_STREAMS_MAX),
                                      .open = true,
                                      .user_stream = EVENT_NO_STREAM};
    recording->links = id_table_create();
    int status = recording->codec.names == NULL || recording->links == NULL ? -ENOMEM : 0;
    if (status == 0) {
        status = capture_each(path, line_take, recording);
    }
    if (status == 0 && recording->events.is_short) {
        status = -ENOMEM;
    }
    if (status == 0 && recording->events.count == 0) {
        status = -ENODATA;
    }
    names_destroy(recording->codec.names);
    id_table_destroy(recording->links);
    if (status != 0) {
        recording_close(recording);
        return status;
    }
    tape_sort(&recording->events);
    twins_find(&recording->desk);
    *ret_recording = recording;
    return 0;
}

void recording_close(struct recording *recording)
{
    if (recording != NULL) {
        tape_free(&recording->events);
        free(recording);
    }
}

uint64_t recording_from_ns(const struct recording *recording)
{
    return recording->events.events[0].recv_mono_ns;
}

uint64_t recording_span_ns(const struct recording *recording)
{
    return recording->last_ns - recording_from_ns(recording);
}
