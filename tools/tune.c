/* SPDX-License-Identifier: MIT
 *
 * flatline tune: what stale_after would have cost each stream of some recordings. Each file goes
 * once through four replays side by side, one a candidate, so a closure here is a lapse of
 * `flatline replay --stale-after`, to the nanosecond.
 */
#include "core/base.h"
#include "feeds/channels.h"
#include "feeds/names.h"
#include "tools/capture.h"
#include "tools/cli.h"
#include "tools/command_options.h"
#include "tools/flatline_commands.h"
#include "tools/replay_file.h"
#include "tools/replay_run.h"
#include "tools/tune_advice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLOSURES_DEFAULT 24 /* a day: one an hour */
#define CLOSURES_MAX     1000000

struct tuned {
    char name[FLATLINE_NAME_BYTES];
    struct tune_sums sums;
};

struct tuning {
    bool json;
    bool has_venue;
    enum flatline_venue venue;
    uint64_t closures_a_day_max;
    struct tuned *streams;
    uint32_t stream_count;
    uint32_t stream_room;
};

/* One file on its way through the candidates. */
struct pass {
    struct replay_options options[TUNE_CANDIDATES];
    struct replay *replays[TUNE_CANDIDATES];
    uint64_t *first_ns; /* of each stream's first frame */
    uint32_t stream_count;
};

static const char usage_text[] =
    "usage: flatline tune [--venue V] [--closures N] [--json] FILE...\n"
    "\n"
    "Tells for each stream of some recordings how often and how long its lease would have been\n"
    "closed at a stale_after of 1, 3, 10 and 30 s, and suggests one for the configuration: the\n"
    "smallest that closes at most N times a day. A stream in several files is summed over them.\n"
    "\n"
    "  --venue V     binance-spot, binance-usdm, binance-coinm or okx; needed where a "
    "connection's\n"
    "                first frame does not tell it\n"
    "  --closures N  closures a day that are acceptable (default: 24)\n"
    "  --json        one JSON object a stream\n"
    "  -h, --help    this text\n"
    "\n"
    "Exit: 0 done, 1 a file could not be read to its end, 2 usage.\n";

/* ---- options --------------------------------------------------------------------------------- */

static int option_take(void *context, int option)
{
    struct tuning *tuning = context;
    switch (option) {
    case 'j':
        tuning->json = true;
        return OPTIONS_GOOD;
    case 'v':
        tuning->has_venue = true;
        return option_venue("tune", optarg, &tuning->venue);
    default:
        return option_number(optarg, 0, CLOSURES_MAX, &tuning->closures_a_day_max)
                   ? OPTIONS_GOOD
                   : option_wrong(
                         "tune", "--closures wants a whole number up to 1000000, not ", optarg);
    }
}

static int options_parse(int argc, char **argv, struct tuning *tuning)
{
    static const struct option longer[] = {
        {"venue", required_argument, NULL, 'v'},
        {"closures", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const struct command_options options = {.command = "tune",
                                                   .usage = usage_text,
                                                   .letters = "h",
                                                   .longer = longer,
                                                   .take = option_take};
    const int status = options_take(&options, argc, argv, tuning);
    return status == OPTIONS_GOOD && optind == argc ? option_wrong("tune", "which FILE?", "")
                                                    : status;
}

/* ---- one file -------------------------------------------------------------------------------- */

static void lapse_ignore(void *context, const char *stream, uint64_t at_ns, uint64_t until_ns)
{
    (void)context, (void)stream, (void)at_ns, (void)until_ns; /* the sums are enough */
}

static void fault_ignore(void *context,
                         const char *stream,
                         const char *connection,
                         const struct finding *finding)
{
    (void)context, (void)stream, (void)connection, (void)finding;
}

static void pass_end(struct pass *pass)
{
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        replay_destroy(pass->replays[i]);
    }
    free(pass->first_ns);
}

static bool pass_begin(struct pass *pass, enum flatline_venue venue)
{
    const struct replay_sink sink = {.lapse = lapse_ignore, .fault = fault_ignore};
    bool is_good = true;
    *pass = (struct pass){.first_ns = calloc(REPLAY_STREAMS_MAX, sizeof(*pass->first_ns))};
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        pass->options[i] =
            (struct replay_options){.venue = venue, .stale_after_ns = tune_candidates_ns[i]};
        pass->replays[i] = replay_create(&pass->options[i], &sink);
        is_good = is_good && pass->replays[i] != NULL;
    }
    return is_good && pass->first_ns != NULL;
}

static int pass_line(void *context, const struct capture_line *line)
{
    struct pass *pass = context;
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        const int status = replay_line(pass->replays[i], line);
        if (status < 0) {
            return status;
        }
    }
    const uint32_t count = replay_stream_count(pass->replays[0]);
    for (; pass->stream_count < count; pass->stream_count++) {
        pass->first_ns[pass->stream_count] = replay_totals(pass->replays[0])->last_ns;
    }
    return 0;
}

