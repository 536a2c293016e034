/* SPDX-License-Identifier: MIT
 *
 * command.h - one line of the control socket or of a script, taken apart. Pure.
 *
 *     [+DELAY] VERB [WORD ...] [after DELAY] [for DURATION]
 */
#ifndef FLATLINE_VENUE_COMMAND_H
#define FLATLINE_VENUE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_BYTES     512
#define COMMAND_WORDS_MAX 24

struct command {
    char storage[COMMAND_BYTES];
    char *words[COMMAND_WORDS_MAX]; /* words[0] = the verb */
    unsigned count;
    uint64_t after_ns;
    uint64_t for_ns; /* 0 = until ended */
};

/** Takes a line apart. false: empty, too long, or a bad time; why says which. A leading `+DELAY`
 *  is the script's way to say `after`. */
bool command_parse(const char *line, struct command *ret_command, const char **ret_why);

/** "500ms", "2s", "1.5s", "250us", "3m", "1h". */
bool duration_parse(const char *text, uint64_t *ret_ns);

/** A word of it, the verb being 0; NULL if there are not so many. */
const char *command_word(const struct command *command, unsigned index);

/** A whole number up to max; text may be NULL. */
bool command_number(const char *text, uint64_t max, uint64_t *ret_number);

#endif
