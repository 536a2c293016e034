/* SPDX-License-Identifier: MIT */
#include "tools/command_options.h"

#include "feeds/channels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int help_point_to(const char *command)
{
    (void)fprintf(stderr, "try: flatline %s --help\n", command);
    return OPTIONS_WRONG;
}

int option_wrong(const char *command, const char *what, const char *value)
{
    (void)fprintf(stderr, "flatline %s: %s%s\n", command, what, value);
    return help_point_to(command);
}

int options_take(const struct command_options *options, int argc, char **argv, void *context)
{
    optind = 0; /* the dispatcher may have parsed options of its own */
    for (int option;
         (option = getopt_long(argc, argv, options->letters, options->longer, NULL)) != -1;) {
        if (option == 'h') {
            (void)fputs(options->usage, stdout);
            return OPTIONS_HELPED;
        }
        if (option == '?') { /* getopt_long has said what is wrong */
            return help_point_to(options->command);
        }
        const int status = options->take(context, option);
        if (status != OPTIONS_GOOD) {
            return status;
        }
    }
    return OPTIONS_GOOD;
}

bool option_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    *ret_number = number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least &&
           number <= most;
}

int option_venue(const char *command, const char *name, enum flatline_venue *ret_venue)
{
    if (venue_by_name(span_of(name), ret_venue)) {
        return OPTIONS_GOOD;
    }
    return option_wrong(
        command, "--venue is binance-spot, binance-usdm, binance-coinm or okx, not ", name);
}
