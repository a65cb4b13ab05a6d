// A 64-bit digest of replicated state, for comparison round the ring: not for secrets, nor against
// an adversary. Built from values in a fixed order; sums of digests serve sets that change little
// by little.
#pragma once

#include "base/jitter.h"

#include <cstdint>
#include <string_view>

namespace statedb {

class Digest {
public:
    Digest& add(std::uint64_t value) {
        hash_ = base::Jitter{hash_ ^ value}.next();
        return *this;
    }

    Digest& add(std::string_view bytes) {
        std::uint64_t fnv = 0xcbf29ce484222325;
        for (const char byte : bytes)
            fnv = (fnv ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
        return add(bytes.size()).add(fnv);
    }

    [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0x746f74656d;
};

} // namespace statedb
