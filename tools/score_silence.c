/* SPDX-License-Identifier: MIT */
#include "tools/score_silence.h"

#include "core/hist.h"
#include "tools/score_desk.h"
#include "tools/score_dice.h"
#include "tools/score_rival.h"
#include "tools/score_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS      (100 * NS_PER_MS) /* frames come in batches of this */
#define DECAY_A_STEP 0.67032           /* exp(-4/s * 100 ms) */
#define BRANCHING    0.7
#define KICK         (BRANCHING * 4.0 * 0.8242) /* so that a step's sum keeps the branching */
#define LEVEL_EVERY  100U                       /* steps */
#define LEVEL_PULL   0.00556                    /* 10 s of 30 min */
#define LEVEL_PUSH   0.0843                     /* makes a spread of 0.8 in the logarithm */
#define DAY_NS       (86400 * NS_PER_S)
#define EVERY_NS     (3600 * NS_PER_S) /* the budget of false alarms: raised, to be measurable */
#define CUT_MAX_NS   (6 * 3600 * NS_PER_S)
#define KEPT_MAX     4096U /* of the greatest gaps */

const struct silence_terms_row silence_terms_rows[SILENCE_ROWS] = {
    {"15/s", 15.0, 3, 4, 200}, {"2/s", 2.0, 3, 4, 200}, {"0.1/s", 0.1, 10, 10, 200}};

/* A stream of frames, as field recordings have them: self-exciting, under a level that wanders
 * within the hour and with the day. */
struct pulse {
    struct dice dice;
    uint64_t now_ns;
    uint64_t last_ns; /* of the last arrival */
    uint32_t steps;
    double base;
    double level_log;
    double level;
    double excited;
};

static double exp_of(double x)
{
    double power = 1.0 + x / 1024.0; /* by squaring ten times; no libm */
    for (int i = 0; i < 10; i++) {
        power *= power;
    }
    return power;
}

static void level_move(struct pulse *pulse)
{
    double normal = -6.0;
    for (int i = 0; i < 12; i++) {
        normal += dice_unit(&pulse->dice);
    }
    pulse->level_log += normal * LEVEL_PUSH - pulse->level_log * LEVEL_PULL;
    const double day = (double)(pulse->now_ns % DAY_NS) / (double)DAY_NS;
    const double tide = 1.0 + 0.6 * (day < 0.5 ? 4.0 * day - 1.0 : 3.0 - 4.0 * day);
    pulse->level = exp_of(pulse->level_log) * tide;
}

/* When the next frame is received. */
static uint64_t pulse_next(struct pulse *pulse)
{
    uint32_t changes = 0;
    while (changes == 0) {
        if (pulse->steps++ % LEVEL_EVERY == 0) {
            level_move(pulse);
        }
        pulse->now_ns += STEP_NS;
        changes = dice_poisson(&pulse->dice, (pulse->base * pulse->level + pulse->excited) * 0.1);
        pulse->excited = pulse->excited * DECAY_A_STEP + changes * KICK;
    }
    uint64_t recv_ns = pulse->now_ns + (uint64_t)(dice_exp(&pulse->dice) * 1e6);
    if (dice_below(&pulse->dice, 10000) == 0) {
        recv_ns += 100 * NS_PER_MS + dice_below(&pulse->dice, 900 * NS_PER_MS);
    }
    recv_ns = recv_ns > pulse->last_ns ? recv_ns : pulse->last_ns + 1;
    pulse->last_ns = recv_ns;
    return recv_ns;
}

/* ---- the greatest values --------------------------------------------------------------------- */

struct greatest {
    double values[KEPT_MAX]; /* descending */
    uint32_t count;
};

static void greatest_offer(struct greatest *greatest, double value)
{
    if (greatest->count == KEPT_MAX && value <= greatest->values[KEPT_MAX - 1]) {
        return;
    }
    uint32_t at = greatest->count < KEPT_MAX ? greatest->count++ : KEPT_MAX - 1;
    for (; at > 0 && greatest->values[at - 1] < value; at--) {
        greatest->values[at] = greatest->values[at - 1];
    }
    greatest->values[at] = value;
}

