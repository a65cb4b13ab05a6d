// Which of our JOINs are so recent that an answer to one of them says something about now.
//
// Every JOIN of ours, to all or to one, is noted with its time. A processor that quotes one has
// heard us since then, and we hear it: in both directions the way is good, and quick enough for a
// session to reach consensus in time (ADR 0015).
#pragma once

#include "totem/ids.h"

#include <algorithm>
#include <deque>

namespace membership {

using namespace totem;

class RecentJoins {
public:
    explicit RecentJoins(Duration kept) : kept_(kept) {}

    void sent(std::uint64_t join_seq, Instant now) {
        while (!sent_.empty() && (now - sent_.front().at > kept_ || sent_.size() >= kept_max))
            sent_.pop_front();
        sent_.push_back({join_seq, now});
    }

    // Whether that JOIN was sent at most `age_max` ago.
    [[nodiscard]] bool contain(std::uint64_t join_seq, Instant now, Duration age_max) const {
        const auto found = std::lower_bound(
            sent_.begin(), sent_.end(), join_seq,
            [](const Sent& one, std::uint64_t wanted) { return one.join_seq < wanted; });
        return found != sent_.end() && found->join_seq == join_seq && now - found->at <= age_max;
    }

private:
    static constexpr std::size_t kept_max = 1024; // 8.2

    struct Sent {
        std::uint64_t join_seq = 0;
        Instant at{};
    };

    Duration kept_;
    std::deque<Sent> sent_; // ascending
};

} // namespace membership
