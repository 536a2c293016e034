/* SPDX-License-Identifier: MIT
 *
 * score_dice.h - seeded chance that falls the same on every machine: integers and plain IEEE
 * arithmetic, no libm (this folder's score files are built without fused multiply-add).
 */
#ifndef FLATLINE_TOOLS_SCORE_DICE_H
#define FLATLINE_TOOLS_SCORE_DICE_H

#include <stdint.h>
#include <string.h>

struct dice {
    uint64_t state;
};

/* splitmix64, by Sebastiano Vigna: public domain. */
static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t word = (dice->state += 0x9e3779b97f4a7c15ULL);
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31U);
}

/** Dice of their own for whatever the words say: another market, another injection, another trial. */
static inline struct dice dice_seed(uint64_t seed, uint64_t market, uint64_t fault, uint64_t trial)
{
    struct dice dice = {seed};
    dice.state = dice_next(&dice) ^ (market + 1U) * 0xd6e8feb86659fd93ULL;
    dice.state = dice_next(&dice) ^ (fault + 1U) * 0xa0761d6478bd642fULL;
    dice.state = dice_next(&dice) ^ (trial + 1U) * 0xe7037ed1a0b428dbULL;
    return dice;
}

/** In [0, 1). */
static inline double dice_unit(struct dice *dice)
{
    return (double)(dice_next(dice) >> 11U) * 0x1p-53;
}

/** In [0, below). */
static inline uint64_t dice_below(struct dice *dice, uint64_t below)
{
    return below == 0 ? 0 : dice_next(dice) % below;
}

/** Natural logarithm of a positive normal number, to 1e-9 or so. */
static inline double dice_ln(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const int exponent = (int)(bits >> 52U) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof(mantissa)); /* in [1, 2) */
    const double s = (mantissa - 1.0) / (mantissa + 1.0);
    const double z = s * s;
    const double series =
        1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z / 11.0))));
    return 2.0 * s * series + (double)exponent * 0.69314718055994531;
}

/** Exponential with mean 1. */
static inline double dice_exp(struct dice *dice)
{
    return -dice_ln(dice_unit(dice) + 0x1p-54);
}

/** How many of a Poisson process come where `mean` are expected; mean up to a few dozen. */
static inline uint32_t dice_poisson(struct dice *dice, double mean)
{
    const double unit = dice_unit(dice) + 0x1p-54;
    if (1.0 - unit > mean + 1e-6) { /* -ln x >= 1 - x: the first one comes too late */
        return 0;
    }
    uint32_t count = 0;
    for (double at = -dice_ln(unit); at < mean && count < 1000U; at += dice_exp(dice)) {
        count++;
    }
    return count;
}

#endif
