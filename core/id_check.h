/* SPDX-License-Identifier: MIT
 *
 * id_check.h - are the ids of a stream those of its book's other channels? Where a venue does not say so
 * (OKX), nothing is owed across channels until a stream's own frames have borne it out: over a minute at
 * least, so many waits all met, and frames of one id that told the same of the best level. One
 * contradiction ends it. Rules: docs/DETECTOR.md, "Debt".
 */
#ifndef FLATLINE_CORE_ID_CHECK_H
#define FLATLINE_CORE_ID_CHECK_H

#include "core/base.h"
#include "flatline/layout.h"

#include <stdbool.h>
#include <stdint.h>

#define ID_CHECK_NS        (60 * NS_PER_S)
#define ID_CHECK_WAITS     20U
#define ID_CHECK_WAITS_MAX 20480U
#define ID_CHECK_AGREED    5U
#define ID_CHECK_COUNT_MAX 1000000U

struct id_check {
    uint64_t since_ns; /* the first observation; 0 = none yet */
    uint32_t waits;    /* met */
    uint32_t agreed;   /* frames of another channel with the same id that told the same */
    uint32_t needed;   /* waits; doubled by each contradiction */
    uint8_t state;     /* enum flatline_debt; NONE: there is nothing to check */
};

static inline void id_check_begin(struct id_check *check)
{
    check->state = FLATLINE_DEBT_CHECKING;
    check->since_ns = 0;
    check->waits = 0;
    check->agreed = 0;
    check->needed = check->needed == 0 ? ID_CHECK_WAITS : check->needed;
}

static inline void id_check_fail(struct id_check *check)
{
    check->state = FLATLINE_DEBT_OFF;
    check->needed = check->needed < ID_CHECK_WAITS_MAX ? check->needed * 2U : check->needed;
}

/** One observation more, of waits or of agreements. true: now they suffice. */
static inline bool id_check_count(struct id_check *check, uint32_t *count, uint64_t now_ns)
{
    check->since_ns = check->since_ns == 0 ? now_ns : check->since_ns;
    *count += *count < ID_CHECK_COUNT_MAX;
    if (now_ns - check->since_ns < ID_CHECK_NS || check->waits < check->needed ||
        check->agreed < ID_CHECK_AGREED) {
        return false;
    }
    check->state = FLATLINE_DEBT_ON;
    return true;
}

#endif
