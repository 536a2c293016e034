/* SPDX-License-Identifier: MIT
 *
 * actions.c - commands, now or later. The verbs that put faults on are in a table; the others each
 * have a function.
 */
#include "venue/actions.h"

#include "core/base.h"
#include "core/clock.h"
#include "venue/command.h"
#include "venue/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line to be carried out later: given with `after`, or the end of one given with `for`. */
struct pending {
    uint64_t due_ns;
    char line[COMMAND_BYTES];
    struct pending *next; /* by due_ns */
};

struct actions {
    struct exchange *exchange;
    struct pending *pending;
};

struct actions *actions_create(struct exchange *exchange)
{
    struct actions *actions = allocate(sizeof(*actions));
    actions->exchange = exchange;
    return actions;
}

void actions_destroy(struct actions *actions)
{
    while (actions != NULL && actions->pending != NULL) {
        struct pending *pending = actions->pending;
        actions->pending = pending->next;
        free(pending);
    }
    free(actions);
}

static void pending_add(struct actions *actions, uint64_t due_ns, const char *line)
{
    struct pending *pending = allocate(sizeof(*pending));
    struct pending **at = &actions->pending;

    pending->due_ns = due_ns;
    (void)snprintf(pending->line, sizeof(pending->line), "%s", line);
    while (*at != NULL && (*at)->due_ns <= due_ns) {
        at = &(*at)->next;
    }
    pending->next = *at;
    *at = pending;
}

/* The command again without its delay, or the one that ends it. */
static void line_again(const struct command *command, bool is_end, char line[COMMAND_BYTES])
{
    size_t used =
        (size_t)snprintf(line, COMMAND_BYTES, "%s%s", is_end ? "un" : "", command->words[0]);
    for (unsigned i = 1; i < command->count && used < COMMAND_BYTES; i++) {
        used += (size_t)snprintf(line + used, COMMAND_BYTES - used, " %s", command->words[i]);
    }
    if (!is_end && command->for_ns > 0 && used < COMMAND_BYTES) {
        (void)snprintf(line + used, COMMAND_BYTES - used, " for %" PRIu64 "ns", command->for_ns);
    }
}

/* The moment before the deed, so that nobody can have noticed it earlier. */
static void answer_stamp(struct text *answer, uint64_t at_mono_ns)
{
    text_addf(answer, " mono_ns=%" PRIu64, at_mono_ns);
}

void actions_do(struct actions *actions, const char *line, struct text *answer, bool *ret_quits)
{
    struct command command;
    const char *why = NULL;
    char later[COMMAND_BYTES];
    const uint64_t now_ns = clock_mono_ns();

    if (!command_parse(line, &command, &why)) {
        text_addf(answer, "error: %s", why);
        return;
    }
    if (command.after_ns > 0) {
        line_again(&command, false, later);
        pending_add(actions, now_ns + command.after_ns, later);
        text_add(answer, "ok later");
        answer_stamp(answer, now_ns);
        return;
    }
    if (command.for_ns > 0 && !verb_can_end(command.words[0])) {
        text_addf(answer, "error: %s has no end; leave out `for`", command.words[0]);
        return;
    }
    *ret_quits = *ret_quits || strcmp(command.words[0], "quit") == 0;
    actions->exchange->now = (struct moment){now_ns, clock_wall_ns()};
    text_add(answer, "ok");
    const size_t before = answer->size_bytes;
    why = verb_do(actions->exchange, &command, answer);
    if (why != NULL) {
        answer->size_bytes = before - strlen("ok");
        text_addf(answer, "error: %s", why);
        return;
    }
    if (command.for_ns > 0) {
        line_again(&command, true, later);
        pending_add(actions, now_ns + command.for_ns, later);
    }
    answer_stamp(answer, now_ns);
}

uint64_t actions_tick(struct actions *actions, bool *ret_quits)
{
    while (actions->pending != NULL && actions->pending->due_ns <= clock_mono_ns()) {
        struct pending *pending = actions->pending;
        struct text answer = {0};
        actions->pending = pending->next;
        actions_do(actions, pending->line, &answer, ret_quits);
        if (strncmp(answer.bytes, "error", 5) == 0) {
            (void)fprintf(stderr, "flatline-venue: %s: %s\n", pending->line, answer.bytes);
        }
        text_free(&answer);
        free(pending);
    }
    return actions->pending == NULL ? ALARM_NEVER : actions->pending->due_ns;
}
