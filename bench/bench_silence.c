/* SPDX-License-Identifier: MIT
 *
 * bench_silence.c - does SILENT keep to its budget of false alarms, and how soon does it prove a
 * silence, beside a flat limit and phi-accrual?
 *
 * Healthy markets of several rates, invented from seeds, go through the detector on a virtual clock,
 * as one instance with one budget: every SILENT is a false alarm. Silences are proven in thought: at
 * random moments the stream falls silent, and the deadline then armed tells how long it takes. The
 * flat limit and phi (normal tail, 1000 gaps, sigma at least 100 ms) see the same gaps; each is
 * set, knowing all of them, so that it gives as many false alarms as SILENT did: better than anyone
 * could set it beforehand.
 */
#include "core/base.h"
#include "core/detector.h"
#include "tests/bursty_market.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS_PER_CLASS 20000U
#define LARGEST_MAX      16384U
#define PHI_GAPS         1000.0
#define PHI_SIGMA_MIN_S  0.1
#define PHI_8_SIGMAS     5.612 /* of a normal tail of 1e-8 */

/* The largest of many numbers. */
struct largest {
    double values[LARGEST_MAX];
    uint32_t count;
    double least; /* none below is wanted any more */
};

struct trial {
    double already_s; /* silent before it began: it began between two frames */
    double limit_s;
    double mean_s;
    double sigma_s;
};

struct tally {
    double events_per_s;
    uint64_t frames;
    double judged_s;
    double total_s;
    uint64_t alarms;
    uint64_t alarms_phi_8;
    uint64_t alarms_flat_3;
    uint64_t alarms_flat_10;
    struct largest gaps;
    struct largest sigmas;
    struct trial trials[TRIALS_PER_CLASS];
    uint32_t trial_count;
};

struct options {
    double days;
    double budget_s; /* one false alarm in so long, of the whole instance */
    uint32_t streams;
    uint64_t seed;
    double rates[8];
    uint32_t rate_count;
};

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x < y) - (x > y);
}

static void largest_offer(struct largest *largest, double value)
{
    if (value <= largest->least) {
        return;
    }
    largest->values[largest->count++] = value;
    if (largest->count == LARGEST_MAX) {
        qsort(largest->values, largest->count, sizeof(double), descending);
        largest->count = LARGEST_MAX / 2;
        largest->least = largest->values[largest->count - 1];
    }
}

/* The limit that exactly `alarms` of them reach (or one, of none). */
static double largest_limit(struct largest *largest, uint64_t alarms)
{
    qsort(largest->values, largest->count, sizeof(double), descending);
    const uint64_t wanted = alarms > 0 ? alarms - 1 : 0;
    return largest->values[wanted < largest->count ? wanted : largest->count - 1];
}

/* ---- one stream ------------------------------------------------------------------------------- */

struct listener {
    double mean_s; /* of phi: exponentially forgotten over PHI_GAPS */
    double variance;
    double last_s;
    double limit_s; /* what was provable after the last frame */
    double next_trial_s;
    uint64_t seed;
};

static double sigma_of(const struct listener *listener)
{
    const double sigma_s = sqrt(listener->variance);
    return sigma_s > PHI_SIGMA_MIN_S ? sigma_s : PHI_SIGMA_MIN_S;
}

static void trials_hold(struct tally *tally, struct listener *listener, double until_s, double mean)
{
    while (listener->next_trial_s < until_s) {
        if (listener->limit_s > 0 && tally->trial_count < TRIALS_PER_CLASS) {
            tally->trials[tally->trial_count++] =
                (struct trial){.already_s = listener->next_trial_s - listener->last_s,
                               .limit_s = listener->limit_s,
                               .mean_s = listener->mean_s,
                               .sigma_s = sigma_of(listener)};
        }
        listener->next_trial_s += market_wait(&listener->seed, 1.0 / mean);
    }
}

static void gap_tell(struct tally *tally, struct listener *listener, double gap_s)
{
    const double sigmas = (gap_s - listener->mean_s) / sigma_of(listener);
    if (listener->limit_s > 0) {
        tally->judged_s += gap_s;
        tally->alarms_phi_8 += sigmas > PHI_8_SIGMAS;
        tally->alarms_flat_3 += gap_s > 3.0;
        tally->alarms_flat_10 += gap_s > 10.0;
        largest_offer(&tally->gaps, gap_s);
        largest_offer(&tally->sigmas, sigmas);
    }
    const double surprise_s = gap_s - listener->mean_s;
    listener->mean_s += surprise_s / PHI_GAPS;
    listener->variance += (surprise_s * surprise_s - listener->variance) / PHI_GAPS;
}

