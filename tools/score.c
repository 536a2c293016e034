/* SPDX-License-Identifier: MIT
 *
 * flatline score: how good the detector is. Markets, generated and recorded, with faults put in
 * whose right verdict is known, through the code that runs live, on a virtual clock.
 */
#include "core/base.h"
#include "tools/command_options.h"
#include "tools/flatline_commands.h"
#include "tools/score_card.h"
#include "tools/score_trials.h"
#include "tools/score_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SCORE_DONE = 0, SCORE_FAILED = 1 };

#define TRIALS_DEFAULT 60U
#define TRIALS_QUICK   4U
#define HOURS_DEFAULT  6U
#define FILES_MAX      (CARD_MARKETS_MAX - MARKET_COUNT)
#define COMMAND_BYTES  512U

struct score {
    bool json;
    bool oracle; /* alone */
    struct trial_terms terms;
    struct recording *recordings[FILES_MAX];
    const char *names[FILES_MAX];
    struct card card;
    bool has_beside;
    uint64_t beside_seed;
    struct card beside;
    char command[COMMAND_BYTES]; /* as the card tells it */
};

static const char usage_text[] =
    "usage: flatline score [--quick] [--trials N] [--hours N] [--seed N] [--beside N] [--json]\n"
    "                      [--misses] [--workers N] [FILE...]\n"
    "       flatline score --oracle\n"
    "\n"
    "Puts faults into generated markets, and into the recordings FILE..., runs them through codec\n"
    "and detector on a virtual clock, and counts what is found, how soon, and who is blamed.\n"
    "The same options give the same figures.\n"
    "\n"
    "  --quick      few trials, some seconds: what the tests run\n"
    "  --trials N   trials of each fault in each market (default: 60)\n"
    "  --hours N    hours of each market without a fault, for false alarms (default: 6)\n"
    "  --seed N     of the dice (default: 1)\n"
    "  --beside N   score with these dice, too, and tell the totals of both\n"
    "  --json       one JSON object for each fault and market\n"
    "  --misses     tell on standard error of each trial not found, not blamed right, or with a\n"
    "               false alarm\n"
    "  --workers N  threads (default: one a CPU); the figures are the same with any number\n"
    "  --oracle     only tell what is injected, and what is right to say of it\n"
    "  -h, --help   this text\n"
    "\n"
    "Exit: 0 done, 1 a file could not be read, 2 usage.\n";

/* ---- options --------------------------------------------------------------------------------- */

static int number_take(const char *what, uint64_t least, uint64_t most, uint32_t *ret_number)
{
    uint64_t number;
    if (!option_number(optarg, least, most, &number)) {
        return option_wrong("score", what, optarg);
    }
    *ret_number = (uint32_t)number;
    return OPTIONS_GOOD;
}

static int seed_take(const char *what, uint64_t *ret_seed)
{
    return option_number(optarg, 0, UINT64_MAX, ret_seed) ? OPTIONS_GOOD
                                                          : option_wrong("score", what, optarg);
}

static int option_take(void *context, int option)
{
    struct score *score = context;
    struct trial_terms *terms = &score->terms;
    switch (option) {
    case 'j':
        score->json = true;
        return OPTIONS_GOOD;
    case 'm':
        terms->misses = true;
        return OPTIONS_GOOD;
    case 'O':
        score->oracle = true;
        return OPTIONS_GOOD;
    case 'q':
        terms->quick = true;
        terms->trials = TRIALS_QUICK;
        terms->quiet_hours = 0;
        return OPTIONS_GOOD;
    case 't':
        return number_take(
            "--trials is a number from 1 to 100000, not ", 1, 100000, &terms->trials);
    case 'o':
        return number_take("--hours is a number up to 10000, not ", 0, 10000, &terms->quiet_hours);
    case 'w':
        return number_take(
            "--workers is a number from 1 to 64, not ", 1, WORKERS_MAX, &terms->workers);
    case 'b':
        score->has_beside = true;
        return seed_take("--beside is a number, not ", &score->beside_seed);
    default:
        return seed_take("--seed is a number, not ", &terms->seed);
    }
}

