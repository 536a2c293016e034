/* SPDX-License-Identifier: MIT */
#include "sentinel/command_socket.h"

#include "core/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     16
#define IDLE_MAX_NS (5U * NS_PER_S)
#define GROUPS_MAX  1024U
#define SOCKET_MODE 0660
#define REFUSED_REPLY                                                                              \
    "{\"ok\":false,\"error\":\"refused\",\"text\":\"only root, the sentinel's user "               \
    "and members of the control group may act\"}\n"
#define LONG_REPLY "{\"ok\":false,\"error\":\"usage\",\"text\":\"the line is too long\"}\n"

struct caller {
    int fd; /* -1: free */
    struct command_caller who;
    uint64_t heard_mono_ns;
    size_t line_bytes;
    size_t reply_bytes; /* left to send */
    bool leaving;       /* once the reply is out */
    bool ended;         /* he says no more, but may wait for answers */
    bool kept;          /* however long he is silent */
    uint32_t fd_count;  /* to go with the first byte of the reply */
    int fds[COMMAND_FDS_MAX];
    char line[COMMAND_LINE_BYTES];
    char reply[COMMAND_REPLY_BYTES];
};

struct command_socket {
    struct command_setup setup;
    int fd;
    uint64_t last_id;
    uint64_t only; /* the one caller who is heard; 0: all */
    bool placed;   /* under its name, not the temporary one */
    dev_t device;
    ino_t inode;
    struct sockaddr_un address;
    struct sockaddr_un temporary;
    gid_t groups[GROUPS_MAX];
    struct caller callers[COMMAND_CALLERS_MAX];
};

/* ---- open and close -------------------------------------------------------------------------- */

static int address_fill(struct sockaddr_un *address, const char *path, const char *suffix)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    const int length = snprintf(address->sun_path, sizeof(address->sun_path), "%s%s", path, suffix);
    return length < 0 || length >= (int)sizeof(address->sun_path) ? -ENAMETOOLONG : 0;
}

/* Whoever stands under the name: nobody (0), a living server or no socket at all (-EADDRINUSE). */
static int name_is_free(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EADDRINUSE;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    const int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    const int error = result == 0 ? 0 : errno;
    (void)close(fd);
    return error == ECONNREFUSED || error == ENOENT ? 0 : -EADDRINUSE;
}

static int socket_bind(struct command_socket *server)
{
    const char *path = server->temporary.sun_path;
    struct stat status;
    (void)unlink(path);
    if (bind(server->fd, (const struct sockaddr *)&server->temporary, sizeof(server->temporary)) !=
        0) {
        return -errno;
    }
    const bool bound =
        (server->setup.group == (gid_t)-1 || lchown(path, (uid_t)-1, server->setup.group) == 0) &&
        chmod(path, SOCKET_MODE) == 0 && listen(server->fd, BACKLOG) == 0 &&
        lstat(path, &status) == 0;
    if (!bound) {
        const int error = -errno;
        (void)unlink(path);
        return error;
    }
    server->device = status.st_dev;
    server->inode = status.st_ino;
    return 0;
}

int command_socket_prepare(const struct command_setup *setup, struct command_socket **ret_socket)
{
    struct command_socket *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return -ENOMEM;
    }
    server->setup = *setup;
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = server->fd < 0 ? -errno : 0;
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        server->callers[i].fd = -1;
    }
    if (error == 0) {
        error = address_fill(&server->address, setup->path, "");
    }
    if (error == 0) {
        /* as long a name as any can be */
        error = address_fill(&server->temporary, setup->path, "~");
    }
    if (error == 0) {
        error = socket_bind(server);
    }
    if (error != 0) {
        command_socket_close(server);
        return error;
    }
    *ret_socket = server;
    return 0;
}

int command_socket_place(struct command_socket *server)
{
    if (rename(server->temporary.sun_path, server->address.sun_path) != 0) {
        return -errno;
    }
    server->placed = true;
    return 0;
}

int command_socket_open(const struct command_setup *setup, struct command_socket **ret_socket)
{
    struct sockaddr_un address;
    struct command_socket *server = NULL;
    int error = address_fill(&address, setup->path, "");
    if (error == 0) {
        error = name_is_free(&address);
    }
    if (error == 0) {
        error = command_socket_prepare(setup, &server);
    }
    if (error == 0) {
        error = command_socket_place(server);
    }
    if (error != 0) {
        command_socket_close(server);
        return error;
    }
    *ret_socket = server;
    return 0;
}

