/* SPDX-License-Identifier: MIT
 *
 * config_online.h - does the venue know these symbols? A stream of a symbol that does not exist is
 * acknowledged and stays silent for ever (facts: USD-M and spot, by design), so this is the one
 * moment to find out.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_ONLINE_H
#define FLATLINE_SENTINEL_CONFIG_ONLINE_H

#include "sentinel/config.h"

#include <stdio.h>

/** Asks every venue of the configuration; writes a line about each symbol that is missing or
 *  not trading to out. Returns 0 all known; -EINVAL some are not; -EIO a venue could not be
 *  asked. Blocks for some seconds at most a request. */
int config_online(const struct config *config, FILE *out);

#endif
