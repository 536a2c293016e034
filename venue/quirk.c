/* SPDX-License-Identifier: MIT */
#include "venue/quirk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MS 13

static const char *const NAMES[QUIRK_COUNT] = {
    "microseconds", "numeric-ts", "extra-keys", "reorder", "spaces"};

bool quirk_of_name(const char *name, enum quirk *ret_quirk)
{
    for (int quirk = 0; quirk < QUIRK_COUNT; quirk++) {
        if (name != NULL && strcmp(NAMES[quirk], name) == 0) {
            *ret_quirk = (enum quirk)quirk;
            return true;
        }
    }
    return false;
}

/* Length of a key of time at this place ("E": or "T":); 0 = none. */
static size_t time_key(const char *at)
{
    return strncmp(at, "\"E\":", 4) == 0 || strncmp(at, "\"T\":", 4) == 0 ? 4 : 0;
}

static void add_microseconds(const char *at, struct text *out)
{
    while (*at != '\0') {
        const size_t key = time_key(at);
        const size_t digits = key == 0 ? 0 : strspn(at + key, "0123456789");
        const size_t taken = key + digits == 0 ? 1 : key + digits;
        text_add_bytes(out, at, taken);
        text_add(out, digits == DIGITS_MS ? "123" : "");
        at += taken;
    }
}

static void add_numeric_ts(const char *at, struct text *out)
{
    static const char key[] = "\"ts\":\"";
    const char *found;

    while ((found = strstr(at, key)) != NULL) {
        const char *digits = found + sizeof(key) - 1;
        const size_t count = strspn(digits, "0123456789");
        text_add_bytes(out, at, (size_t)(digits - 1 - at));
        text_add_bytes(out, digits, count);
        at = digits + count + (digits[count] == '"');
    }
    text_add(out, at);
}

static void add_dumped(const struct text *frame, size_t flags, struct text *out)
{
    json_t *root = json_loadb(frame->bytes, frame->size_bytes, JSON_DECODE_ANY, NULL);
    char *dumped = root == NULL ? NULL : json_dumps(root, flags);
    text_add_bytes(out,
                   dumped == NULL ? frame->bytes : dumped,
                   dumped == NULL ? frame->size_bytes : strlen(dumped));
    free(dumped);
    json_decref(root);
}

void quirk_apply(enum quirk quirk, const struct text *frame, struct text *out)
{
    const bool is_object = frame->size_bytes > 2 && frame->bytes[0] == '{';

    switch (quirk) {
    case QUIRK_MICROSECONDS:
        add_microseconds(frame->bytes, out);
        break;
    case QUIRK_NUMERIC_TS:
        add_numeric_ts(frame->bytes, out);
        break;
    case QUIRK_EXTRA_KEYS:
        text_add(out,
                 is_object ? "{\"_new\":{\"deep\":[1,null,-2.5e-3,{\"\\u00e9\":true}]},\"zz\":\"\","
                           : "");
        text_add(out, frame->bytes + (is_object ? 1 : 0));
        break;
    case QUIRK_REORDER:
        add_dumped(frame, JSON_SORT_KEYS | JSON_COMPACT, out);
        break;
    case QUIRK_SPACES:
        add_dumped(frame, JSON_INDENT(2), out);
        break;
    case QUIRK_COUNT:
        break;
    }
}
