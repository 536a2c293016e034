/* SPDX-License-Identifier: MIT
 *
 * control.c - the Unix socket that takes commands: one a line, one answer line each.
 */
#include "venue/server_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

static void client_gone(struct watch *watch)
{
    text_free(&watch->line);
    free(watch);
}

/* A client that does not read its answers is cut: nothing here may block. */
static bool answer_send(struct watch *watch, struct text *answer)
{
    text_add(answer, "\n");
    size_t done = 0;
    while (done < answer->size_bytes) {
        const ssize_t sent =
            send(watch->fd, answer->bytes + done, answer->size_bytes - done, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        done += (size_t)sent;
    }
    return true;
}

static bool do_lines(struct watch *watch)
{
    struct server *server = watch->server;
    bool is_alive = true;
    char *start = watch->line.bytes;
    char *end;

    while (is_alive && (end = strchr(start, '\n')) != NULL) {
        struct text answer = {0};
        *end = '\0';
        actions_do(server->actions, start, &answer, &server->is_over);
        is_alive = answer_send(watch, &answer);
        text_free(&answer);
        start = end + 1;
    }
    struct text rest = {0};
    text_add(&rest, start);
    text_free(&watch->line);
    watch->line = rest;
    server_rearm(server);
    return is_alive && rest.size_bytes <= LINE_BYTES_MAX;
}

static bool client_ready(struct watch *watch)
{
    char bytes[2048];
    const ssize_t got = recv(watch->fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    if (memchr(bytes, '\0', (size_t)got) != NULL) {
        return false;
    }
    text_add_bytes(&watch->line, bytes, (size_t)got);
    return do_lines(watch);
}

static bool door_ready(struct watch *watch)
{
    const int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        struct watch *client = allocate(sizeof(*client));
        client->fd = fd;
        client->ready = client_ready;
        client->gone = client_gone;
        (void)server_watch(watch->server, client);
    }
    return true;
}

int control_open(struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int used = snprintf(
        address.sun_path, sizeof(address.sun_path), "%s/control.sock", server->options.dir);
    if (used < 0 || (size_t)used >= sizeof(address.sun_path)) {
        return -ENAMETOOLONG;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    (void)unlink(address.sun_path);
    const mode_t before = umask(0177);
    const int bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
    const int error = errno;
    (void)umask(before);
    if (bound != 0 || listen(fd, 16) != 0) {
        (void)close(fd);
        return bound != 0 ? -error : -errno;
    }
    struct watch *door = allocate(sizeof(*door));
    door->fd = fd;
    door->ready = door_ready;
    door->gone = client_gone;
    return server_watch(server, door) ? 0 : -ENOMEM;
}
