/* SPDX-License-Identifier: MIT
 *
 * flatline replay: recordings through codec and detector, as fast as the machine goes. Each file
 * is a replay of its own.
 *
 * Usage errors, the venue that cannot be told among them, are found before anything is printed.
 */
#include "tools/replay.h"

#include "core/base.h"
#include "feeds/channels.h"
#include "tools/capture.h"
#include "tools/command_options.h"
#include "tools/replay_file.h"
#include "tools/replay_print.h"
#include "tools/replay_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_TEXT_BYTES 4096

struct command {
    bool json;
    bool has_venue;
    enum flatline_venue venue;
    uint64_t stale_after_ns;
    const char *config_path;
    struct config *config;
    char **files;
    int file_count;
};

static const char usage_text[] =
    "usage: flatline replay [--venue V] [--stale-after D] [--json] [-c FILE] FILE...\n"
    "\n"
    "Runs recorded frames through codec and detector on a virtual clock and prints what was "
    "found.\n"
    "FILE is a recording, plain or .zst: <recv_unix_ns> TAB <connection> TAB <frame>, one a line.\n"
    "\n"
    "  --venue V        binance-spot, binance-usdm, binance-coinm or okx; needed where a "
    "connection's\n"
    "                   first frame does not tell it\n"
    "  --stale-after D  trust every stream this long after newer data (3s, 250ms), instead of the\n"
    "                   default of its class\n"
    "  --json           one JSON object a line, times in whole nanoseconds\n"
    "  -c, --config FILE  streams' stale_after and silent_after, and the policy, as flatlined "
    "reads them\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit: 0 done, 1 a file could not be read to its end, 2 usage or configuration.\n";

/* ---- options --------------------------------------------------------------------------------- */

static uint64_t digits_read(const char **text, uint64_t limit)
{
    uint64_t value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = value < limit ? value * 10 + (uint64_t)(**text - '0') : limit;
    }
    return value;
}

/* 3s, 250ms, 1.5s: as in the configuration, and with decimals. Beyond the longest believable
 * lease every reader would refuse what it leads to. */
static bool stale_after_parse(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", NS_PER_US},
        {"ms", NS_PER_MS},
        {"s", NS_PER_S},
        {"m", 60 * NS_PER_S},
        {"h", 3600 * NS_PER_S},
    };

    const char *at = text;
    const uint64_t whole = digits_read(&at, FLATLINE_LEASE_ABSURD_NS);
    uint64_t fraction = 0; /* of scale */
    uint64_t scale = 1;
    if (at == text) {
        return false;
    }
    if (*at == '.') {
        const char *decimals = ++at;
        fraction = digits_read(&at, NS_PER_S);
        if (at == decimals || at - decimals > 6) {
            return false;
        }
        for (; decimals < at; decimals++) {
            scale *= 10;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcmp(at, units[i].unit) == 0 && whole < FLATLINE_LEASE_ABSURD_NS / units[i].ns) {
            *ret_ns = whole * units[i].ns + fraction * units[i].ns / scale;
            return *ret_ns > 0;
        }
    }
    return false;
}

static int option_take(void *context, int option)
{
    struct command *command = context;
    switch (option) {
    case 'j':
        command->json = true;
        return OPTIONS_GOOD;
    case 'v':
        command->has_venue = true;
        return option_venue("replay", optarg, &command->venue);
    case 's':
        return stale_after_parse(optarg, &command->stale_after_ns)
                   ? OPTIONS_GOOD
                   : option_wrong(
                         "replay",
                         "--stale-after wants a duration with its unit, such as 3s or 250ms, not ",
                         optarg);
    default:
        command->config_path = optarg;
        return OPTIONS_GOOD;
    }
}

