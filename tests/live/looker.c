/* SPDX-License-Identifier: MIT
 *
 * looker.c - an engine's thread that does nothing but look at a gate, for tests and benchmarks of
 * takeovers: how often it was closed, and why; how often the reader failed; which epochs it saw; how
 * long the look took that moved to the next one. Stops on SIGTERM and prints one JSON object.
 *
 * usage: looker SEGMENT GATE [quote]: quote asks for leave to quote instead, which a breaker withholds
 */
#include "flatline/flatline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOKS_A_BURST 64U
#define KEPT          8U

static volatile sig_atomic_t stop;
static bool (*look)(struct flatline *, struct flatline_gate *, uint64_t) = flatline_look_gate;

struct tally {
    uint64_t looks;
    uint64_t closed;
    uint64_t errors;
    uint64_t disagreed; /* why said FRESH where the look said closed, or the other way */
    uint64_t first_epoch;
    uint64_t last_epoch;
    uint64_t moves;
    uint64_t skipped; /* moves by more than one epoch */
    uint64_t longest_move_ns;
    uint64_t kept;
    char whys[KEPT][96];
};

static void leave(int number)
{
    (void)number;
    stop = 1;
}

static void closed_note(struct tally *tally, const struct flatline_gate *gate)
{
    tally->closed++;
    if (tally->kept < KEPT) {
        const uint64_t now = flatline_now_mono_ns();
        const enum flatline_why why = flatline_quote_why(gate, now, NULL);
        (void)snprintf(tally->whys[tally->kept++],
                       sizeof(tally->whys[0]),
                       "%s in epoch %" PRIu64 " at %" PRIu64,
                       flatline_why_name(why),
                       gate->header->epoch,
                       now);
    }
}

static void epoch_note(struct tally *tally, uint64_t epoch, uint64_t took_ns)
{
    if (epoch == tally->last_epoch) {
        return;
    }
    tally->moves++;
    tally->skipped += epoch != tally->last_epoch + 1 ? 1U : 0U;
    tally->last_epoch = epoch;
    tally->longest_move_ns = took_ns > tally->longest_move_ns ? took_ns : tally->longest_move_ns;
}

/* What an engine reads besides: the same moment must hold for all of it. */
static void
evidence_read(struct tally *tally, const struct flatline *reader, const struct flatline_gate *gate)
{
    struct flatline_stream stream = {
        .lease = gate->members[0].lease, .header = gate->header, .index = gate->members[0].stream};
    struct flatline_snapshot snapshot;
    const int error = flatline_take_snapshot(&stream, reader, &snapshot);
    /* A segment that is over says so to whoever has not looked since; the next look moves. */
    const bool fine = error == 0 || error == FLATLINE_E_AGAIN || error == FLATLINE_E_SUPERSEDED;
    tally->errors += fine ? 0U : 1U;
    const uint64_t now = flatline_now_mono_ns();
    const bool fresh = flatline_gate_fresh(gate, now);
    const bool why = flatline_gate_why(gate, now, NULL) == FLATLINE_WHY_FRESH;
    /* Its answers are two loads apart: only what disagrees twice does. */
    tally->disagreed +=
        fresh != why && flatline_gate_fresh(gate, now) !=
                            (flatline_gate_why(gate, now, NULL) == FLATLINE_WHY_FRESH)
            ? 1U
            : 0U;
}

static void
look_until_told(struct tally *tally, struct flatline *reader, struct flatline_gate *gate)
{
    const struct timespec nap = {0, 50000};
    tally->first_epoch = gate->header->epoch;
    tally->last_epoch = tally->first_epoch;
    while (!stop) {
        for (unsigned i = 0; i < LOOKS_A_BURST && !stop; i++) {
            const uint64_t now = flatline_now_mono_ns();
            if (!look(reader, gate, now)) {
                closed_note(tally, gate);
            }
            epoch_note(tally, gate->header->epoch, flatline_now_mono_ns() - now);
            tally->looks++;
        }
        evidence_read(tally, reader, gate);
        (void)nanosleep(&nap, NULL); /* two cores are shared with the sentinels and the venue */
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    struct flatline *reader = NULL;
    struct flatline_gate gate;
    const struct sigaction action = {.sa_handler = leave};
    (void)sigaction(SIGTERM, &action, NULL);
    int error = argc >= 3 ? flatline_attach(argv[1], &reader) : FLATLINE_E_INVALID;
    if (error == 0) {
        error = flatline_find_gate(reader, argv[2], &gate);
    }
    if (error != 0) {
        (void)fprintf(stderr, "looker: %s\n", flatline_strerror(error));
        return 1;
    }
    look = argc > 3 && strcmp(argv[3], "quote") == 0 ? flatline_look_quote : look;
    look_until_told(&tally, reader, &gate);
    flatline_detach(reader);
    (void)printf("{\"language\":\"C\",\"looks\":%" PRIu64 ",\"closed\":%" PRIu64
                 ",\"errors\":%" PRIu64 ",\"disagreed\":%" PRIu64 ",\"first_epoch\":%" PRIu64
                 ",\"last_epoch\":%" PRIu64 ",\"moves\":%" PRIu64 ",\"skipped\":%" PRIu64
                 ",\"longest_move_us\":%" PRIu64 ",\"whys\":[",
                 tally.looks,
                 tally.closed,
                 tally.errors,
                 tally.disagreed,
                 tally.first_epoch,
                 tally.last_epoch,
                 tally.moves,
                 tally.skipped,
                 tally.longest_move_ns / 1000U);
    for (uint64_t i = 0; i < tally.kept; i++) {
        (void)printf("%s\"%s\"", i > 0 ? "," : "", tally.whys[i]);
    }
    (void)puts("]}");
    return 0;
}
