/* SPDX-License-Identifier: MIT
 *
 * control_advice.c - what the control socket takes: one JSON object a line, answered by one.
 *
 *     {"do":"give","kind":"breaker","target":"btc","for_ns":30000000000,"reason":"..."}
 *     {"do":"clear","kind":"breaker","target":"btc"}
 *     {"do":"drill","target":"btc","for_ns":500000000}
 *     {"do":"takeover",...}: control_takeover.c
 *
 * for_ns null: until cleared. The answer: {"ok":true,"serial":7,"gates":2,"saved":true,...} or
 * {"ok":false,"error":"usage","text":"..."}.
 */
#include "sentinel/control_private.h"

#include "core/clock.h"
#include "flatline/flatline.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCOUNT_BUFFER_BYTES 4096U
#define DRILL_REASON         "drill"

static struct advice_clock clock_now(void)
{
    return (struct advice_clock){.mono_ns = clock_mono_ns(), .wall_ns = clock_wall_ns()};
}

/* ---- to the judge, and to the file ----------------------------------------------------------- */

/* What finds no room is offered again in the next step. */
static void changes_tell(struct control *control)
{
    struct advice_table *table = &control->advice;
    bool told = false;
    for (int row = advice_next_change(table); row >= 0; row = advice_next_change(table)) {
        const struct advice_change change = {.row = (uint64_t)row, .advice = table->rows[row]};
        if (!advice_queue_push(control->setup.advice, &change)) {
            break;
        }
        table->changed[row] = false;
        told = true;
    }
    if (told && control->setup.config->wait == THREAD_BLOCK) {
        (void)wakeup_signal(&control->setup.words->judge.asleep);
    }
}

bool orders_save(struct control *control)
{
    const int error = advice_save(&control->advice, control->state_file, control->boot);
    if (error != 0) {
        count_relaxed(&control->setup.words->control.unsaved, 1);
        control_error(
            control, "%s: advice cannot be saved: %s", control->state_file, strerror(-error));
    }
    return error == 0;
}

void orders_step(struct control *control, uint64_t now_mono_ns)
{
    (void)advice_expire(&control->advice, now_mono_ns); /* the file drops them when it is read */
    changes_tell(control);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* What was advised is not known any more. It may have been an open breaker, so it is one. */
static void breaker_open_all(struct control *control, int error)
{
    char aside[PATH_MAX];
    char reason[FLATLINE_REASON_BYTES];
    (void)snprintf(reason,
                   sizeof(reason),
                   "the advice file cannot be read (%s): what stood in it is unknown",
                   strerror(-error));
    const struct advice_wish wish = {.kind = FLATLINE_ADVICE_BREAKER,
                                     .for_ns = FLATLINE_UNTIL_CLEARED,
                                     .uid = geteuid(),
                                     .by = "flatlined",
                                     .name = "*",
                                     .reason = reason};
    const struct advice_clock clock = clock_now();
    (void)advice_give(&control->advice, &wish, &clock);
    control_error(
        control,
        "%s: cannot be read: %s; every breaker is open until `flatline breaker '*' clear`",
        control->state_file,
        strerror(-error));
    if (snprintf(aside, sizeof(aside), "%s.bad", control->state_file) < (int)sizeof(aside)) {
        (void)rename(control->state_file, aside);
    }
    (void)orders_save(control);
}

int orders_init(struct control *control)
{
    const struct config *config = control->setup.config;
    if (config->state_file != NULL) {
        control->state_file = strdup(config->state_file);
    } else if (asprintf(&control->state_file,
                        "%s/%s.advice",
                        config->segment_directory,
                        config->segment_name) < 0) {
        control->state_file = NULL;
    }
    if (control->state_file == NULL) {
        return -ENOMEM;
    }
    advice_init(&control->advice, config);
    advice_boot(control->boot);
    if (control->setup.terms == NULL) {
        orders_load(control);
    }
    return 0;
}

/* To the log, and to the judge: the queue holds a whole table. */
static void table_tell(struct control *control)
{
    for (uint32_t i = 0; i < ADVICE_MAX; i++) {
        const struct flatline_advice_slot *row = &control->advice.rows[i];
        if (row->serial != 0) {
            control_log(control,
                        "%s for %.63s stands%s: %.127s (%.31s)",
                        flatline_advice_name((enum flatline_advice_kind)row->kind),
                        (const char *)row->name,
                        row->target == FLATLINE_TARGET_UNKNOWN ? ", but there is no such target"
                                                               : "",
                        (const char *)row->reason,
                        (const char *)row->by);
        }
    }
    changes_tell(control);
}

void orders_load(struct control *control)
{
    const struct advice_clock clock = clock_now();
    const int error = advice_load(&control->advice, control->state_file, control->boot, &clock);
    if (error != 0) {
        breaker_open_all(control, error);
    }
    table_tell(control);
}

int orders_adopt(struct control *control, const char *text)
{
    const struct advice_clock clock = clock_now();
    const int error = advice_take(&control->advice, text, TAKEOVER_BOOT, &clock);
    if (error == 0) {
        table_tell(control);
    }
    return error;
}

/* ---- answers --------------------------------------------------------------------------------- */

struct order {
    struct control *control;
    const struct command_caller *caller;
    const json_t *object;
    const char *by;
    uid_t uid;
    const char *target;
    enum flatline_advice_kind kind;
};

json_t *orders_error(const char *error, const char *text)
{
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "text", text);
}

