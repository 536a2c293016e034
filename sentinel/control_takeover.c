/* SPDX-License-Identifier: MIT
 *
 * control_takeover.c - the running sentinel's side of a takeover: one successor at a time, held to
 * its connection. Until it stands under our name with a living segment, all can be taken back; and
 * is, when it hangs up or takes too long. takeover.h has the lines.
 */
#include "sentinel/control_private.h"

#include "core/clock.h"
#include "sentinel/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESERVED_MAX_NS (TAKEOVER_WITHIN_MAX_NS + 60U * NS_PER_S)
#define LOCK_MAX_NS     (2U * NS_PER_S) /* from the lock to the name: no command is taken meanwhile */

static void offer_end(struct control *control)
{
    control->offer = (struct control_offer){.phase = OFFER_NONE};
    command_socket_hear_only(control->commands, 0);
}

/* Whatever it has done or may yet do: our file stands under the name again. */
static void offer_withdraw(struct control *control, const char *why)
{
    const struct control_offer *offer = &control->offer;
    const int result = publisher_reclaim_name(control->setup.publisher);
    if (result < 0) {
        control_error(control, "takeover: the name cannot be taken back: %s", strerror(-result));
    }
    control_log(control,
                "takeover by process %d withdrawn: %s%s",
                (int)offer->pid,
                why,
                result == 1 ? "; the name is ours again" : "");
    offer_end(control);
}

/* ---- begin ----------------------------------------------------------------------------------- */

/* Its connections come out of the same budget as ours: the address is the same. */
static void dials_charge(struct control *control, const json_t *dials, uint64_t now_mono_ns)
{
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        const json_int_t count = json_integer_value(json_array_get(dials, i));
        struct control_venue *venue = &control->venues[i];
        for (json_int_t k = 0; venue->budget.allowed > 0 && k < count && k < BACKOFF_BUDGET_MAX;
             k++) {
            backoff_budget_spend(&venue->budget, now_mono_ns);
        }
    }
}

static json_t *terms_tell(const struct control *control, uint64_t now_mono_ns)
{
    json_t *spent = json_array();
    json_t *held = json_array();
    for (uint32_t i = 0; i < CONFIG_VENUES; i++) {
        const struct backoff_budget *budget = &control->venues[i].budget;
        const uint64_t left_ns =
            budget->not_before_mono_ns > now_mono_ns ? budget->not_before_mono_ns - now_mono_ns : 0;
        (void)json_array_append_new(spent, json_integer(backoff_budget_spent(budget, now_mono_ns)));
        (void)json_array_append_new(held, json_integer((json_int_t)left_ns));
    }
    return json_pack("{s:b, s:i, s:I, s:o, s:o}",
                     "ok",
                     1,
                     "pid",
                     (int)getpid(),
                     "epoch",
                     (json_int_t)publisher_epoch(control->setup.publisher),
                     "spent",
                     spent,
                     "held_ns",
                     held);
}

static bool is_our_segment(const struct control *control, const json_t *object)
{
    return publisher_is_file(control->setup.publisher,
                             (uint64_t)json_integer_value(json_object_get(object, "device")),
                             (uint64_t)json_integer_value(json_object_get(object, "inode")));
}

static json_t *
do_begin(struct control *control, const struct command_caller *caller, const json_t *object)
{
    const uint64_t now = clock_mono_ns();
    if (json_integer_value(json_object_get(object, "protocol")) != TAKEOVER_PROTOCOL) {
        return orders_error("protocol", "this sentinel speaks another takeover protocol");
    }
    if (!is_our_segment(control, object)) {
        return orders_error("other_segment", "this sentinel publishes another segment");
    }
    if (control->offer.phase != OFFER_NONE) {
        return orders_error("busy", "another successor is taking over");
    }
    json_t *answer = terms_tell(control, now);
    dials_charge(control, json_object_get(object, "dials"), now);
    command_socket_keep(control->commands, caller->id);
    control->offer = (struct control_offer){.phase = OFFER_RESERVED,
                                            .caller = caller->id,
                                            .pid = caller->pid,
                                            .until_mono_ns = now + RESERVED_MAX_NS};
    control_log(control, "process %d warms up to take over", (int)caller->pid);
    return answer;
}

/* ---- lock ------------------------------------------------------------------------------------ */

