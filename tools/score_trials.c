/* SPDX-License-Identifier: MIT */
#include "tools/score_trials.h"

#include "core/base.h"
#include "tools/score_run.h"
#include "tools/score_work.h"

#include <errno.h>
#include <stdlib.h>

#define EPISODE_NS          (50 * NS_PER_S)
#define LEAD_NS             (12 * NS_PER_S)
#define RECORDED_EPISODE_NS (26 * NS_PER_S)
#define RECORDED_LEAD_NS    (4 * NS_PER_S)
#define SESSION_EPISODES    20U /* then a new life of the detector, and a new market */
#define LESSON_NS           (3 * 3600 * NS_PER_S)   /* of a market, before its trials */
#define SILENT_EVERY_NS     (30 * 86400 * NS_PER_S) /* the sentinel's default */
#define LESSON_DICE         999U

/* What is told of the trials of one injection in one market that went wrong. */
struct miss_text {
    char *text;
    size_t bytes;
};

struct trials {
    const struct trial_terms *terms;
    struct detector_policy policy;
    struct card *card;
    struct lesson lessons[MARKET_COUNT];
    struct miss_text misses[CARD_MARKETS_MAX][CARD_FAULTS_MAX];
};

/* ---- generated markets ----------------------------------------------------------------------- */

/* A sentinel that has watched this kind of market before. */
static int market_learn(struct trials *trials, uint32_t market)
{
    struct dice dice = dice_seed(trials->terms->seed, market, LESSON_DICE, 0);
    struct market *made = market_create(&market_terms[market], dice_next(&dice), true);
    if (made == NULL) {
        return -ENOMEM;
    }
    const int status = lesson_learn(
        market_source(made), &trials->policy, DESK_EPOCH_NS + LESSON_NS, &trials->lessons[market]);
    market_destroy(made);
    return status;
}

/* Episodes wanted of an injection: trials, or what the hours without one come to. */
static uint32_t episodes_of(const struct trial_terms *terms, uint32_t injection)
{
    if (injection > 0) {
        return terms->trials;
    }
    const uint64_t quiet_ns =
        terms->quiet_hours > 0 ? terms->quiet_hours * 3600 * NS_PER_S : 600 * NS_PER_S;
    return (uint32_t)(quiet_ns / EPISODE_NS);
}

static int
market_score(struct trials *trials, uint32_t market, uint32_t injection, struct miss_log misses)
{
    uint32_t left = episodes_of(trials->terms, injection);
    int status = 0;
    for (uint32_t life = 0; left > 0 && status == 0; life++) {
        struct dice dice = dice_seed(trials->terms->seed, market, injection, life);
        struct market *made =
            market_create(&market_terms[market], dice_next(&dice), injections[injection].twins);
        if (made == NULL) {
            return -ENOMEM;
        }
        misses.life = life;
        const struct session session = {
            .source = market_source(made),
            .injection = &injections[injection],
            .policy = &trials->policy,
            .lesson = &trials->lessons[market],
            .misses = misses,
            .dice = dice,
            .from_ns = DESK_EPOCH_NS,
            .episode_ns = EPISODE_NS,
            .lead_ns = LEAD_NS,
            .episodes = left < SESSION_EPISODES || injection == 0 ? left : SESSION_EPISODES,
        };
        uint32_t done;
        status = session_run(&session, card_sum(trials->card, market, injection), &done);
        left -= done;
        market_destroy(made);
    }
    return status;
}

/* ---- recordings ------------------------------------------------------------------------------ */

