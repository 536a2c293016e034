/* SPDX-License-Identifier: MIT
 *
 * config_venues.c - the sections venues (where they are) and user_data (whose account events to
 * watch, with which key).
 */
#include "core/base.h"
#include "feeds/names.h"
#include "sentinel/config_near.h"
#include "sentinel/config_schema.h"
#include "sentinel/config_value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_BYTES_MAX 4096

/* ---- venues ---------------------------------------------------------------------------------- */

static void url_read(struct reading *reading,
                     const struct field *field,
                     const struct node *value,
                     const char *scheme,
                     char **ret_url)
{
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    const char *what = NULL;
    switch (url_check(text, scheme)) {
    case URL_OK:
        text_store(reading, value, text, ret_url);
        return;
    case URL_SCHEME:
        what = "another scheme";
        break;
    case URL_HOST:
        what = "no valid host";
        break;
    case URL_PORT:
        what = "a port that is not 1 to 65535";
        break;
    case URL_REST:
        what = "more than a host and a port"; /* it may hold a password: not quoted */
        break;
    }
    problem_add(reading->problems,
                value->mark,
                "%s: an address with %s; write %s://host[:port] and nothing else, e.g. %s",
                field->key,
                what,
                scheme,
                field->example);
}

static void read_ws_url(struct reading *reading,
                        const struct field *field,
                        const struct node *value,
                        void *base)
{
    url_read(reading, field, value, "wss", &((struct config_venue *)base)->ws_url);
}

static void read_rest_url(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          void *base)
{
    url_read(reading, field, value, "https", &((struct config_venue *)base)->rest_url);
}

static void read_address(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base)
{
    struct config_venue *venue = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (!address_check(text)) {
        problem_add(reading->problems,
                    value->mark,
                    "address: %s is not a numeric address; write e.g. 127.0.0.1 or \"::1\", and "
                    "names and ports in ws: and rest:",
                    quote_text(&quote, text));
        return;
    }
    text_store(reading, value, text, &venue->address);
}

static void read_ca_file(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base)
{
    struct config_venue *venue = base;
    struct quote quote;
    struct stat status;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path == NULL) {
        return;
    }
    const int result = stat(path, &status);
    if (result != 0 || !S_ISREG(status.st_mode) || access(path, R_OK) != 0) {
        problem_add(
            reading->problems,
            value->mark,
            "ca_file: %s cannot be read (%s); write the path of a PEM file with the authority's "
            "certificate",
            quote_text(&quote, text),
            result == 0 && !S_ISREG(status.st_mode) ? "not a file" : strerror(errno));
    } else {
        text_store(reading, value, path, &venue->ca_file);
    }
    free(path);
}

static const struct field venue_fields[] = {
    {.key = "ws", .read = read_ws_url, .example = "wss://fstream.binance.com"},
    {.key = "rest", .read = read_rest_url, .example = "https://fapi.binance.com"},
    {.key = "address", .read = read_address, .example = "127.0.0.1"},
    {.key = "ca_file", .read = read_ca_file, .example = "ca.pem"},
    {.key = "ping_interval",
     .read = read_duration,
     .offset = offsetof(struct config_venue, ping_interval_ns),
     .min = 100 * NS_PER_MS,
     .max = 300 * NS_PER_S,
     .example = "20s"},
    {.key = "max_age",
     .read = read_duration_or_off,
     .offset = offsetof(struct config_venue, max_age_ns),
     .min = NS_PER_S,
     .max = 24 * 3600 * NS_PER_S,
     .example = "23h"},
    {.key = "connections",
     .read = read_count,
     .offset = offsetof(struct config_venue, connections),
     .min = 1,
     .max = 2,
     .example = "2"},
    {.key = NULL},
};

#define VENUE_FIELD(number, name, text)                                                            \
    {.key = (text),                                                                                \
     .read = read_section,                                                                         \
     .offset = (number) * sizeof(struct config_venue),                                             \
     .inner = venue_fields,                                                                        \
     .example = "{ws: ..., rest: ...}"},

static const struct field venues_fields[] = {FLATLINE_VENUES(VENUE_FIELD){.key = NULL}};

void read_venues(struct reading *reading,
                 const struct field *field,
                 const struct node *value,
                 void *base)
{
    struct config *config = base;
    section_read(reading, field->key, venues_fields, value, config->venues);
}

/* ---- user data ------------------------------------------------------------------------------- */

static void read_account(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    struct config_user_data *data = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    if (text[strspn(text, legal)] != '\0' || strlen(text) >= sizeof(data->account)) {
        problem_add(reading->problems,
                    value->mark,
                    "account: %s is no name for a stream; write 1 to %zu letters, digits and _ . "
                    "-, e.g. main",
                    quote_text(&quote, text),
                    sizeof(data->account) - 1);
        return;
    }
    (void)snprintf(data->account, sizeof(data->account), "%s", text);
}

/* NULL: the file may be used. The key itself is never in a message. */
static const char *key_file_check(const char *path)
{
    struct stat status;
    char byte;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT
                   ? "is not there; write the path of a file with the API key, mode 0600"
                   : "cannot be opened; write the path of a file this user may read";
    }
    const char *complaint = NULL;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        complaint = "is not a file; write the path of a file with the API key, mode 0600";
    } else if ((status.st_mode & 0177U) != 0) {
        complaint = "may be read by others; write `chmod 600` on it first";
    } else if (status.st_size == 0 || read(fd, &byte, 1) != 1) {
        complaint = "is empty; write the API key into it";
    } else if (status.st_size > KEY_FILE_BYTES_MAX) {
        complaint = "is too large for a key; write the API key alone into it";
    }
    (void)close(fd);
    return complaint;
}

