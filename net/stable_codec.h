// How one copy of the stable record looks in its file: 8 bytes of magic, the size and the CRC-32C
// of what follows, then the Protobuf message of net/stable.proto.
#pragma once

#include "membership/processor.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace net {

using namespace totem;

struct StableCopy {
    std::string cluster;
    NodeId node = 0;
    membership::StableRecord record;
    std::uint64_t write_number = 0;

    friend bool operator==(const StableCopy&, const StableCopy&) = default;
};

[[nodiscard]] std::vector<std::uint8_t> encode(const StableCopy& copy);
[[nodiscard]] std::optional<StableCopy> decode_stable(std::span<const std::uint8_t> bytes);

} // namespace net
