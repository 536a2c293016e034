// SPDX-License-Identifier: MIT
//
// Goal: what scopes of C++ tell of an engine: ends in order, ends by an exception, restarts, goodbyes.
// Method: engines in a folder of the test's own, their files read by the C reader.
#include "flatline_engine.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace {

int failures = 0;

void expect(bool holds, const char *what)
{
    if (!holds) {
        std::fprintf(stderr, "not so: %s\n", what);
        failures++;
    }
}

using namespace std::chrono_literals;

// The record of a worker, as the file has it.
flatline_engine_worker worker_in(const std::string &path, const char *name)
{
    flatline_engine_view *view = nullptr;
    flatline_engine_worker worker{};
    if (flatline_engine_view_open(path.c_str(), &view) != 0) {
        return worker;
    }
    for (std::uint32_t i = 0; i < flatline_engine_view_count(view); i++) {
        flatline_engine_slot_view slot{};
        if (flatline_engine_view_slot(view, i, &slot) == 0 && std::strcmp(slot.name, name) == 0) {
            worker = *static_cast<const flatline_engine_worker *>(slot.record);
        }
    }
    flatline_engine_view_close(view);
    return worker;
}

void scopes_of_workers(const std::string &segment)
{
    fl::engine engine{segment, "mm1"};
    {
        fl::worker quoter = engine.worker("quoter", 100ms);
        quoter.beat();
    }
    expect(worker_in(engine.path(), "quoter").state == FLATLINE_WORKER_EXITED,
           "a scope's end is an exit");
    try {
        fl::worker quoter = engine.worker("quoter", 100ms);
        throw 1;
    } catch (int) {
    }
    const flatline_engine_worker quoter = worker_in(engine.path(), "quoter");
    expect(quoter.state == FLATLINE_WORKER_PANICKED, "a scope left by an exception is a panic");
    expect(quoter.restarts == 1, "declared anew after its end, a worker is restarted");
    try {
        engine.worker("runner", 1s).run([] { throw std::runtime_error("no price"); });
        expect(false, "what run() throws goes on");
    } catch (const std::runtime_error &) {
    }
    const flatline_engine_worker runner = worker_in(engine.path(), "runner");
    expect(runner.state == FLATLINE_WORKER_PANICKED && runner.errors == 1, "run() panics once");
    expect(std::strcmp(reinterpret_cast<const char *>(runner.error_text), "no price") == 0,
           "with its text");
    try {
        throw 1;
    } catch (int) { // being handled is not being thrown
        engine.worker("handler", 1s).beat();
    }
    expect(worker_in(engine.path(), "handler").state == FLATLINE_WORKER_EXITED,
           "a handler's worker exits");
}

void goodbyes(const std::string &segment)
{
    std::string path;
    {
        fl::engine engine{segment, "mm1"};
        path = engine.path();
        engine.worker("", 1s).beat();
        expect(engine.error() == FLATLINE_E_INVALID, "the first failed declaration is told");
        try {
            fl::engine other{segment, "mm1"};
            expect(false, "a name in use is refused");
        } catch (const fl::error &error) {
            expect(error.code() == FLATLINE_E_IN_USE, "a name in use is refused by name");
        }
    }
    expect(access(path.c_str(), F_OK) != 0, "a goodbye removes the file");
    try {
        fl::engine engine{segment, "mm1"};
        throw 1;
    } catch (int) {
    }
    expect(access(path.c_str(), F_OK) == 0,
           "left by an exception, the file stays, without goodbye");
    fl::engine again{segment, "mm1"}; // nothing was leaked: its name is free
    expect(again.error() == 0, "who catches the exception may make it again");
}

} // namespace

int main()
{
    char folder[] = "/tmp/flatline-engine-cxx-XXXXXX";
    if (mkdtemp(folder) == nullptr) {
        return 1;
    }
    const std::string segment = std::string(folder) + "/segment";
    scopes_of_workers(segment);
    goodbyes(segment);
    expect(rmdir(folder) == 0, "nothing is left behind");
    return failures == 0 ? 0 : 1;
}
