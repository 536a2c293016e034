/* SPDX-License-Identifier: MIT
 *
 * flatline score: how good the detector is. Markets, generated and recorded, with faults put in
 * whose right verdict is known, through the code that runs live, on a virtual clock.
 */
#include "core/base.h"
#include "tools/command_options.h"
#include "tools/flatline_commands.h"
#include "tools/score_card.h"
#include "tools/score_recording.h"
#include "tools/score_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SCORE_DONE = 0, SCORE_FAILED = 1 };

#define EPISODE_NS          (50 * NS_PER_S)
#define LEAD_NS             (12 * NS_PER_S)
#define RECORDED_EPISODE_NS (26 * NS_PER_S)
#define RECORDED_LEAD_NS    (4 * NS_PER_S)
#define SESSION_EPISODES    20U /* then a new life of the detector, and a new market */
#define COMMAND_BYTES       512U
#define LESSON_NS           (3 * 3600 * NS_PER_S)   /* of a market, before its trials */
#define SILENT_EVERY_NS     (30 * 86400 * NS_PER_S) /* the sentinel's default */
#define LESSON_DICE         999U

struct score {
    bool json;
    bool quick;
    bool misses; /* each trial that goes wrong is told of */
    uint64_t seed;
    uint32_t trials;      /* of each injection in each market */
    uint32_t quiet_hours; /* without any, in each market; 0: minutes alone */
    struct detector_policy policy;
    struct card card;
    char command[COMMAND_BYTES];
};

static const char usage_text[] =
    "usage: flatline score [--quick] [--trials N] [--hours N] [--seed N] [--json] [--misses] "
    "[FILE...]\n"
    "\n"
    "Puts faults into generated markets, and into the recordings FILE..., runs them through codec\n"
    "and detector on a virtual clock, and counts what is found, how soon, and who is blamed.\n"
    "The same options give the same figures.\n"
    "\n"
    "  --quick     few trials, some seconds: what the tests run\n"
    "  --trials N  trials of each fault in each market (default: 60)\n"
    "  --hours N   hours of each market without a fault, for false alarms (default: 6)\n"
    "  --seed N    of the dice (default: 1)\n"
    "  --json      one JSON object for each fault and market\n"
    "  --misses    tell on standard error of each trial not found or not blamed right\n"
    "  -h, --help  this text\n"
    "\n"
    "Exit: 0 done, 1 a file could not be read, 2 usage.\n";

/* ---- options --------------------------------------------------------------------------------- */

static int option_take(void *context, int option)
{
    struct score *score = context;
    uint64_t number = 0;
    switch (option) {
    case 'j':
        score->json = true;
        return OPTIONS_GOOD;
    case 'm':
        score->misses = true;
        return OPTIONS_GOOD;
    case 'q':
        score->quick = true;
        score->trials = 4;
        score->quiet_hours = 0;
        return OPTIONS_GOOD;
    case 't':
        if (!option_number(optarg, 1, 100000, &number)) {
            return option_wrong("score", "--trials is a number from 1 to 100000, not ", optarg);
        }
        score->trials = (uint32_t)number;
        return OPTIONS_GOOD;
    case 'o':
        if (!option_number(optarg, 0, 10000, &number)) {
            return option_wrong("score", "--hours is a number up to 10000, not ", optarg);
        }
        score->quiet_hours = (uint32_t)number;
        return OPTIONS_GOOD;
    default:
        return option_number(optarg, 0, UINT64_MAX, &score->seed)
                   ? OPTIONS_GOOD
                   : option_wrong("score", "--seed is a number, not ", optarg);
    }
}