/* The limit that would have been passed `times` times. */
static double greatest_limit(const struct greatest *greatest, uint64_t times)
{
    const uint64_t at = times < greatest->count ? times : greatest->count - 1U;
    return greatest->count == 0 ? 0 : greatest->values[at];
}

/* ---- a run ----------------------------------------------------------------------------------- */

struct run {
    struct desk desk;
    struct stage stage;
    struct pulse pulse;
    struct rival rival;
    struct silence_score *score;
    struct greatest gaps;
    struct greatest sigmas;
    uint64_t id;
    uint64_t silent_ns; /* when the last SILENT was found */
    bool is_test;
};

static int finding_take(void *context, const struct finding *finding)
{
    struct run *run = context;
    if (finding->kind == FINDING_FAULT && finding->fault_kind == FLATLINE_FAULT_SILENT) {
        run->silent_ns = finding->at_ns;
        run->score->false_alarms += run->is_test;
    }
    return 0;
}

static int arrive(struct run *run, uint64_t recv_ns)
{
    struct event event = {
        .recv_mono_ns = recv_ns, .kind = EVENT_DATA, .flags = EVENT_HAS_ID | EVENT_HAS_TIME};
    event.data.id = ++run->id;
    event.data.exch_wall_ns = (int64_t)recv_ns;
    const struct rival *rival = &run->rival;
    if (run->is_test && rival->last_ns != 0) {
        static const uint64_t flats_ns[] = {3 * NS_PER_S, 10 * NS_PER_S, 120 * NS_PER_S};
        const uint64_t gap_ns = recv_ns - rival->last_ns;
        greatest_offer(&run->gaps, (double)gap_ns);
        greatest_offer(&run->sigmas, rival_sigmas(rival, gap_ns));
        for (size_t i = 0; i < ARRAY_COUNT(flats_ns); i++) {
            run->score->flat_alarms[i] += gap_ns > flats_ns[i];
        }
    }
    rival_arrive(&run->rival, recv_ns);
    const int status = stage_advance(&run->stage, recv_ns);
    return status < 0 ? status : stage_apply(&run->stage, &event);
}

static int days_play(struct run *run, uint64_t days)
{
    const uint64_t until_ns = run->pulse.now_ns + days * DAY_NS;
    int status = 0;
    while (status == 0 && run->pulse.now_ns < until_ns) {
        status = arrive(run, pulse_next(&run->pulse));
    }
    return status;
}

/* What a limit of a rival would have made of the cut that began behind the last arrival. */
static void rival_record(struct flatline_histogram *hist, uint64_t cried_ns, uint64_t missed_ns)
{
    hist_record(hist, cried_ns > missed_ns ? cried_ns - missed_ns : 0);
}

/* The market goes on behind a silence of the stream. */
static void pulse_skip(struct pulse *pulse, uint64_t until_ns)
{
    for (; pulse->now_ns < until_ns; pulse->now_ns += LEVEL_EVERY * STEP_NS) {
        level_move(pulse);
    }
    pulse->excited = 0.0;
    pulse->last_ns = pulse->now_ns;
}

/* The stream ends without a word, and the clock runs until somebody says so. It comes back at a time
 * that does not depend on when that was: so two detectors are asked of the same moments. */
static int cut(struct run *run)
{
    const uint64_t missed_ns = pulse_next(&run->pulse);
    const uint64_t until_ns = missed_ns + CUT_MAX_NS;
    struct silence_score *score = run->score;
    const struct rival *rival = &run->rival;
    uint64_t at_ns = missed_ns;
    int status = 0;
    run->silent_ns = 0;
    while (status == 0 && run->silent_ns == 0 && at_ns < until_ns) {
        const uint64_t due_ns = detector_next_deadline(run->stage.detector);
        at_ns = due_ns > at_ns && due_ns < until_ns ? due_ns : at_ns + NS_PER_S;
        status = stage_advance(&run->stage, at_ns);
    }
    if (run->silent_ns != 0) {
        score->found++;
        rival_record(score->own, run->silent_ns, missed_ns);
    }
    rival_record(score->flat, rival->last_ns + score->flat_limit_ns, missed_ns);
    rival_record(score->phi,
                 rival->last_ns + rival_limit_ns(rival, RIVAL_PHI_8, score->phi_sigmas),
                 missed_ns);
    pulse_skip(&run->pulse, until_ns);
    run->rival.last_ns = 0; /* what a fault explains teaches nobody */
    return status;
}

