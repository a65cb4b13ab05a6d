// The quiet of an idle ring and the way out of it (totem.md 4.8): the representative keeps the
// token for a while; whoever has something to say asks it to hurry. The same resting place serves a
// ring whose retransmissions fail: it waits in time, not in rotations (4.7).
#include "membership/protocol.h"

#include <algorithm>

namespace membership {

void Protocol::hold(Operational& at, Token&& token) {
    const bool idle = token.idle_hops >= 3 * installed_.size();
    const Duration time = idle ? at.hold_time : settings_.rtr_pace;
    if (idle) {
        at.hold_time = std::min(2 * at.hold_time, settings_.hold_max);
        emit(Multicast{Hold{.ring = installed_.id(),
                            .token_seq = token.token_seq,
                            .hold_us = static_cast<std::uint32_t>(time / 1us)}});
    }
    at.held = HeldToken{.token = std::move(token), .until = now_ + time, .idle = idle};
}

// The token goes on. If something waits here it leaves in the same visit, under the same token_seq.
void Protocol::release(Operational& at) {
    Token token = std::move(at.held->token);
    at.held.reset();
    if (queue_.empty()) return pass_token(at, std::move(token));
    at.hold_time = settings_.hold_min;
    outbox_.clear();
    token.idle_hops = 0;
    continue_visit(at, std::move(token));
}

// We have something to say on a ring that looked idle when its token was here last.
void Protocol::send_hurry(Operational& at) {
    if (at.hurry_at || at.held) return;
    if (installed_.we_represent() || installed_.last_passed().idle_hops < 2 * installed_.size())
        return;
    const Hurry hurry{.ring = installed_.id(), .token_seq_seen = installed_.last_token_seq()};
    at.hurry_interval =
        at.hurries == 0 ? settings_.hurry : std::min(2 * at.hurry_interval, settings_.hold_max);
    at.hurry_at = now_ + at.hurry_interval;
    if (++at.hurries % 2 == 0)
        emit(Multicast{hurry});
    else
        emit(Unicast{installed_.members().front(), hurry});
}

void Protocol::hurried(Operational& at, const Hurry& hurry) {
    if (!installed_.we_represent()) return;
    // Asked long ago: the token has been everywhere since.
    if (hurry.token_seq_seen.value + 2 * installed_.size() < installed_.last_token_seq().value)
        return;
    if (!at.held) {
        at.hurry_pending = true; // HURRY was faster than the token
        return;
    }
    at.held->token.idle_hops = 0;
    at.hold_time = settings_.hold_min;
    if (at.held->idle) release(at);
}

void Protocol::send_probe(Operational& at) {
    at.probe_at = now_ + settings_.probe;
    emit(Multicast{Probe{
        .ring = installed_.id(), .members = installed_.members(), .aru = installed_.my_aru()}});
}

} // namespace membership
