/* SPDX-License-Identifier: MIT
 *
 * flatlined.c - the side-car: options, signals, systemd and a log around libflatline-sentinel. See
 * flatlined(8).
 */
#include "flatline/sentinel.h"

#include "core/base.h"
#include "core/clock.h"
#include "sentinel/config_check.h"
#include "sentinel/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum exit_code { EXIT_DONE = 0, EXIT_RUN_TIME = 1, EXIT_USAGE = 2 };

#define ERROR_TEXT_BYTES 16384U
#define LOG_LINE_BYTES   256U
#define LOG_EVERY_MS     100
#define STEP_EVERY_MS    5
#define WITHIN_NS        (60U * NS_PER_S)

static const char USAGE[] =
    "usage: flatlined -c FILE [--record FILE] [--check-config [--online]]\n"
    "       flatlined -c FILE [--record FILE] --takeover [--within TIME] [--detach]\n"
    "  -c, --config FILE  the configuration, flatlined.conf(5)\n"
    "      --check-config check it, say what the segment will be, start nothing\n"
    "      --online       with --check-config: ask the venues whether they know the symbols\n"
    "      --record FILE  write what comes to FILE, for flatline replay and score; .zst "
    "compresses,\n"
    "                     %F and its like are the date\n"
    "      --takeover     take over from the one that runs, once our gates are as fresh\n"
    "      --within TIME  how long that may take, 60s unless set; 1s to 10m\n"
    "      --detach       go on in the background; return when it has taken over, or failed\n"
    "  -V, --version      print the version\n"
    "  -h, --help         print this\n";

struct options {
    const char *config;
    const char *record; /* NULL: as configured */
    bool check;
    bool online;
    bool takeover;
    bool detach;
    uint64_t within_ns; /* 0: not given */
};

/* What a detached child has to tell: -1 there is nobody to tell. */
struct parent {
    int fd;
};

/* systemd's log level as a prefix, so that journald sorts without parsing; plain text at a
 * terminal. */
