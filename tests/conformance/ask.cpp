// SPDX-License-Identifier: MIT
//
// ask.cpp - the C++ reader answers: one command a line on standard input, one JSON object a line on standard output.
#include "flatline.hpp"

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <optional>
#include <sstream>

namespace {

std::optional<fl::reader> reader;
std::optional<fl::stream> stream;
std::optional<fl::gate> gate;

struct engine_close {
    void operator()(flatline_engine *made) const
    {
        flatline_engine_close(made);
    }
};

std::unique_ptr<flatline_engine, engine_close> engine;

#define ERROR_NAME(number, name, text) #name,

const char *name_of(int code)
{
    static const char *const names[] = {"OK", FLATLINE_ERRORS(ERROR_NAME)};
    return names[-code];
}

const char *truth(bool holds)
{
    return holds ? "true" : "false";
}

std::string quoted(const std::string &text)
{
    return '"' + text + '"';
}

std::string quoted_or_null(const std::string &text)
{
    return text.empty() ? "null" : quoted(text);
}

template <typename Items, typename Text> std::string list(const Items &items, Text text)
{
    std::string out = "[";
    for (const auto &item : items) {
        out += (out.size() > 1 ? "," : "") + text(item);
    }
    return out + "]";
}

void attach(const std::string &path)
{
    try {
        stream.reset();
        gate.reset();
        reader.emplace(path);
        std::cout << R"({"attach":"OK","epoch":)" << reader->epoch() << R"(,"streams":)"
                  << list(reader->streams(), quoted) << R"(,"gates":)"
                  << list(reader->gates(), quoted) << "}";
    } catch (const fl::error &error) {
        std::cout << R"({"attach":")" << name_of(error.code()) << R"("})";
    }
}

template <typename Find> void find(Find find_it)
{
    try {
        find_it();
        std::cout << R"({"find":"OK"})";
    } catch (const fl::unknown_name &error) {
        std::cout << R"({"find":")" << name_of(error.code()) << R"(","nearest":)"
                  << quoted_or_null(error.nearest()) << "}";
    }
}

void ask(std::uint64_t now, std::uint64_t last_id)
{
    const flatline_lease *lease = stream->get().lease;
    std::cout << R"({"fresh":)" << truth(stream->fresh(now)) << R"(,"why":")"
              << flatline_why_name(stream->why(now)) << R"(","due_id":)" << stream->due_id()
              << R"(,"own_fresh":)" << truth(stream->own_fresh(last_id, now)) << R"(,"revoked_by":)"
              << (lease->lease_until_mono_ns == 0 ? lease->revoked_by : 0) << "}";
}

void ask_gate(std::uint64_t now)
{
    const auto [why, culprit] = gate->why(now);
    std::cout << R"({"fresh":)" << truth(gate->fresh(now)) << R"(,"why":")"
              << flatline_why_name(why) << R"(","culprit":)" << quoted_or_null(culprit) << "}";
}

void ask_quote(std::uint64_t now)
{
    std::string advised;
    std::string serials;
    for (std::uint32_t i = 0; i < FLATLINE_ADVICE_COUNT; i++) {
        const auto kind = static_cast<enum flatline_advice_kind>(i);
        const char *comma = i > 0 ? "," : "";
        advised += std::string(comma) + (gate->advised(kind, now) ? "1" : "0");
        serials += comma + std::to_string(flatline_advice_serial(&gate->get(), kind));
    }
    std::cout << R"({"may_quote":)" << truth(gate->may_quote(now)) << R"(,"why":")"
              << flatline_why_name(gate->quote_why(now)) << R"(","advised":[)" << advised
              << R"(],"serials":[)" << serials << "]}";
}

void snapshot()
{
    try {
        const flatline_snapshot copy = stream->snapshot();
        std::vector<std::string> detail;
        std::vector<std::string> lease;
#define DETAIL_WORD(record, field, ...) detail.push_back(std::to_string(copy.detail.field));
#define LEASE_WORD(record, field, ...)  lease.push_back(std::to_string(copy.lease.field));
        FLATLINE_DETAIL_FIELDS(DETAIL_WORD)
        FLATLINE_LEASE_FIELDS(LEASE_WORD)
        const auto same = [](const std::string &text) { return text; };
        std::cout << R"({"snapshot":"OK","detail":)" << list(detail, same) << R"(,"lease":)"
                  << list(lease, same) << "}";
    } catch (const fl::error &error) {
        std::cout << R"({"snapshot":")" << name_of(error.code()) << R"("})";
    }
}

