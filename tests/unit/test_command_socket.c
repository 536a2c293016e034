/* SPDX-License-Identifier: MIT
 *
 * Goal: the control socket answers a line with a line, lets only those act who may, and no caller -
 * hostile, slow, silent or numerous - can hold it up or make it read beyond a line. Method: the real
 * socket in a temporary directory; the test plays callers and the control thread's loop, with a
 * clock of its own for those who are late.
 */
#include "sentinel/command_socket.h"

#include "core/base.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after the headers it needs */

#define NOBODY     65534
#define SOME_GROUP 54321
#define STEPS      60

static char directory[64];
static char path[96];
static struct command_socket *server;
static unsigned lines_seen;
static unsigned refused_seen;
static char last_line[COMMAND_LINE_BYTES];
static uint64_t now_ns;

static uint64_t gone_id;
static uint64_t last_id;
static int pass_fds[COMMAND_FDS_MAX];
static uint32_t pass_count;

static void on_gone(void *user, const struct command_caller *caller)
{
    (void)user;
    gone_id = caller->id;
}

static void on_line(void *user,
                    const struct command_caller *caller,
                    const char *line,
                    char *reply,
                    size_t reply_bytes)
{
    (void)user;
    lines_seen++;
    last_id = caller->id;
    if (pass_count > 0) {
        command_socket_pass(server, caller->id, pass_fds, pass_count);
        pass_count = 0;
    }
    (void)snprintf(last_line, sizeof(last_line), "%s", line);
    (void)snprintf(reply, reply_bytes, "uid %u said %.100s", (unsigned)caller->uid, line);
}

static void on_refused(void *user, const struct command_caller *caller)
{
    (void)user;
    (void)caller;
    refused_seen++;
}

static int server_open(gid_t group)
{
    const struct command_setup setup = {.path = path,
                                        .group = group,
                                        .on_line = on_line,
                                        .on_refused = on_refused,
                                        .on_gone = on_gone};
    return command_socket_open(&setup, &server);
}