/* Feeds a whole file. Returns 0 or -errno. */
static int pass_file(struct pass *pass, const char *path)
{
    const int status = capture_each(path, pass_line, pass);
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        replay_finish(pass->replays[i]);
    }
    return status;
}

/* ---- sums over files ------------------------------------------------------------------------- */

static struct tuned *stream_find(struct tuning *tuning, const char *name)
{
    for (uint32_t i = 0; i < tuning->stream_count; i++) {
        if (strcmp(tuning->streams[i].name, name) == 0) {
            return &tuning->streams[i];
        }
    }
    if (tuning->stream_count == tuning->stream_room) {
        const uint32_t room = tuning->stream_room * 2 + 64;
        struct tuned *grown = realloc(tuning->streams, room * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        tuning->streams = grown;
        tuning->stream_room = room;
    }
    struct tuned *stream = &tuning->streams[tuning->stream_count++];
    *stream = (struct tuned){0};
    (void)snprintf(stream->name, sizeof(stream->name), "%s", name);
    enum flatline_venue venue;
    struct span symbol;
    struct span channel;
    if (names_split(name, &venue, &symbol, &channel)) {
        struct stream_traits traits;
        channel_traits(venue, symbol, channel, &traits);
        stream->sums.stream_class = traits.stream_class;
        stream->sums.period_ns = traits.period_ns;
        stream->sums.default_ns = traits.stale_after_ns;
    }
    return stream;
}

/* A stream without a receive time (0: the recorder had no clock) is counted, not timed. */
static int pass_collect(struct tuning *tuning, const struct pass *pass)
{
    const uint64_t last_ns = replay_totals(pass->replays[0])->last_ns;
    for (uint32_t s = 0; s < pass->stream_count; s++) {
        const struct replay_stream seen = replay_stream(pass->replays[0], s);
        if (seen.view->frames == 0) { /* a name whose only frames were malformed */
            continue;
        }
        struct tuned *stream = stream_find(tuning, seen.name);
        if (stream == NULL) {
            return -ENOMEM;
        }
        const uint64_t first_ns = pass->first_ns[s];
        stream->sums.files++;
        stream->sums.frames += seen.view->frames;
        stream->sums.span_ns += first_ns != 0 ? last_ns - first_ns : 0;
        for (int i = 0; i < TUNE_CANDIDATES; i++) {
            const struct replay_stream at = replay_stream(pass->replays[i], s);
            stream->sums.closures[i] += at.lapses;
            stream->sums.closed_ns[i] += at.lapsed_ns;
        }
    }
    return 0;
}

static int file_error(const char *path, int status)
{
    (void)fprintf(stderr, "flatline tune: %s: %s\n", path, replay_error_text(status));
    return CLI_FAILED;
}

static int file_tune(struct tuning *tuning, const char *path)
{
    enum flatline_venue venue = tuning->venue;
    const int told = tuning->has_venue ? 1 : replay_venue_guess(path, &venue);
    if (told < 0) {
        return file_error(path, told);
    }
    if (told == 0) {
        (void)fprintf(stderr,
                      "flatline tune: %s: no connection's first frame tells the venue; add --venue "
                      "binance-spot, binance-usdm, binance-coinm or okx\n",
                      path);
        return CLI_USAGE;
    }
    struct pass pass;
    int status = -ENOMEM;
    if (pass_begin(&pass, venue)) {
        const int read = pass_file(&pass, path);
        status = pass_collect(tuning, &pass);
        status = status < 0 ? status : read;
    }
    pass_end(&pass);
    return status < 0 ? file_error(path, status) : CLI_DONE;
}

/* ---- telling --------------------------------------------------------------------------------- */

static uint64_t seconds(uint64_t ns)
{
    return ns / NS_PER_S;
}

static double percent(uint64_t part_ns, uint64_t whole_ns)
{
    return whole_ns == 0 ? 0 : 100 * (double)part_ns / (double)whole_ns;
}

static json_t *candidates_json(const struct tune_sums *sums)
{
    json_t *all = json_array();
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        json_t *one = json_object();
        const bool is_told = sums->span_ns >= TUNE_SPAN_MIN_NS;
        cli_json_word(one, "stale_after_ns", tune_candidates_ns[i]);
        cli_json_word(one, "closures", sums->closures[i]);
        cli_json_word(one, "closed_ns", sums->closed_ns[i]);
        (void)json_object_set_new(
            one, "closed_percent", json_real(percent(sums->closed_ns[i], sums->span_ns)));
        (void)json_object_set_new(one,
                                  "closures_a_day",
                                  is_told ? json_real(tune_a_day(sums->closures[i], sums->span_ns))
                                          : json_null());
        (void)json_object_set_new(
            one,
            "closures_a_day_at_most",
            is_told ? json_real(tune_a_day_at_most(sums->closures[i], sums->span_ns))
                    : json_null());
        (void)json_array_append_new(all, one);
    }
    return all;
}

