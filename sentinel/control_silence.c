/* SPDX-License-Identifier: MIT
 *
 * control_silence.c - keeps what the judge learns of silences, so that a restart need not warm up.
 */
#include "core/clock.h"
#include "sentinel/control_private.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_EVERY_NS (600 * NS_PER_S)

/* <segment>.silence, in the folder of the advice file. */
static char *path_make(const struct config *config)
{
    char folder[PATH_MAX];
    char *path = NULL;
    const char *where = config->segment_directory;
    if (config->state_file != NULL) {
        (void)snprintf(folder, sizeof(folder), "%s", config->state_file);
        where = dirname(folder);
    }
    return asprintf(&path, "%s/%s.silence", where, config->segment_name) >= 0 ? path : NULL;
}

/* What all of these kept silent together says nothing of others: the name of the last row has a mark of theirs. */
static void host_name(struct silence_kept *rows, uint32_t count)
{
    uint64_t mark = 0xcbf29ce484222325ULL; /* FNV-1a */
    for (uint32_t i = 0; i < count; i++) {
        for (const char *at = rows[i].name; *at != '\0'; at++) {
            mark = (mark ^ (unsigned char)*at) * 0x100000001b3ULL;
        }
    }
    (void)snprintf(rows[count].name, sizeof(rows[count].name), "host %016" PRIx64, mark);
}

int silences_init(struct control *control)
{
    const struct config *config = control->setup.config;
    struct control_silences *silences = &control->silences;
    if (config->policy.silent_every_ns == 0) {
        return 0;
    }
    silences->path = path_make(config);
    const uint32_t slots = plan_slot_count(control->setup.plan);
    silences->count = config->stream_count + slots + 1U;
    silences->rows = calloc(silences->count + 1U, sizeof(*silences->rows));
    silences->due_mono_ns = clock_mono_ns() + SAVE_EVERY_NS;
    if (silences->path == NULL || silences->rows == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->stream_count; i++) {
        memcpy(silences->rows[i].name, config->streams[i].name, sizeof(silences->rows[i].name));
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        plan_slot_name(control->setup.plan, slot, silences->rows[config->stream_count + slot].name);
    }
    host_name(silences->rows, silences->count - 1U);
    return 0;
}

void silences_destroy(struct control *control)
{
    free(control->silences.path);
    free(control->silences.rows);
}

static bool is_any_known(const struct control *control)
{
    const struct silence_kept *rows = control->silences.rows;
    for (uint32_t i = 0; i < control->silences.count; i++) {
        if (rows[i].tail.observed_ns != 0) {
            return true;
        }
    }
    return false;
}

/* The file goes with the segment's name: one that stands by has it not yet, and one that was replaced
 * no more. Both would write older news over newer, into one temporary file. */
static bool is_keeper(const struct control *control)
{
    return control_has_orders(control) && control->offer.phase != OFFER_ACCEPTED;
}

static void silences_save(struct control *control)
{
    const struct control_silences *silences = &control->silences;
    if (!is_keeper(control)) {
        return;
    }
    if (!is_any_known(control)) {
        return; /* a file that says nothing would stand in the way of the one of before */
    }
    const int error =
        silence_file_save(silences->path, silences->rows, silences->count, clock_wall_ns());
    if (error != 0) {
        count_relaxed(&control->setup.words->control.silence_unsaved, 1);
        control_error(
            control, "%s: silences cannot be saved: %s", silences->path, strerror(-error));
    }
}

/* Set aside, counted if damaged, and learned anew: unlike advice, nothing that was in it can be
 * dangerous to miss. */
static void unread_tell(struct control *control, int error)
{
    const char *path = control->silences.path;
    char aside[PATH_MAX];
    if (error == -ENOTSUP) {
        if (snprintf(aside, sizeof(aside), "%s.old", path) < (int)sizeof(aside)) {
            (void)rename(path, aside);
        }
        control_error(control,
                      "%s: another version of flatline learned it by another measure; "
                      "silences are learned anew",
                      path);
        return;
    }
    count_relaxed(&control->setup.words->control.silence_damaged, 1);
    control_error(control, "%s: cannot be read: %s; learned anew", path, strerror(-error));
    if (snprintf(aside, sizeof(aside), "%s.bad", path) < (int)sizeof(aside)) {
        (void)rename(path, aside);
    }
}

void control_recall_silences(struct control *control, struct detector *detector)
{
    struct control_silences *silences = &control->silences;
    const uint32_t count = silences->count;
    if (silences->path == NULL) {
        return;
    }
    const int found = silence_file_load(silences->path, silences->rows, count, clock_wall_ns());
    if (found < 0) {
        unread_tell(control, found);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (silences->rows[i].tail.observed_ns != 0 &&
            !detector_recall_silence(detector, i, &silences->rows[i].tail)) {
            silences->rows[i].tail = (struct silence_tail){0};
        }
    }
}

void control_keep_silences(struct control *control, const struct detector *detector)
{
    const struct control_silences *silences = &control->silences;
    if (silences->path == NULL) {
        return;
    }
    for (uint32_t i = 0; i < silences->count; i++) {
        const struct silence_tail *tail = detector_silence(detector, i);
        if (tail != NULL) {
            silences->rows[i].tail = *tail;
        }
    }
    silences_save(control);
}

void silences_step(struct control *control, uint64_t now_mono_ns)
{
    struct control_silences *silences = &control->silences;
    struct silence_row row;
    if (silences->path == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SILENCE_QUEUE_ROWS; i++) {
        if (!silence_queue_take(control->setup.silences, &row)) {
            break;
        }
        if (row.index < silences->count) {
            silences->rows[row.index].tail = row.tail;
        }
    }
    if (now_mono_ns >= silences->due_mono_ns) {
        silences->due_mono_ns = now_mono_ns + SAVE_EVERY_NS;
        silences_save(control);
    }
}