static int open_all(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/flatline-socket-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/control.sock", directory);
    lines_seen = 0;
    refused_seen = 0;
    last_line[0] = '\0';
    now_ns = NS_PER_S;
    assert_int_equal(server_open((gid_t)-1), 0);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    command_socket_close(server);
    server = NULL;
    (void)unlink(path);
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

/* A few turns of the loop. */
static void serve(unsigned steps)
{
    struct pollfd polls[COMMAND_POLLS];
    for (unsigned i = 0; i < steps; i++) {
        command_socket_polls(server, polls);
        assert_true(poll(polls, COMMAND_POLLS, 1) >= 0);
        command_socket_serve(server, polls, now_ns);
    }
}

static int call(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* All that has come; -1: nothing, 0: the end. */
static ssize_t hear(int fd, char *text, size_t bytes)
{
    const ssize_t got = recv(fd, text, bytes - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static void a_line_in_pieces_is_one_line_and_two_lines_are_two(void **state)
{
    (void)state;
    char text[512];
    const int fd = call();
    say(fd, "hel", 3);
    serve(5);
    assert_int_equal(lines_seen, 0);
    say(fd, "lo\nyou\n", 7);
    serve(5);
    assert_int_equal(lines_seen, 2);
    assert_true(hear(fd, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "said hello\n"));
    assert_non_null(strstr(text, "said you\n"));
    assert_int_equal(close(fd), 0);
}

static void who_shuts_his_side_is_still_answered(void **state)
{
    (void)state;
    char text[512];
    const int fd = call();
    say(fd, "one\ntwo\nhalf", 12);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    serve(8);
    assert_int_equal(lines_seen, 2); /* half a line is none */
    assert_true(hear(fd, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "said two\n"));
    assert_int_equal(hear(fd, text, sizeof(text)), 0);
    assert_int_equal(close(fd), 0);
}

static void an_endless_line_is_refused_and_its_caller_dropped(void **state)
{
    (void)state;
    char bytes[4 * COMMAND_LINE_BYTES];
    char text[512];
    memset(bytes, 'a', sizeof(bytes));
    const int fd = call();
    say(fd, bytes, sizeof(bytes));
    serve(8);
    assert_int_equal(lines_seen, 0);
    assert_true(hear(fd, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "too long"));
    assert_true(hear(fd, text, sizeof(text)) <= 0);
    assert_int_equal(close(fd), 0);
    const int other = call(); /* and the next one is served as if nothing had been */
    say(other, "hello\n", 6);
    serve(5);
    assert_int_equal(lines_seen, 1);
    assert_int_equal(close(other), 0);
}

static void a_line_as_long_as_may_be_is_taken_whole(void **state)
{
    (void)state;
    char bytes[COMMAND_LINE_BYTES];
    memset(bytes, 'b', sizeof(bytes));
    bytes[sizeof(bytes) - 1] = '\n';
    const int fd = call();
    say(fd, bytes, sizeof(bytes));
    serve(5);
    assert_int_equal(strlen(last_line), COMMAND_LINE_BYTES - 1);
    assert_int_equal(close(fd), 0);
}

static void a_nul_hides_nothing(void **state)
{
    (void)state;
    const int fd = call();
    say(fd, "good\0evil\n", 10);
    serve(5);
    assert_int_equal(lines_seen, 1);
    assert_string_equal(last_line, ""); /* not "good" */
    assert_int_equal(close(fd), 0);
}

static void silent_callers_are_dropped_and_those_who_wait_come_in(void **state)
{
    (void)state;
    int silent[COMMAND_CALLERS_MAX];
    char text[64];
    for (unsigned i = 0; i < COMMAND_CALLERS_MAX; i++) {
        silent[i] = call();
    }
    serve(STEPS);
    const int waiting = call();
    say(waiting, "me\n", 3);
    serve(STEPS);
    assert_int_equal(lines_seen, 0); /* every place is taken */
    now_ns += 6 * NS_PER_S;
    serve(STEPS);
    assert_int_equal(lines_seen, 1);
    for (unsigned i = 0; i < COMMAND_CALLERS_MAX; i++) {
        assert_int_equal(hear(silent[i], text, sizeof(text)), 0);
        assert_int_equal(close(silent[i]), 0);
    }
    assert_int_equal(close(waiting), 0);
}

static void who_asks_and_never_listens_holds_up_nobody(void **state)
{
    (void)state;
    char lines[512];
    for (size_t i = 0; i < sizeof(lines); i += 2) {
        memcpy(&lines[i], "x\n", 2);
    }
    const int deaf = call();
    for (unsigned i = 0; i < 4000; i++) { /* until his own send buffer is full too */
        if (send(deaf, lines, sizeof(lines), MSG_NOSIGNAL) < 0) {
            break;
        }
        serve(1);
    }
    const int other = call();
    say(other, "heard\n", 6);
    serve(STEPS);
    char text[256];
    assert_true(hear(other, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "said heard"));
    assert_int_equal(close(other), 0);
    assert_int_equal(close(deaf), 0);
    serve(5);
}

/* A child of another user connects and reports what he hears first. */
static int as_stranger(gid_t group, char *text, size_t bytes)
{
    int pipe_fds[2];
    int status = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(chmod(path, 0666), 0); /* past the file's mode: the kernel's word is asked */
    const pid_t child = fork();
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char heard[512] = "";
        const gid_t groups[1] = {group};
        const bool became = setgroups(group == 0 ? 0 : 1, groups) == 0 && setgid(NOBODY) == 0 &&
                            setuid(NOBODY) == 0;
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        memcpy(address.sun_path, path, strlen(path));
        if (!became || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
            _exit(1);
        }
        (void)send(fd, "let me in\n", 10, MSG_NOSIGNAL);
        const ssize_t got = recv(fd, heard, sizeof(heard), 0);
        const ssize_t told = write(pipe_fds[1], heard, got > 0 ? (size_t)got : 0);
        _exit(told > 0 ? 0 : 2);
    }
    for (unsigned i = 0; i < 500 && waitpid(child, &status, WNOHANG) == 0; i++) {
        serve(4);
    }
    (void)close(pipe_fds[1]);
    const ssize_t got = read(pipe_fds[0], text, bytes - 1);
    text[got > 0 ? got : 0] = '\0';
    (void)close(pipe_fds[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_stranger_is_refused_and_counted(void **state)
{
    (void)state;
    char text[512];
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(as_stranger(0, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"refused\""));
    assert_int_equal(refused_seen, 1);
    assert_int_equal(lines_seen, 0);
}

static void a_member_of_the_group_may_act_by_his_supplementary_groups(void **state)
{
    (void)state;
    char text[512];
    struct stat status;
    if (geteuid() != 0) {
        skip();
    }
    command_socket_close(server);
    assert_int_equal(server_open(SOME_GROUP), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_gid, SOME_GROUP);
    assert_int_equal(status.st_mode & 07777, 0660);
    assert_int_equal(as_stranger(SOME_GROUP, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "uid 65534 said let me in"));
    assert_int_equal(as_stranger(SOME_GROUP + 1, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"refused\""));
    assert_int_equal(refused_seen, 1);
}

static void a_served_name_is_left_alone_and_a_dead_one_replaced(void **state)
{
    (void)state;
    struct command_socket *first = server;
    assert_int_equal(server_open((gid_t)-1), -EADDRINUSE);
    server = first;
    serve(3); /* the probe goes by unheard */
    assert_int_equal(lines_seen, 0);
    command_socket_close(first);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(close(dead), 0); /* its name stays: what a kill leaves */
    assert_int_equal(server_open((gid_t)-1), 0);
    command_socket_close(server);
    const int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(close(file), 0);
    server = NULL;
    assert_int_equal(server_open((gid_t)-1), -EADDRINUSE); /* somebody's file is not ours */
    assert_int_equal(access(path, F_OK), 0);
}

/* The descriptors that came with the first byte, and the text. */
static unsigned hear_fds(int fd, int *fds, char *text, size_t bytes)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * COMMAND_FDS_MAX)];
    } room;
    struct iovec part = {.iov_base = text, .iov_len = bytes - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof(room.bytes)};
    const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    assert_true(got > 0);
    text[got] = '\0';
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights == NULL) {
        return 0;
    }
    assert_int_equal(rights->cmsg_type, SCM_RIGHTS);
    memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return (unsigned)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

static void descriptors_go_with_one_answer_and_are_closed_here(void **state)
{
    (void)state;
    int pipe_fds[2];
    int heard[COMMAND_FDS_MAX] = {-1, -1};
    char text[256];
    char byte = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    const int caller = call();
    pass_fds[0] = pipe_fds[1];
    pass_fds[1] = dup(pipe_fds[1]);
    pass_count = 2;
    say(caller, "give\n", 5);
    serve(STEPS);
    assert_int_equal(hear_fds(caller, heard, text, sizeof(text)), 2);
    assert_non_null(strstr(text, "said give"));
    assert_int_equal(write(heard[0], "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    (void)close(heard[0]);
    (void)close(heard[1]);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* no copy is left on the other side */
    say(caller, "again\n", 6);
    serve(STEPS);
    assert_int_equal(hear_fds(caller, heard, text, sizeof(text)), 0);
    (void)close(caller);
    (void)close(pipe_fds[0]);
}

static void one_who_is_heard_alone_keeps_the_others_waiting_and_nobody_is_lost(void **state)
{
    (void)state;
    char text[256];
    const int first = call();
    const int second = call();
    say(first, "one\n", 4);
    serve(STEPS);
    assert_true(hear(first, text, sizeof(text)) > 0);
    command_socket_hear_only(server, last_id);
    const int third = call(); /* not even taken */
    say(second, "two\n", 4);
    say(third, "three\n", 6);
    say(first, "still one\n", 10);
    serve(STEPS);
    assert_string_equal(last_line, "still one");
    assert_int_equal(hear(second, text, sizeof(text)), -1);
    command_socket_hear_only(server, 0);
    serve(STEPS);
    assert_true(hear(second, text, sizeof(text)) > 0);
    assert_true(hear(third, text, sizeof(text)) > 0);
    (void)close(first);
    (void)close(second);
    (void)close(third);
}

static void one_who_is_kept_may_be_silent_and_his_end_is_told(void **state)
{
    (void)state;
    char text[256];
    const int kept = call();
    say(kept, "keep me\n", 8);
    serve(STEPS);
    assert_true(hear(kept, text, sizeof(text)) > 0);
    command_socket_keep(server, last_id);
    now_ns += 3600 * NS_PER_S;
    serve(STEPS);
    say(kept, "still here\n", 11);
    serve(STEPS);
    assert_true(hear(kept, text, sizeof(text)) > 0);
    gone_id = 0;
    (void)close(kept);
    serve(STEPS);
    assert_int_equal(gone_id, last_id);
}

static void a_prepared_socket_takes_the_name_of_a_living_one_at_once(void **state)
{
    (void)state;
    struct command_socket *old = server;
    struct command_socket *prepared = NULL;
    char text[256];
    const struct command_setup setup = {
        .path = path, .group = (gid_t)-1, .on_line = on_line, .on_refused = on_refused};
    const int early = call();
    assert_int_equal(command_socket_prepare(&setup, &prepared), 0);
    say(early, "early\n", 6);
    serve(STEPS); /* the old one is asked until the name is taken, and answers whom it has */
    assert_true(hear(early, text, sizeof(text)) > 0);
    assert_int_equal(command_socket_place(prepared), 0);
    const int late = call();
    say(late, "late\n", 5);
    serve(STEPS);
    assert_int_equal(hear(late, text, sizeof(text)), -1);
    command_socket_close(old); /* and leaves the name alone */
    server = prepared;
    serve(STEPS);
    assert_true(hear(late, text, sizeof(text)) > 0);
    (void)close(early);
    (void)close(late);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_in_pieces_is_one_line_and_two_lines_are_two),
        CASE(who_shuts_his_side_is_still_answered),
        CASE(an_endless_line_is_refused_and_its_caller_dropped),
        CASE(a_line_as_long_as_may_be_is_taken_whole),
        CASE(a_nul_hides_nothing),
        CASE(silent_callers_are_dropped_and_those_who_wait_come_in),
        CASE(who_asks_and_never_listens_holds_up_nobody),
        CASE(a_stranger_is_refused_and_counted),
        CASE(a_member_of_the_group_may_act_by_his_supplementary_groups),
        CASE(a_served_name_is_left_alone_and_a_dead_one_replaced),
        CASE(descriptors_go_with_one_answer_and_are_closed_here),
        CASE(one_who_is_heard_alone_keeps_the_others_waiting_and_nobody_is_lost),
        CASE(one_who_is_kept_may_be_silent_and_his_end_is_told),
        CASE(a_prepared_socket_takes_the_name_of_a_living_one_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
