/* SPDX-License-Identifier: MIT
 *
 * Goal: a look at a fresh gate executes few instructions, and none more because gates may have a
 * quiet_hold.
 *
 * Method: a child looks, single-stepped by its parent, who counts: once a look, once nothing at all in
 * its place. x86-64 only.
 * usage: look_steps
 */
#include "flatline/flatline.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW         1000000000ULL
#define MEMBERS     2U
#define STEPS_MAX   100000L
#define LOOK_MOST   46L /* two members, both fresh */
#define MEMBER_MOST 15L /* one more of them */

typedef bool look_function(const struct flatline_gate *gate, uint64_t now_mono_ns);
bool engine_look_gate(const struct flatline_gate *gate, uint64_t now_mono_ns);

static __attribute__((noinline)) bool look_at_nothing(const struct flatline_gate *gate,
                                                      uint64_t now_mono_ns)
{
    return gate == NULL || now_mono_ns == 0;
}

/* Two stops, and between them one look. */
static void be_stepped(look_function *look, const struct flatline_gate *gate, bool wanted)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void)raise(SIGSTOP);
    const bool got = look(gate, NOW);
    (void)raise(SIGSTOP);
    _exit(got == wanted ? 0 : 1);
}

/* Instructions from one stop to the next; -1: something else happened. */
static long steps_of(look_function *look, const struct flatline_gate *gate, bool wanted)
{
    int status;
    long steps = 0;
    const pid_t child = fork();
    if (child == 0) {
        be_stepped(look, gate, wanted);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
        return -1;
    }
    bool is_between = true;
    while (is_between && steps < STEPS_MAX && ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 &&
           waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        is_between = WSTOPSIG(status) == SIGTRAP;
        steps++;
    }
    (void)ptrace(PTRACE_CONT, child, NULL, NULL);
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? steps : -1;
}

static long look_steps(uint32_t members, uint32_t quiet_hold_ms, uint64_t lease_until, bool wanted)
{
    static struct flatline_header header;
    static struct flatline_lease lease;
    struct flatline_gate_look looks[MEMBERS + 1];
    header.alive_until_mono_ns = NOW + 1;
    lease.lease_until_mono_ns = lease_until;
    lease.quiet_until_mono_ns = NOW + 1;
    memset(looks, 0, sizeof(looks));
    for (uint32_t i = 0; i < MEMBERS + 1; i++) {
        looks[i] = (struct flatline_gate_look){.lease = &lease, .quiet_hold_ms = quiet_hold_ms};
    }
    const struct flatline_gate gate = {
        .members = looks, .header = &header, .member_count = members};
    const long look = steps_of(engine_look_gate, &gate, wanted);
    const long nothing = steps_of(look_at_nothing, &gate, false);
    return look < 0 || nothing < 0 ? -1 : look - nothing;
}

int main(void)
{
    const long fresh = look_steps(MEMBERS, 0, NOW + 1, true);
    const long more = look_steps(MEMBERS + 1, 0, NOW + 1, true) - fresh;
    const long patient = look_steps(MEMBERS, 30000, NOW + 1, true);
    const long lapsed = look_steps(MEMBERS, 0, NOW, false);
    const long quiet = look_steps(MEMBERS, 30000, NOW, true);
    if (fresh < 0 || lapsed < 0 || quiet < 0) {
        puts("skipped: cannot step a child");
        return 77;
    }
    printf("a fresh gate of %u: %ld instructions, %ld a member more; with quiet_hold %ld; lapsed "
           "%ld; quiet %ld\n",
           MEMBERS,
           fresh,
           more,
           patient,
           lapsed,
           quiet);
    return fresh > LOOK_MOST || more > MEMBER_MOST || patient != fresh;
}