static json_t *answer_errno(int error)
{
    switch (error) {
    case -ENOENT:
        return orders_error("unknown_target", "no gate, stream or venue of this name");
    case -ENOSPC:
        return orders_error("full", "there is too much advice already; clear some");
    default:
        return orders_error("usage", "a time, target or reason that cannot be");
    }
}

static uint32_t gates_covered(const struct control *control, const struct flatline_advice_slot *row)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < control->setup.config->gate_count; i++) {
        count += advice_covers(control->setup.config, row, i) ? 1U : 0U;
    }
    return count;
}

static json_t *answer_given(struct control *control, int place, bool saved)
{
    const struct flatline_advice_slot *row = &control->advice.rows[place];
    const bool for_ever = row->until_mono_ns == FLATLINE_UNTIL_CLEARED;
    return json_pack("{s:b, s:I, s:s, s:i, s:o, s:b}",
                     "ok",
                     1,
                     "serial",
                     (json_int_t)row->serial,
                     "scope",
                     flatline_target_name((enum flatline_target)row->target),
                     "gates",
                     (int)gates_covered(control, row),
                     "until_mono_ns",
                     for_ever ? json_null() : json_integer((json_int_t)row->until_mono_ns),
                     "saved",
                     (int)saved);
}

/* ---- the verbs ------------------------------------------------------------------------------- */

static json_t *wish_grant(const struct order *order, const struct advice_wish *wish)
{
    struct control *control = order->control;
    const struct advice_clock clock = clock_now();
    const int place = advice_give(&control->advice, wish, &clock);
    if (place < 0) {
        return answer_errno(place);
    }
    changes_tell(control);                   /* the engine first, then the disk */
    const bool saved = orders_save(control); /* of a drill its serial: none comes twice */
    control_log(control,
                "%s%s for %s: %s (%s)",
                wish->drill ? "DRILL: " : "",
                flatline_advice_name(wish->kind),
                wish->name,
                wish->reason,
                wish->by);
    return answer_given(control, place, saved);
}

/* 0: not a time that can be. */
static uint64_t wish_span(const json_t *object, bool or_for_ever)
{
    const json_t *value = json_object_get(object, "for_ns");
    if (json_is_null(value)) {
        return or_for_ever ? FLATLINE_UNTIL_CLEARED : 0;
    }
    const json_int_t span_ns = json_integer_value(value); /* 0 of what is no integer */
    return span_ns > 0 ? (uint64_t)span_ns : 0;
}

static json_t *do_give(const struct order *order)
{
    const char *reason = json_string_value(json_object_get(order->object, "reason"));
    const struct advice_wish wish = {.kind = order->kind,
                                     .for_ns = wish_span(order->object, true),
                                     .uid = order->uid,
                                     .by = order->by,
                                     .name = order->target,
                                     .reason = reason != NULL ? reason : ""};
    return wish_grant(order, &wish);
}