/* The advice as it stands, in a file without a name; -errno. */
static int advice_pass(const struct control *control)
{
    char *text = advice_text(&control->advice, TAKEOVER_BOOT, true);
    const int fd = memfd_create("flatline-advice", MFD_CLOEXEC);
    const size_t bytes = text != NULL ? strlen(text) : 0;
    const bool written = fd >= 0 && text != NULL && write(fd, text, bytes) == (ssize_t)bytes;
    free(text);
    if (!written && fd >= 0) {
        (void)close(fd);
    }
    return written ? fd : fd < 0 ? -errno : -ENOMEM;
}

static json_t *do_lock(struct control *control, const struct command_caller *caller)
{
    if (control->offer.phase != OFFER_RESERVED) {
        return orders_error("usage", "not at this step");
    }
    const int error = publisher_offer_name(control->setup.publisher);
    int fds[COMMAND_FDS_MAX] = {-1, -1};
    if (error == 0) {
        fds[0] = fcntl(publisher_lock_fd(control->setup.publisher), F_DUPFD_CLOEXEC, 0);
        fds[1] = advice_pass(control);
    }
    if (error != 0 || fds[0] < 0 || fds[1] < 0) {
        for (uint32_t i = 0; i < COMMAND_FDS_MAX; i++) {
            if (fds[i] >= 0) {
                (void)close(fds[i]);
            }
        }
        (void)publisher_reclaim_name(control->setup.publisher);
        return orders_error("unable", "the segment's name or lock cannot be passed");
    }
    control->offer.phase = OFFER_LOCK;
    control->offer.until_mono_ns = clock_mono_ns() + LOCK_MAX_NS;
    /* From here on the advice is the successor's to change: nobody else is heard. */
    command_socket_hear_only(control->commands, caller->id);
    command_socket_pass(control->commands, caller->id, fds, COMMAND_FDS_MAX);
    return json_pack("{s:b}", "ok", 1);
}

/* ---- done ------------------------------------------------------------------------------------ */

static json_t *do_done(struct control *control)
{
    struct words *words = control->setup.words;
    if (control->offer.phase != OFFER_LOCK) {
        return orders_error("usage", "not at this step");
    }
    const int error = publisher_check_successor(control->setup.publisher);
    if (error != 0) {
        offer_withdraw(control, "what stands under the name is no living successor");
        return orders_error("not_a_successor", "what stands under the name is no living successor");
    }
    publisher_yield_name(control->setup.publisher);
    /* ORDER takeover.marked, release: the successor's file stands under our name. */
    store_release(&words->control.superseded, 1);
    (void)wakeup_signal(&words->judge.asleep);
    control->offer.phase = OFFER_ACCEPTED;
    command_socket_hear_only(control->commands, 0); /* who waits is sent on */
    control_log(control, "process %d has taken over", (int)control->offer.pid);
    return json_pack("{s:b}", "ok", 1);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

json_t *
offer_on_order(struct control *control, const struct command_caller *caller, const json_t *object)
{
    const char *step = json_string_value(json_object_get(object, "step"));
    if (control->offer.phase == OFFER_ACCEPTED) {
        return orders_error("moved", "a successor has taken over already");
    }
    /* Whoever has the lock's descriptor can hold the lock: the control group is not enough. */
    if (caller->uid != 0 && caller->uid != geteuid()) {
        return orders_error("refused", "only root and the sentinel's own user may take over");
    }
    if (step != NULL && strcmp(step, "begin") == 0) {
        return do_begin(control, caller, object);
    }
    if (caller->id != control->offer.caller) {
        return orders_error("usage", "not the successor that began");
    }
    if (step != NULL && strcmp(step, "lock") == 0) {
        return do_lock(control, caller);
    }
    if (step != NULL && strcmp(step, "done") == 0) {
        return do_done(control);
    }
    return orders_error("usage", "not a step");
}

void offer_on_gone(void *user, const struct command_caller *caller)
{
    struct control *control = user;
    if (control->offer.caller == caller->id && control->offer.phase != OFFER_ACCEPTED) {
        offer_withdraw(control, "it hung up");
    }
}

void offer_step(struct control *control, uint64_t now_mono_ns)
{
    const struct control_offer *offer = &control->offer;
    if ((offer->phase == OFFER_RESERVED || offer->phase == OFFER_LOCK) &&
        now_mono_ns >= offer->until_mono_ns) {
        const uint64_t caller = offer->caller;
        offer_withdraw(control,
                       "it took too long"); /* first: who hears the end looks at the name */
        command_socket_drop(control->commands, caller);
    }
}
