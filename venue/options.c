/* SPDX-License-Identifier: MIT */
#include "venue/options.h"

#include "core/base.h"
#include "venue/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_DIR = 256,
    OPTION_PORT,
    OPTION_VENUES,
    OPTION_SCRIPT,
    OPTION_REPLAY,
    OPTION_SPEED,
    OPTION_KEEP_TIMES,
    OPTION_SEED,
    OPTION_RATE,
    OPTION_TIME_SCALE,
    OPTION_KEY_LIFE,
    OPTION_BOGUS,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option LONG_OPTIONS[] = {
    {"dir", required_argument, NULL, OPTION_DIR},
    {"port", required_argument, NULL, OPTION_PORT},
    {"venues", required_argument, NULL, OPTION_VENUES},
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"replay", required_argument, NULL, OPTION_REPLAY},
    {"speed", required_argument, NULL, OPTION_SPEED},
    {"keep-times", no_argument, NULL, OPTION_KEEP_TIMES},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"time-scale", required_argument, NULL, OPTION_TIME_SCALE},
    {"key-life", required_argument, NULL, OPTION_KEY_LIFE},
    {"bogus", required_argument, NULL, OPTION_BOGUS},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

void options_usage(void)
{
    (void)puts(
        "usage: flatline-venue [options]\n"
        "A fake exchange on 127.0.0.1: Binance spot, USD-M, COIN-M and OKX over TLS, with faults "
        "on demand.\n"
        "\n"
        "  --dir DIR          where ca.pem, venue.json and control.sock go (default: a fresh one, "
        "printed)\n"
        "  --port BASE        venue i listens on BASE + i (default 0: the kernel picks)\n"
        "  --venues LIST      e.g. binance-usdm,okx (default: all four)\n"
        "  --script FILE      commands at relative times, e.g. `+1.5s mute okx/public`\n"
        "  --replay FILE      tell a recording again, in its own rhythm; VENUE:FILE where the "
        "frames do not say whose they are\n"
        "  --speed X          replay X times faster (default 1)\n"
        "  --keep-times       do not move the recording's times to now\n"
        "  --seed N           of the generated market (default 1)\n"
        "  --rate N           book changes a second and symbol (default 100)\n"
        "  --time-scale X     heartbeats, keep-alives and key life run X times faster (default 1)\n"
        "  --key-life D       life of a listenKey before scaling (default 60m)\n"
        "  --bogus SYMBOL     accept this symbol and stay silent; may be repeated\n"
        "  --verbose          libwebsockets' warnings on standard error\n"
        "  --help, --version");
}

static bool bad(const char *option, const char *value)
{
    (void)fprintf(stderr, "flatline-venue: --%s: cannot use '%s'\n", option, value);
    return false;
}

static bool
read_number(const char *option, const char *text, double least, double most, double *ret_number)
{
    char *end;
    const double number = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(number >= least && number <= most)) {
        return bad(option, text);
    }
    *ret_number = number;
    return true;
}

static bool read_venues(const char *list, struct options *options)
{
    memset(options->serves, 0, sizeof(options->serves));
    while (*list != '\0') {
        const size_t length = strcspn(list, ",");
        enum venue venue;
        if (!venue_of_name(list, length, &venue)) {
            return bad("venues", list);
        }
        options->serves[venue] = true;
        list += length + (list[length] == ',');
    }
    return true;
}

static bool read_one(int option, const char *value, struct options *options)
{
    double number = 0;
    switch (option) {
    case OPTION_DIR:
        options->dir = value;
        return true;
    case OPTION_PORT:
        if (!read_number("port", value, 0, 65532, &number)) {
            return false;
        }
        options->port_base = (unsigned)number;
        return true;
    case OPTION_VENUES:
        return read_venues(value, options);
    case OPTION_SCRIPT:
        options->script = value;
        return true;
    case OPTION_REPLAY:
        if (options->replay_count == REPLAYS_MAX) {
            return bad("replay", value);
        }
        options->replays[options->replay_count++] = value;
        return true;
    case OPTION_SPEED:
        return read_number("speed", value, 0.001, 10000, &options->replay_speed);
    case OPTION_KEEP_TIMES:
        options->replay_rebases = false;
        return true;
    case OPTION_SEED:
        if (!read_number("seed", value, 0, 1e15, &number)) {
            return false;
        }
        options->exchange.market.seed = (uint64_t)number;
        return true;
    case OPTION_RATE:
        return read_number("rate", value, 0, 20000, &options->exchange.market.rate);
    case OPTION_TIME_SCALE:
        return read_number("time-scale", value, 0.001, 100000, &options->exchange.time_scale);
    case OPTION_KEY_LIFE:
        return duration_parse(value, &options->exchange.key_life_ns) || bad("key-life", value);
    case OPTION_BOGUS:
        if (options->bogus_count == BOGUS_MAX) {
            return bad("bogus", value);
        }
        options->bogus[options->bogus_count++] = value;
        return true;
    case OPTION_VERBOSE:
        options->is_verbose = true;
        return true;
    default:
        return false;
    }
}

enum options_verdict options_read(int count, char **arguments, struct options *ret_options)
{
    int option;

    *ret_options = (struct options){
        .serves = {true, true, true, true},
        .replay_speed = 1.0,
        .replay_rebases = true,
        .exchange = {.market = {.seed = 1, .rate = 100},
                     .time_scale = 1.0,
                     .key_life_ns = 3600 * NS_PER_S},
    };
    while ((option = getopt_long(count, arguments, "", LONG_OPTIONS, NULL)) != -1) {
        if (option == OPTION_HELP) {
            return OPTIONS_HELP;
        }
        if (option == OPTION_VERSION) {
            return OPTIONS_VERSION;
        }
        if (!read_one(option, optarg, ret_options)) {
            return OPTIONS_BAD;
        }
    }
    if (optind < count) {
        (void)fprintf(stderr, "flatline-venue: what is '%s'?\n", arguments[optind]);
        return OPTIONS_BAD;
    }
    return OPTIONS_GOOD;
}
