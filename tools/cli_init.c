/* SPDX-License-Identifier: MIT
 *
 * cli_init.c - `flatline init`: writes a first configuration. No reader command: it knows the
 * configuration, and no segment.
 */
#include "tools/flatline_commands.h"
#include "tools/init_text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum init_exit { INIT_DONE, INIT_FAILED, INIT_USAGE };

/* getopt_long() returns these; the venues' are their numbers. */
enum init_option { OPTION_USER_DATA = FLATLINE_VENUE_OKX + 1, OPTION_OUTPUT, OPTION_HELP };

#define VENUE_OPTION(number, name, text) {text, required_argument, NULL, (number)},
static const struct option options[] = {
    FLATLINE_VENUES(VENUE_OPTION){"user-data", required_argument, NULL, OPTION_USER_DATA},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: flatline init [options]\n\n"
    "Writes a configuration that watches the book and the best bid and ask of each instrument.\n"
    "Options with SYMBOL may be given several times.\n\n"
    "  --binance-spot SYMBOL  e.g. BTCUSDT\n"
    "  --binance-usdm SYMBOL  e.g. BTCUSDT\n"
    "  --binance-coinm SYMBOL e.g. BTCUSD_PERP\n"
    "  --okx SYMBOL           e.g. BTC-USDT-SWAP\n"
    "  --user-data FILE       watch the account's events on binance-usdm too; FILE holds the API "
    "key, mode 0600\n"
    "  -o, --output FILE      write to a new file (default: standard output)\n"
    "  -h, --help             print this help\n";

/* Returns -1 to go on, or the exit code. */
static int options_read(int argc, char **argv, struct init_wish *wish, const char **ret_output)
{
    optind = 1;
    for (;;) {
        const int option = getopt_long(argc, argv, "o:h", options, NULL);
        switch (option) {
        case -1:
            if (optind == argc) {
                return -1;
            }
            (void)fprintf(stderr, "flatline init: unexpected argument '%s'\n", argv[optind]);
            return INIT_USAGE;
        case 'h':
        case OPTION_HELP:
            return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? INIT_FAILED : INIT_DONE;
        case 'o':
        case OPTION_OUTPUT:
            *ret_output = optarg;
            break;
        case OPTION_USER_DATA:
            wish->api_key_file = optarg;
            break;
        case '?':
            (void)fputs("`flatline init --help` tells the options\n", stderr);
            return INIT_USAGE;
        default:
            if (wish->instrument_count == INIT_INSTRUMENTS_MAX) {
                (void)fprintf(
                    stderr, "flatline init: more than %u instruments\n", INIT_INSTRUMENTS_MAX);
                return INIT_USAGE;
            }
            wish->instruments[wish->instrument_count++] =
                (struct init_instrument){(enum flatline_venue)option, optarg};
            break;
        }
    }
}

/* A file of this name that is already there is somebody's work: it stays. */
static int file_write(const char *path, const char *text, size_t bytes)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        (void)fprintf(stderr,
                      "flatline init: %s: %s\n",
                      path,
                      errno == EEXIST ? "is there already; remove it first, or write another name"
                                      : strerror(errno));
        return INIT_FAILED;
    }
    const ssize_t written = write(fd, text, bytes);
    const bool is_good = close(fd) == 0 && written == (ssize_t)bytes;
    if (!is_good) {
        (void)fprintf(stderr, "flatline init: %s: cannot be written\n", path);
        (void)unlink(path);
    }
    return is_good ? INIT_DONE : INIT_FAILED;
}

int init_command(int argc, char **argv)
{
    static struct init_wish wish;
    static char text[INIT_TEXT_BYTES];
    char error_text[INIT_ERROR_BYTES];
    static char key_file[PATH_MAX];
    const char *output = NULL;

    const int exit_code = options_read(argc, argv, &wish, &output);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (wish.api_key_file != NULL) {
        if (realpath(wish.api_key_file, key_file) == NULL) {
            (void)fprintf(
                stderr, "flatline init: --user-data %s: %s\n", wish.api_key_file, strerror(errno));
            return INIT_USAGE;
        }
        wish.api_key_file = key_file;
    }
    const int bytes = init_text_write(&wish, text, error_text);
    if (bytes < 0) {
        (void)fprintf(stderr, "flatline init: %s\n", error_text);
        return INIT_USAGE;
    }
    if (output != NULL) {
        return file_write(output, text, (size_t)bytes);
    }
    return fwrite(text, 1, (size_t)bytes, stdout) == (size_t)bytes && fflush(stdout) == 0
               ? INIT_DONE
               : INIT_FAILED;
}
