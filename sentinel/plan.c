/* SPDX-License-Identifier: MIT */
#include "sentinel/plan.h"

#include "core/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES_MAX    4096U
#define STREAMS_PER_LINE_MAX 512U
#define DEFAULT_SPACING_NS   (350U * NS_PER_MS)
#define INVENTORY_BYTES_MAX  128U
#define TWIN_NAME            ".2" /* behind its line's */

/* One line of a venue, and its twin, listen to what the venue says of itself. */
static bool tells_status(enum flatline_venue venue, enum route route, uint32_t number)
{
    return venue_facts(venue)->status_channel != NULL && route == STATUS_ROUTE && number == 1;
}

static uint32_t streams_max(enum flatline_venue venue, enum route route, uint32_t number)
{
    const uint32_t allowed = venue_facts(venue)->streams_per_connection_max;
    const uint32_t most =
        allowed > 0 && allowed < STREAMS_PER_LINE_MAX ? allowed : STREAMS_PER_LINE_MAX;
    return tells_status(venue, route, number) ? most - 1U : most;
}

static struct plan_line *
line_for(struct plan *plan, const struct config *config, const struct config_stream *stream)
{
    const enum flatline_venue venue = stream->traits.venue;
    uint32_t number = 1;
    for (uint32_t i = 0; i < plan->line_count; i++) {
        struct plan_line *line = &plan->lines[i];
        if (line->venue != venue || line->route != stream->route) {
            continue;
        }
        if (line->stream_count < streams_max(venue, line->route, number)) {
            return line;
        }
        number++;
    }
    struct plan_line *line = &plan->lines[plan->line_count];
    line->streams = calloc(config->stream_count, sizeof(*line->streams));
    if (line->streams == NULL) {
        return NULL;
    }
    plan->line_count++;
    line->venue = venue;
    line->route = stream->route;
    line->number = number;
    line->twin = PLAN_NO_LINE;
    line->user_data = stream->traits.stream_class == FLATLINE_CLASS_USER;
    (void)snprintf(line->name,
                   sizeof(line->name),
                   "%s/%s/%u",
                   venue_facts(venue)->name,
                   route_name(stream->route),
                   number);
    return line;
}

static int twin_add(struct plan *plan, uint32_t index, const struct config *config)
{
    struct plan_line *line = &plan->lines[index];
    struct plan_line *twin = &plan->lines[plan->line_count];
    *twin = *line;
    twin->streams = calloc(config->stream_count, sizeof(*twin->streams));
    if (twin->streams == NULL) {
        return -ENOMEM;
    }
    memcpy(twin->streams, line->streams, line->stream_count * sizeof(*twin->streams));
    line->twin = plan->line_count;
    twin->twin = index;
    twin->part = 1;
    plan->has_twins = true;
    memcpy(twin->name + strnlen(twin->name, sizeof(twin->name) - sizeof(TWIN_NAME)),
           TWIN_NAME,
           sizeof(TWIN_NAME));
    plan->line_count++;
    plan->leg_count += twin->stream_count * PLAN_SLOTS_PER_LINE;
    return 0;
}

/* Behind all lines: so the names and numbers of those without a twin stay what they are. An
 * account's events come to one socket. */
static int twins_add(struct plan *plan, const struct config *config)
{
    const uint32_t lines = plan->line_count;
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < lines; i++) {
        if (!plan->lines[i].user_data && config->venues[plan->lines[i].venue].connections > 1) {
            result = twin_add(plan, i, config);
        }
    }
    return result;
}

static int request_add(struct plan_line *line, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    line->requests[line->request_count++] = copy;
    return 0;
}

static int streams_subscribe(struct plan_line *line, const char *const *names, char *text)
{
    int result = 0;
    for (uint32_t done = 0; result == 0 && done < line->stream_count;) {
        const int took = subscribe_text(line->venue,
                                        names + done,
                                        line->stream_count - done,
                                        line->request_count + 1U,
                                        text,
                                        REQUEST_BYTES_MAX);
        result = took > 0 ? request_add(line, text) : -EINVAL;
        done += took > 0 ? (uint32_t)took : 0;
    }
    return result;
}

