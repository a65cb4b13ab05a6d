// When something must happen without a packet. Each state's timers live in the state; here is only
// their minimum, and the loop that fires what is due.
#include "membership/protocol.h"

#include <algorithm>

namespace membership {

namespace {

void lower(Timer& earliest, const Timer& timer) {
    if (timer && (!earliest || *timer < *earliest)) earliest = timer;
}

Timer earliest_of(const Operational& at) {
    Timer earliest;
    for (const Timer& timer : {at.token_loss_at, at.retransmit_at, at.probe_at, at.hurry_at})
        lower(earliest, timer);
    if (at.held) lower(earliest, at.held->until);
    return earliest;
}

Timer earliest_of(const Gather& at) {
    Timer earliest;
    for (const Timer& timer : {at.join_at, at.coalesce_at, at.consensus_at, at.silence_at,
                               at.commit_wait_at, at.lease_wait_at, at.settle_at})
        lower(earliest, timer);
    return earliest;
}

Timer earliest_of(const Commit& at) { return std::min(at.retransmit_at, at.lost_at); }

Timer earliest_of(const Recovery& at) {
    Timer earliest = std::min(at.token_loss_at, at.stuck_at);
    lower(earliest, at.retransmit_at);
    if (at.held) lower(earliest, at.held->until);
    return earliest;
}

} // namespace

std::optional<Instant> Protocol::deadline() const {
    if (stopped()) return std::nullopt;
    Timer earliest;
    if (!leaving_ || !leaving_->next_at)
        earliest = std::visit([](const auto& at) { return earliest_of(at); }, state_);
    if (leaving_) lower(earliest, leaving_->next_at ? *leaving_->next_at : leaving_->drain_until);
    return earliest;
}

// One timer fires at a time, since it may end the state that the others belong to.
void Protocol::on(const DeadlinePassed&) {
    while (!stopped()) {
        if (fire_leave()) continue;
        if (leaving_ && leaving_->next_at) return;
        const bool fired = std::visit([this](auto& at) { return fire(at); }, state_);
        if (!fired) return;
    }
}

} // namespace membership