static int options_parse(int argc, char **argv, struct score *score)
{
    static const struct option longer[] = {
        {"quick", no_argument, NULL, 'q'},
        {"trials", required_argument, NULL, 't'},
        {"hours", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"beside", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {"misses", no_argument, NULL, 'm'},
        {"workers", required_argument, NULL, 'w'},
        {"oracle", no_argument, NULL, 'O'},
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

/* The command as the card tells it: only what the figures hang on. */
static void command_spell(struct score *score)
{
    const struct trial_terms *terms = &score->terms;
    const uint32_t trials = terms->quick ? TRIALS_QUICK : TRIALS_DEFAULT;
    const uint32_t hours = terms->quick ? 0 : HOURS_DEFAULT;
    FILE *out = fmemopen(score->command, COMMAND_BYTES, "w");
    if (out == NULL) {
        return;
    }
    (void)fprintf(out, "flatline score%s", terms->quick ? " --quick" : "");
    if (terms->trials != trials) {
        (void)fprintf(out, " --trials %u", terms->trials);
    }
    if (terms->quiet_hours != hours) {
        (void)fprintf(out, " --hours %u", terms->quiet_hours);
    }
    if (terms->seed != 1) {
        (void)fprintf(out, " --seed %llu", (unsigned long long)terms->seed);
    }
    if (score->has_beside) {
        (void)fprintf(out, " --beside %llu", (unsigned long long)score->beside_seed);
    }
    for (uint32_t i = 0; i < terms->recording_count; i++) {
        (void)fprintf(out, " %s", score->names[i]);
    }
    (void)fclose(out);
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

static int files_open(struct score *score, char **files, int file_count)
{
    if (file_count > (int)FILES_MAX) {
        return failure(files[FILES_MAX], -ENOSPC);
    }
    for (int i = 0; i < file_count; i++) {
        const char *slash = strrchr(files[i], '/');
        const int status = recording_open(files[i], &score->recordings[i]);
        if (status < 0) {
            return failure(files[i], status);
        }
        score->names[i] = slash != NULL ? slash + 1 : files[i];
        score->terms.recording_count++;
    }
    return SCORE_DONE;
}

static int all_score(struct score *score, char **files, int file_count)
{
    const char *where;
    const int opened = files_open(score, files, file_count);
    if (opened != SCORE_DONE) {
        return opened;
    }
    int status = trials_run(&score->terms, &score->card, &where);
    if (status == 0 && score->has_beside) {
        struct trial_terms terms = score->terms;
        terms.seed = score->beside_seed;
        terms.has_silences = false;
        status = trials_run(&terms, &score->beside, &where);
    }
    if (status < 0) {
        return failure(where, status);
    }
    command_spell(score);
    score->card.command = score->command;
    if (!score->json) {
        card_print_markdown(&score->card, score->has_beside ? &score->beside : NULL, stdout);
        return SCORE_DONE;
    }
    card_print_json(&score->card, stdout);
    card_print_json(&score->beside, stdout);
    return SCORE_DONE;
}

static int score_run(struct score *score, int argc, char **argv)
{
    int result = options_parse(argc, argv, score);
    if (result == OPTIONS_HELPED) {
        return SCORE_DONE;
    }
    if (result == OPTIONS_GOOD && score->oracle) {
        card_print_oracle(stdout);
    } else if (result == OPTIONS_GOOD) {
        result = all_score(score, argv + optind, argc - optind);
    }
    const bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    return is_written || result != SCORE_DONE ? result : failure("standard output", -EIO);
}

int score_command(int argc, char **argv)
{
    struct score *score = calloc(1, sizeof(*score));
    if (score == NULL) {
        return failure("memory", -ENOMEM);
    }
    score->terms = (struct trial_terms){.seed = 1,
                                        .trials = TRIALS_DEFAULT,
                                        .quiet_hours = HOURS_DEFAULT,
                                        .has_silences = true,
                                        .workers = work_workers(),
                                        .recordings = score->recordings,
                                        .recording_names = score->names};
    const int result = score_run(score, argc, argv);
    for (uint32_t i = 0; i < score->terms.recording_count; i++) {
        recording_close(score->recordings[i]);
    }
    card_free(&score->card);
    card_free(&score->beside);
    free(score);
    return result;
}
