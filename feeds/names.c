/* SPDX-License-Identifier: MIT */
#include "feeds/names.h"

#include "core/base.h"
#include "feeds/channels.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX (1U << 24)

struct name {
    char text[FLATLINE_NAME_BYTES]; /* zero-padded, so equal names are equal blocks */
};

/* Open addressing, linear probing, at most half full: a probe ends at a free slot. Nothing is
 * ever removed. */
struct names {
    struct name *names;
    uint32_t *slots; /* index + 1; 0 = free */
    uint32_t count;
    uint32_t count_max;
    uint32_t slot_mask;
};

struct names *names_create(uint32_t streams_max)
{
    if (streams_max == 0 || streams_max > NAMES_MAX) {
        return NULL;
    }
    uint32_t slot_count = 8;
    while (slot_count < streams_max * 2) {
        slot_count *= 2;
    }
    struct names *names = calloc(1, sizeof(*names));
    if (names == NULL) {
        return NULL;
    }
    names->names = calloc(streams_max, sizeof(*names->names));
    names->slots = calloc(slot_count, sizeof(*names->slots));
    if (names->names == NULL || names->slots == NULL) {
        names_destroy(names);
        return NULL;
    }
    names->count_max = streams_max;
    names->slot_mask = slot_count - 1;
    return names;
}

void names_destroy(struct names *names)
{
    if (names == NULL) {
        return;
    }
    free(names->slots);
    free(names->names);
    free(names);
}

/* ---- spelling -------------------------------------------------------------------------------- */

static char upper(char byte)
{
    const unsigned is_lower = (unsigned)((unsigned char)byte - 'a') <= 'z' - 'a';
    return (char)((unsigned char)byte - is_lower * ('a' - 'A')); /* no branch on what text says */
}

/* Writes `venue/SYMBOL/channel`, zero-padded. false: an empty part, or longer than a name may
 * be. */
static bool name_compose(enum flatline_venue venue,
                         struct span symbol,
                         struct span channel,
                         struct name *ret_name)
{
    const char *venue_text = venue_facts(venue)->name;
    const size_t venue_bytes = strlen(venue_text);
    /* An account is spelled as configured; OKX has instruments in their own spelling. */
    const bool is_folded = venue != FLATLINE_VENUE_OKX && !span_equals(channel, "user");

    if (symbol.size_bytes == 0 || channel.size_bytes == 0 ||
        symbol.size_bytes >= FLATLINE_NAME_BYTES || channel.size_bytes >= FLATLINE_NAME_BYTES ||
        venue_bytes + 1 + symbol.size_bytes + 1 + channel.size_bytes >= FLATLINE_NAME_BYTES) {
        return false;
    }
    memset(ret_name, 0, sizeof(*ret_name));
    char *to = ret_name->text;
    /* The name was zeroed above, and the lengths leave its last byte alone. */
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(to, venue_text, venue_bytes);
    to += venue_bytes;
    *to++ = '/';
    for (size_t i = 0; i < symbol.size_bytes; i++) {
        *to++ = is_folded ? upper(symbol.bytes[i]) : symbol.bytes[i];
    }
    *to++ = '/';
    memcpy(to, channel.bytes, channel.size_bytes);
    return true;
}

/* Length of the UTF-8 sequence at `at`: 0 if it is not one, or would have to be escaped in a
 * JSON text or on a terminal. */
static size_t printable_bytes(const unsigned char *at, size_t left)
{
    if (*at < 0x80) {
        return *at >= 0x20 && *at != 0x7f && *at != '"' && *at != '\\' ? 1 : 0;
    }
    const size_t bytes = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    if (*at < 0xc2 || *at > 0xf4 || bytes > left) {
        return 0;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool is_overlong = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
    const bool is_no_character = (*at == 0xed && at[1] > 0x9f) || (*at == 0xf4 && at[1] > 0x8f);
    const bool is_c1_control = *at == 0xc2 && at[1] < 0xa0;
    return is_overlong || is_no_character || is_c1_control ? 0 : bytes;
}

/* Names come from the network in replay, and go to terminals, JSON and shared memory. */
static bool part_is_clean(struct span part)
{
    size_t i = 0;
    while (i < part.size_bytes) {
        const size_t bytes =
            printable_bytes((const unsigned char *)part.bytes + i, part.size_bytes - i);
        if (bytes == 0) {
            return false;
        }
        i += bytes;
    }
    return true;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Each word by a multiplier of its own, so that none waits for the one before. */
static uint32_t name_hash(const struct name *name)
{
    uint64_t multiplier = 0xff51afd7ed558ccdULL;
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof(name->text); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, name->text + i, sizeof(word));
        word *= multiplier;
        hash += word ^ word >> 32;
        multiplier += 0x9e3779b97f4a7c16ULL; /* even: it stays odd */
    }
    return (uint32_t)(hash ^ hash >> 32);
}

/* The slot that holds the name, or the free one where it would go. */
static uint32_t *slot_find(const struct names *names, const struct name *name)
{
    uint32_t at = name_hash(name) & names->slot_mask;
    while (names->slots[at] != 0 &&
           memcmp(&names->names[names->slots[at] - 1], name, sizeof(*name)) != 0) {
        at = (at + 1) & names->slot_mask;
    }
    return &names->slots[at];
}

uint32_t names_find(const struct names *names,
                    enum flatline_venue venue,
                    struct span symbol,
                    struct span channel)
{
    struct name name;
    if (!name_compose(venue, symbol, channel, &name)) {
        return NAMES_NONE;
    }
    const uint32_t slot = *slot_find(names, &name);
    return slot != 0 ? slot - 1 : NAMES_NONE;
}

uint32_t names_intern(struct names *names,
                      enum flatline_venue venue,
                      struct span symbol,
                      struct span channel)
{
    struct name name;
    if (!name_compose(venue, symbol, channel, &name)) {
        return NAMES_NONE;
    }
    uint32_t *slot = slot_find(names, &name);
    if (*slot != 0) {
        return *slot - 1;
    }
    if (names->count == names->count_max || !part_is_clean(symbol) || !part_is_clean(channel) ||
        memchr(symbol.bytes, '/', symbol.size_bytes) != NULL) {
        return NAMES_NONE;
    }
    names->names[names->count] = name;
    *slot = ++names->count;
    return names->count - 1;
}

uint32_t names_count(const struct names *names)
{
    return names->count;
}

const char *names_text(const struct names *names, uint32_t index)
{
    return index < names->count ? names->names[index].text : "";
}

bool names_split(const char *name,
                 enum flatline_venue *ret_venue,
                 struct span *ret_symbol,
                 struct span *ret_channel)
{
    enum flatline_venue venue;
    const char *symbol = strchr(name, '/');
    const char *channel = symbol != NULL ? strchr(symbol + 1, '/') : NULL;
    if (channel == NULL || channel == symbol + 1 || channel[1] == '\0') {
        return false;
    }
    if (!venue_by_name((struct span){name, (size_t)(symbol - name)}, &venue)) {
        return false;
    }
    *ret_venue = venue;
    *ret_symbol = (struct span){symbol + 1, (size_t)(channel - symbol - 1)};
    *ret_channel = span_of(channel + 1);
    return true;
}
