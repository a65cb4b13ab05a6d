// The clean way out (totem.md 5.12): what we accepted is ordered and safe first, then three LEAVEs,
// so that the others need not wait for a token that never comes.
#include "membership/protocol.h"

namespace membership {

namespace {

constexpr std::uint32_t goodbyes_total = 3;
constexpr Duration goodbye_interval = 5ms;

} // namespace

void Protocol::on(const LeaveRequested&) {
    if (leaving_) return;
    count(37);
    leaving_ = Leaving{.drain_until = now_ + settings_.leave};
    if (phase() == Phase::operational)
        watch_leave();
    else
        say_goodbye();
}

// After each visit: is all that we said safe by now?
void Protocol::watch_leave() {
    if (!leaving_ || leaving_->next_at || phase() != Phase::operational) return;
    const bool drained = queue_.empty() && last_originated_ <= installed_.safe_upto();
    if (drained) say_goodbye();
}

void Protocol::say_goodbye() {
    emit(Multicast{
        Leave{.ring = installed_.id(), .leaver = self_, .leave_seq = ++leaving_->goodbyes}});
    leaving_->next_at = now_ + goodbye_interval;
    if (leaving_->goodbyes < goodbyes_total) return;
    left_ = true;
    emit(Left{});
}

bool Protocol::fire_leave() {
    if (!leaving_) return false;
    const Instant due = leaving_->next_at ? *leaving_->next_at : leaving_->drain_until;
    if (due > now_) return false;
    say_goodbye();
    return true;
}

} // namespace membership
