// The numbers that follow from Settings, and the constraints between them (totem.md 4.5, 5.2).
#include "totem/settings.h"

#include "totem/wire.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace totem {

std::uint32_t Settings::window_for(std::size_t members) const {
    if (window != 0) return window;
    return std::min(128 * static_cast<std::uint32_t>(members), std::uint32_t{1024});
}

std::uint32_t Settings::window_least_for(std::size_t members) const {
    if (window != 0) return window;
    return std::min(20 * static_cast<std::uint32_t>(members), std::uint32_t{320});
}

std::uint32_t Settings::visit_max_for(std::size_t members, std::uint32_t window_now) const {
    if (visit_max != 0) return visit_max;
    return std::max(std::uint32_t{20},
                    window_now / static_cast<std::uint32_t>(std::max<std::size_t>(members, 1)));
}

std::uint32_t Settings::outstanding_max_for(std::size_t members) const {
    return outstanding_windows * window_for(members);
}

// Each rotation adds at most a window, the parts of those who find it full, and one packet of each
// member that would starve. aru itself may be a rotation ahead of the slowest member, which has not
// signed yet; hence four of them.
std::uint32_t Settings::held_max_for(std::size_t members) const {
    return outstanding_max_for(members) +
           4 * (2 * window_for(members) + static_cast<std::uint32_t>(members));
}

Duration Settings::token_loss_for(std::size_t members) const {
    if (members <= 2) return token_loss;
    return token_loss +
           token_loss * static_cast<std::int64_t>(members - 2) / 15; // 20 ms per 300 ms
}

std::optional<std::string> Settings::validate() const {
    if (body_max < 512) return "body_max: a packet must hold at least 512 bytes";
    if (queue_bytes_max == 0) return "queue_bytes_max: the send queue needs room";
    if (accelerated > 100) return "accelerated: a percentage, at most 100";
    if (outstanding_windows < 3)
        return "outstanding_windows: at least 3, since aru lags in the accelerated ring";
    if (consumer_windows == 0) return "consumer_windows: at least 1";
    for (const Duration duration :
         {token_loss, token_retransmit_min, hold_min, hold_max, hurry, join, consensus, silence,
          commit_wait, commit, recovery_max, probe, backoff_base, backoff_max, leave, ftr_time,
          slow_consumer})
        if (duration <= Duration::zero()) return "every time-out must be longer than nothing";
    if (join_coalesce_max < Duration::zero() || rtr_pace < Duration::zero())
        return "join_coalesce_max and rtr_pace must not be negative";
    if (hold_min > hold_max) return "hold_min must not exceed hold_max";
    if (hold_max + 2 * token_retransmit_min >= token_loss / 2)
        return "hold_max + 2 token_retransmit_min must be below half of token_loss, or an idle "
               "ring "
               "looks lost";
    if (4 * (hold_max + token_retransmit_min) >= token_loss)
        return "4 (hold_max + token_retransmit_min) must be below token_loss, or a lost token is "
               "not sent again in time";
    if (4 * join >= consensus) return "join must be below a quarter of consensus";
    if (silence < 2 * join) return "silence must be at least 2 join, or one lost JOIN is a verdict";
    if (consensus < token_loss) return "consensus must be at least token_loss";
    if (backoff_base > backoff_max) return "backoff_base must not exceed backoff_max";
    return std::nullopt;
}

Settings Settings::for_token_loss(Duration token_loss) {
    Settings settings;
    const Duration usual = std::exchange(settings.token_loss, token_loss);
    const double factor =
        static_cast<double>(token_loss.count()) / static_cast<double>(usual.count());
    const auto scaled = [factor](Duration timer) {
        return Duration(std::llround(static_cast<double>(timer.count()) * factor));
    };
    for (Duration* const patience :
         {&settings.consensus, &settings.silence, &settings.commit_wait, &settings.commit})
        *patience = scaled(*patience);
    for (Duration* const pace :
         {&settings.token_retransmit_min, &settings.hold_min, &settings.hold_max, &settings.hurry,
          &settings.join, &settings.join_coalesce_max, &settings.probe})
        *pace = std::min(*pace, scaled(*pace));
    return settings;
}

Settings Settings::simulated() {
    Settings settings;
    settings.token_loss = 100ms;
    settings.token_retransmit_min = 1ms;
    settings.hold_min = 500us;
    settings.hold_max = 10ms;
    settings.join = 10ms;
    settings.join_coalesce_max = 1ms;
    settings.consensus = 120ms;
    settings.silence = 20ms;
    settings.commit_wait = 100ms;
    settings.commit = 100ms;
    settings.recovery_max = 2s;
    settings.probe = 50ms;
    settings.backoff_base = 200ms;
    settings.backoff_max = 2s;
    settings.ftr_time = 200ms;
    return settings;
}

} // namespace totem
