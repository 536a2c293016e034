/* SPDX-License-Identifier: MIT
 *
 * cli_options.c - one table of options makes the parsing and the help, so they cannot differ.
 */
#include "tools/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option common[] = {
    {"segment",
     "NAME|PATH",
     "segment to read; a name without a slash is in /dev/shm (default: flatline)"},
    {"json", NULL, "print JSON, one object a line; times are integers, ns"},
    {"help", NULL, "print this help"},
};
#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))

enum common_index { OPTION_SEGMENT, OPTION_JSON, OPTION_HELP };

static size_t own_count(const struct cli_usage *usage)
{
    size_t count = 0;
    while (count < CLI_OPTIONS_MAX && usage->own[count].name != NULL) {
        count++;
    }
    return count;
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[48];
    const char *argument = option->argument != NULL ? option->argument : "";
    const char *letter = strcmp(option->name, "help") == 0 ? "-h, " : "";
    const char *space = argument[0] != '\0' ? " " : "";
    (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name, space, argument);
    (void)fprintf(out, "  %-22s %s\n", left, option->text);
}

static void print_usage(const struct cli_usage *usage, FILE *out)
{
    (void)fprintf(out,
                  "usage: flatline %s [options] %s\n\n%s\n\n",
                  usage->command,
                  usage->arguments,
                  usage->text);
    for (size_t i = 0; i < own_count(usage); i++) {
        print_option(out, &usage->own[i]);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        print_option(out, &common[i]);
    }
}

/* getopt_long() wants its own table; val is the option's index, the command's own behind the common
 * ones. */
static void fill_long_options(const struct cli_usage *usage, struct option *options)
{
    for (size_t i = 0; i < COMMON_COUNT + own_count(usage); i++) {
        const struct cli_option *option =
            i < COMMON_COUNT ? &common[i] : &usage->own[i - COMMON_COUNT];
        options[i] =
            (struct option){.name = option->name,
                            .has_arg = option->argument != NULL ? required_argument : no_argument,
                            .val = (int)i};
    }
}

static bool usage_error(const struct cli_usage *usage, int *ret_exit)
{
    (void)fprintf(stderr, "`flatline %s --help` tells the options\n", usage->command);
    *ret_exit = CLI_USAGE;
    return false;
}

bool cli_parse(
    const struct cli_usage *usage, int argc, char **argv, struct cli_choice *choice, int *ret_exit)
{
    struct option options[COMMON_COUNT + CLI_OPTIONS_MAX + 1] = {{0}};
    fill_long_options(usage, options);
    *choice = (struct cli_choice){0};
    optind = 1;
    for (;;) {
        const int index = getopt_long(argc, argv, "h", options, NULL);
        if (index == -1) {
            break;
        }
        if (index == OPTION_HELP || index == 'h') {
            print_usage(usage, stdout);
            *ret_exit = cli_finish(CLI_DONE);
            return false;
        }
        if (index == '?') {
            return usage_error(usage, ret_exit);
        }
        if (index == OPTION_SEGMENT) {
            choice->segment = optarg;
        } else if (index == OPTION_JSON) {
            choice->json = true;
        } else {
            choice->own[(size_t)index - COMMON_COUNT] = optarg != NULL ? optarg : "";
        }
    }
    choice->argument_count = argc - optind;
    choice->arguments = argv + optind;
    if (choice->argument_count > 0 && usage->arguments[0] == '\0') {
        (void)fprintf(
            stderr, "flatline %s: unexpected argument '%s'\n", usage->command, argv[optind]);
        return usage_error(usage, ret_exit);
    }
    return true;
}

bool cli_number(const struct cli_usage *usage,
                const char *option,
                const char *text,
                uint64_t max,
                uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > max) {
        (void)fprintf(stderr,
                      "flatline %s: --%s wants a whole number up to %llu, not '%s'\n",
                      usage->command,
                      option,
                      (unsigned long long)max,
                      text);
        return false;
    }
    *ret_number = number;
    return true;
}