static int options_parse(int argc, char **argv, struct command *command)
{
    static const struct option longer[] = {
        {"venue", required_argument, NULL, 'v'},
        {"stale-after", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const struct command_options options = {.command = "replay",
                                                   .usage = usage_text,
                                                   .letters = "c:h",
                                                   .longer = longer,
                                                   .take = option_take};
    const int status = options_take(&options, argc, argv, command);
    command->files = argv + optind;
    command->file_count = argc - optind;
    return status == OPTIONS_GOOD && command->file_count == 0
               ? option_wrong("replay", "which FILE?", "")
               : status;
}

static int config_take(struct command *command)
{
    if (command->config_path == NULL) {
        return REPLAY_DONE;
    }
    char text[CONFIG_TEXT_BYTES] = "";
    const int status = config_load(command->config_path, &command->config, text, sizeof(text));
    if (status == 0) {
        return REPLAY_DONE;
    }
    if (text[0] != '\0') {
        (void)fprintf(stderr, "%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
    } else {
        (void)fprintf(stderr, "flatline replay: %s: %s\n", command->config_path, strerror(-status));
    }
    return REPLAY_USAGE;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_error(const char *path, int status)
{
    (void)fprintf(stderr, "flatline replay: %s: %s\n", path, replay_error_text(status));
    return REPLAY_FAILED;
}

/* Decides each file's venue. Returns an enum replay_exit; REPLAY_FAILED: some file cannot be
 * read, ret_readable says which. */
static int venues_decide(const struct command *command, enum flatline_venue *venues, bool *readable)
{
    int result = REPLAY_DONE;
    for (int i = 0; i < command->file_count; i++) {
        venues[i] = command->venue;
        readable[i] = true;
        const int told = command->has_venue ? 1 : replay_venue_guess(command->files[i], &venues[i]);
        if (told < 0) {
            readable[i] = false;
            result = file_error(command->files[i], told);
        } else if (told == 0) {
            (void)fprintf(
                stderr,
                "flatline replay: %s: no connection's first frame tells the venue; add --venue "
                "binance-spot, binance-usdm, binance-coinm or okx\n",
                command->files[i]);
            return REPLAY_USAGE;
        }
    }
    return result;
}

/* What JSON has no place for, but nobody should miss. */
static void oddities_print(const char *path, const struct replay_totals *totals)
{
    const struct {
        uint64_t count;
        const char *what;
    } oddities[] = {
        {totals->time_clamped, "receive times went back and were clamped"},
        {totals->notes_refused, "#meta lines were not understood"},
        {totals->findings_lost, "findings were lost: please report this as a defect"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(oddities); i++) {
        if (oddities[i].count > 0) {
            (void)fprintf(stderr,
                          "flatline replay: %s: %" PRIu64 " %s\n",
                          path,
                          oddities[i].count,
                          oddities[i].what);
        }
    }
}

static int line_take(void *context, const struct capture_line *line)
{
    struct replay *replay = context;
    return replay_line(replay, line);
}

/* What was read before an error is reported too. */
static int file_replay(const struct command *command, const char *path, enum flatline_venue venue)
{
    const struct replay_options options = {
        .venue = venue,
        .stale_after_ns = command->stale_after_ns,
        .config = command->config,
    };
    struct replay_printer printer = {
        .out = stdout,
        .json = command->json,
        .file = command->file_count > 1 ? path : NULL,
    };
    const struct replay_sink sink = replay_printer_sink(&printer);
    struct replay *replay = replay_create(&options, &sink);
    if (replay == NULL) {
        return file_error(path, -ENOMEM);
    }
    const int status = capture_each(path, line_take, replay);
    replay_finish(replay);
    replay_print_summary(&printer, path, replay);
    oddities_print(path, replay_totals(replay));
    replay_destroy(replay);
    const bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written) {
        return file_error("standard output", -EIO);
    }
    return status < 0 ? file_error(path, status) : REPLAY_DONE;
}

static int files_replay(const struct command *command)
{
    const size_t count = (size_t)command->file_count;
    enum flatline_venue *venues = calloc(count, sizeof(*venues));
    bool *readable = calloc(count, sizeof(*readable));
    if (venues == NULL || readable == NULL) {
        free(venues);
        free(readable);
        return file_error(command->files[0], -ENOMEM);
    }
    int result = venues_decide(command, venues, readable);
    for (int i = 0; i < command->file_count && result != REPLAY_USAGE; i++) {
        if (readable[i] && file_replay(command, command->files[i], venues[i]) != REPLAY_DONE) {
            result = REPLAY_FAILED;
        }
    }
    free(venues);
    free(readable);
    return result;
}

int replay_command(int argc, char **argv)
{
    struct command command = {0};
    int result = options_parse(argc, argv, &command);
    if (result == OPTIONS_HELPED) {
        return REPLAY_DONE;
    }
    if (result == OPTIONS_GOOD) {
        result = config_take(&command);
    }
    if (result == REPLAY_DONE) {
        result = files_replay(&command);
    }
    config_free(command.config);
    return result;
}
