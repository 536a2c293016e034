/* SPDX-License-Identifier: MIT
 *
 * engine_events.c - what the sentinel's engine watch tells the judge of the engines beside a segment: at each line of standard input
 * one round of it, and its events as one JSON array a line. Times of the watch's own (of a look, of its end) are left out.
 *
 * usage: engine_events FOLDER STREAM GATE
 */
#include "core/clock.h"
#include "sentinel/engine_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_EVENTS 1024U

static const char *const kind_names[EVENT_KIND_COUNT] = {[EVENT_ENGINE_UP] = "up",
                                                         [EVENT_ENGINE_SLOT] = "slot",
                                                         [EVENT_ENGINE_WORKER] = "worker",
                                                         [EVENT_ENGINE_ERROR] = "error",
                                                         [EVENT_ENGINE_ECHO] = "echo",
                                                         [EVENT_ENGINE_ORDER] = "order",
                                                         [EVENT_ENGINE_GATE] = "gate",
                                                         [EVENT_ENGINE_KEY] = "key",
                                                         [EVENT_ENGINE_LOOKED] = "looked",
                                                         [EVENT_ENGINE_LEFT] = "left"};

static bool has_text(uint8_t kind)
{
    return kind == EVENT_ENGINE_UP || kind == EVENT_ENGINE_SLOT || kind == EVENT_ENGINE_ERROR;
}

static void event_print(const struct event *event)
{
    const struct event_engine *engine = &event->engine;
    const char *kind = kind_names[event->kind];
    (void)printf("{\"kind\":\"%s\",\"slot\":%u,\"code\":%" PRIu32,
                 kind != NULL ? kind : "?",
                 engine->slot,
                 engine->code);
    if (event->kind == EVENT_ENGINE_LOOKED) {
        (void)printf(",\"goodbye\":%s", engine->word != 0 ? "true" : "false");
    } else {
        (void)printf(",\"word\":%" PRIu64, engine->word);
    }
    if (has_text(event->kind)) {
        (void)printf(",\"text\":\"%.*s\"", EVENT_TEXT_BYTES, engine->text);
    } else if (event->kind != EVENT_ENGINE_LOOKED) {
        (void)printf(",\"more\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
                     engine->more[0],
                     engine->more[1],
                     engine->more[2]);
    }
    (void)putchar('}');
}

static void pass(struct engine_watch *watch, struct ring *ring, struct event events[RING_EVENTS])
{
    static uint64_t ahead_ns; /* a time far ahead: the directory is looked through at each pass */
    ahead_ns += NS_PER_S;
    (void)engine_watch_pass(watch, clock_mono_ns() + ahead_ns);
    const size_t count = ring_pop(ring, events, RING_EVENTS);
    (void)putchar('[');
    for (size_t i = 0; i < count; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        event_print(&events[i]);
    }
    (void)puts("]");
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct ring ring;
    static struct event slots[RING_EVENTS] __attribute__((aligned(128)));
    static struct event events[RING_EVENTS];
    static struct words words;
    static struct config_stream stream;
    static struct config_gate gate;
    static char name[] = "segment";
    if (argc != 4) {
        (void)fputs("usage: engine_events FOLDER STREAM GATE\n", stderr);
        return 2;
    }
    struct config config = {.segment_directory = argv[1],
                            .segment_name = name,
                            .streams = &stream,
                            .stream_count = 1,
                            .gates = &gate,
                            .gate_count = 1,
                            .wait = THREAD_SPIN};
    (void)snprintf(stream.name, sizeof(stream.name), "%s", argv[2]);
    (void)snprintf(gate.name, sizeof(gate.name), "%s", argv[3]);
    ring_init(&ring, slots, RING_EVENTS);
    struct engine_watch *watch;
    const struct engine_watch_setup setup = {.config = &config, .to_judge = &ring, .words = &words};
    if (engine_watch_create(&setup, &watch) != 0) {
        return 1;
    }
    char line[16];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        pass(watch, &ring, events);
    }
    engine_watch_destroy(watch);
    return 0;
}
