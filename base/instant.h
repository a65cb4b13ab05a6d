// Time as the pure floors know it: told, never asked.
#pragma once

#include <chrono>

namespace base {

// A clock that cannot be read. Two runs that are told the same times are the same run.
struct Timeline {
    using rep = std::chrono::nanoseconds::rep;
    using period = std::chrono::nanoseconds::period;
    using duration = std::chrono::nanoseconds;
};

using Duration = Timeline::duration;
using Instant = std::chrono::time_point<Timeline, Duration>;

using namespace std::chrono_literals;

} // namespace base