static void fds_close(struct caller *caller)
{
    for (uint32_t i = 0; i < caller->fd_count; i++) {
        (void)close(caller->fds[i]);
    }
    caller->fd_count = 0;
}

void command_socket_close(struct command_socket *server)
{
    struct stat status;
    if (server == NULL) {
        return;
    }
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        if (server->callers[i].fd >= 0) {
            fds_close(&server->callers[i]);
            (void)close(server->callers[i].fd);
        }
    }
    const char *path = server->placed ? server->address.sun_path : server->temporary.sun_path;
    if (server->inode != 0 && lstat(path, &status) == 0 && status.st_dev == server->device &&
        status.st_ino == server->inode) {
        (void)unlink(path);
    }
    if (server->fd >= 0) {
        (void)close(server->fd);
    }
    free(server);
}

/* ---- who may act ----------------------------------------------------------------------------- */

static bool in_group(struct command_socket *server, int fd, gid_t primary)
{
    const gid_t wanted = server->setup.group;
    if (wanted == (gid_t)-1) {
        return false;
    }
    if (primary == wanted) {
        return true;
    }
    /* The groups of the very process that connected, not what a database says of its user. */
    socklen_t bytes = sizeof(server->groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, server->groups, &bytes) != 0) {
        return false;
    }
    for (size_t i = 0; i < bytes / sizeof(gid_t); i++) {
        if (server->groups[i] == wanted) {
            return true;
        }
    }
    return false;
}

static bool caller_may_act(struct command_socket *server, int fd, struct command_caller *ret_who)
{
    struct ucred credentials = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t bytes = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
        return false;
    }
    *ret_who = (struct command_caller){.uid = credentials.uid, .pid = credentials.pid};
    return credentials.uid == 0 || credentials.uid == geteuid() ||
           in_group(server, fd, credentials.gid);
}

static struct caller *caller_place(struct command_socket *server)
{
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        if (server->callers[i].fd < 0) {
            return &server->callers[i];
        }
    }
    return NULL;
}

/* One caller a pass; the others wait in the kernel's queue. */
static void caller_take(struct command_socket *server, uint64_t now_mono_ns)
{
    struct caller *caller = caller_place(server);
    const int fd =
        caller != NULL ? accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
    struct command_caller who = {.uid = (uid_t)-1};
    if (fd < 0) {
        return;
    }
    if (!caller_may_act(server, fd, &who)) {
        (void)send(fd, REFUSED_REPLY, sizeof(REFUSED_REPLY) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)close(fd);
        server->setup.on_refused(server->setup.user, &who);
        return;
    }
    memset(caller, 0, sizeof(*caller));
    caller->fd = fd;
    who.id = ++server->last_id;
    caller->who = who;
    caller->heard_mono_ns = now_mono_ns;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void caller_end(struct caller *caller)
{
    fds_close(caller);
    (void)close(caller->fd);
    caller->fd = -1;
}

static void caller_drop(struct command_socket *server, struct caller *caller)
{
    caller_end(caller);
    if (server->setup.on_gone != NULL) {
        server->setup.on_gone(server->setup.user, &caller->who);
    }
}

static ssize_t reply_write(struct caller *caller)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(caller->fds))];
    } room = {0};
    struct iovec text = {.iov_base = caller->reply, .iov_len = caller->reply_bytes};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
    if (caller->fd_count > 0) {
        const size_t bytes = caller->fd_count * sizeof(caller->fds[0]);
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(rights), caller->fds, bytes);
    }
    return sendmsg(caller->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void reply_send(struct command_socket *server, struct caller *caller)
{
    const ssize_t sent = reply_write(caller);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        caller_drop(server, caller);
        return;
    }
    if (sent > 0) {
        fds_close(caller); /* they went with the first byte */
        caller->reply_bytes -= (size_t)sent;
        memmove(caller->reply, caller->reply + sent, caller->reply_bytes);
    }
    if (caller->reply_bytes == 0 && caller->leaving) {
        caller_drop(server, caller);
    }
}

static void reply_long_line(struct command_socket *server, struct caller *caller)
{
    memcpy(caller->reply, LONG_REPLY, sizeof(LONG_REPLY) - 1);
    caller->reply_bytes = sizeof(LONG_REPLY) - 1;
    caller->leaving = true;
    reply_send(server, caller);
}