static int stream_json(const struct tuned *stream, const struct tune_advice *advice)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "type", json_string("tune"));
    (void)json_object_set_new(object, "stream", cli_json_text(stream->name));
    cli_json_word(object, "frames", stream->sums.frames);
    cli_json_word(object, "files", stream->sums.files);
    cli_json_word(object, "span_ns", stream->sums.span_ns);
    cli_json_word(object, "default_ns", stream->sums.default_ns);
    (void)json_object_set_new(object, "candidates", candidates_json(&stream->sums));
    (void)json_object_set_new(object, "verdict", json_string(tune_verdict_name(advice->verdict)));
    if (advice->value_ns == 0) {
        (void)json_object_set_new(object, "suggest_ns", json_null());
    } else {
        cli_json_word(object, "suggest_ns", advice->value_ns);
    }
    (void)json_object_set_new(object, "reason", json_string(advice->reason));
    return cli_json_print(object);
}

/* Control bytes of a hostile name would reach the terminal. */
static void name_clean(const char *name, char text[FLATLINE_NAME_BYTES])
{
    size_t at = 0;
    for (; name[at] != '\0' && at + 1 < FLATLINE_NAME_BYTES; at++) {
        const unsigned char byte = (unsigned char)name[at];
        text[at] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    text[at] = '\0';
}

static void
stream_row(struct cli_table *table, const struct tuned *stream, const struct tune_advice *advice)
{
    char name[FLATLINE_NAME_BYTES];
    const struct tune_sums *sums = &stream->sums;
    name_clean(stream->name, name);
    cli_table_add(table, CLI_PLAIN, "%s", name);
    cli_table_add(table, CLI_PLAIN, "%" PRIu64, sums->frames);
    cli_table_add(table, CLI_PLAIN, "%" PRIu64 " s", seconds(sums->span_ns));
    for (int i = 0; i < TUNE_CANDIDATES; i++) {
        const enum cli_colour colour = sums->closures[i] > 0 ? CLI_YELLOW : CLI_PLAIN;
        const double closed = percent(sums->closed_ns[i], sums->span_ns);
        if (sums->span_ns < TUNE_SPAN_MIN_NS) {
            cli_table_add(table, colour, "%" PRIu64 " seen %.2f%%", sums->closures[i], closed);
        } else {
            cli_table_add(
                table, colour, "%.0f %.2f%%", tune_a_day(sums->closures[i], sums->span_ns), closed);
        }
    }
    if (advice->value_ns == 0) {
        cli_table_add(table, CLI_DIM, "-");
    } else {
        cli_table_add(table, CLI_GREEN, "%" PRIu64 "s", seconds(advice->value_ns));
    }
    cli_table_add(table, CLI_DIM, "%s", advice->reason);
}

static int tuning_print(const struct tuning *tuning)
{
    static const char *const titles[] = {
        "STREAM", "FRAMES", "SPAN", "AT 1s", "3s", "10s", "30s", "SUGGEST", "BECAUSE"};
    struct cli_table *table = tuning->json ? NULL : cli_table_create(ARRAY_COUNT(titles), titles);
    int result = CLI_DONE;
    for (uint32_t i = 0; i < tuning->stream_count; i++) {
        const struct tuned *stream = &tuning->streams[i];
        struct tune_advice advice;
        tune_advise(&stream->sums, tuning->closures_a_day_max, &advice);
        if (tuning->json) {
            result = result == CLI_DONE ? stream_json(stream, &advice) : result;
        } else {
            stream_row(table, stream, &advice);
        }
    }
    if (table == NULL) {
        return cli_finish(result);
    }
    cli_table_print(table);
    (void)puts("\nAT: closures a day, extrapolated from SPAN, and share of SPAN closed; \"seen\": "
               "counted, too short to extrapolate.");
    return cli_finish(result);
}

int tune_command(int argc, char **argv)
{
    struct tuning tuning = {.closures_a_day_max = CLOSURES_DEFAULT};
    int result = options_parse(argc, argv, &tuning);
    if (result == OPTIONS_HELPED) {
        return cli_finish(CLI_DONE);
    }
    for (int i = optind; i < argc && result != CLI_USAGE; i++) {
        const int status = file_tune(&tuning, argv[i]);
        result = status == CLI_DONE ? result : status;
    }
    if (result != CLI_USAGE) {
        const int printed = tuning_print(&tuning);
        result = result == CLI_DONE ? printed : result;
    }
    free(tuning.streams);
    return result;
}
