/* SPDX-License-Identifier: MIT
 *
 * control_time.c - where a venue's clock stands against ours: the best of a few REST round trips,
 * its midpoint taken as the moment of the server's answer.
 */
#include "sentinel/control_private.h"

#include "core/clock.h"

#include <jansson.h>
#include <stdlib.h>

#define TRIES_WANTED     5U
#define RETRY_NS         NS_PER_S
#define RETRY_LATER_NS   (60U * NS_PER_S)
#define UNREACHABLE_NS   (10U * NS_PER_S)
#define NS_PER_MS_SIGNED 1000000LL

/* Binance {"serverTime":ms}; OKX {"code":"0","data":[{"ts":"ms"}]}. 0: neither. */
static int64_t server_ms(const char *body)
{
    json_t *root = json_loads(body, 0, NULL);
    int64_t ms = (int64_t)json_integer_value(json_object_get(root, "serverTime"));
    if (ms == 0) {
        const json_t *first = json_array_get(json_object_get(root, "data"), 0);
        const char *text = json_string_value(json_object_get(first, "ts"));
        ms = text != NULL ? strtoll(text, NULL, 10) : 0;
    }
    json_decref(root);
    return ms > 0 && ms < INT64_MAX / NS_PER_MS_SIGNED ? ms : 0;
}

static void anchor_tell(struct control_venue *venue)
{
    struct control_time *time = &venue->time;
    const struct event anchor = {.recv_mono_ns = time->best_mono_ns,
                                 .stream = EVENT_NO_STREAM,
                                 .connection = EVENT_NO_CONNECTION,
                                 .kind = EVENT_SERVER_TIME,
                                 .time = {.exch_wall_ns = time->best_wall_ns,
                                          .round_trip_ns = time->best_round_trip_ns,
                                          .venue = venue->venue}};
    control_tell(venue->control, &anchor);
    time->anchored = true;
    control_log(venue->control,
                "%s: clock anchored, best round trip %.2f ms",
                venue_facts(venue->venue)->name,
                (double)time->best_round_trip_ns / 1e6);
}

static void on_time(void *user, const struct rest_answer *answer)
{
    struct control_venue *venue = user;
    struct control_time *time = &venue->time;
    time->asked = false;
    const int64_t ms = answer->status == 200 ? server_ms(answer->body) : 0;
    if (ms == 0) {
        time->due_mono_ns = clock_mono_ns() + (time->unreachable_told ? RETRY_LATER_NS : RETRY_NS);
        control_error(venue->control,
                      "%s: no server time: HTTP %d %s",
                      venue_facts(venue->venue)->name,
                      answer->status,
                      answer->text);
        return;
    }
    const uint64_t round_trip = answer->recv_mono_ns - answer->sent_mono_ns;
    if (time->answers == 0 || round_trip < time->best_round_trip_ns) {
        time->best_round_trip_ns = round_trip;
        time->best_mono_ns = answer->sent_mono_ns + round_trip / 2;
        time->best_wall_ns = ms * NS_PER_MS_SIGNED;
    }
    time->answers++;
    if (time->answers >= TRIES_WANTED) {
        anchor_tell(venue);
    }
}

void time_init(struct control_venue *venue, uint64_t now_mono_ns)
{
    venue->time = (struct control_time){.wanted = true, .began_mono_ns = now_mono_ns};
}

void time_step(struct control_venue *venue, uint64_t now_mono_ns)
{
    struct control_time *time = &venue->time;
    if (!time->wanted || time->anchored) {
        return;
    }
    if (now_mono_ns - time->began_mono_ns > UNREACHABLE_NS && !time->unreachable_told) {
        time->unreachable_told = true;
        if (time->answers > 0) {
            anchor_tell(venue); /* fewer than wanted is still better than none */
            return;
        }
        const struct event none = {.recv_mono_ns = now_mono_ns,
                                   .stream = EVENT_NO_STREAM,
                                   .connection = EVENT_NO_CONNECTION,
                                   .kind = EVENT_TIME_UNREACHABLE,
                                   .time = {.venue = venue->venue}};
        control_tell(venue->control, &none);
    }
    if (time->asked || now_mono_ns < time->due_mono_ns) {
        return;
    }
    const struct rest_request request = {.venue = (uint32_t)venue->venue,
                                         .method = "GET",
                                         .path = venue_facts(venue->venue)->time_path,
                                         .on_answer = on_time,
                                         .user = venue};
    time->asked = rest_ask(venue->control->rest, &request, now_mono_ns) == 0;
    if (!time->asked) {
        time->due_mono_ns = now_mono_ns + RETRY_NS;
    }
}
