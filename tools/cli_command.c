/* SPDX-License-Identifier: MIT */
#include "tools/cli_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES   1024U
#define ANSWER_SECONDS 10
#define MOVED_TRIES    100
#define MOVED_NAP_NS   20000000L

void cli_socket_path(const char *option,
                     const struct flatline *reader,
                     char path[FLATLINE_SOCKET_BYTES])
{
    const char *chosen = option;
    if (chosen == NULL && reader != NULL && flatline_header_of(reader)->control_socket[0] != '\0') {
        chosen = flatline_header_of(reader)->control_socket;
    }
    if (chosen == NULL) {
        chosen = CLI_DEFAULT_SOCKET;
    }
    const size_t length = strnlen(chosen, FLATLINE_SOCKET_BYTES - 1);
    memcpy(path, chosen, length);
    path[length] = '\0';
}

static int complain(const char *command, const char *path, int error)
{
    const bool nobody = error == ENOENT || error == ECONNREFUSED || error == ENOTSOCK;
    const char *hint = nobody            ? ": is flatlined running, with a control_socket?"
                       : error == EACCES ? ": only root, the sentinel's user and the control group "
                                           "may act"
                                         : "";
    (void)fprintf(stderr, "flatline %s: %s: %s%s\n", command, path, strerror(error), hint);
    return nobody ? CLI_DEAD : CLI_FAILED;
}

/* Connected, with a time limit on both ways; -1 and errno. */
static int socket_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        const int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The answer's one line; "" when there is none. Whoever is refused is told before he has spoken,
 * so a failed send is no reason not to listen. */
static void talk(int fd, const char *line, char answer[ANSWER_BYTES])
{
    size_t used = 0;
    (void)send(fd, line, strlen(line), MSG_NOSIGNAL);
    (void)send(fd, "\n", 1, MSG_NOSIGNAL);
    while (used < ANSWER_BYTES - 1 && memchr(answer, '\n', used) == NULL) {
        const ssize_t got = recv(fd, answer + used, ANSWER_BYTES - 1 - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    answer[used] = '\0';
}

static int judge_answer(const char *command, const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *text = json_string_value(json_object_get(answer, "text"));
    if (json_is_true(json_object_get(answer, "ok"))) {
        if (json_is_false(json_object_get(answer, "saved"))) {
            (void)fprintf(stderr,
                          "flatline %s: done, but it could not be saved: it will not outlive the "
                          "sentinel\n",
                          command);
        }
        return CLI_DONE;
    }
    (void)fprintf(stderr, "flatline %s: %s\n", command, text != NULL ? text : "no answer");
    const bool usage =
        error != NULL && (strcmp(error, "usage") == 0 || strcmp(error, "unknown_target") == 0);
    return usage ? CLI_USAGE : CLI_FAILED;
}

/* In the middle of a takeover: the successor is about to listen under the same name. */
static bool has_moved(const json_t *answer)
{
    const struct timespec nap = {0, MOVED_NAP_NS};
    const char *error = json_string_value(json_object_get(answer, "error"));
    const bool moved = error != NULL && strcmp(error, "moved") == 0;
    if (moved) {
        (void)nanosleep(&nap, NULL);
    }
    return moved;
}

int cli_command(const char *command, const char *path, json_t *object, json_t **ret_answer)
{
    char text[ANSWER_BYTES];
    char *line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (line == NULL) {
        (void)fprintf(stderr, "flatline %s: what is given must be UTF-8\n", command);
        return CLI_USAGE;
    }
    json_t *answer = NULL;
    for (int i = 0; i < MOVED_TRIES && (i == 0 || has_moved(answer)); i++) {
        const int fd = socket_connect(path);
        if (fd < 0) {
            free(line);
            json_decref(answer);
            return complain(command, path, errno);
        }
        json_decref(answer);
        talk(fd, line, text);
        (void)close(fd);
        answer = json_loads(text, 0, NULL);
    }
    free(line);
    const int code = judge_answer(command, answer);
    if (code != CLI_DONE) {
        json_decref(answer);
        return code;
    }
    *ret_answer = answer;
    return CLI_DONE;
}

bool cli_duration(const struct cli_usage *usage,
                  const char *option,
                  const char *text,
                  uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ms", 1000000U},
                 {"s", 1000000000U},
                 {"m", 60U * 1000000000ULL},
                 {"h", 3600U * 1000000000ULL},
                 {"d", 24U * 3600U * 1000000000ULL}};

    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[0] >= '0' && text[0] <= '9' && errno == 0 && number > 0 &&
            strcmp(end, units[i].unit) == 0 && number <= (uint64_t)INT64_MAX / units[i].ns) {
            *ret_ns = number * units[i].ns;
            return true;
        }
    }
    (void)fprintf(stderr,
                  "flatline %s: --%s wants a time such as 500ms, 30s, 5m, 8h or 2d, not '%s'\n",
                  usage->command,
                  option,
                  text);
    return false;
}