static int options_parse(int argc, char **argv, struct score *score)
{
    static const struct option longer[] = {
        {"json", no_argument, NULL, 'j'},
        {"quick", no_argument, NULL, 'q'},
        {"trials", required_argument, NULL, 't'},
        {"hours", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"misses", no_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const struct command_options options = {.command = "score",
                                                   .usage = usage_text,
                                                   .letters = "h",
                                                   .longer = longer,
                                                   .take = option_take};
    return options_take(&options, argc, argv, score);
}

/* The command as the card tells it: what comes out hangs on these options alone. */
static void command_spell(struct score *score, int argc, char **argv)
{
    size_t used = (size_t)snprintf(score->command, sizeof(score->command), "flatline score");
    for (int i = 1; i < argc && used < sizeof(score->command); i++) {
        if (strcmp(argv[i], "--misses") == 0) {
            continue; /* the same card is made without it */
        }
        const char *name = strrchr(argv[i], '/');
        const char *shown = i >= optind && name != NULL ? name + 1 : argv[i];
        used +=
            (size_t)snprintf(score->command + used, sizeof(score->command) - used, " %s", shown);
    }
}

/* ---- generated markets ----------------------------------------------------------------------- */

/* Episodes wanted of an injection: trials, or what the hours without one come to. */
static uint32_t episodes_of(const struct score *score, uint32_t injection, uint64_t episode_ns)
{
    if (injection > 0) {
        return score->trials;
    }
    const uint64_t quiet_ns =
        score->quiet_hours > 0 ? score->quiet_hours * 3600 * NS_PER_S : 600 * NS_PER_S;
    return (uint32_t)(quiet_ns / episode_ns);
}

static struct miss_log misses_of(const struct score *score, const char *market, uint32_t life)
{
    return (struct miss_log){.out = score->misses ? stderr : NULL, .market = market, .life = life};
}

/* A sentinel that has watched this kind of market before. */
static int market_learn(const struct score *score, uint32_t market, struct lesson *ret_lesson)
{
    struct dice dice = dice_seed(score->seed, market, LESSON_DICE, 0);
    struct market *made = market_create(&market_terms[market], dice_next(&dice), true);
    if (made == NULL) {
        return -ENOMEM;
    }
    const int status =
        lesson_learn(market_source(made), &score->policy, DESK_EPOCH_NS + LESSON_NS, ret_lesson);
    market_destroy(made);
    return status;
}

static int
market_score(struct score *score, uint32_t market, uint32_t injection, const struct lesson *lesson)
{
    const uint32_t wanted = episodes_of(score, injection, EPISODE_NS);
    uint32_t left = wanted;
    int status = 0;
    for (uint32_t life = 0; left > 0 && status == 0; life++) {
        struct dice dice = dice_seed(score->seed, market, injection, life);
        struct market *made =
            market_create(&market_terms[market], dice_next(&dice), injections[injection].twins);
        if (made == NULL) {
            return -ENOMEM;
        }
        const struct session session = {
            .source = market_source(made),
            .injection = &injections[injection],
            .policy = &score->policy,
            .lesson = lesson,
            .misses = misses_of(score, market_terms[market].name, life),
            .dice = dice,
            .from_ns = DESK_EPOCH_NS,
            .episode_ns = EPISODE_NS,
            .lead_ns = LEAD_NS,
            .episodes = left < SESSION_EPISODES || injection == 0 ? left : SESSION_EPISODES,
        };
        uint32_t done;
        status = session_run(&session, card_sum(&score->card, market, injection), &done);
        left -= done;
        market_destroy(made);
    }
    return status;
}

static int markets_score(struct score *score)
{
    struct lesson *lesson = calloc(1, sizeof(*lesson));
    int status = lesson == NULL ? -ENOMEM : 0;
    for (uint32_t market = 0; market < MARKET_COUNT && status >= 0; market++) {
        status = card_add_market(&score->card, market_terms[market].name);
        status = status < 0 ? status : market_learn(score, market, lesson);
        for (uint32_t i = 0; i < injection_count && status >= 0; i++) {
            status = market_score(score, market, i, lesson);
        }
    }
    free(lesson);
    return status < 0 ? status : 0;
}

/* ---- recordings ------------------------------------------------------------------------------ */

static int recording_score(struct score *score,
                           struct recording *recording,
                           uint32_t market,
                           uint32_t injection)
{
    struct score_sum *sum = card_sum(&score->card, market, injection);
    const uint64_t span_ns = recording_span_ns(recording);
    const bool is_quiet = injections[injection].way == WAY_NOTHING;
    if (!is_quiet && (!injections[injection].recorded || span_ns < RECORDED_EPISODE_NS)) {
        return 0;
    }
    uint32_t left = is_quiet ? 1 : score->trials;
    int status = 0;
    for (uint32_t life = 0; left > 0 && status == 0; life++) {
        const struct session session = {
            .source = recording_rewind(recording),
            .injection = &injections[injection],
            .policy = &score->policy,
            .misses = misses_of(score, score->card.markets[market], life),
            .dice = dice_seed(score->seed, market, injection, life),
            .from_ns = recording_from_ns(recording),
            .episode_ns = is_quiet ? span_ns + 1 : RECORDED_EPISODE_NS,
            .lead_ns = RECORDED_LEAD_NS,
            .episodes = left,
        };
        uint32_t done;
        status = session_run(&session, sum, &done);
        left = done == 0 || done >= left ? 0 : left - done;
    }
    return status;
}

static int file_score(struct score *score, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct recording *recording;
    int status = recording_open(path, &recording);
    if (status < 0) {
        return status;
    }
    const int market = card_add_market(&score->card, slash != NULL ? slash + 1 : path);
    status = market < 0 ? market : 0;
    for (uint32_t i = 0; i < injection_count && status == 0; i++) {
        status = recording_score(score, recording, (uint32_t)market, i);
    }
    recording_close(recording);
    return status;
}

/* ---- silence --------------------------------------------------------------------------------- */

static int silences_score(struct score *score)
{
    int status = 0;
    for (uint32_t row = 0; row < SILENCE_ROWS && status == 0; row++) {
        status = silence_score_run(row, score->seed, score->quick, &score->card.silences[row]);
        score->card.silence_count++;
    }
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int failure(const char *what, int status)
{
    (void)fprintf(stderr,
                  "flatline score: %s: %s\n",
                  what,
                  status == -ENOTSUP   ? "no connection's first frame tells the venue"
                  : status == -ENODATA ? "nothing in it has a time, or it is cut short"
                                       : strerror(-status));
    return SCORE_FAILED;
}

static int all_score(struct score *score, char **files, int file_count)
{
    int status = markets_score(score);
    if (status == 0) {
        status = silences_score(score);
    }
    if (status < 0) {
        return failure("generated markets", status);
    }
    for (int i = 0; i < file_count; i++) {
        status = file_score(score, files[i]);
        if (status < 0) {
            return failure(files[i], status);
        }
    }
    score->card.command = score->command;
    (score->json ? card_print_json : card_print_markdown)(&score->card, stdout);
    return fflush(stdout) == 0 && !ferror(stdout) ? SCORE_DONE : failure("standard output", -EIO);
}

int score_command(int argc, char **argv)
{
    struct score score = {
        .seed = 1, .trials = 60, .quiet_hours = 6, .policy = detector_policy_default()};
    score.policy.anchor_on_frames = true;
    score.policy.silent_every_ns = SILENT_EVERY_NS;
    int result = options_parse(argc, argv, &score);
    if (result == OPTIONS_HELPED) {
        return SCORE_DONE;
    }
    if (result == OPTIONS_GOOD) {
        command_spell(&score, argc, argv);
        result = all_score(&score, argv + optind, argc - optind);
    }
    card_free(&score.card);
    return result;
}
