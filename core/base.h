/* SPDX-License-Identifier: MIT
 *
 * base.h - the few macros everything else may use.
 */
#ifndef FLATLINE_CORE_BASE_H
#define FLATLINE_CORE_BASE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define LINE_ALIGNED        _Alignas(128)

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* An invariant of our own code, checked in every build. Bytes from the network, from shared
 * memory or from a file are never asserted: they are checked. */
#define flatline_assert(condition)                                                                 \
    do {                                                                                           \
        if (UNLIKELY(!(condition))) {                                                              \
            (void)fprintf(                                                                         \
                stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
