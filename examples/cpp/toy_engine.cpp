// SPDX-License-Identifier: MIT
//
// toy_engine.cpp - the smallest market maker that respects a gate, in C++: examples/c/toy_engine.c says what it does.
//
//     toy_engine_cpp [SEGMENT] GATE
#include <flatline_engine.hpp>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <iostream>
#include <thread>

namespace {

using namespace std::chrono_literals;

volatile std::sig_atomic_t stop_asked;
volatile std::sig_atomic_t panic_asked;
volatile std::sig_atomic_t block_asked;

void on_signal(int number)
{
    (number == SIGUSR1 ? panic_asked : number == SIGUSR2 ? block_asked : stop_asked) = 1;
}

// The sentinel may start after us: keep asking. Empty: asked to stop meanwhile.
std::unique_ptr<fl::reader> attach_patiently(const std::string &segment)
{
    while (!stop_asked) {
        try {
            return std::make_unique<fl::reader>(segment);
        } catch (const fl::error &) {
            std::this_thread::sleep_for(10ms);
        }
    }
    return nullptr;
}

std::string engine_name(const std::string &gate)
{
    std::string name = "toy-" + gate.substr(0, 27);
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '-');
    return name;
}

// A stream of the gate, and our echo of it. Having no feed of its own, it takes what the sentinel has seen.
struct feed {
    fl::stream stream;
    fl::engine_stream told;

    void echo()
    {
        (void)stream.look();
        try {
            const flatline_detail seen = stream.snapshot().detail;
            told.echo(seen.frontier_id, seen.last_recv_mono_ns);
        } catch (const fl::error &) { // torn, or the sentinel has gone: next time
        }
    }
};

// Advice that may_quote() obeys, and our word that it was.
struct order {
    enum flatline_advice_kind kind;
    fl::engine_advice told;
    std::uint64_t serial;

    void acknowledge(const fl::gate &gate)
    {
        if (gate.advice_serial(kind) != serial) {
            serial = gate.advice_serial(kind);
            told.done(serial);
        }
    }
};

void say(const fl::gate &gate, bool open, std::uint64_t quotes, std::uint64_t now)
{
    std::cout << R"({"mono_ns":)" << now << R"(,"gate":")" << (open ? "open" : "closed")
              << R"(","why":")" << flatline_why_name(gate.quote_why(now)) << R"(","stream":")"
              << gate.why(now).second << R"(","quotes":)" << quotes << "}" << std::endl;
}

// Turns, one a millisecond, until it is asked to stop, or to panic.
void quote(const fl::reader &reader, fl::gate &gate, fl::engine &engine, fl::worker &loop)
{
    fl::engine_gate told = engine.gate(gate.name());
    std::vector<feed> feeds;
    for (const std::string &name : gate.streams()) {
        feeds.push_back({reader.stream(name), engine.stream(name)});
    }
    order orders[] = {{FLATLINE_ADVICE_BREAKER, engine.advice("breaker"), 0},
                      {FLATLINE_ADVICE_PAUSE, engine.advice("pause"), 0}};
    auto next = std::chrono::steady_clock::now();
    std::uint64_t quotes = 0;
    bool open = false;
    while (!stop_asked) {
        loop.beat();
        for (feed &one : feeds) {
            one.echo();
        }
        const bool may = gate.look_quote();
        if (may != open) {
            const std::uint64_t now = fl::now();
            open = may;
            told.seen(open, now);
            open ? told.quoting() : told.pulled(now);
            say(gate, open, quotes, now);
        }
        for (order &one : orders) {
            one.acknowledge(gate);
        }
        quotes += open ? 1 : 0;
        if (panic_asked) {
            throw std::runtime_error("asked to panic");
        }
        if (block_asked) {
            block_asked = 0;
            std::this_thread::sleep_for(2s);
        }
        next = std::max(next + 1ms,
                        std::chrono::steady_clock::now()); // turns that were missed stay missed
        std::this_thread::sleep_until(next);
    }
}

int run(const fl::reader &reader, const std::string &segment, const std::string &gate_name)
{
    try {
        fl::gate gate = reader.gate(gate_name);
        fl::engine engine{segment, engine_name(gate_name)};
        fl::worker loop = engine.worker("loop", 20ms);
        gate.bind(engine.get());
        try {
            loop.run([&] { quote(reader, gate, engine, loop); });
        } catch (const std::runtime_error &) {
            while (!stop_asked) {
                std::this_thread::sleep_for(1ms);
            }
        }
        return 0;
    } catch (const fl::unknown_name &error) {
        std::cerr << "no gate " << gate_name
                  << "; nearest: " << (error.nearest().empty() ? "none" : error.nearest()) << "\n";
        return 2;
    } catch (const fl::error &error) {
        std::cerr << "gate " << gate_name << ": " << flatline_strerror(error.code()) << "\n";
        return 1;
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        std::cerr << "usage: toy_engine_cpp [SEGMENT] GATE\n";
        return 2;
    }
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
        std::signal(number, on_signal);
    }
    const std::string segment = argc == 3 ? argv[1] : FLATLINE_DEFAULT_NAME;
    const auto reader = attach_patiently(segment);
    return reader ? run(*reader, segment, argv[argc - 1]) : 0;
}
