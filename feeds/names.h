/* SPDX-License-Identifier: MIT
 *
 * names.h - from a stream's name to its index in the catalogue; a bounded open-addressing table,
 * filled at start.
 */
#ifndef FLATLINE_FEEDS_NAMES_H
#define FLATLINE_FEEDS_NAMES_H

#include "feeds/span.h"
#include "flatline/layout.h"

#include <stdbool.h>
#include <stdint.h>

#define NAMES_NONE UINT32_MAX

struct names; /* opaque: names.c */

/** Allocates a table for up to streams_max names. Returns NULL when out of memory. */
struct names *names_create(uint32_t streams_max);
void names_destroy(struct names *names);

/** Index of `venue/SYMBOL/channel`, NAMES_NONE if unknown. Symbols are matched without regard to
 *  ASCII case on Binance (the wire says btcusdt in the envelope and BTCUSDT inside); the
 *  canonical spelling is upper case. */
uint32_t names_find(const struct names *names,
                    enum flatline_venue venue,
                    struct span symbol,
                    struct span channel);

/** As names_find, but adds what is missing. NAMES_NONE: the table is full, or the name is longer
 *  than FLATLINE_NAME_BYTES. */
uint32_t names_intern(struct names *names,
                      enum flatline_venue venue,
                      struct span symbol,
                      struct span channel);

uint32_t names_count(const struct names *names);

/** Full name of an index, `binance-usdm/BTCUSDT/depth@100ms`; NUL-terminated, lives as long as
 *  the table. */
const char *names_text(const struct names *names, uint32_t index);

/** Splits `venue/SYMBOL/channel`. false: not of that shape, or no such venue. */
bool names_split(const char *name,
                 enum flatline_venue *ret_venue,
                 struct span *ret_symbol,
                 struct span *ret_channel);

#endif