/* Answers the first whole line, if there is one. */
static void line_answer(struct command_socket *server, struct caller *caller, uint64_t now_mono_ns)
{
    char *end = memchr(caller->line, '\n', caller->line_bytes);
    if (end == NULL) {
        if (caller->line_bytes == sizeof(caller->line)) {
            reply_long_line(server, caller);
        }
        return;
    }
    *end = '\0';
    /* A NUL inside would hide what is behind it from whoever reads the line as a text. */
    const size_t taken = (size_t)(end - caller->line) + 1;
    const bool hidden = strlen(caller->line) + 1 != taken;
    caller->reply[0] = '\0';
    server->setup.on_line(server->setup.user,
                          &caller->who,
                          hidden ? "" : caller->line,
                          caller->reply,
                          sizeof(caller->reply) - 1);
    caller->reply_bytes = strnlen(caller->reply, sizeof(caller->reply) - 1);
    caller->reply[caller->reply_bytes++] = '\n';
    caller->line_bytes -= taken;
    memmove(caller->line, caller->line + taken, caller->line_bytes);
    caller->heard_mono_ns = now_mono_ns;
    reply_send(server, caller);
}

static void caller_read(struct command_socket *server, struct caller *caller)
{
    const size_t room = sizeof(caller->line) - caller->line_bytes;
    if (room == 0 || caller->leaving || caller->ended) {
        return;
    }
    const ssize_t got = recv(caller->fd, caller->line + caller->line_bytes, room, MSG_DONTWAIT);
    if (got > 0) {
        caller->line_bytes += (size_t)got;
    } else if (got == 0) {
        caller->ended = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        caller_drop(server, caller);
    }
}

static void caller_serve(struct command_socket *server,
                         struct caller *caller,
                         short events,
                         uint64_t now_mono_ns)
{
    if (caller->reply_bytes > 0) { /* one answer at a time: who does not read is not heard */
        reply_send(server, caller);
    }
    if (caller->fd >= 0 && caller->reply_bytes == 0) {
        if (events != 0) {
            caller_read(server, caller);
        }
        if (caller->fd >= 0 && !caller->leaving) {
            line_answer(server, caller, now_mono_ns);
        }
        if (caller->fd >= 0 && caller->ended && caller->reply_bytes == 0 &&
            memchr(caller->line, '\n', caller->line_bytes) == NULL) {
            caller_drop(server, caller);
        }
    }
    if (caller->fd >= 0 && !caller->kept && now_mono_ns > caller->heard_mono_ns + IDLE_MAX_NS) {
        caller_drop(server, caller);
    }
}

/* ---- what on_line may ask for ---------------------------------------------------------------- */

static struct caller *caller_of(struct command_socket *server, uint64_t id)
{
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        if (server->callers[i].fd >= 0 && server->callers[i].who.id == id) {
            return &server->callers[i];
        }
    }
    return NULL;
}

void command_socket_pass(struct command_socket *server, uint64_t id, const int *fds, uint32_t count)
{
    struct caller *caller = caller_of(server, id);
    flatline_assert(caller != NULL && count <= COMMAND_FDS_MAX);
    fds_close(caller);
    memcpy(caller->fds, fds, count * sizeof(*fds));
    caller->fd_count = count;
}

void command_socket_keep(struct command_socket *server, uint64_t id)
{
    struct caller *caller = caller_of(server, id);
    if (caller != NULL) {
        caller->kept = true;
    }
}

void command_socket_hear_only(struct command_socket *server, uint64_t id)
{
    server->only = id;
}

void command_socket_drop(struct command_socket *server, uint64_t id)
{
    struct caller *caller = caller_of(server, id);
    if (caller != NULL) {
        caller_end(caller);
    }
}

/* ---- the loop's side ------------------------------------------------------------------------- */

void command_socket_polls(const struct command_socket *server, struct pollfd *polls)
{
    bool full = true;
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        const struct caller *caller = &server->callers[i];
        const short events = caller->reply_bytes > 0 ? POLLOUT : POLLIN;
        const bool heard = server->only == 0 || server->only == caller->who.id;
        polls[i + 1U] = (struct pollfd){.fd = heard ? caller->fd : -1, .events = events};
        full = full && caller->fd >= 0;
    }
    polls[0] = (struct pollfd){.fd = full || server->only != 0 ? -1 : server->fd, .events = POLLIN};
}

void command_socket_serve(struct command_socket *server,
                          const struct pollfd *polls,
                          uint64_t now_mono_ns)
{
    for (uint32_t i = 0; i < COMMAND_CALLERS_MAX; i++) {
        struct caller *caller = &server->callers[i];
        if (caller->fd >= 0 && (server->only == 0 || server->only == caller->who.id)) {
            caller_serve(server, caller, polls[i + 1U].revents, now_mono_ns);
        }
    }
    if (polls[0].revents != 0 && server->only == 0) {
        caller_take(server, now_mono_ns);
    }
}