static uint64_t alarms_take(struct detector *detector)
{
    uint64_t alarms = 0;
    struct finding finding;
    while (detector_take(detector, &finding)) {
        alarms += finding.kind == FINDING_FAULT && finding.fault_kind == FLATLINE_FAULT_SILENT;
    }
    return alarms;
}

static void stream_run(const struct options *options,
                       struct detector *detector,
                       uint32_t stream,
                       struct tally *tally)
{
    struct bursty_market market =
        market_begin(tally->events_per_s, options->seed * 1000003U + stream);
    struct listener listener = {.seed = options->seed * 7919U + stream};
    const double end_s = options->days * MARKET_DAY_S;
    const double trials_mean_s = end_s * options->streams / TRIALS_PER_CLASS * 1.05;
    for (double frame_s = market_frame(&market); frame_s < end_s; frame_s = market_frame(&market)) {
        const struct event event = {.recv_mono_ns = NS_PER_S + (uint64_t)(frame_s * 1e9),
                                    .stream = stream,
                                    .connection = (uint16_t)stream,
                                    .kind = EVENT_DATA};
        trials_hold(tally, &listener, frame_s, trials_mean_s);
        if (tally->frames++ > 0 && listener.last_s > 0) {
            gap_tell(tally, &listener, frame_s - listener.last_s);
        }
        detector_apply(detector, &event);
        while (detector_next_changed(detector) != EVENT_NO_STREAM) {
        }
        tally->alarms += alarms_take(detector);
        listener.last_s = frame_s;
        listener.limit_s = (double)detector_stream(detector, stream)->silence_provable_ns / 1e9;
    }
    tally->total_s += end_s;
}

/* ---- the table -------------------------------------------------------------------------------- */

/* 95 % of a Poisson count's mean, by Wilson and Hilferty's approximation. */
static double poisson_low(double count)
{
    const double root = 1.0 - 1.0 / (9.0 * count) - 1.96 / (3.0 * sqrt(count));
    return count > 0 ? count * root * root * root : 0.0;
}

static double poisson_high(double count)
{
    const double next = count + 1.0;
    const double root = 1.0 - 1.0 / (9.0 * next) + 1.96 / (3.0 * sqrt(next));
    return next * root * root * root;
}

struct spread {
    double p50;
    double p90;
    double p99;
};

static struct spread spread_of(double *values, uint32_t count)
{
    qsort(values, count, sizeof(double), descending);
    return (struct spread){
        .p50 = values[count / 2], .p90 = values[count / 10], .p99 = values[count / 100]};
}

enum rule { RULE_SILENT, RULE_FLAT, RULE_PHI };

static struct spread rule_spread(const struct tally *tally, enum rule rule, double set)
{
    static double waits[TRIALS_PER_CLASS];
    for (uint32_t i = 0; i < tally->trial_count; i++) {
        const struct trial *trial = &tally->trials[i];
        const double limit_s = rule == RULE_SILENT ? trial->limit_s
                               : rule == RULE_FLAT ? set
                                                   : trial->mean_s + set * trial->sigma_s;
        waits[i] = limit_s > trial->already_s ? limit_s - trial->already_s : 0.0;
    }
    return spread_of(waits, tally->trial_count);
}

static void tally_print(struct tally *tally, const struct options *options)
{
    const double days = tally->judged_s / MARKET_DAY_S;
    const double stated =
        MARKET_DAY_S / options->budget_s / (options->streams * options->rate_count);
    const double alarms = (double)tally->alarms;
    const struct spread silent = rule_spread(tally, RULE_SILENT, 0);
    const struct spread flat =
        rule_spread(tally, RULE_FLAT, largest_limit(&tally->gaps, tally->alarms));
    const struct spread phi =
        rule_spread(tally, RULE_PHI, largest_limit(&tally->sigmas, tally->alarms));
    printf("%6.1f %7.2f %6.1f %6.1f %6" PRIu64
           "   %5.2f %5.2f %4.2f-%-4.2f %5.2f   %7.1f %7.1f %7.1f   %7.1f "
           "%7.1f %7.1f   %7.1f %7.1f %7.1f   %5.1f\n",
           tally->events_per_s,
           (double)tally->frames / tally->total_s,
           100.0 * (1.0 - tally->judged_s / tally->total_s),
           stated * days,
           tally->alarms,
           stated,
           alarms / days,
           poisson_low(alarms) / days,
           poisson_high(alarms) / days,
           alarms / (stated * days),
           silent.p50,
           silent.p90,
           silent.p99,
           flat.p50,
           flat.p90,
           flat.p99,
           phi.p50,
           phi.p90,
           phi.p99,
           flat.p50 / silent.p50);
}