__attribute__((format(printf, 2, 3))) static void say(int level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (getenv("JOURNAL_STREAM") != NULL) {
        (void)fprintf(stderr, "<%d>", level);
    }
    (void)fputs("flatlined: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}

/* ---- sd_notify ------------------------------------------------------------------------------- */

/* One datagram to $NOTIFY_SOCKET, a path or an abstract name behind '@'. Silent where there is
 * none. */
static void service_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = path != NULL ? strlen(path) : 0;
    if (length < 2 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    const socklen_t address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    (void)sendto(
        fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_bytes);
    (void)close(fd);
}

/* Half of what systemd asked of this process, 0 = no watchdog. */
static uint64_t watchdog_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (period == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    return strtoull(period, NULL, 10) * NS_PER_US / 2U;
}

/* ---- options --------------------------------------------------------------------------------- */

/* "60s" or "5m"; 0: not a time that can be. */
static uint64_t within_read(const char *text)
{
    char *unit = NULL;
    const unsigned long number = strtoul(text, &unit, 10);
    const unsigned long seconds = strcmp(unit, "m") == 0   ? number * 60U
                                  : strcmp(unit, "s") == 0 ? number
                                                           : 0;
    return text[0] >= '1' && text[0] <= '9' && number <= 600 && seconds <= 600 ? seconds * NS_PER_S
                                                                               : 0;
}

static bool options_agree(const struct options *options)
{
    return options->config != NULL && (options->check || !options->online) &&
           (options->takeover || (!options->detach && options->within_ns == 0)) &&
           !(options->takeover && options->check);
}

/* Returns -1 to go on, or the exit code. */
static int options_read(int argument_count, char **arguments, struct options *options)
{
    enum {
        OPTION_CHECK = 256,
        OPTION_ONLINE,
        OPTION_RECORD,
        OPTION_TAKEOVER,
        OPTION_WITHIN,
        OPTION_DETACH
    };
    static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
                                         {"check-config", no_argument, NULL, OPTION_CHECK},
                                         {"online", no_argument, NULL, OPTION_ONLINE},
                                         {"record", required_argument, NULL, OPTION_RECORD},
                                         {"takeover", no_argument, NULL, OPTION_TAKEOVER},
                                         {"within", required_argument, NULL, OPTION_WITHIN},
                                         {"detach", no_argument, NULL, OPTION_DETACH},
                                         {"version", no_argument, NULL, 'V'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argument_count, arguments, "c:Vh", LONG, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case OPTION_CHECK:
            options->check = true;
            break;
        case OPTION_ONLINE:
            options->online = true;
            break;
        case OPTION_RECORD:
            options->record = optarg;
            break;
        case OPTION_TAKEOVER:
            options->takeover = true;
            break;
        case OPTION_WITHIN:
            options->within_ns = within_read(optarg);
            if (options->within_ns == 0) {
                (void)fputs("flatlined: --within wants a time from 1s to 10m\n", stderr);
                return EXIT_USAGE;
            }
            break;
        case OPTION_DETACH:
            options->detach = true;
            break;
        case 'V':
            (void)puts("flatlined " FLATLINE_VERSION);
            return EXIT_DONE;
        case 'h':
            (void)fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            (void)fputs(USAGE, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind != argument_count || !options_agree(options)) {
        (void)fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    return -1;
}

static int check(const struct options *options)
{
    char *text = calloc(1, ERROR_TEXT_BYTES);
    if (text == NULL) {
        return EXIT_RUN_TIME;
    }
    const int result = config_check(options->config, options->online, text, ERROR_TEXT_BYTES);
    (void)fputs(text, result == 0 ? stdout : stderr);
    free(text);
    return result == 0 ? EXIT_DONE : result == -EINVAL ? EXIT_USAGE : EXIT_RUN_TIME;
}

/* ---- running --------------------------------------------------------------------------------- */

static void log_flush(struct flatline_sentinel *sentinel)
{
    char line[LOG_LINE_BYTES];
    while (flatline_take_log(sentinel, line, sizeof(line))) {
        say(6, "%s", line);
    }
}

static void signal_tell(int signal_fd)
{
    struct signalfd_siginfo info = {0};
    const ssize_t got = read(signal_fd, &info, sizeof(info));
    say(5, "stopping%s%s", got > 0 ? ": " : "", got > 0 ? strsignal((int)info.ssi_signo) : "");
}

/* Until a signal asks us to leave, a successor has taken over, or nobody can find us any more: prints
 * the log, feeds the watchdog while both hot threads beat. Returns the exit code. */
static int watch(struct flatline_sentinel *sentinel, int signal_fd)
{
    const uint64_t feed_every_ns = watchdog_ns();
    uint64_t fed_mono_ns = clock_mono_ns();
    struct pollfd wait = {.fd = signal_fd, .events = POLLIN};
    while (poll(&wait, 1, LOG_EVERY_MS) <= 0) {
        log_flush(sentinel);
        const uint64_t now = clock_mono_ns();
        if (feed_every_ns > 0 && now - fed_mono_ns >= feed_every_ns && flatline_beats(sentinel)) {
            service_notify("WATCHDOG=1");
            fed_mono_ns = now;
        }
        if (flatline_superseded(sentinel)) {
            say(5, "a successor has taken over: leaving");
            return EXIT_DONE; /* without STOPPING=1: the service does not stop */
        }
        if (flatline_lost(sentinel)) {
            log_flush(sentinel);
            say(3, "the segment has lost its name: leaving, to be started again");
            service_notify("STOPPING=1\nSTATUS=the segment has lost its name");
            return EXIT_RUN_TIME;
        }
    }
    signal_tell(signal_fd);
    service_notify("STOPPING=1");
    return EXIT_DONE;
}

/* ---- taking over ----------------------------------------------------------------------------- */

static int start(const struct options *options,
                 uint64_t within_ns,
                 struct flatline_sentinel **ret_sentinel,
                 char *text)
{
    const struct flatline_start_options more = {.record_file = options->record,
                                                .take_over_within_ns = within_ns};
    return flatline_start_with(options->config, &more, ret_sentinel, text, ERROR_TEXT_BYTES);
}

/* Returns 0 once we have, or -errno with a sentence; a signal meanwhile is -EINTR. */
static int take_over(const struct options *options,
                     struct flatline_sentinel **ret_sentinel,
                     int signal_fd,
                     char *text)
{
    struct flatline_sentinel *sentinel = NULL;
    struct pollfd wait = {.fd = signal_fd, .events = POLLIN};
    const uint64_t within_ns = options->within_ns > 0 ? options->within_ns : WITHIN_NS;
    int result = start(options, within_ns, &sentinel, text);
    if (result != 0) {
        return result;
    }
    say(5, "warming up to take over, " FLATLINE_VERSION);
    result = 1;
    while (result == 1) {
        if (poll(&wait, 1, STEP_EVERY_MS) > 0) {
            signal_tell(signal_fd);
            result = -EINTR;
        } else {
            result = flatline_take_over_step(sentinel, text, ERROR_TEXT_BYTES);
        }
        log_flush(sentinel);
    }
    if (result != 0) {
        flatline_stop(sentinel);
        return result;
    }
    if (text[0] != '\0') {
        say(3, "%s", text); /* what does not keep us from watching */
    }
    *ret_sentinel = sentinel;
    return 0;
}

/* In the child: goes on. In the parent: the exit code, once the child has taken over or failed. */
static int detach(struct parent *parent)
{
    int pipe_fds[2];
    int status = 0;
    char byte;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return EXIT_RUN_TIME;
    }
    const pid_t child = fork();
    if (child == 0) {
        (void)close(pipe_fds[0]);
        (void)setsid();
        parent->fd = pipe_fds[1];
        return -1;
    }
    (void)close(pipe_fds[1]);
    if (child > 0 && read(pipe_fds[0], &byte, 1) == 1) {
        return EXIT_DONE;
    }
    const bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
    return ended && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EXIT_RUN_TIME;
}

static void parent_release(const struct parent *parent)
{
    if (parent->fd >= 0) {
        const ssize_t written = write(parent->fd, "", 1);
        (void)written; /* nobody waits any more: that is his affair */
        (void)close(parent->fd);
    }
}

/* A watchdog that was fed by the one before us is fed at once. */
static void service_hears_of_us(const struct options *options)
{
    char text[128];
    if (!options->takeover) {
        service_notify("READY=1\nSTATUS=watching");
        return;
    }
    (void)snprintf(
        text, sizeof(text), "MAINPID=%d\nREADY=1\nWATCHDOG=1\nSTATUS=watching", (int)getpid());
    service_notify(text);
}

static int signals_catch(void)
{
    sigset_t leave;
    (void)sigemptyset(&leave);
    (void)sigaddset(&leave, SIGINT);
    (void)sigaddset(&leave, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &leave, NULL);
    (void)signal(SIGPIPE,
                 SIG_IGN); /* our stderr may be a closed pipe; that is no reason to stop watching */
    return signalfd(-1, &leave, SFD_CLOEXEC);
}

static int run(const struct options *options, const struct parent *parent)
{
    struct flatline_sentinel *sentinel = NULL;
    char *text = calloc(1, ERROR_TEXT_BYTES);
    const int signal_fd = signals_catch();
    if (text == NULL || signal_fd < 0) {
        free(text);
        return EXIT_RUN_TIME;
    }
    (void)unsetenv("http_proxy"); /* libwebsockets 4.1.6 obeys it silently */
    const int result = options->takeover ? take_over(options, &sentinel, signal_fd, text)
                                         : start(options, 0, &sentinel, text);
    if (result != 0) {
        (void)fputs(text, stderr);
        (void)fputs(text[0] != '\0' && text[strlen(text) - 1] != '\n' ? "\n" : "", stderr);
        free(text);
        return result == -EINVAL ? EXIT_USAGE : EXIT_RUN_TIME;
    }
    free(text);
    say(5, "running, " FLATLINE_VERSION);
    service_hears_of_us(options);
    parent_release(parent);
    const int code = watch(sentinel, signal_fd);
    log_flush(sentinel);
    flatline_stop(sentinel);
    (void)close(signal_fd);
    return code;
}

int main(int argument_count, char **arguments)
{
    struct options options = {0};
    thread_meter_split_openssl(); /* first of all: it must see every allocation */
    struct parent parent = {.fd = -1};
    int code = options_read(argument_count, arguments, &options);
    if (code < 0 && options.detach) {
        code = detach(&parent); /* before any thread */
    }
    if (code >= 0) {
        return code;
    }
    return options.check ? check(&options) : run(&options, &parent);
}