void reattach()
{
    try {
        const bool anew = reader->reattach();
        std::cout << R"({"reattach":")" << (anew ? "ANEW" : "NO") << R"("})";
    } catch (const fl::error &error) {
        std::cout << R"({"reattach":")" << name_of(error.code()) << R"("})";
    }
}

bool is_torn(const flatline_detail &detail)
{
    const auto *words = reinterpret_cast<const std::uint64_t *>(&detail);
    const std::size_t count = offsetof(flatline_detail, unproven) / sizeof(*words);
    return !std::all_of(words + 1, words + count, [=](auto word) { return word == words[1]; });
}

void stress(std::uint64_t seconds)
{
    const std::uint64_t end = fl::now() + seconds * 1000000000U;
    std::uint64_t snapshots = 0;
    std::uint64_t torn = 0;
    std::uint64_t again = 0;
    std::uint64_t changes = 0;
    std::uint64_t last = 0;
    while (fl::now() < end) {
        const std::uint64_t due = stream->due_id();
        torn += due >> 32 != (due & 0xffffffffU);
        try {
            const flatline_detail detail = stream->snapshot().detail;
            snapshots++;
            torn += is_torn(detail);
            changes += detail.frames != last;
            last = detail.frames;
        } catch (const fl::error &) {
            again++;
        }
    }
    std::cout << R"({"snapshots":)" << snapshots << R"(,"torn":)" << torn << R"(,"again":)" << again
              << R"(,"changes":)" << changes << "}";
}

// What a look costs with its clock.
template <typename Handle> void time_looks(const Handle &handle, std::uint64_t count)
{
    std::uint64_t fresh = 0;
    const std::uint64_t start = fl::now();
    for (std::uint64_t i = 0; i < count; i++) {
        fresh += handle.fresh();
    }
    std::cout << R"({"ns":)" << fl::now() - start << R"(,"fresh":)" << fresh << "}";
}

// The engine's own newest id of a stream.
void own(const std::string &name, std::uint64_t last_id)
{
    flatline_engine_echo *echo = nullptr;
    int error = 0;
    if (engine == nullptr) {
        flatline_engine *made = nullptr;
        error = flatline_engine_create(flatline_path(reader->get()), "ask", nullptr, &made);
        engine.reset(made);
    }
    error = error == 0 ? flatline_declare_stream(engine.get(), name.c_str(), &echo) : error;
    if (error == 0) {
        flatline_echo(echo, last_id, fl::now());
    }
    std::cout << R"({"own":")" << name_of(error) << R"("})";
}

void bind()
{
    try {
        gate->bind(engine.get());
        std::cout << R"({"bind":"OK"})";
    } catch (const fl::error &error) {
        std::cout << R"({"bind":")" << name_of(error.code()) << R"("})";
    }
}

bool obey(const std::string &line)
{
    std::istringstream words(line);
    std::string command;
    std::string name;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    words >> command;
    if (command == "attach" && words >> name) {
        attach(name);
    } else if (command == "find" && words >> name) {
        find([&] { stream = reader->stream(name); });
    } else if (command == "find_gate" && words >> name) {
        find([&] { gate = reader->gate(name); });
    } else if (command == "own" && words >> name >> a) {
        own(name, a);
    } else if (command == "bind") {
        bind();
    } else if (command == "ask" && words >> a >> b) {
        ask(a, b);
    } else if (command == "ask_gate" && words >> a) {
        ask_gate(a);
    } else if (command == "ask_quote" && words >> a) {
        ask_quote(a);
    } else if (command == "stress" && words >> a) {
        stress(a);
    } else if (command == "time" && words >> a) {
        time_looks(*stream, a);
    } else if (command == "time_gate" && words >> a) {
        time_looks(*gate, a);
    } else if (command == "snapshot") {
        snapshot();
    } else if (command == "reattach") {
        reattach();
    } else if (command == "look") {
        std::cout << R"({"look":)" << truth(stream->look()) << "}";
    } else if (command == "look_gate") {
        std::cout << R"({"look":)" << truth(gate->look()) << "}";
    } else {
        return false;
    }
    std::cout << std::endl;
    return true;
}

} // namespace

int main()
{
    for (std::string line; std::getline(std::cin, line);) {
        if (!obey(line)) {
            std::cerr << "ask: " << line << "?\n";
            return 2;
        }
    }
    return 0;
}
