/* SPDX-License-Identifier: MIT
 *
 * utf8.h - is this UTF-8? Incremental, because a text message may be split inside a character.
 */
#ifndef FLATLINE_FEEDS_UTF8_H
#define FLATLINE_FEEDS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised: between two characters. */
struct utf8 {
    uint8_t awaited; /* continuation bytes still to come */
    uint8_t low;     /* least and ... */
    uint8_t high;    /* ... greatest value the next of them may have */
};

/** Checks the next bytes of a text.
 *
 *  Returns false at the first byte that cannot stand where it stands: stray or missing
 *  continuation, overlong form, surrogate, above U+10FFFF. The text is whole only if
 *  utf8_is_whole() as well. Cost: ASCII passes at 32 bytes a step.
 */
bool utf8_check(struct utf8 *utf8, const uint8_t *bytes, size_t size_bytes);

static inline bool utf8_is_whole(const struct utf8 *utf8)
{
    return utf8->awaited == 0;
}

#endif
