/* SPDX-License-Identifier: MIT
 *
 * control_name.c - does our segment still stand under its name? Whoever has it mapped is served
 * whatever happens to the name; whoever looks for it finds nothing, or something else
 * (docs/decisions/0040).
 */
#include "sentinel/control_private.h"

#include "core/atomic.h"
#include "core/publisher.h"

#include <errno.h>

#define LOOK_EVERY_NS (250U * NS_PER_MS)

static void lock_look(struct control *control)
{
    char why[PUBLISHER_ERROR_TEXT_BYTES] = "";
    const int mended = publisher_mend_lock(control->setup.publisher, why);
    if (mended > 0) {
        control_error(control, "the segment's lock file was removed: made anew");
    } else if (mended < 0 && !control->lock_is_lost) {
        control_error(control, "the segment's lock file was removed: %s", why);
    }
    control->lock_is_lost = mended < 0;
}

void name_step(struct control *control, uint64_t now_mono_ns)
{
    struct control_words *words = &control->setup.words->control;
    const bool is_moving =
        control->offer.phase == OFFER_LOCK || control->offer.phase == OFFER_ACCEPTED;
    if (control->setup.publisher == NULL || is_moving || now_mono_ns < control->name_due_mono_ns ||
        load_relaxed(&words->lost) != 0) {
        return;
    }
    control->name_due_mono_ns = now_mono_ns + LOOK_EVERY_NS;
    lock_look(control);
    const int error = publisher_check_name(control->setup.publisher);
    if (error != 0) {
        control_error(control,
                      "%s: %s: no reader can find us",
                      publisher_path(control->setup.publisher),
                      error == -ENOENT ? "the segment's file was removed"
                                       : "another file stands under the segment's name");
        /* ORDER segment.lost, release: why is in the log before. */
        store_release(&words->lost, 1);
    }
}