static void read_key_file(struct reading *reading,
                          const struct field *field,
                          const struct node *value,
                          void *base)
{
    struct config_user_data *data = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    char *path = text != NULL ? path_resolve(reading, value, text) : NULL;
    if (path == NULL) {
        return;
    }
    const char *complaint = key_file_check(path);
    if (complaint != NULL) {
        problem_add(reading->problems,
                    value->mark,
                    "api_key_file: %s %s",
                    quote_text(&quote, text),
                    complaint);
    } else {
        text_store(reading, value, path, &data->api_key_file);
    }
    free(path);
}

static void read_key_env(struct reading *reading,
                         const struct field *field,
                         const struct node *value,
                         void *base)
{
    struct config_user_data *data = base;
    struct quote quote;
    const char *text = text_of(reading, field, value);
    if (text == NULL) {
        return;
    }
    const char *key = getenv(text);
    if (key == NULL || key[0] == '\0') {
        problem_add(
            reading->problems,
            value->mark,
            "api_key_env: no variable %s with a key in this environment; write the name of one "
            "that is set, or api_key_file: FILE",
            quote_text(&quote, text));
        return;
    }
    text_store(reading, value, text, &data->api_key_env);
}

static const char *const key_words[] = {
    [CONFIG_KEY_OWN] = "own", [CONFIG_KEY_OF_ENGINE] = "engine", [CONFIG_KEY_OF_ENGINE + 1] = NULL};

static const struct field account_fields[] = {
    {.key = "account", .read = read_account, .example = "main"},
    {.key = "key",
     .read = read_word,
     .offset = offsetof(struct config_user_data, key),
     .words = key_words,
     .example = "engine"},
    {.key = "api_key_file", .read = read_key_file, .example = "/etc/flatline/usdm.key"},
    {.key = "api_key_env", .read = read_key_env, .example = "FLATLINE_USDM_KEY"},
    {.key = "extend_interval",
     .read = read_duration,
     .offset = offsetof(struct config_user_data, extend_interval_ns),
     .min = 100 * NS_PER_MS,
     .max = 1800 * NS_PER_S,
     .example = "2m"},
    {.key = NULL},
};

/* An engine that keeps the key leaves us nothing to extend. */
static void engine_key_check(struct reading *reading, const struct node *map)
{
    static const char *const ours[] = {"api_key_file", "api_key_env", "extend_interval"};
    for (size_t i = 0; i < ARRAY_COUNT(ours); i++) {
        const struct node *node = node_find(map, ours[i]);
        if (node != NULL) {
            problem_add(
                reading->problems,
                node->key_mark,
                "%s with key: engine: the engine keeps and extends the key; remove this line",
                ours[i]);
        }
    }
    if (reading->config->stream_count == 0) {
        problem_add(
            reading->problems,
            map->mark,
            "key: engine and no streams: there is nothing to connect to; write streams: [...]");
    }
}

/* Exactly one road to the key. */
static void key_roads_check(struct reading *reading, const struct node *map)
{
    const bool has_file = node_find(map, "api_key_file") != NULL;
    const bool has_env = node_find(map, "api_key_env") != NULL;
    if (has_file && has_env) {
        problem_add(reading->problems,
                    node_find(map, "api_key_env")->key_mark,
                    "api_key_file and api_key_env at once; write one of them");
    } else if (!has_file && !has_env) {
        problem_add(
            reading->problems,
            map->mark,
            "no API key; write api_key_file: FILE (mode 0600) or api_key_env: VARIABLE, or key: "
            "engine where an engine reports its own extends");
    }
}

/* The account's events as a stream like any other, `binance-usdm/<account>/user`. */
static void user_stream_append(struct reading *reading, const struct node *map)
{
    struct config *config = reading->config;
    const struct span account = span_of(config->user_data.account);
    const struct span channel = span_of("user");
    const enum flatline_venue venue = FLATLINE_VENUE_BINANCE_USDM;
    const uint32_t index = names_intern(reading->names, venue, account, channel);
    if (index != config->stream_count) {
        problem_add(
            reading->problems, map->mark, "the account's name does not fit; write a shorter one");
        return;
    }
    struct config_stream *stream = &config->streams[config->stream_count++];
    (void)snprintf(stream->name, sizeof(stream->name), "%s", names_text(reading->names, index));
    channel_traits(venue, account, channel, &stream->traits);
    stream->route = ROUTE_PRIVATE;
    reading->notes[index].mark = map->mark;
    config->user_data.used = true;
    config->user_data.stream = index;
    stream->traits.key_of_engine = config->user_data.key == CONFIG_KEY_OF_ENGINE;
    config->venues[venue].used |= !stream->traits.key_of_engine;
}

static void read_usdm_account(struct reading *reading,
                              const struct field *field,
                              const struct node *value,
                              void *base)
{
    struct config *config = base;
    section_read(reading, field->key, account_fields, value, &config->user_data);
    if (value->kind == NODE_MAP) {
        if (config->user_data.key == CONFIG_KEY_OF_ENGINE) {
            engine_key_check(reading, value);
        } else {
            key_roads_check(reading, value);
        }
        user_stream_append(reading, value);
    }
}

void read_user_data(struct reading *reading,
                    const struct field *field,
                    const struct node *value,
                    void *base)
{
    static const struct field fields[] = {
        {.key = "binance-usdm",
         .read = read_usdm_account,
         .example = "{account: main, api_key_file: /etc/flatline/usdm.key}"},
        {.key = NULL},
    };
    section_read(reading, field->key, fields, value, base);
}
