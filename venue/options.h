/* SPDX-License-Identifier: MIT
 *
 * options.h - the command line.
 */
#ifndef FLATLINE_VENUE_OPTIONS_H
#define FLATLINE_VENUE_OPTIONS_H

#include "venue/exchange.h"

#define REPLAYS_MAX 16
#define BOGUS_MAX   64

struct options {
    const char *dir; /* NULL = a fresh one */
    unsigned port_base;
    bool serves[VENUE_COUNT];
    const char *script;
    const char *replays[REPLAYS_MAX];
    unsigned replay_count;
    double replay_speed;
    bool replay_rebases;
    const char *bogus[BOGUS_MAX];
    unsigned bogus_count;
    bool is_verbose;
    struct exchange_options exchange;
};

enum options_verdict { OPTIONS_GOOD, OPTIONS_BAD, OPTIONS_HELP, OPTIONS_VERSION };

/** Reads the arguments; on OPTIONS_BAD it has said why on stderr. */
enum options_verdict options_read(int count, char **arguments, struct options *ret_options);
void options_usage(void);

#endif
