// SPDX-License-Identifier: MIT
//
// Goal: flatline.h and layout.h are valid C++17 and link from it; the inline looks mean the same there.
// Method: compiled with the strict warnings as C++17; a lease and a header on the stack stand in for a segment.
#include "flatline/flatline.h"

#include <cstdio>
#include <cstring>

static int failures = 0;

static void expect(bool holds, const char *what)
{
    if (!holds) {
        std::fprintf(stderr, "not so: %s\n", what);
        failures++;
    }
}

int main()
{
    flatline_header header{};
    flatline_lease lease{};
    lease.lease_until_mono_ns = 1000;
    lease.due_id = 7;
    header.alive_until_mono_ns = 900;
    const flatline_stream stream{&lease, &header, 0, 0};
    expect(flatline_fresh(&stream, 899), "fresh before both ends");
    expect(!flatline_fresh(&stream, 900), "not fresh at the end of the sentinel's promise");
    expect(flatline_due_id(&stream) == 7, "due_id");
    const flatline_gate_look member{&lease, -200, 0, 0};
    flatline_gate_advice advice{};
    const flatline_gate gate{&member, &header, &advice, nullptr, nullptr, 1, 0, 0, 0};
    expect(flatline_gate_fresh(&gate, 799), "gate fresh before its shorter end");
    expect(!flatline_gate_fresh(&gate, 800), "gate not fresh at its shorter end");
    expect(flatline_may_quote(&gate, 799), "may quote without advice");
    advice.breaker_until_mono_ns = FLATLINE_UNTIL_CLEARED;
    expect(!flatline_may_quote(&gate, 799), "not while the breaker is open");
    flatline *reader = nullptr;
    expect(flatline_attach("/nonexistent/segment", &reader) == FLATLINE_E_NO_FILE, "no file");
    expect(std::strcmp(flatline_why_name(FLATLINE_WHY_LAPSED), "LAPSED") == 0, "why name");
    expect(flatline_layout_hash() != 0, "layout hash");
    return failures == 0 ? 0 : 1;
}
