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
#define COMMAND_FDS_MAX     2U /* descriptors that go with an answer */

struct command_socket; /* opaque: command_socket.c */

/* Who asks: the kernel's word (SO_PEERCRED), taken at his connect(). */
struct command_caller {
    uid_t uid;
    pid_t pid;
    uint64_t id; /* of his connection: 1, 2, 3 ... */
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
    /** Told of each caller who may act, when he is gone. NULL: nobody cares. */
    void (*on_gone)(void *user, const struct command_caller *caller);
    void *user;
};

/** Binds under a temporary name, sets mode 0660 and the group, listens, renames into place: nobody
 *  ever meets a socket with other rights. A socket that nobody serves is replaced.
 *  Returns 0; -EADDRINUSE somebody serves there, or it is no socket; other -errno. */
int command_socket_open(const struct command_setup *setup, struct command_socket **ret_socket);

/** The same in two halves, for a successor: prepared, it stands under the temporary name; placed, it
 *  takes the name, whoever serves there. Returns 0 or -errno. */
int command_socket_prepare(const struct command_setup *setup, struct command_socket **ret_socket);
int command_socket_place(struct command_socket *socket);

/** Closes everything and removes the name, if it is still ours. NULL is accepted. */
void command_socket_close(struct command_socket *socket);

/** Within on_line: descriptors that go with the answer to this caller. They are the socket's from
 *  here on, to be closed. */
void command_socket_pass(struct command_socket *socket,
                         uint64_t id,
                         const int *fds,
                         uint32_t count);

/** Keeps a caller who says nothing for long. */
void command_socket_keep(struct command_socket *socket, uint64_t id);

/** Hears this caller alone; the others wait, and nobody new is taken. 0: everybody again. */
void command_socket_hear_only(struct command_socket *socket, uint64_t id);

/** Ends a caller's connection; on_gone is not told. */
void command_socket_drop(struct command_socket *socket, uint64_t id);

/** Fills COMMAND_POLLS entries for poll(); unused ones have fd -1. */
void command_socket_polls(const struct command_socket *socket, struct pollfd *polls);

/** After poll(): takes callers, reads, answers at most one line a caller, drops who is late. */
void command_socket_serve(struct command_socket *socket,
                          const struct pollfd *polls,
                          uint64_t now_mono_ns);

#endif
