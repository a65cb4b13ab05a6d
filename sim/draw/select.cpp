#include "sim/draw/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sim::draw {

namespace {

constexpr Duration near_enough = 12ms;
constexpr Duration margin = 10ms;

// When something changed: faults, configurations, interruptions, crashes.
std::vector<Instant> moments(const Chronicle& chronicle) {
    std::vector<Instant> result;
    for (const Mark& mark : chronicle.marks())
        result.push_back(mark.at);
    for (const Band& band : chronicle.bands()) {
        result.push_back(band.from);
        result.push_back(band.interrupted);
    }
    for (const LifeSpan& life : chronicle.lives())
        if (life.crashed) result.push_back(life.to);
    std::ranges::sort(result);
    return result;
}

bool is_near(const std::vector<Instant>& moments, Instant at) {
    const auto next = std::ranges::lower_bound(moments, at - near_enough);
    return next != moments.end() && *next <= at + near_enough;
}

enum Importance : std::size_t { membership_itself, near_a_moment, message, token, housekeeping };

constexpr std::array<const char*, 5> words = {"", "packets near a change", "messages", "tokens",
                                              "holds and probes"};

Importance importance(const Hop& hop, const std::vector<Instant>& moments) {
    switch (hop.type) {
    case PacketType::join:
    case PacketType::commit:
    case PacketType::leave:
        return membership_itself;
    case PacketType::data:
        return is_near(moments, hop.sent) ? near_a_moment : message;
    case PacketType::token:
        return is_near(moments, hop.sent) ? near_a_moment : token;
    default:
        return housekeeping;
    }
}

} // namespace

Window sensible_window(const Chronicle& chronicle, double from_ms, double to_ms) {
    Window window{Instant{}, chronicle.end()};
    // After the heal: until the last ring has formed.
    if (chronicle.healed()) {
        Instant formed = *chronicle.healed();
        for (const Band& band : chronicle.bands())
            formed = std::max(formed, band.from);
        const Duration after = std::max<Duration>(margin, formed.time_since_epoch() / 25);
        window.to = std::min(formed + after, chronicle.end());
    }
    const auto given = [](double milliseconds) {
        return Instant{Duration{static_cast<Duration::rep>(milliseconds * 1e6)}};
    };
    if (from_ms >= 0) window.from = given(from_ms);
    if (to_ms >= 0) window.to = given(to_ms);
    if (window.to <= window.from) window.to = window.from + 1ms;
    return window;
}

Selection select(const Chronicle& chronicle, const Window& window, std::size_t hops_max) {
    const std::vector<Instant> changes = moments(chronicle);
    std::array<std::vector<const Hop*>, words.size()> kinds;
    for (const Hop& hop : chronicle.hops())
        if (hop.arrives >= window.from && hop.sent <= window.to)
            kinds[importance(hop, changes)].push_back(&hop);
    Selection selection;
    std::vector<std::string> missing;
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        std::vector<const Hop*>& hops = kinds[kind];
        if (selection.hops.size() + hops.size() <= hops_max)
            selection.hops.insert(selection.hops.end(), hops.begin(), hops.end());
        else if (kind == membership_itself) // even those are too many: the first of them
            selection.hops.assign(hops.begin(),
                                  hops.begin() + static_cast<std::ptrdiff_t>(hops_max));
        else
            missing.push_back(fmt::format("{} {}", hops.size(), words[kind]));
    }
    std::ranges::sort(selection.hops, {}, [](const Hop* hop) { return hop->sent; });
    if (!missing.empty())
        selection.left_out =
            fmt::format("{} are not shown: choose a shorter time with --from and --to",
                        fmt::join(missing, ", "));
    return selection;
}

} // namespace sim::draw
