/* SPDX-License-Identifier: MIT */
#include "sentinel/takeover_line.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fds_take(struct takeover_line *line, struct msghdr *message)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
        return;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fds[TAKEOVER_FDS];
    memcpy(fds, CMSG_DATA(part), (count < TAKEOVER_FDS ? count : TAKEOVER_FDS) * sizeof(int));
    for (size_t i = 0; i < count && i < TAKEOVER_FDS; i++) {
        if (line->fd_count < TAKEOVER_FDS) {
            line->fds[line->fd_count++] = fds[i];
        } else {
            (void)close(fds[i]);
        }
    }
}

int takeover_line_hear(struct takeover_line *line, int wait_ms)
{
    struct pollfd wait = {.fd = line->fd, .events = POLLIN};
    if (memchr(line->heard, '\n', line->heard_bytes) != NULL) {
        return 1;
    }
    if (poll(&wait, 1, wait_ms) <= 0) {
        return 0;
    }

    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * TAKEOVER_FDS)];
    } room;
    struct iovec text = {.iov_base = line->heard + line->heard_bytes,
                         .iov_len = TAKEOVER_ANSWER_BYTES - 1 - line->heard_bytes};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof(room.bytes)};
    const ssize_t got = recvmsg(line->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (got <= 0) {
        return -EPIPE;
    }
    fds_take(line, &message);
    line->heard_bytes += (size_t)got;
    return memchr(line->heard, '\n', line->heard_bytes) != NULL ? 1 : 0;
}

void takeover_line_say(struct takeover_line *line, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text != NULL) {
        /* A lost line shows as an answer that does not come. */
        (void)send(line->fd, text, strlen(text), MSG_NOSIGNAL);
        (void)send(line->fd, "\n", 1, MSG_NOSIGNAL);
    }
    free(text);
}

void takeover_line_close(struct takeover_line *line)
{
    for (uint32_t i = 0; i < line->fd_count; i++) {
        (void)close(line->fds[i]);
    }
    if (line->fd >= 0) {
        (void)close(line->fd);
    }
}