static int
recording_score(struct trials *trials, uint32_t market, uint32_t injection, struct miss_log misses)
{
    const struct recording *recording = trials->terms->recordings[market - MARKET_COUNT];
    const uint64_t span_ns = recording_span_ns(recording);
    const bool is_quiet = injections[injection].way == WAY_NOTHING;
    if (!is_quiet && (!injections[injection].recorded || span_ns < RECORDED_EPISODE_NS)) {
        return 0;
    }
    uint32_t left = is_quiet ? 1 : trials->terms->trials;
    int status = 0;
    for (uint32_t life = 0; left > 0 && status == 0; life++) {
        struct playback playback = playback_of(recording);
        misses.life = life;
        const struct session session = {
            .source = &playback.source,
            .injection = &injections[injection],
            .policy = &trials->policy,
            .misses = misses,
            .dice = dice_seed(trials->terms->seed, market, injection, life),
            .from_ns = recording_from_ns(recording),
            .episode_ns = is_quiet ? span_ns + 1 : RECORDED_EPISODE_NS,
            .lead_ns = RECORDED_LEAD_NS,
            .episodes = left,
        };
        uint32_t done;
        status = session_run(&session, card_sum(trials->card, market, injection), &done);
        left = done == 0 || done >= left ? 0 : left - done;
    }
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* First: the silences, which take longest, and what the markets teach. */
static int first_job(void *context, uint32_t number)
{
    struct trials *trials = context;
    if (number >= trials->card->silence_count) {
        return market_learn(trials, number - trials->card->silence_count);
    }
    return silence_score_run(
        number, trials->terms->seed, trials->terms->quick, &trials->card->silences[number]);
}

/* Then: one injection in one market; the hours without any, which take longest, before all others. */
static int cell_job(void *context, uint32_t number)
{
    struct trials *trials = context;
    const uint32_t market = number % trials->card->market_count;
    const uint32_t injection = number / trials->card->market_count;
    struct miss_text *told = &trials->misses[market][injection];
    struct miss_log misses = {.market = trials->card->markets[market]};
    if (trials->terms->misses) {
        misses.out = open_memstream(&told->text, &told->bytes);
        if (misses.out == NULL) {
            return -ENOMEM;
        }
    }
    const int status =
        (market < MARKET_COUNT ? market_score : recording_score)(trials, market, injection, misses);
    return misses.out != NULL && fclose(misses.out) != 0 && status == 0 ? -ENOMEM : status;
}

static int markets_add(const struct trial_terms *terms, struct card *card)
{
    int status = 0;
    for (uint32_t i = 0; i < MARKET_COUNT && status >= 0; i++) {
        status = card_add_market(card, market_terms[i].name);
    }
    for (uint32_t i = 0; i < terms->recording_count && status >= 0; i++) {
        status = card_add_market(card, terms->recording_names[i]);
    }
    return status < 0 ? status : 0;
}

static void misses_tell(struct trials *trials)
{
    for (uint32_t market = 0; market < CARD_MARKETS_MAX; market++) {
        for (uint32_t injection = 0; injection < CARD_FAULTS_MAX; injection++) {
            struct miss_text *told = &trials->misses[market][injection];
            (void)fwrite(told->text, 1, told->bytes, stderr);
            free(told->text);
        }
    }
}

int trials_run(const struct trial_terms *terms, struct card *card, const char **ret_where)
{
    struct trials *trials = calloc(1, sizeof(*trials));
    *ret_where = "generated markets";
    if (trials == NULL) {
        return -ENOMEM;
    }
    trials->terms = terms;
    trials->card = card;
    trials->policy = detector_policy_default();
    trials->policy.anchor_on_frames = true;
    trials->policy.silent_every_ns = SILENT_EVERY_NS;
    card->seed = terms->seed;
    card->silence_count = terms->has_silences ? SILENCE_ROWS : 0;
    uint32_t failed = 0;
    int status = markets_add(terms, card);
    if (status == 0) {
        status = work_run(
            terms->workers, card->silence_count + MARKET_COUNT, first_job, trials, &failed);
    }
    if (status == 0) {
        status = work_run(
            terms->workers, card->market_count * injection_count, cell_job, trials, &failed);
        *ret_where = status == 0 ? NULL : card->markets[failed % card->market_count];
    }
    misses_tell(trials);
    free(trials);
    return status;
}
