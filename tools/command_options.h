/* SPDX-License-Identifier: MIT
 *
 * command_options.h - the options of a command that reads recordings: the loop over them, whole
 * numbers, and how it says what is wrong with one.
 */
#ifndef FLATLINE_TOOLS_COMMAND_OPTIONS_H
#define FLATLINE_TOOLS_COMMAND_OPTIONS_H

#include "flatline/layout.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

enum { OPTIONS_GOOD = 0, OPTIONS_WRONG = 2, OPTIONS_HELPED = -1 };

struct command_options {
    const char *command;
    const char *usage;           /* the whole text of --help */
    const char *letters;         /* as getopt has them; 'h' is help */
    const struct option *longer; /* each val another letter; ends with zeros */
    /** Takes one whose argument is optarg. Returns OPTIONS_GOOD or what option_wrong() did. */
    int (*take)(void *context, int option);
};

/** Takes all options; optind is that of the first argument behind them. Returns OPTIONS_GOOD,
 *  OPTIONS_WRONG, and it has said why, or OPTIONS_HELPED: the help was printed. */
int options_take(const struct command_options *options, int argc, char **argv, void *context);

/** Says what is wrong, `what` and `value`, and where help is. Returns OPTIONS_WRONG. */
int option_wrong(const char *command, const char *what, const char *value);

/** A whole number in plain digits, least to most. */
bool option_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number);

/** The argument of --venue. Returns OPTIONS_GOOD or what option_wrong() did. */
int option_venue(const char *command, const char *name, enum flatline_venue *ret_venue);

#endif