static json_t *do_drill(const struct order *order)
{
    const struct advice_wish wish = {.kind = FLATLINE_ADVICE_BREAKER,
                                     .drill = true,
                                     .for_ns = wish_span(order->object, false),
                                     .uid = order->uid,
                                     .by = order->by,
                                     .name = order->target,
                                     .reason = DRILL_REASON};
    return wish_grant(order, &wish);
}

static json_t *do_clear(const struct order *order)
{
    struct control *control = order->control;
    if (advice_clear(&control->advice, order->kind, order->target) != 0) {
        return orders_error("none", "there is no such advice");
    }
    changes_tell(control);
    const bool saved = orders_save(control);
    control_log(control,
                "%s for %s cleared (%s)",
                flatline_advice_name(order->kind),
                order->target,
                order->by);
    return json_pack("{s:b, s:b}", "ok", 1, "saved", (int)saved);
}

static const struct verb {
    const char *name;
    bool has_kind;
    json_t *(*run)(const struct order *order);
} VERBS[] = {{"give", true, do_give}, {"clear", true, do_clear}, {"drill", false, do_drill}};

static bool kind_of(const json_t *object, enum flatline_advice_kind *ret_kind)
{
    const char *name = json_string_value(json_object_get(object, "kind"));
    for (uint32_t i = 0; name != NULL && i < FLATLINE_ADVICE_COUNT; i++) {
        if (strcmp(name, flatline_advice_name((enum flatline_advice_kind)i)) == 0) {
            *ret_kind = (enum flatline_advice_kind)i;
            return true;
        }
    }
    return false;
}

static json_t *order_run(struct order *order)
{
    const char *name = json_string_value(json_object_get(order->object, "do"));
    if (name != NULL && strcmp(name, "takeover") == 0) {
        return offer_on_order(order->control, order->caller, order->object);
    }
    if (order->control->offer.phase == OFFER_ACCEPTED) {
        return orders_error("moved", "a successor has taken over; ask it");
    }
    order->target = json_string_value(json_object_get(order->object, "target"));
    for (size_t i = 0; name != NULL && i < ARRAY_COUNT(VERBS); i++) {
        if (strcmp(name, VERBS[i].name) != 0) {
            continue;
        }
        if (order->target == NULL || (VERBS[i].has_kind && !kind_of(order->object, &order->kind))) {
            return orders_error("usage", "a target or a kind is missing or unknown");
        }
        return VERBS[i].run(order);
    }
    return orders_error("usage", "not a command");
}

/* The account's name, "uid 1000" of one that has none. */
static void account_name(uid_t uid, char name[FLATLINE_BY_BYTES])
{
    char buffer[ACCOUNT_BUFFER_BYTES];
    struct passwd account;
    struct passwd *found = NULL;
    (void)getpwuid_r(uid, &account, buffer, sizeof(buffer), &found);
    if (found != NULL && advice_text_is_sound(found->pw_name, FLATLINE_BY_BYTES)) {
        memcpy(name, found->pw_name, strlen(found->pw_name) + 1);
    } else {
        (void)snprintf(name, FLATLINE_BY_BYTES, "uid %" PRIu64, (uint64_t)uid);
    }
}

void orders_on_line(void *user,
                    const struct command_caller *caller,
                    const char *line,
                    char *reply,
                    size_t reply_bytes)
{
    struct control *control = user;
    char by[FLATLINE_BY_BYTES];
    account_name(caller->uid, by);
    count_relaxed(&control->setup.words->control.commands, 1);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    struct order order = {
        .control = control, .caller = caller, .object = object, .by = by, .uid = caller->uid};
    json_t *answer = object != NULL ? order_run(&order) : orders_error("usage", "not JSON");
    const size_t length =
        answer != NULL ? json_dumpb(answer, reply, reply_bytes - 1, JSON_COMPACT) : 0;
    reply[length < reply_bytes ? length : 0] = '\0';
    json_decref(answer);
    json_decref(object);
}

void orders_on_refused(void *user, const struct command_caller *caller)
{
    struct control *control = user;
    count_relaxed(&control->setup.words->control.refused, 1);
    control_error(control,
                  "control socket: uid %" PRIu64 " refused: not in the control group",
                  (uint64_t)caller->uid);
    control_log(control, "control socket: the refused caller was process %d", (int)caller->pid);
}
