// SPDX-License-Identifier: MIT
//
// flatline.hpp - the reader for C++17: flatline.h with handles that look after themselves.
//
//     fl::reader reader{"flatline"};
//     fl::gate gate = reader.gate("okx/BTC-USDT");
//     while (gate.look()) {
//         quote();
//     }
//
// Link with libflatline. Attaching and finding throw fl::error, which says which FLATLINE_E_* it is;
// looking never throws: what cannot be trusted is false. Handles are small values, copied freely, valid
// while their reader lives; a reader and its handles' look() belong to one thread at a time, every
// other look to any. What this header leaves out is reached by reader.get() and flatline(3).
#ifndef FLATLINE_HPP
#define FLATLINE_HPP

#include "flatline/engine.h"
#include "flatline/flatline.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fl {

/// Now, on the clock of the leases: CLOCK_MONOTONIC, ns.
inline std::uint64_t now() noexcept
{
    return flatline_now_mono_ns();
}

/// What went wrong, and with what.
class error : public std::runtime_error {
  public:
    error(int code, const std::string &what)
        : std::runtime_error(what + ": " + flatline_strerror(code)), code_(code)
    {
    }

    /// A negative enum flatline_error.
    int code() const noexcept
    {
        return code_;
    }

  private:
    int code_;
};

/// No stream or gate of that name; nearest() may have been meant, empty if nothing is near.
class unknown_name : public error {
  public:
    unknown_name(const std::string &name, std::string nearest)
        : error(FLATLINE_E_UNKNOWN_NAME,
                nearest.empty() ? name : name + " (nearest: " + nearest + ")"),
          nearest_(std::move(nearest))
    {
    }

    const std::string &nearest() const noexcept
    {
        return nearest_;
    }

  private:
    std::string nearest_;
};

/// One channel of one instrument.
class stream {
  public:
    /// May it be trusted? Two loads, two compares, and the clock unless it is given.
    bool fresh(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_fresh(&stream_, now_mono_ns);
    }

    /// As fresh(), with a second look by name if the sentinel is dead or was replaced. What an
    /// engine should ask before it acts.
    bool look(std::uint64_t now_mono_ns = now()) noexcept
    {
        return flatline_look(reader_, &stream_, now_mono_ns);
    }

    /// Newest id that you, too, should have seen by now; 0 = none yet.
    std::uint64_t due_id() const noexcept
    {
        return flatline_due_id(&stream_);
    }

    /// Fresh, and your own newest id is not behind: the sentinel's connections may live while
    /// yours is dead.
    bool own_fresh(std::uint64_t last_id, std::uint64_t now_mono_ns = now()) const noexcept
    {
        return fresh(now_mono_ns) && last_id >= due_id();
    }

    /// FLATLINE_WHY_FRESH only if fresh().
    enum flatline_why why(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return ::flatline_why(&stream_, now_mono_ns);
    }

    /// The same as one line for people.
    std::string why_text(std::uint64_t now_mono_ns = now()) const
    {
        char text[160];
        return {text, flatline_why_text(reader_, &stream_, now_mono_ns, text, sizeof(text))};
    }

    /// A consistent copy of its evidence. Throws AGAIN, SENTINEL_DEAD or SUPERSEDED.
    flatline_snapshot snapshot() const
    {
        flatline_snapshot copy;
        if (const int code = flatline_take_snapshot(&stream_, reader_, &copy); code != 0) {
            throw error(code, "snapshot");
        }
        return copy;
    }

    const flatline_stream &get() const noexcept
    {
        return stream_;
    }

  private:
    friend class reader;

    explicit stream(::flatline *reader) noexcept : reader_(reader)
    {
    }

    flatline_stream stream_{};
    ::flatline *reader_;
};

/// The streams one decision needs: fresh while all of them are.
class gate {
  public:
    /// Holds it against the engine's own echoes, where it requires both (`require: both` in the
    /// sentinel's configuration); a gate that does and is not bound is never fresh. Throws fl::error.
    void bind(::flatline_engine *engine)
    {
        if (const int code = flatline_gate_bind_engine(reader_, &gate_, engine); code != 0) {
            throw error(code, "bind");
        }
    }

    /// Is every stream of it fresh, and has the engine it all where the gate requires both? A gate
    /// without streams never is.
    bool fresh(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_gate_fresh(&gate_, now_mono_ns);
    }

    /// As fresh(), with a second look, as stream::look().
    bool look(std::uint64_t now_mono_ns = now()) noexcept
    {
        return flatline_look_gate(reader_, &gate_, now_mono_ns);
    }

    /// May the engine quote: fresh, the breaker closed, not paused?
    bool may_quote(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_may_quote(&gate_, now_mono_ns);
    }

    /// As may_quote(), with a second look, as stream::look().
    bool look_quote(std::uint64_t now_mono_ns = now()) noexcept
    {
        return flatline_look_quote(reader_, &gate_, now_mono_ns);
    }

