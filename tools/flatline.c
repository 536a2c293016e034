/* SPDX-License-Identifier: MIT
 *
 * flatline.c - the operator's command: finds the subcommand in the table and runs it.
 */
#include "tools/flatline_commands.h"

#include <stdio.h>
#include <string.h>

#ifndef FLATLINE_VERSION
#    define FLATLINE_VERSION "unknown"
#endif

#define EXIT_USAGE                      2
#define COMMAND_ROW(name, summary, run) {name, summary, run},

static const struct command commands[] = {FLATLINE_COMMANDS(COMMAND_ROW)};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
    (void)fputs("usage: flatline COMMAND [options]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs("\n`flatline COMMAND --help` tells its options; flatline(1) tells all.\n"
                "exit code: 0 done, 1 failed, 2 wrong usage, 3 no or dead segment\n",
                out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        (void)puts("flatline " FLATLINE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] != '\0') {
        (void)fprintf(stderr, "flatline: no command '%s'\n", name);
    }
    usage(stderr);
    return EXIT_USAGE;
}
