// The pieces that the fixed layouts share (totem.md 3.1, 3.2): identities as little-endian numbers.
#pragma once

#include "totem/ids.h"

#include <boost/endian/conversion.hpp>

namespace totem {

inline constexpr std::size_t processor_size = 8;
inline constexpr std::size_t ring_id_size = 16;

// Pids are ordered like these numbers (totem.md 1.1).
[[nodiscard]] constexpr std::uint64_t to_number(const ProcessorId& id) {
    return std::uint64_t{id.node} << 32 | id.incarnation;
}

[[nodiscard]] constexpr ProcessorId processor_of(std::uint64_t number) {
    return {.node = static_cast<std::uint32_t>(number >> 32),
            .incarnation = static_cast<std::uint32_t>(number)};
}

inline void store_processor(std::uint8_t* out, const ProcessorId& id) {
    boost::endian::store_little_u64(out, to_number(id));
}

[[nodiscard]] inline ProcessorId load_processor(const std::uint8_t* in) {
    return processor_of(boost::endian::load_little_u64(in));
}

inline void store_ring_id(std::uint8_t* out, const RingId& ring) {
    boost::endian::store_little_u64(out, ring.seq);
    store_processor(out + 8, ring.representative);
}

[[nodiscard]] inline RingId load_ring_id(const std::uint8_t* in) {
    return {.seq = boost::endian::load_little_u64(in), .representative = load_processor(in + 8)};
}

} // namespace totem
