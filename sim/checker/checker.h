// Judges a run, event by event: all properties that a trace alone can show, online inside the
// simulator and offline on a recorded trace (totem.md 2.1).
//
// What needs eyes inside the processes (P20's other half, P24, W1 to W10) is white_box.h's.
#pragma once

#include "sim/checker/property.h"

#include <deque>

namespace sim {

class Checker {
public:
    Checker() : properties_(all_properties()) {}

    // Throws the first Violation. After that, or after conclude(), the checker is done.
    void observe(const trace::Event& event);
    void conclude();

    [[nodiscard]] const History& history() const { return history_; }

    // Of what was judged, the last events, oldest first: how it came to this.
    [[nodiscard]] std::vector<std::string> last_lines() const;

private:
    static constexpr std::size_t remembered = 40;

    Properties properties_;
    History history_;
    std::deque<trace::Event> recent_;
};

// Reads a recorded trace and judges it: nothing if it keeps all promises. Throws
// std::runtime_error, with the line's number, on a line that is not a trace's.
struct Judgement {
    std::optional<Violation> violation;
    std::vector<std::string> last_lines;
    std::uint64_t events = 0;
};

[[nodiscard]] Judgement judge_trace_file(const std::string& path);

// The same for one run of real processes that share a clock: a file for each, merged by time.
[[nodiscard]] Judgement judge_live_traces(const std::vector<std::string>& paths);

} // namespace sim