static int cuts_play(struct run *run, uint32_t cuts)
{
    int status = 0;
    for (uint32_t i = 0; i < cuts && status == 0; i++) {
        /* long enough that rare frames fill the short-term mean again */
        uint64_t frames = 200 + dice_below(&run->pulse.dice, 2000);
        for (; frames > 0 && status == 0; frames--) {
            status = arrive(run, pulse_next(&run->pulse));
        }
        status = status == 0 ? cut(run) : status;
    }
    return status;
}

static int run_begin(struct run *run, uint64_t seed, uint32_t row)
{
    struct detector_policy policy = detector_policy_default();
    policy.anchor_on_frames = true;
    policy.silent_every_ns = EVERY_NS;
    run->pulse = (struct pulse){
        .dice = dice_seed(seed, 1000, row, 0),
        .now_ns = DESK_EPOCH_NS,
        .base = run->score->terms->rate_per_s * (1.0 - BRANCHING) / 1.38, /* e^(0.8^2/2) */
        .level = 1.0,
    };
    if (desk_add_stream(&run->desk, "binance-spot/BTCUSDT/trade") != 0) {
        return -EINVAL;
    }
    run->desk.links[0] =
        (struct desk_link){.venue = FLATLINE_VENUE_BINANCE_SPOT, .streams = 1, .twin = -1};
    run->desk.link_count = 1;
    const int status = desk_stage(&run->desk, &policy, &run->stage);
    run->stage.take = finding_take;
    run->stage.context = run;
    const struct event up = {.recv_mono_ns = DESK_EPOCH_NS,
                             .stream = EVENT_NO_STREAM,
                             .kind = EVENT_CONNECTION_UP,
                             .link = {.epoch = 1, .phase = LINK_OPEN}};
    return status == 0 ? stage_apply(&run->stage, &up) : status;
}

static int run_play(struct run *run, bool quick)
{
    struct silence_score *score = run->score;
    const struct silence_terms_row *terms = score->terms;
    int status = days_play(run, quick ? 2 : terms->learn_days);
    const uint64_t from_ns = run->pulse.now_ns;
    run->is_test = true;
    status = status == 0 ? days_play(run, quick ? 2 : terms->test_days) : status;
    run->is_test = false;
    score->test_ns = run->pulse.now_ns - from_ns;
    score->flat_limit_ns = (uint64_t)greatest_limit(&run->gaps, score->false_alarms);
    score->phi_sigmas = greatest_limit(&run->sigmas, score->false_alarms);
    return status == 0 ? cuts_play(run, quick ? 50 : terms->cuts) : status;
}

int silence_score_run(uint32_t row, uint64_t seed, bool quick, struct silence_score *ret_score)
{
    *ret_score = (struct silence_score){.terms = &silence_terms_rows[row],
                                        .stated_every_ns = EVERY_NS,
                                        .own = sum_histogram(),
                                        .flat = sum_histogram(),
                                        .phi = sum_histogram()};
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL || ret_score->own == NULL || ret_score->flat == NULL ||
        ret_score->phi == NULL) {
        free(run);
        return -ENOMEM;
    }
    run->score = ret_score;
    int status = run_begin(run, seed, row);
    if (status == 0) {
        status = run_play(run, quick);
    }
    stage_end(&run->stage);
    free(run);
    return status;
}

void silence_score_end(struct silence_score *score)
{
    free(score->own);
    free(score->flat);
    free(score->phi);
    *score = (struct silence_score){0};
}
