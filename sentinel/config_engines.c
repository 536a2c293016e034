/* SPDX-License-Identifier: MIT
 *
 * config_engines.c - the section engine_sockets: whose connections to look at.
 */
#include "core/base.h"
#include "sentinel/config_near.h"
#include "sentinel/config_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line as it stands there. */
struct line_text {
    const char *name;
    char *pid_file;
    int venue;
};

static void
read_name(struct reading *reading, const struct field *field, const struct node *value, void *base)
{
    struct line_text *line = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (strlen(text) >= CONFIG_ENGINE_NAME_BYTES || strpbrk(text, "/: ") != NULL) {
        problem_add(reading->problems,
                    value->mark,
                    "name: %s; write at most %u characters without / : or space, e.g. %s",
                    quote_text(&quote, text),
                    CONFIG_ENGINE_NAME_BYTES - 1U,
                    field->example);
        return;
    }
    line->name = text;
}

/* The file need not be there yet: the engine may start later than we do. */
static void read_pid_file(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          void *base)
{
    struct line_text *line = base;
    const char *text = text_of(reading, field, value);
    if (text != NULL) {
        free(line->pid_file);
        line->pid_file = path_resolve(reading, value, text);
    }
}

#define VENUE_NAME(number, name, text) [number] = (text),
static const char *const venue_words[] = {FLATLINE_VENUES(VENUE_NAME)[CONFIG_VENUES] = NULL};

static const struct field line_fields[] = {
    {.key = "name", .read = read_name, .example = "quoter"},
    {.key = "pid_file", .read = read_pid_file, .example = "/run/quoter.pid"},
    {.key = "venue",
     .read = read_word,
     .offset = offsetof(struct line_text, venue),
     .words = venue_words,
     .example = "okx"},
    {.key = NULL},
};

static void line_read(struct reading *reading, const struct node *node)
{
    struct config *config = reading->config;
    struct line_text line = {.name = "engine", .venue = -1};
    section_read(reading, "engine_sockets", line_fields, node, &line);
    const bool has_venue = line.venue >= 0;
    if (node->kind == NODE_MAP && has_venue == (line.pid_file != NULL)) {
        problem_add(reading->problems,
                    node->mark,
                    "engine_sockets: %s; write one of pid_file: FILE (the connections of that "
                    "process) and venue: NAME (whoever else is connected to it)",
                    has_venue ? "pid_file and venue at once" : "neither pid_file nor venue");
    }
    if (has_venue && !config->venues[line.venue].used) {
        problem_add(reading->problems,
                    node_find(node, "venue")->mark,
                    "venue: no stream of %s is watched, so nobody could tell what the engine "
                    "misses; write a venue of streams:",
                    venue_words[line.venue]);
    }
    struct config_engine_socket *to = &config->engine_sockets[config->engine_socket_count++];
    (void)snprintf(to->name, sizeof(to->name), "%s", line.name);
    to->pid_file = line.pid_file;
    to->venue = line.venue;
}

void read_engine_sockets(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base)
{
    (void)base;
    if (value->kind != NODE_LIST) {
        problem_add(reading->problems,
                    value->mark,
                    "%s is %s; write a list, e.g. %s",
                    field->key,
                    node_kind_text(value),
                    field->example);
        return;
    }
    if (value->count > CONFIG_ENGINE_SOCKETS_MAX) {
        problem_add(reading->problems,
                    value->mark,
                    "%s has %u lines; write at most %u",
                    field->key,
                    value->count,
                    CONFIG_ENGINE_SOCKETS_MAX);
        return;
    }
    for (const struct node *node = value->first; node != NULL; node = node->next) {
        line_read(reading, node);
    }
}
