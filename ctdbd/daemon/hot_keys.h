// The records of one database that moved most (ctdb-wire.md 3.1.6; ctdb-behaviour.md 3.4): of each
// the most moves to or from this node that one second ever saw, for the ten with most of them.
//
// A second's counters are forgotten when the next one begins, so what is held is bounded by what
// can move in a second.
#pragma once

#include "ctdbd/protocol/statistics.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace ctdbd::daemon {

class HotKeys {
public:
    using Clock = std::chrono::steady_clock;

    // Returns how often it moved in this second, this time included.
    std::uint32_t moved(const std::string& key, Clock::time_point now);

    // The one that moved most comes first.
    [[nodiscard]] std::array<protocol::HotKey, protocol::hot_keys> hottest() const;

private:
    Clock::time_point second_ends_{};
    std::map<std::string, std::uint32_t> this_second_;
    // Invariant: at most ten, and none of less than any that was left out.
    std::map<std::string, std::uint32_t> hottest_;
};

} // namespace ctdbd::daemon
