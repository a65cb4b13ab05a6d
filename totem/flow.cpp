// The arithmetic of flow control.
#include "totem/flow.h"

#include "base/mutant.h"

#include <algorithm>

namespace totem {

namespace {

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
    std::uint32_t allowed = std::min(
        {room(limits.visit_max, demand.sent_in_visit), room(limits.window, demand.sent_in_rotation),
         fair_share(limits.window, demand.backlog, demand.backlog_elsewhere), memory});
    if (base::mutated(base::Mutant::flow_ignores_outstanding))
        allowed = std::max(allowed, limits.visit_max);
    // No processor waits for ever (P27): after three empty visits one packet goes out even if the
    // others have taken the whole window. Only memory is above this rule.
    if (demand.starved_visits >= 3 && memory > 0) allowed = std::max(allowed, std::uint32_t{1});
    return std::min(allowed, demand.backlog);
}

void AdaptiveWindow::turned(const Rotation& rotation) {
    const std::uint64_t lost = rotation.lost;
    if (4 * lost > rotation.sent)
        packets_ = std::max(bounds_.least, packets_ - packets_ / 4);
    else if (rotation.too_small && 16 * lost <= rotation.sent)
        packets_ = std::min(bounds_.most, packets_ + std::max<std::uint32_t>(1, packets_ / 8));
}

} // namespace totem
