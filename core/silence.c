/* SPDX-License-Identifier: MIT */
#include "core/silence.h"

#include <string.h>

/* The scale: 256ths of an octave, linear within one. It need not be a true logarithm, only always
 * the same. */
#define SCALE_OCTAVE  256U
#define SCALE_BIN     (SCALE_OCTAVE / 8U)
#define SCALE_RATIO_1 (16U * SCALE_OCTAVE) /* of 2^16, which stands for a ratio of one in the fit */
#define RATIO_ONE     65536.0
#define RATIO_MAX     1e6

#define SQUARE_SHIFT 14U /* a square's unit is (2^14 ns)^2: room for a gap of 19 hours */

/* The tail: at most one gap in 20 and 250 of them. */
#define TAIL_SHARE 20U
#define TAIL_GAPS  250U
#define TAIL_LEAST 32U /* that are enough, where the next bin holds what is ordinary */

/* What was seen is believed: a tail may end. Beyond the eighth largest gap nothing was, and there it
 * is heavier than exponential (shape 0). A shape above 0.8 is no market's. */
#define SEEN_GAPS      8.0
#define SEEN_SHAPE_MIN (-0.3)
#define FAR_SHAPE_MIN  0.05
#define SHAPE_ERRORS   0.5 /* standard errors to add to a shape */
#define TAIL_SHAPE_MAX 0.8

static uint32_t scale_of(uint64_t value)
{
    const uint32_t octave = 63U - (uint32_t)__builtin_clzll(value | 1U);
    return octave * SCALE_OCTAVE +
           ((uint32_t)((value << (63U - octave)) >> 55) & (SCALE_OCTAVE - 1U));
}

static uint64_t value_of(uint32_t scale)
{
    const uint32_t octave = scale / SCALE_OCTAVE;
    const uint64_t part = SCALE_OCTAVE + scale % SCALE_OCTAVE;
    if (octave > 62) {
        return UINT64_MAX / 2; /* centuries */
    }
    return octave >= 8 ? part << (octave - 8) : part >> (8 - octave);
}

static double ratio_of(uint32_t scale)
{
    return (double)value_of(SCALE_RATIO_1 + scale) / RATIO_ONE;
}

/* ---- arithmetic without libm ------------------------------------------------------------------ */

#define LN_2 0.69314718055994531

static double log2_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const double octave = (double)((int)(bits >> 52 & 0x7ffU) - 1023);
    bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof(mantissa));
    /* ln m = 2 artanh((m - 1) / (m + 1)), and the argument is at most 1/3 */
    const double x = (mantissa - 1.0) / (mantissa + 1.0);
    double sum = 0.0;
    for (int term = 21; term >= 1; term -= 2) {
        sum = sum * x * x + 1.0 / term;
    }
    return octave + 2.0 * x * sum / LN_2;
}

static double exp2_of(double power)
{
    const double bounded = power > 1000.0 ? 1000.0 : power < -1000.0 ? -1000.0 : power;
    const int whole = (int)bounded - (bounded < 0.0 ? 1 : 0);
    const double x = (bounded - whole) * LN_2;
    double sum = 1.0;
    for (int term = 16; term >= 1; term--) {
        sum = 1.0 + sum * x / term;
    }
    const uint64_t bits = (uint64_t)(whole + 1023) << 52;
    double octaves;
    memcpy(&octaves, &bits, sizeof(octaves));
    return sum * octaves;
}

/* ---- the tail -------------------------------------------------------------------------------- */

struct excesses {
    double threshold; /* the tail begins at this ratio */
    double gaps;      /* in the tail */
    double mean;
    double weighted; /* by the share of what lies above */
};

struct pareto {
    double shape;
    double spread;
};

/* The first bin of the tail. A bin that holds twice the tail is no part of it: of a stream like a
 * clock two bins hold nearly all gaps, and a fit to these would know nothing of the few long ones. */
static uint32_t tail_bin(const struct silence_tail *tail, uint64_t *ret_weight)
{
    const uint64_t share = tail->total / TAIL_SHARE;
    const uint64_t most = (uint64_t)TAIL_GAPS * SILENCE_WEIGHT;
    const uint64_t wanted = share < most ? share : most;
    uint32_t bin = SILENCE_BINS;
    uint64_t weight = 0;
    while (bin > 0 && weight < wanted) {
        const uint64_t next = tail->counts[bin - 1U];
        if (weight >= TAIL_LEAST * SILENCE_WEIGHT && next > 2U * wanted) {
            break;
        }
        weight += next;
        bin--;
    }
    *ret_weight = weight;
    return bin;
}

