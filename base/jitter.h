// A small deterministic generator (SplitMix64, Steele et al. 2014) for jitter inside the pure
// floors. Its seed is told, like the time: two runs with one seed are the same run. Not for
// secrets.
#pragma once

#include <cstdint>

namespace base {

class Jitter {
public:
    explicit Jitter(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // Uniform in [0, bound); bound > 0. The bias of the remainder is far below what jitter notices.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

private:
    std::uint64_t state_;
};

} // namespace base
