// SPDX-License-Identifier: MIT
//
// flatline_engine.hpp - what an engine tells of itself, for C++17: flatline/engine.h with records that look
// after themselves. It brings flatline.hpp, the reader, along.
//
//     fl::engine engine{"flatline", "mm1"};
//     fl::worker quoter = engine.worker("quoter", 100ms);
//     fl::engine_stream book = engine.stream("binance-usdm/BTCUSDT/depth@100ms");
//     while (take(update)) {
//         quoter.beat();
//         book.echo(update.u, received_ns);
//     }
//
// Link with libflatline. Making an engine's file throws fl::error, which says which FLATLINE_E_* it is; nothing
// else here throws. Records are small values that must not outlive their engine; each is for one thread at a
// time.
#ifndef FLATLINE_ENGINE_HPP
#define FLATLINE_ENGINE_HPP

#include "flatline.hpp"

#include "flatline/engine.h"

#include <chrono>
#include <exception>

namespace fl {

/// What a thread or loop tells of itself: it owes beats while it runs, and ends with its scope: in order,
/// or as panicked if the scope is left by an exception. An exception that nobody catches ends the process
/// without leaving any scope; run() is told of that one too.
class worker {
  public:
    explicit worker(flatline_engine_worker *record)
        : record_(record), exceptions_(std::uncaught_exceptions())
    {
        if (state() == FLATLINE_WORKER_EXITED || state() == FLATLINE_WORKER_PANICKED) {
            restart();
        }
    }

    worker(worker &&other) noexcept
        : record_(std::exchange(other.record_, nullptr)), exceptions_(other.exceptions_)
    {
    }

    worker &operator=(worker &&) = delete;

    ~worker()
    {
        if (record_ == nullptr || state() == FLATLINE_WORKER_EXITED ||
            state() == FLATLINE_WORKER_PANICKED) {
            return;
        }
        if (std::uncaught_exceptions() > exceptions_) {
            panic("an exception left its scope");
        } else {
            exit();
        }
    }

    /// Runs it: what it throws is its panic, with its text, and is thrown on.
    template <typename Work> void run(Work &&work)
    {
        try {
            beat();
            std::forward<Work>(work)();
        } catch (const std::exception &thrown) {
            panic(thrown.what());
            throw;
        } catch (...) {
            panic("something that is no std::exception was thrown");
            throw;
        }
    }

    /// "I am alive", at least once each declared interval; makes an idle worker a running one.
    void beat(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_beat(record_, now_mono_ns);
    }

    /// Waits for work and owes no beat until the next one.
    void idle(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_worker_idle(record_, now_mono_ns);
    }

    /// Ends in order, before its scope does.
    void exit(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_worker_exit(record_, now_mono_ns);
    }

    /// Begins again after an end. Declared anew after its end, a worker is restarted by itself.
    void restart(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_worker_restart(record_, now_mono_ns);
    }

    /// Notes an error, cut to 95 bytes; the worker goes on.
    void error(const char *text) noexcept
    {
        flatline_worker_error(record_, text);
    }

    /// Dies of an error: the fault follows within milliseconds.
    void panic(const char *text, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_worker_panic(record_, text, now_mono_ns);
    }

    enum flatline_worker_state state() const noexcept
    {
        return static_cast<enum flatline_worker_state>(flatline_load_word(&record_->state));
    }

  private:
    flatline_engine_worker *record_; // null: moved from
    int exceptions_;
};

/// The engine's echo of one stream: the newest id applied, and when it was received.
struct engine_stream {
    flatline_engine_echo *record;

    void echo(std::uint64_t last_id, std::uint64_t recv_mono_ns) noexcept
    {
        flatline_echo(record, last_id, recv_mono_ns);
    }
};

/// What stands in the market for one instrument. Prices, quantities and money are units of 1e-8.
struct instrument {
    flatline_engine_instrument *record;

    /// What stands in the market now; 0 = no quote on that side.
    void quote(std::int64_t bid_e8, std::int64_t ask_e8, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_quote(record, bid_e8, ask_e8, now_mono_ns);
    }

    /// An order was placed, changed or cancelled; how many stand now.
    void order_action(std::uint64_t active_orders, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_order_action(record, active_orders, now_mono_ns);
    }

    void position(std::int64_t position_e8, std::int64_t pnl_e8) noexcept
    {
        flatline_position(record, position_e8, pnl_e8);
    }
};

/// A number that only grows.
struct counter {
    flatline_engine_number *record;

    void add(std::uint64_t by = 1) noexcept
    {
        flatline_count(record, by);
    }
};

/// A number that comes and goes.
struct gauge {
    flatline_engine_number *record;

    void set(std::int64_t value, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_gauge(record, value, now_mono_ns);
    }
};

/// A histogram of durations.
struct latency {
    flatline_engine_latency *record_;

    void record(std::chrono::nanoseconds took) noexcept
    {
        flatline_latency(record_, took.count() > 0 ? static_cast<std::uint64_t>(took.count()) : 0);
    }
};

/// Orders sent and their reports seen. Who sends and who receives may be two threads.
struct orders {
    flatline_engine_orders *record;

    /// An order goes out; its number is for seen().
    std::uint64_t sent(std::uint64_t now_mono_ns = now()) noexcept
    {
        return flatline_order_sent(record, now_mono_ns);
    }