static bool excesses_take(const struct silence_tail *tail, struct excesses *ret_excesses)
{
    uint64_t weight;
    const uint32_t first = tail_bin(tail, &weight);
    if (weight == 0) {
        return false;
    }
    const double threshold = ratio_of(first * SCALE_BIN);
    double mean = 0.0;
    double weighted = 0.0;
    double above = 0.0;
    for (uint32_t bin = SILENCE_BINS; bin-- > first;) {
        const double count = (double)tail->counts[bin];
        const double excess = ratio_of(bin * SCALE_BIN + SCALE_BIN / 2U) - threshold;
        mean += count * excess;
        weighted += count * excess * (above + count / 2.0);
        above += count;
    }
    *ret_excesses = (struct excesses){.threshold = threshold,
                                      .gaps = above / SILENCE_WEIGHT,
                                      .mean = mean / above,
                                      .weighted = weighted / (above * above)};
    return true;
}

/* By probability-weighted moments (Hosking and Wallis 1987): no iteration, and sound for all shapes
 * below one. The shape is taken half a standard error too large, so that what was seen for a short
 * time is trusted less. */
static struct pareto pareto_fit(const struct excesses *excesses, double shape_min)
{
    const double mean = excesses->mean;
    const double lack = mean - 2.0 * excesses->weighted;
    /* Gaps as regular as a clock fill one bin, and have no shape. */
    const double fitted = lack > 0.0 ? 2.0 - mean / lack : shape_min - 1.0;
    const double error = (1.0 + fitted) * exp2_of(-0.5 * log2_of(excesses->gaps));
    const double shape = fitted + SHAPE_ERRORS * error;
    if (shape < shape_min) {
        return (struct pareto){.shape = shape_min, .spread = mean * (1.0 - shape_min)};
    }
    return (struct pareto){.shape = shape < TAIL_SHAPE_MAX ? shape : TAIL_SHAPE_MAX,
                           .spread = 2.0 * mean * excesses->weighted / lack};
}

/* The excess that one in 2^octaves of the tail's gaps reaches. */
static double pareto_excess(const struct pareto *pareto, double octaves)
{
    const double shape = pareto->shape;
    if (shape > -1e-4 && shape < 1e-4) {
        return pareto->spread * octaves * LN_2;
    }
    return pareto->spread / shape * (exp2_of(shape * octaves) - 1.0);
}

static double excess_limit(const struct excesses *excesses, double allowed)
{
    const struct pareto seen = pareto_fit(excesses, SEEN_SHAPE_MIN);
    const struct pareto far = pareto_fit(excesses, FAR_SHAPE_MIN);
    const double octaves = log2_of(excesses->gaps / allowed);
    const double edge = log2_of(excesses->gaps / SEEN_GAPS);
    if (octaves <= 0.0) {
        return 0.0;
    }
    if (octaves <= edge) {
        return pareto_excess(&seen, octaves);
    }
    const double from = edge > 0.0 ? edge : 0.0;
    return pareto_excess(&seen, from) + pareto_excess(&far, octaves) - pareto_excess(&far, from);
}

/* How many alarms the budget allows in the time observed. Who has not seen a whole day is allowed
 * less: a morning does not tell how the night is. */
static double alarms_allowed(const struct silence_tail *tail, const struct silence_terms *terms)
{
    const double allowed = (double)tail->observed_ns / (double)terms->every_ns;
    return tail->observed_ns < SILENCE_DAY_NS
               ? allowed * ((double)tail->observed_ns / (double)SILENCE_DAY_NS)
               : allowed;
}

static uint32_t scale_fit(const struct silence_tail *tail, const struct silence_terms *terms)
{
    struct excesses excesses;
    if (tail->observed_ns < terms->warm_up_ns ||
        tail->total < (uint64_t)SILENCE_LEAST_GAPS * SILENCE_WEIGHT ||
        !excesses_take(tail, &excesses)) {
        return 0;
    }
    const double ratio = excesses.threshold + excess_limit(&excesses, alarms_allowed(tail, terms));
    return ratio < RATIO_MAX ? scale_of((uint64_t)(ratio * RATIO_ONE)) + 1U - SCALE_RATIO_1 : 0;
}

