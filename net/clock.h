// The one clock of the ring thread: monotonic, and counting while the machine is suspended, so that
// a token that was lost in the night is lost in the morning (totem.md 5.11, pitfall 8).
#pragma once

#include "base/instant.h"

#include <ctime>

namespace net {

using namespace base;

struct BootClock {
    using rep = Duration::rep;
    using period = Duration::period;
    using duration = Duration;
    using time_point = Instant;
    static constexpr bool is_steady = true;

    static time_point now() {
        timespec time{};
        ::clock_gettime(CLOCK_BOOTTIME, &time);
        return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    }
};

} // namespace net
