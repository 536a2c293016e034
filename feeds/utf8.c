/* SPDX-License-Identifier: MIT */
#include "feeds/utf8.h"

#include <string.h>

#define ASCII_STEP_BYTES 32
#define HIGH_BITS        0x8080808080808080ULL

/* How many of the leading bytes are ASCII, in whole steps. Venue text is ASCII nearly always. */
static size_t ascii_steps(const uint8_t *bytes, size_t size_bytes)
{
    size_t at = 0;
    while (size_bytes - at >= ASCII_STEP_BYTES) {
        uint64_t words[ASCII_STEP_BYTES / 8];
        memcpy(words, bytes + at, sizeof(words));
        if (((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS) != 0) {
            break;
        }
        at += ASCII_STEP_BYTES;
    }
    return at;
}

/* The first byte of a character says how many follow and, for the edges of the code space, bounds
 * the second one. */
static bool utf8_lead(struct utf8 *utf8, uint8_t byte)
{
    utf8->low = 0x80;
    utf8->high = 0xbf;
    if (byte < 0x80) {
        return true;
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
        utf8->awaited = 1;
        return true;
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        utf8->awaited = 2;
        utf8->low = byte == 0xe0 ? 0xa0 : 0x80;  /* below: an overlong form */
        utf8->high = byte == 0xed ? 0x9f : 0xbf; /* above: a surrogate */
        return true;
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        utf8->awaited = 3;
        utf8->low = byte == 0xf0 ? 0x90 : 0x80;
        utf8->high = byte == 0xf4 ? 0x8f : 0xbf; /* above: beyond U+10FFFF */
        return true;
    }
    return false;
}

bool utf8_check(struct utf8 *utf8, const uint8_t *bytes, size_t size_bytes)
{
    size_t at = 0;
    while (at < size_bytes) {
        if (utf8->awaited == 0) {
            at += ascii_steps(bytes + at, size_bytes - at);
            if (at == size_bytes) {
                break;
            }
            if (!utf8_lead(utf8, bytes[at])) {
                return false;
            }
        } else {
            if (bytes[at] < utf8->low || bytes[at] > utf8->high) {
                return false;
            }
            utf8->awaited--;
            utf8->low = 0x80;
            utf8->high = 0xbf;
        }
        at++;
    }
    return true;
}
