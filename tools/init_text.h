/* SPDX-License-Identifier: MIT
 *
 * init_text.h - a first configuration for a few instruments, as text. Pure but for the check of
 * the result.
 */
#ifndef FLATLINE_TOOLS_INIT_TEXT_H
#define FLATLINE_TOOLS_INIT_TEXT_H

#include "flatline/layout.h"

#include <stddef.h>

#define INIT_INSTRUMENTS_MAX 256U
#define INIT_TEXT_BYTES      65536U
#define INIT_ERROR_BYTES     2048U

struct init_instrument {
    enum flatline_venue venue;
    const char *symbol; /* any case */
};

struct init_wish {
    struct init_instrument instruments[INIT_INSTRUMENTS_MAX];
    size_t instrument_count;
    const char *api_key_file; /* absolute, or NULL: no user stream */
};

/** Writes the file's text: of each instrument its book and its best bid and ask. Symbols are put
 *  in upper case, one asked for twice is taken once.
 *
 *  Returns its length; -EINVAL with lines for people in error_text (INIT_ERROR_BYTES): nothing
 *  asked for, a symbol that is none, a key file that will not do. The text is one that
 *  config_load() takes.
 */
int init_text_write(const struct init_wish *wish, char text[INIT_TEXT_BYTES], char *error_text);

#endif