/* Writes the requests of one line. */
static int requests_write(struct plan_line *line, const struct config *config)
{
    const char **names = calloc(line->stream_count, sizeof(*names));
    char *text = malloc(REQUEST_BYTES_MAX);
    line->requests = calloc(line->stream_count + 1U, sizeof(*line->requests));
    int result = names != NULL && text != NULL && line->requests != NULL ? 0 : -ENOMEM;
    for (uint32_t i = 0; result == 0 && i < line->stream_count; i++) {
        names[i] = config->streams[line->streams[i]].name;
    }
    if (result == 0) {
        result = streams_subscribe(line, names, text);
    }
    /* facts: Binance echoes a request's id once; OKX answers each arg by itself. The status channel
     * is no stream: nobody waits for its answer. */
    line->ack_count = line->venue == FLATLINE_VENUE_OKX ? line->stream_count : line->request_count;
    if (result == 0 && tells_status(line->venue, line->route, line->number)) {
        (void)status_text(line->venue, text, REQUEST_BYTES_MAX);
        result = request_add(line, text);
    }
    if (result == 0) {
        const int length =
            inventory_text(line->venue, line->request_count + 1U, text, INVENTORY_BYTES_MAX);
        line->inventory = length > 0 ? strdup(text) : NULL;
    }
    free(names);
    free(text);
    return result;
}

int plan_create(const struct config *config,
                struct plan **ret_plan,
                char *error_text,
                size_t error_text_bytes)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL) {
        return -ENOMEM;
    }
    /* no line is without a stream, and none has more than one twin */
    plan->lines = calloc(2U * config->stream_count, sizeof(*plan->lines));
    int result = plan->lines != NULL ? 0 : -ENOMEM;
    for (uint32_t i = 0; result == 0 && i < config->stream_count; i++) {
        if (config->streams[i].traits.key_of_engine) {
            continue; /* without the key there is no socket of ours: engines report */
        }
        struct plan_line *line = line_for(plan, config, &config->streams[i]);
        if (line == NULL) {
            result = -ENOMEM;
            break;
        }
        line->streams[line->stream_count++] = i;
        plan->leg_count += PLAN_SLOTS_PER_LINE;
    }
    if (result == 0) {
        result = twins_add(plan, config);
    }
    for (uint32_t i = 0; result == 0 && i < plan->line_count; i++) {
        struct plan_line *line = &plan->lines[i];
        result = line->user_data ? 0 : requests_write(line, config);
        if (result == -EINVAL && error_text_bytes > 0) {
            (void)snprintf(
                error_text, error_text_bytes, "%s: a stream fits no subscribe request", line->name);
        }
    }
    if (result != 0) {
        plan_destroy(plan);
        return result;
    }
    *ret_plan = plan;
    return 0;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (uint32_t i = 0; plan->lines != NULL && i < plan->line_count; i++) {
        struct plan_line *line = &plan->lines[i];
        for (uint32_t k = 0; k < line->request_count; k++) {
            free(line->requests[k]);
        }
        free(line->requests);
        free(line->inventory);
        free(line->streams);
    }
    free(plan->lines);
    free(plan);
}

void plan_slot_name(const struct plan *plan, uint32_t slot, char name[FLATLINE_NAME_BYTES])
{
    const struct plan_line *line = &plan->lines[plan_line_of(slot)];
    (void)snprintf(name,
                   FLATLINE_NAME_BYTES,
                   "%.*s%c",
                   (int)FLATLINE_NAME_BYTES - 2,
                   line->name,
                   (char)('a' + slot % PLAN_SLOTS_PER_LINE));
}

uint64_t plan_request_spacing_ns(enum flatline_venue venue)
{
    const uint32_t per_second = venue_facts(venue)->control_per_second_max;
    return per_second > 0 ? 2U * NS_PER_S / per_second : DEFAULT_SPACING_NS;
}
