// Chance, drawn from one seed. Only the simulator owns a generator; the floors below are told what
// chance decided.
//
// Generators form a tree: split() gives a child whose draws depend on the parent's seed and the
// label alone, not on what the parent has drawn. So the network's chance is untouched when a fault
// or a workload item is removed, which keeps a shrunken run close to the one it came from
// (totem.md 9.1).
#pragma once

#include "base/instant.h"
#include "base/jitter.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

namespace sim {

using namespace base;

class Random {
public:
    explicit Random(std::uint64_t seed) : seed_(seed), generator_(seed) {}

    [[nodiscard]] Random split(std::string_view label, std::uint64_t number = 0) const {
        std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a
        for (const char letter : label)
            hash = (hash ^ static_cast<std::uint8_t>(letter)) * 0x100000001b3;
        return Random{Jitter{seed_ ^ hash}.next() ^ Jitter{~number}.next()};
    }

    std::uint64_t next() { return generator_.next(); }

    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound) { return generator_.below(bound); }

    // Uniform in [low, high], both included.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }

    // Uniform in [0, 1).
    double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    double between(double low, double high) { return low + (high - low) * fraction(); }

    bool chance(double probability) { return probability > 0 && fraction() < probability; }

    // Uniform on a logarithmic scale: small values are as likely as large ones. 0 < low <= high.
    double log_between(double low, double high) {
        return low * std::exp(fraction() * std::log(high / low));
    }

    Duration between(Duration low, Duration high) {
        return high <= low ? low
                           : low + Duration{static_cast<Duration::rep>(below(
                                       static_cast<std::uint64_t>((high - low).count()) + 1))};
    }

    // Exponentially distributed waiting time.
    Duration exponential(Duration mean) {
        return Duration{static_cast<Duration::rep>(-std::log(1.0 - fraction()) *
                                                   static_cast<double>(mean.count()))};
    }

    template <class T>
    const T& pick(std::span<const T> choices) {
        return choices[below(choices.size())];
    }

    template <class Container>
    const auto& pick(const Container& choices) {
        return choices[below(choices.size())];
    }

private:
    std::uint64_t seed_;
    Jitter generator_;
};

} // namespace sim
