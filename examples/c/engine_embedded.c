/* SPDX-License-Identifier: MIT
 *
 * engine_embedded.c - an engine that runs the sentinel in its own process instead of beside it,
 * and quotes only while its gate is fresh.
 *
 *     engine_embedded CONFIG SEGMENT GATE SECONDS
 *
 * The three threads of the sentinel are deaf to signals; this program's handlers, mask and
 * environment are its own. The leases are read as any other process would read them: a neighbour
 * engine may use the same segment.
 */
#include <flatline/flatline.h>
#include <flatline/sentinel.h>

#include <stdio.h>
#include <stdlib.h>

static void log_print(struct flatline_sentinel *sentinel)
{
    char line[256];
    while (flatline_take_log(sentinel, line, sizeof(line))) {
        (void)fprintf(stderr, "sentinel: %s\n", line);
    }
}

/* Spins over the gate until `until`, and tells each time it opens or closes. Returns how often
 * it was seen open. */
static unsigned long
quote(struct flatline_sentinel *sentinel, const struct flatline_gate *gate, uint64_t until_mono_ns)
{
    const struct timespec breath = {0, 1000000}; /* an engine would do its work here */
    unsigned long fresh_looks = 0;
    bool was_fresh = false;
    for (uint64_t now = flatline_now_mono_ns(); now < until_mono_ns; now = flatline_now_mono_ns()) {
        const bool is_fresh = flatline_gate_fresh(gate, now);
        if (is_fresh != was_fresh) {
            (void)printf("%llu gate %s\n",
                         (unsigned long long)now,
                         is_fresh ? "open: quoting" : "closed: quotes pulled");
            was_fresh = is_fresh;
        }
        fresh_looks += is_fresh;
        log_print(sentinel);
        (void)nanosleep(&breath, NULL);
    }
    return fresh_looks;
}

int main(int argument_count, char **arguments)
{
    char why[4096];
    struct flatline_sentinel *sentinel = NULL;
    struct flatline *reader = NULL;
    struct flatline_gate gate;
    if (argument_count != 5) {
        (void)fprintf(stderr, "usage: engine_embedded CONFIG SEGMENT GATE SECONDS\n");
        return 2;
    }
    if (flatline_start(arguments[1], &sentinel, why, sizeof(why)) != 0) {
        (void)fprintf(stderr, "%s\n", why);
        return 1;
    }
    int result = flatline_attach(arguments[2], &reader);
    if (result == 0) {
        result = flatline_find_gate(reader, arguments[3], &gate);
    }
    unsigned long looks = 0;
    if (result == 0) {
        const uint64_t seconds = strtoull(arguments[4], NULL, 10);
        looks = quote(sentinel, &gate, flatline_now_mono_ns() + seconds * 1000000000ULL);
    } else {
        (void)fprintf(stderr, "%s: %s\n", arguments[3], flatline_strerror(result));
    }
    flatline_detach(reader);
    flatline_stop(sentinel);
    return result == 0 && looks > 0 ? 0 : 1;
}
