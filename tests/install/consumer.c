/* SPDX-License-Identifier: MIT
 *
 * consumer.c - what an engine author writes first, compiled as C11 and as C++17 against the installed headers: without a
 * sentinel every answer is an error with a name, and nothing is fresh.
 */
#include <flatline/flatline.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    struct flatline *reader = NULL;
    const int error = flatline_attach("/nonexistent/flatline", &reader);
    if (error != FLATLINE_E_NO_FILE || strcmp(flatline_strerror(error), "?") == 0) {
        (void)fprintf(stderr, "attach to nothing said %d: %s\n", error, flatline_strerror(error));
        return 1;
    }
    struct flatline_gate no_gate;
    memset(&no_gate, 0, sizeof no_gate);
    struct flatline_header dead;
    memset(&dead, 0, sizeof dead);
    no_gate.header = &dead;
    if (flatline_gate_fresh(&no_gate, flatline_now_mono_ns())) {
        (void)fprintf(stderr, "a gate without members is fresh\n");
        return 1;
    }
    flatline_detach(reader);
    return 0;
}
