/* SPDX-License-Identifier: MIT
 *
 * config_check.h - what `--check-config [--online]` says. For tools; starts nothing, writes no
 * segment.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_CHECK_H
#define FLATLINE_SENTINEL_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/** Checks a configuration file and describes what it asks for: connections, gates, the segment's
 *  size.
 *
 *  online  also asks each venue for its instruments and whether every symbol is one of them and is
 *  trading text    the report, or what is wrong, one line each; NUL-terminated
 *
 *  Returns 0; -EINVAL the file is wrong, or a venue does not know a symbol; -EIO a venue could not
 *  be asked; other -errno.
 */
int config_check(const char *config_path, bool online, char *text, size_t text_bytes);

#endif
