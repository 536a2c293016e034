/* SPDX-License-Identifier: MIT
 *
 * main.c - flatline-venue: options, certificates, exchange, server; then venue.json and `ready`.
 */
#include "venue/options.h"
#include "venue/replay.h"
#include "venue/server.h"
#include "venue/tls.h"

#include "core/base.h"
#include "core/clock.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_RUN   1
#define EXIT_USAGE 2

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "flatline-venue: %s: %s\n", what, why);
    return EXIT_RUN;
}

/* The folder, made if need be, as an absolute path. */
static bool dir_prepare(const char *wanted, char dir[PATH_MAX])
{
    char fresh[] = "/tmp/flatline-venue-XXXXXX";
    if (wanted == NULL) {
        wanted = mkdtemp(fresh);
    } else if (mkdir(wanted, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    return wanted != NULL && realpath(wanted, dir) != NULL;
}

static bool script_load(struct actions *actions, const char *path)
{
    char line[1024];
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    bool is_good = true;
    bool quits = false;
    unsigned number = 0;

    if (path == NULL) {
        return true;
    }
    if (file == NULL) {
        return false;
    }
    while (is_good && fgets(line, sizeof(line), file) != NULL) {
        number++;
        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0') {
            continue;
        }
        struct text answer = {0};
        actions_do(actions, line, &answer, &quits);
        if (strncmp(answer.bytes, "error", 5) == 0) {
            (void)fprintf(stderr, "%s:%u: %s\n", path, number, answer.bytes);
            is_good = false;
            errno = EINVAL;
        }
        text_free(&answer);
    }
    (void)fclose(file);
    return is_good;
}

/* Whole or not at all: others wait for this file. */
static bool describe(const struct server *server, const char *dir)
{
    char path[PATH_MAX + 16];
    char temporary[PATH_MAX + 16];
    const char *comma = "";

    (void)snprintf(path, sizeof(path), "%s/venue.json", dir);
    (void)snprintf(temporary, sizeof(temporary), "%s/venue.json.new", dir);
    FILE *file = fopen(temporary, "we");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(
        file, "{\"pid\":%d,\"control\":\"%s/control.sock\",\"venues\":{", (int)getpid(), dir);
    for (int venue = 0; venue < VENUE_COUNT; venue++) {
        const unsigned port = server_port(server, (enum venue)venue);
        if (port != 0) {
            (void)fprintf(
                file,
                "%s\"%s\":{\"ws\":\"wss://127.0.0.1:%u\",\"rest\":\"https://127.0.0.1:%u\"}",
                comma,
                venue_name((enum venue)venue),
                port,
                port);
            comma = ",";
        }
    }
    (void)fprintf(file, "},\"ca\":\"%s/ca.pem\"}\n", dir);
    return fclose(file) == 0 && rename(temporary, path) == 0;
}

static bool
replays_open(struct exchange *exchange, const struct options *options, char *why, size_t why_bytes)
{
    for (unsigned i = 0; i < options->replay_count; i++) {
        const struct replay_options how = {.path = options->replays[i],
                                           .speed = options->replay_speed,
                                           .rebases = options->replay_rebases};
        struct replay *replay = replay_open(&how, why, why_bytes);
        if (replay == NULL) {
            return false;
        }
        replay_link(exchange, replay);
    }
    return true;
}

static void bogus_add(struct exchange *exchange, const struct options *options)
{
    static const char *const standard[] = {"BOGUSUSDT", "BOGUSUSD_PERP", "BOGUS-USDT"};
    for (size_t i = 0; i < ARRAY_COUNT(standard); i++) {
        market_bogus(exchange->market, standard[i]);
    }
    for (unsigned i = 0; i < options->bogus_count; i++) {
        market_bogus(exchange->market, options->bogus[i]);
    }
}

static int serve(const struct options *options, const char *dir)
{
    struct exchange exchange;
    char why[256] = "";
    struct server_options wires = {
        .dir = dir, .port_base = options->port_base, .is_verbose = options->is_verbose};
    memcpy(wires.serves, options->serves, sizeof(wires.serves));

    exchange_start(
        &exchange, &options->exchange, (struct moment){clock_mono_ns(), clock_wall_ns()});
    bogus_add(&exchange, options);
    struct actions *actions = actions_create(&exchange);
    struct server *server = NULL;
    int result =
        replays_open(&exchange, options, why, sizeof(why)) ? 0 : fail("cannot replay", why);
    if (result == 0) {
        server = server_create(&wires, &exchange, actions, why, sizeof(why));
        result = server == NULL ? fail("cannot serve", why) : 0;
    }
    if (result == 0 && !script_load(actions, options->script)) {
        result = fail(options->script, strerror(errno));
    }
    if (result == 0 && !describe(server, dir)) {
        result = fail("venue.json", strerror(errno));
    }
    if (result == 0) {
        (void)printf("dir %s\nready\n", dir);
        (void)fflush(stdout);
        server_run(server);
    }
    if (server != NULL) {
        server_destroy(server);
    }
    exchange_stop(&exchange);
    actions_destroy(actions);
    return result;
}

int main(int count, char **arguments)
{
    struct options options;
    char dir[PATH_MAX];
    char why[256] = "";

    switch (options_read(count, arguments, &options)) {
    case OPTIONS_HELP:
        options_usage();
        return 0;
    case OPTIONS_VERSION:
        (void)puts("flatline-venue " FLATLINE_VERSION);
        return 0;
    case OPTIONS_BAD:
        options_usage();
        return EXIT_USAGE;
    case OPTIONS_GOOD:
        break;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!dir_prepare(options.dir, dir)) {
        return fail(options.dir == NULL ? "/tmp" : options.dir, strerror(errno));
    }
    if (tls_prepare(dir, why, sizeof(why)) != 0) {
        return fail("certificates", why);
    }
    return serve(&options, dir);
}
