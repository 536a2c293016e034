// SPDX-License-Identifier: MIT
//
// tell.cpp - an engine in C++ tells: one command a line on standard input, one JSON object a line on standard output.
#include "flatline_engine.hpp"

#include <deque>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <variant>

namespace {

using record = std::variant<fl::engine_stream,
                            fl::worker,
                            fl::instrument,
                            fl::counter,
                            fl::gauge,
                            fl::latency,
                            fl::orders,
                            fl::key,
                            fl::engine_gate,
                            fl::engine_advice>;

std::optional<fl::engine> engine;
std::deque<record> records; // in the order they were declared in

#define ERROR_NAME(number, name, text) #name,

void say(const std::string &key, int code)
{
    static const char *const names[] = {"OK", FLATLINE_ERRORS(ERROR_NAME)};
    std::cout << R"({")" << key << R"(":")" << names[-code] << R"("})" << std::endl;
}

void leave()
{
    records.clear();
    engine.reset();
}

void create(std::istream &words)
{
    std::string segment;
    std::string name;
    words >> segment >> name;
    leave();
    try {
        engine.emplace(segment, name);
        say("create", 0);
    } catch (const fl::error &error) {
        say("create", error.code());
    }
}

std::int64_t signed_of(std::uint64_t word)
{
    return static_cast<std::int64_t>(word);
}

record declared(const std::string &kind, const std::string &name, std::chrono::nanoseconds span)
{
    if (kind == "stream") {
        return engine->stream(name);
    }
    if (kind == "worker") {
        return engine->worker(name, span);
    }
    if (kind == "instrument") {
        return engine->instrument(name);
    }
    if (kind == "counter") {
        return engine->counter(name);
    }
    if (kind == "gauge") {
        return engine->gauge(name);
    }
    if (kind == "latency") {
        return engine->latency(name, span);
    }
    if (kind == "orders") {
        return engine->orders(name);
    }
    if (kind == "key") {
        return engine->key(name);
    }
    if (kind == "gate") {
        return engine->gate(name);
    }
    return engine->advice(name);
}

std::string rest_of(std::istream &words)
{
    std::string text;
    words.get(); // the blank before it
    std::getline(words, text);
    return text;
}

void declare(std::istream &words)
{
    std::string kind;
    std::uint64_t parameter = 0;
    words >> kind >> parameter;
    records.push_back(
        declared(kind, rest_of(words), std::chrono::nanoseconds(signed_of(parameter))));
    say("declare", engine->error());
}

// Both halves alike, n for both words, for so many ms.
void stress(fl::engine_stream stream, std::uint64_t span_ms)
{
    const std::uint64_t end = fl::now() + span_ms * 1000000;
    for (std::uint64_t n = 1; fl::now() < end;) {
        for (int i = 0; i < 1000; i++, n = n % std::numeric_limits<std::int32_t>::max() + 1) {
            stream.echo(n << 32 | n, n << 32 | n);
        }
    }
}

void time_echo(fl::engine_stream stream, std::uint64_t count)
{
    const std::uint64_t start = fl::now();
    for (std::uint64_t i = 0; i < count; i++) {
        stream.echo(i, start);
    }
    std::cout << R"({"ns":)" << fl::now() - start << "}" << std::endl;
}

using stream = fl::engine_stream;
using command = std::function<void(record &, std::istream &)>;

// A command of n numbers on a record of this kind: words, whatever their sign.
template <typename Record, typename Write> command of(std::size_t n, Write write)
{
    return [=](record &held, std::istream &words) {
        std::vector<std::uint64_t> numbers(n);
        for (auto &number : numbers) {
            std::string text;
            words >> text;
            number =
                text[0] == '-' ? static_cast<std::uint64_t>(std::stoll(text)) : std::stoull(text);
        }
        write(std::get<Record>(held), numbers);
    };
}

// clang-format off
const std::map<std::string, command> commands = {
    {"echo", of<stream>(2, [](auto &r, auto &n) { r.echo(n[0], n[1]); })},
    {"beat", of<fl::worker>(1, [](auto &r, auto &n) { r.beat(n[0]); })},
    {"idle", of<fl::worker>(1, [](auto &r, auto &n) { r.idle(n[0]); })},
    {"exit", of<fl::worker>(1, [](auto &r, auto &n) { r.exit(n[0]); })},
    {"restart", of<fl::worker>(1, [](auto &r, auto &n) { r.restart(n[0]); })},
    {"error", [](record &r, std::istream &words) { std::get<fl::worker>(r).error(rest_of(words).c_str()); }},
    {"panic", [](record &r, std::istream &words) {
        std::uint64_t now;
        words >> now;
        std::get<fl::worker>(r).panic(rest_of(words).c_str(), now);
    }},
    {"quote", of<fl::instrument>(3, [](auto &r, auto &n) { r.quote(signed_of(n[0]), signed_of(n[1]), n[2]); })},
    {"action", of<fl::instrument>(2, [](auto &r, auto &n) { r.order_action(n[0], n[1]); })},
    {"position", of<fl::instrument>(2, [](auto &r, auto &n) { r.position(signed_of(n[0]), signed_of(n[1])); })},
    {"count", of<fl::counter>(1, [](auto &r, auto &n) { r.add(n[0]); })},
    {"gauge", of<fl::gauge>(2, [](auto &r, auto &n) { r.set(signed_of(n[0]), n[1]); })},
    {"latency", of<fl::latency>(1, [](auto &r, auto &n) { r.record(std::chrono::nanoseconds(signed_of(n[0]))); })},
    {"sent", of<fl::orders>(1, [](auto &r, auto &n) { r.sent(n[0]); })},
    {"seen", of<fl::orders>(2, [](auto &r, auto &n) { r.seen(n[0], n[1]); })},
    {"extended", of<fl::key>(2, [](auto &r, auto &n) { r.extended(n[0], n[1]); })},
    {"proven", of<fl::key>(1, [](auto &r, auto &n) { r.proven(n[0]); })},
    {"failed", of<fl::key>(0, [](auto &r, auto &) { r.failed(); })},
    {"gate_seen", of<fl::engine_gate>(2, [](auto &r, auto &n) { r.seen(n[0] != 0, n[1]); })},
    {"quoting", of<fl::engine_gate>(0, [](auto &r, auto &) { r.quoting(); })},
    {"pulled", of<fl::engine_gate>(1, [](auto &r, auto &n) { r.pulled(n[0]); })},
    {"done", of<fl::engine_advice>(2, [](auto &r, auto &n) { r.done(n[0], n[1]); })},
    {"stress", of<stream>(1, [](auto &r, auto &n) { stress(r, n[0]); })},
    {"time", of<stream>(1, [](auto &r, auto &n) { time_echo(r, n[0]); })},
};
// clang-format on

} // namespace

int main()
{
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        if (name == "create") {
            create(words);
        } else if (name == "declare") {
            declare(words);
        } else if (name == "close") {
            leave();
            say(name, 0);
        } else {
            std::size_t number = 0;
            words >> number;
            commands.at(name)(records.at(number), words);
            if (name != "time") {
                say(name, 0);
            }
        }
    }
    leave();
    return 0;
}
