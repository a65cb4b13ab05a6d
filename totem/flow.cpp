// The arithmetic of flow control.
#include "totem/flow.h"

#include "base/mutant.h"

#include <algorithm>

namespace totem {

namespace {

// A receiver that loses more than this of even the least window is slow, whatever else it is.
constexpr std::uint32_t by_chance_max = 300;

std::uint32_t room(std::uint64_t bound, std::uint64_t used) {
    return bound > used ? static_cast<std::uint32_t>(bound - used) : 0;
}

} // namespace

std::uint32_t
fair_share(std::uint32_t window, std::uint32_t backlog, std::uint32_t backlog_elsewhere) {
    const std::uint64_t total =
        std::max<std::uint64_t>(1, std::uint64_t{backlog_elsewhere} + backlog);
    return static_cast<std::uint32_t>((std::uint64_t{window} * backlog + total - 1) / total);
}

std::uint32_t allowance(const FlowLimits& limits, const FlowDemand& demand) {
    const std::uint32_t memory = room(limits.outstanding_max, demand.outstanding);
    // Windows differ from member to member, and what is sent again counts as well: who finds the
    // rotation full has its part all the same, or it would wait for as long as the others are busy.
    const std::uint32_t left = std::max(room(limits.window, demand.sent_in_rotation),
                                        room(limits.part, demand.sent_in_visit));
    std::uint32_t allowed =
        std::min({room(limits.visit_max, demand.sent_in_visit), left,
                  fair_share(limits.window, demand.backlog, demand.backlog_elsewhere), memory});
    if (base::mutated(base::Mutant::flow_ignores_outstanding))
        allowed = std::max(allowed, limits.visit_max);
    if (base::mutated(base::Mutant::window_not_shared))
        return std::min({room(limits.window, demand.sent_in_rotation), memory, demand.backlog});
    // No processor waits for ever (P27): after three empty visits one packet goes out even if the
    // others have taken the whole window. Only memory is above this rule.
    if (demand.starved_visits >= 3 && memory > 0) allowed = std::max(allowed, std::uint32_t{1});
    return std::min(allowed, demand.backlog);
}

void AdaptiveWindow::turned(const Rotation& rotation) {
    if (rotation.sent < bounds_.least / 4) return; // too few to tell anything
    const std::uint64_t share = std::uint64_t{1000} * rotation.lost / std::max(rotation.sent, 1U);
    lost_ = (7 * lost_ + static_cast<std::uint32_t>(std::min<std::uint64_t>(share, 1000))) / 8;
    by_chance_ = packets_ > bounds_.least ? std::min(by_chance_, lost_)
                                          : std::min((15 * by_chance_ + lost_) / 16, by_chance_max);
    if (lost_ > 250 + 2 * by_chance_) {
        packets_ = std::max(bounds_.least, packets_ - packets_ / 4);
        lost_ -= lost_ / 4; // what the smaller window may lose
        return;
    }
    const std::uint32_t tolerable = 64 + by_chance_ + by_chance_ / 2;
    if (rotation.too_small && share <= tolerable && lost_ <= tolerable)
        packets_ = std::min(bounds_.most, packets_ + std::max<std::uint32_t>(1, packets_ / 8));
}

} // namespace totem