/* ---- one gap --------------------------------------------------------------------------------- */

static void tail_age(struct silence_tail *tail)
{
    tail->observed_ns /= 2;
    tail->total /= 2;
    for (uint32_t bin = 0; bin < SILENCE_BINS; bin++) {
        tail->counts[bin] /= 2;
    }
}

static uint64_t square_of(uint64_t gap_ns)
{
    const uint64_t units = gap_ns >> SQUARE_SHIFT;
    return units < UINT32_MAX ? units * units : (uint64_t)UINT32_MAX * UINT32_MAX;
}

/* What a gap is measured by, the root of the mean square, in ns and on the scale. */
static uint32_t measure_scale(const struct silence *silence)
{
    return scale_of(silence->square) / 2U + SQUARE_SHIFT * SCALE_OCTAVE;
}

static void tail_learn(struct silence_tail *tail, uint64_t gap_ns, uint32_t measure)
{
    const uint32_t gap = scale_of(gap_ns);
    tail->total += SILENCE_WEIGHT;
    tail->observed_ns += gap_ns;
    if (gap >= measure) {
        const uint32_t bin = (gap - measure) / SCALE_BIN;
        tail->counts[bin < SILENCE_BINS ? bin : SILENCE_BINS - 1U] += SILENCE_WEIGHT;
    }
    if (UNLIKELY(tail->observed_ns >= SILENCE_MEMORY_NS)) {
        tail_age(tail);
    }
}

static uint64_t moved(uint64_t mean, uint64_t value, uint32_t arrivals)
{
    return mean - mean / arrivals + value / arrivals;
}

static void means_learn(struct silence *silence, uint64_t gap_ns, uint32_t arrivals)
{
    silence->mean_ns = moved(silence->mean_ns, gap_ns, arrivals);
    silence->square = moved(silence->square, square_of(gap_ns), arrivals);
}

static void gap_learn(struct silence *silence, const struct silence_terms *terms, uint64_t gap_ns)
{
    const uint64_t limit_ns = silence->limit_ns;
    if (silence->arrivals < SILENCE_MEAN_ARRIVALS) {
        means_learn(silence, gap_ns, ++silence->arrivals);
        silence->refit_in = 1;
        return;
    }
    const bool was_alarm = limit_ns != 0 && gap_ns > limit_ns;
    const uint64_t most_ns = 2 * limit_ns;
    tail_learn(
        &silence->tail, was_alarm && gap_ns > most_ns ? most_ns : gap_ns, measure_scale(silence));
    means_learn(silence, was_alarm ? limit_ns : gap_ns, SILENCE_MEAN_ARRIVALS);
    if (--silence->refit_in == 0) {
        silence->refit_in = SILENCE_REFIT_ARRIVALS;
        silence->scale = scale_fit(&silence->tail, terms);
    }
    silence->limit_ns = silence->scale != 0 ? value_of(measure_scale(silence) + silence->scale) : 0;
}

void silence_arrive(struct silence *silence,
                    const struct silence_terms *terms,
                    uint64_t recv_ns,
                    bool learns)
{
    const uint64_t began_ns = silence->batch_ns;
    if (began_ns != 0 && recv_ns < began_ns + SILENCE_BATCH_NS) {
        return;
    }
    silence->batch_ns = recv_ns;
    if (began_ns != 0 && learns) {
        gap_learn(silence, terms, recv_ns - began_ns);
    }
}

uint64_t silence_one_in(const struct silence *silence, const struct silence_terms *terms)
{
    const struct silence_tail *tail = &silence->tail;
    if (silence->limit_ns == 0) {
        return 0;
    }
    const double gaps = (double)tail->total / SILENCE_WEIGHT;
    return (uint64_t)(gaps / alarms_allowed(tail, terms));
}

bool silence_recall(struct silence *silence, const struct silence_tail *tail)
{
    uint64_t sum = 0;
    for (uint32_t bin = 0; bin < SILENCE_BINS; bin++) {
        sum += tail->counts[bin];
    }
    /* A gap is a batch long at least, so there cannot have been more of them than batches. */
    if (sum > tail->total || tail->observed_ns >= SILENCE_MEMORY_NS ||
        tail->total / SILENCE_WEIGHT > tail->observed_ns / SILENCE_BATCH_NS + 1U) {
        return false;
    }
    *silence = (struct silence){.tail = *tail};
    return true;
}