    /// Is the engine advised to do this?
    bool advised(enum flatline_advice_kind kind, std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_advised(&gate_, kind, now_mono_ns);
    }

    /// Serial of the newest advice of a kind that is for this gate, 0 = none.
    std::uint64_t advice_serial(enum flatline_advice_kind kind) const noexcept
    {
        return flatline_advice_serial(&gate_, kind);
    }

    std::string name() const
    {
        const char *found = flatline_gate_name(reader_, gate_.index);
        return found != nullptr ? found : "";
    }

    /// The names of its streams.
    std::vector<std::string> streams() const
    {
        std::vector<std::string> names;
        for (std::uint32_t i = 0; i < gate_.member_count; i++) {
            const char *found = flatline_stream_name(reader_, gate_.members[i].stream);
            names.emplace_back(found != nullptr ? found : "");
        }
        return names;
    }

    /// Why the engine may not quote: FRESH if and only if may_quote().
    enum flatline_why quote_why(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_quote_why(&gate_, now_mono_ns, nullptr);
    }

    /// Why, and which stream is in the worst trouble (empty of a fresh gate, of an empty one, and of
    /// one whose segment the reader has left).
    std::pair<enum flatline_why, std::string> why(std::uint64_t now_mono_ns = now()) const
    {
        std::uint32_t culprit = 0;
        const enum flatline_why found = flatline_gate_why(&gate_, now_mono_ns, &culprit);
        const bool is_here = gate_.header == flatline_header_of(reader_);
        const char *name = found != FLATLINE_WHY_FRESH && is_here
                               ? flatline_stream_name(reader_, culprit)
                               : nullptr;
        return {found, name != nullptr ? name : ""};
    }

    const flatline_gate &get() const noexcept
    {
        return gate_;
    }

  private:
    friend class reader;

    explicit gate(::flatline *reader) noexcept : reader_(reader)
    {
    }

    flatline_gate gate_{};
    ::flatline *reader_;
};

/// One attachment to a segment; detaches at the end of its life.
class reader {
  public:
    /// By name in /dev/shm, or by path if there is a slash in it. A dead sentinel is no error:
    /// nothing in its segment is fresh. Throws fl::error.
    explicit reader(const std::string &name = FLATLINE_DEFAULT_NAME)
    {
        ::flatline *attached = nullptr;
        if (const int code = flatline_attach(name.c_str(), &attached); code != 0) {
            throw error(code, name);
        }
        reader_.reset(attached);
    }

    /// By its full name, "venue/SYMBOL/channel". Throws fl::unknown_name.
    fl::stream stream(const std::string &name) const
    {
        fl::stream found{get()};
        if (flatline_find(get(), name.c_str(), &found.stream_) != 0) {
            throw unknown_name(name, nearest(name));
        }
        return found;
    }

    /// By its name. Throws fl::unknown_name.
    fl::gate gate(const std::string &name) const
    {
        fl::gate found{get()};
        if (flatline_find_gate(get(), name.c_str(), &found.gate_) != 0) {
            throw unknown_name(name, nearest(name));
        }
        return found;
    }

    /// Maps what stands under the name now, if the segment is dead or superseded and that is
    /// another one; true if so. look() does it by itself. Throws fl::error.
    bool reattach()
    {
        const int done = flatline_reattach(get());
        if (done < 0) {
            throw error(done, flatline_path(get()));
        }
        return done == 1;
    }

    bool alive(std::uint64_t now_mono_ns = now()) const noexcept
    {
        return flatline_alive(get(), now_mono_ns);
    }

    /// Which life of the sentinel this is.
    std::uint64_t epoch() const noexcept
    {
        return flatline_header_of(get())->epoch;
    }

    /// The stream or gate name nearest to what was asked for, empty if nothing is near.
    std::string nearest(const std::string &name) const
    {
        const char *found = flatline_nearest(get(), name.c_str());
        return found != nullptr ? found : "";
    }

    std::vector<std::string> streams() const
    {
        std::vector<std::string> names;
        for (std::uint32_t i = 0; i < flatline_stream_count(get()); i++) {
            names.emplace_back(flatline_stream_name(get(), i));
        }
        return names;
    }

    std::vector<std::string> gates() const
    {
        std::vector<std::string> names;
        for (std::uint32_t i = 0; i < flatline_gate_count(get()); i++) {
            names.emplace_back(flatline_gate_name(get(), i));
        }
        return names;
    }

    /// For all the rest of flatline.h.
    ::flatline *get() const noexcept
    {
        return reader_.get();
    }

  private:
    struct detach {
        void operator()(::flatline *reader) const noexcept
        {
            flatline_detach(reader);
        }
    };

    std::unique_ptr<::flatline, detach> reader_;
};

} // namespace fl

#endif