static void uncalibrated_print(const struct tally *tally)
{
    const double days = tally->judged_s / MARKET_DAY_S;
    printf("%6.1f   %9.1f %9.1f %9.1f\n",
           tally->events_per_s,
           (double)tally->alarms_flat_3 / days,
           (double)tally->alarms_flat_10 / days,
           (double)tally->alarms_phi_8 / days);
}

/* ---- the run ---------------------------------------------------------------------------------- */

static struct detector *instance_make(const struct options *options)
{
    const uint32_t count = options->rate_count * options->streams;
    const struct detector_limits limits = {
        .streams_max = count, .connections_max = count, .legs_max = count};
    struct detector_policy policy = detector_policy_default();
    policy.silent_every_ns = (uint64_t)(options->budget_s * 1e9);
    struct detector *detector = detector_create(&limits, &policy);
    for (uint32_t i = 0; detector != NULL && i < count; i++) {
        const struct stream_traits traits = {.venue = FLATLINE_VENUE_BINANCE_USDM,
                                             .stale_after_ns = 3 * NS_PER_S};
        if (detector_add_stream(detector, &traits) < 0 ||
            detector_add_connection(detector, FLATLINE_VENUE_BINANCE_USDM, 0) < 0 ||
            detector_add_leg(detector, i, i) < 0) {
            abort();
        }
    }
    return detector;
}

static void run(const struct options *options)
{
    struct detector *detector = instance_make(options);
    struct tally *tallies = calloc(options->rate_count, sizeof(*tallies));
    if (detector == NULL || tallies == NULL) {
        abort();
    }
    printf("%u rates x %u streams, %g days each, seed %" PRIu64
           ", budget: one false alarm of all streams together in %g h\n\n",
           options->rate_count,
           options->streams,
           options->days,
           options->seed,
           options->budget_s / 3600.0);
    puts("                UN-   false alarms    a stream and day                    SILENT proves "
         "in s          a "
         "flat limit, equal alarms   phi, equal alarms         flat");
    puts("evt/s  frame/s KNOWN% budget   seen  stated  seen     95 %    ratio       p50     p90    "
         " p99       "
         "p50     p90     p99       p50     p90     p99    / SILENT");
    double expected = 0;
    double seen = 0;
    for (uint32_t k = 0; k < options->rate_count; k++) {
        tallies[k].events_per_s = options->rates[k];
        for (uint32_t i = 0; i < options->streams; i++) {
            stream_run(options, detector, k * options->streams + i, &tallies[k]);
        }
        tally_print(&tallies[k], options);
        expected +=
            tallies[k].judged_s / options->budget_s / (options->streams * options->rate_count);
        seen += (double)tallies[k].alarms;
    }
    printf("\nthe instance: %.1f false alarms in the budget, %.0f seen (95 %%: %.1f-%.1f), ratio "
           "%.2f\n",
           expected,
           seen,
           poisson_low(seen),
           poisson_high(seen),
           seen / expected);
    puts("\nuncalibrated, false alarms a stream and day:\nevt/s    flat 3 s  flat 10 s     phi 8");
    for (uint32_t k = 0; k < options->rate_count; k++) {
        uncalibrated_print(&tallies[k]);
    }
    free(tallies);
    detector_destroy(detector);
}

static int usage(void)
{
    (void)fputs(
        "usage: bench_silence [--days N] [--budget-hours N] [--streams N] [--seed N] [RATE...]\n"
        "RATE: events a second of one class of streams, up to 8; default 100 15 2 0.4 0.1\n",
        stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct options options = {.days = 14,
                              .budget_s = 3600,
                              .streams = 4,
                              .seed = 1,
                              .rates = {100, 15, 2, 0.4, 0.1},
                              .rate_count = 5};
    bool own_rates = false;
    for (int i = 1; i < argc; i++) {
        const double value = i + 1 < argc ? strtod(argv[i + 1], NULL) : 0;
        if (strcmp(argv[i], "--days") == 0) {
            options.days = value;
        } else if (strcmp(argv[i], "--budget-hours") == 0) {
            options.budget_s = value * 3600.0;
        } else if (strcmp(argv[i], "--streams") == 0) {
            options.streams = (uint32_t)value;
        } else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = (uint64_t)value;
        } else {
            options.rate_count = own_rates ? options.rate_count : 0;
            own_rates = true;
            if (options.rate_count == ARRAY_COUNT(options.rates) || strtod(argv[i], NULL) <= 0) {
                return usage();
            }
            options.rates[options.rate_count++] = strtod(argv[i], NULL);
            continue;
        }
        i++;
        if (value <= 0) {
            return usage();
        }
    }
    if (options.streams == 0 || options.streams * options.rate_count > 1000) {
        return usage();
    }
    run(&options);
    return 0;
}
