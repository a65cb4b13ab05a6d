// A node's own monotonic clock: it may have started elsewhere, run fast or slow, and tick coarsely
// (totem.md 9.2). Virtual time is the truth; this is what the node believes.
#pragma once

#include "base/instant.h"

#include <cmath>

namespace sim {

using namespace base;

struct Clock {
    Duration offset{};
    double rate = 1.0; // local seconds per true second
    Duration granularity{1};

    // Monotone in `truth`.
    [[nodiscard]] Instant local(Instant truth) const {
        if (rate == 1.0 && granularity == Duration{1}) return truth + offset;
        const double run = static_cast<double>(truth.time_since_epoch().count()) * rate;
        const auto ticks = static_cast<Duration::rep>(run) / granularity.count();
        return Instant{offset + ticks * granularity};
    }

    // The earliest true time, or a moment after it, at which local() has reached `wanted`.
    [[nodiscard]] Instant truth(Instant wanted) const {
        const Duration since = wanted - Instant{offset};
        if (rate == 1.0 && granularity == Duration{1}) return Instant{since};
        const auto grain = granularity.count();
        const auto ticks = (since.count() + grain - 1) / grain;
        const double run = static_cast<double>(ticks * grain) / rate;
        // One nanosecond on top covers the rounding of doubles at any length of run.
        return Instant{Duration{static_cast<Duration::rep>(std::ceil(run)) + 1}};
    }
};

} // namespace sim