    /// Its report has come: any word of the venue on it.
    void seen(std::uint64_t number, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_report_seen(record, number, now_mono_ns);
    }
};

/// Tells one listenKey from another, and nothing else of it: FNV-1a.
inline std::uint64_t fingerprint(const std::string &key) noexcept
{
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : key) {
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    }
    return hash;
}

/// A listenKey that the engine extends.
struct key {
    flatline_engine_key *record;

    /// The engine extended it. fingerprint(key), or 0; never the key.
    void extended(std::uint64_t fingerprint, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_key_extended(record, fingerprint, now_mono_ns);
    }

    /// The socket opened with this key has shown that it lives, by an event or the pong to a ping of
    /// ours. At least every 20 s.
    void proven(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_key_proven(record, now_mono_ns);
    }

    /// An attempt to extend it failed.
    void failed() noexcept
    {
        flatline_key_failed(record);
    }
};

/// What the engine made of a gate.
struct engine_gate {
    flatline_engine_gate *record;

    /// What the engine's last look at the gate said, when it differs from the one before.
    void seen(bool open, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_gate_seen(record, open, now_mono_ns);
    }

    /// Quotes that need this gate go to the market ...
    void quoting() noexcept
    {
        flatline_gate_quoting(record);
    }

    /// ... and are gone from it, as the venue has confirmed.
    void pulled(std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_gate_pulled(record, now_mono_ns);
    }
};

/// What the engine made of an advice word.
struct engine_advice {
    flatline_engine_advice *record;

    /// Advice of this serial was acted upon.
    void done(std::uint64_t serial, std::uint64_t now_mono_ns = now()) noexcept
    {
        flatline_advice_done(record, serial, now_mono_ns);
    }
};

/// What an engine tells of itself, in a file of its own: flatline/engine.h. It says goodbye at the end of
/// its scope, unless that is left by an exception: who ends without goodbye is ENGINE_GONE, and whoever
/// catches the exception may make it again. What it declares must not outlive it. A declaration that fails still gives a record, one that nobody reads;
/// error() tells of the first.
class engine {
  public:
    /// segment: as for a reader; it need not be there yet. Throws fl::error: INVALID, IN_USE ...
    engine(const std::string &segment,
           const std::string &name,
           const flatline_engine_options &options = {})
        : exceptions_(std::uncaught_exceptions())
    {
        const int code = flatline_engine_create(segment.c_str(), name.c_str(), &options, &engine_);
        if (code != 0) {
            throw fl::error(code, name);
        }
    }

    engine(const engine &) = delete;
    engine &operator=(const engine &) = delete;

    ~engine()
    {
        if (std::uncaught_exceptions() <= exceptions_) {
            flatline_engine_close(engine_);
        } else {
            flatline_engine_abandon(engine_);
        }
    }

    /// By its full name, as the sentinel calls it.
    engine_stream stream(const std::string &name)
    {
        return {declare(flatline_declare_stream, name)};
    }

    /// A worker that promises to beat at least once each interval, an hour at most; idle until its
    /// first beat.
    fl::worker worker(const std::string &name, std::chrono::nanoseconds interval)
    {
        flatline_engine_worker *record;
        note(flatline_declare_worker(engine_, name.c_str(), ns_of(interval), &record));
        return fl::worker{record};
    }

    fl::instrument instrument(const std::string &name)
    {
        return {declare(flatline_declare_instrument, name)};
    }

    fl::counter counter(const std::string &name)
    {
        return {declare(flatline_declare_counter, name)};
    }

    fl::gauge gauge(const std::string &name)
    {
        return {declare(flatline_declare_gauge, name)};
    }

    /// Two digits, 1 us and above, up to max (beyond: its last bucket); an hour at most.
    fl::latency latency(const std::string &name, std::chrono::nanoseconds max)
    {
        flatline_engine_latency *record;
        note(flatline_declare_latency(engine_, name.c_str(), ns_of(max), &record));
        return {record};
    }

    fl::orders orders(const std::string &name)
    {
        return {declare(flatline_declare_orders, name)};
    }

    /// By the full name of the account's stream.
    fl::key key(const std::string &name)
    {
        return {declare(flatline_declare_key, name)};
    }

    engine_gate gate(const std::string &name)
    {
        return {declare(flatline_declare_gate, name)};
    }

    engine_advice advice(const std::string &name)
    {
        return {declare(flatline_declare_advice, name)};
    }

    /// The first declaration that failed, a negative enum flatline_error; 0: none did.
    int error() const noexcept
    {
        return error_;
    }

    std::string path() const
    {
        return flatline_engine_path(engine_);
    }

    /// For gate::bind(), and for all the rest of engine.h.
    flatline_engine *get() const noexcept
    {
        return engine_;
    }

  private:
    template <typename Record>
    Record *declare(int (*declaration)(flatline_engine *, const char *, Record **),
                    const std::string &name)
    {
        Record *record;
        note(declaration(engine_, name.c_str(), &record));
        return record;
    }

    static std::uint64_t ns_of(std::chrono::nanoseconds span) noexcept
    {
        return span.count() > 0 ? static_cast<std::uint64_t>(span.count()) : 0;
    }

    void note(int code) noexcept
    {
        error_ = error_ != 0 ? error_ : code;
    }

    flatline_engine *engine_ = nullptr;
    int error_ = 0;
    int exceptions_;
};

} // namespace fl

#endif
