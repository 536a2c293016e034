/* SPDX-License-Identifier: MIT
 *
 * command_socket.h - a Unix stream socket that takes one command a line from whoever may act, and
 * answers a line. Everything is bounded: callers, bytes a line, lines a pass, time without a line.
 * Polled by the control thread; it knows nothing of what the commands mean.
 */
#ifndef FLATLINE_SENTINEL_COMMAND_SOCKET_H
#define FLATLINE_SENTINEL_COMMAND_SOCKET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COMMAND_CALLERS_MAX 8U
#define COMMAND_LINE_BYTES  1024U /* a command, its line end included */
#define COMMAND_REPLY_BYTES 1024U /* an answer, its line end included */
#define COMMAND_POLLS       (COMMAND_CALLERS_MAX + 1U)

struct command_socket; /* opaque: command_socket.c */

/* Who asks: the kernel's word (SO_PEERCRED), taken at his connect(). */
struct command_caller {
    uid_t uid;
    pid_t pid;
};

struct command_setup {
    const char *path;
    gid_t group; /* whose members may act besides root and our own user; (gid_t)-1: nobody */
    /** Answers one line, NUL-terminated and without its end, in at most reply_bytes. */
    void (*on_line)(void *user,
                    const struct command_caller *caller,
                    const char *line,
                    char *reply,
                    size_t reply_bytes);
    /** Told of each caller who may not act. */
    void (*on_refused)(void *user, const struct command_caller *caller);
    void *user;
};

/** Binds under a temporary name, sets mode 0660 and the group, listens, renames into place: nobody
 *  ever meets a socket with other rights. A socket that nobody serves is replaced.
 *  Returns 0; -EADDRINUSE somebody serves there, or it is no socket; other -errno. */
int command_socket_open(const struct command_setup *setup, struct command_socket **ret_socket);

/** Closes everything and removes the name, if it is still ours. NULL is accepted. */
void command_socket_close(struct command_socket *socket);

/** Fills COMMAND_POLLS entries for poll(); unused ones have fd -1. */
void command_socket_polls(const struct command_socket *socket, struct pollfd *polls);

/** After poll(): takes callers, reads, answers at most one line a caller, drops who is late. */
void command_socket_serve(struct command_socket *socket,
                          const struct pollfd *polls,
                          uint64_t now_mono_ns);

#endif
