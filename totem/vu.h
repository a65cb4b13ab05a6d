// The variable-length unsigned number of the fixed layouts (totem.md section 3, `vu`): LEB128, at
// most ten bytes, and only the shortest spelling is legal, so that a packet has one encoding.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace totem {

inline constexpr std::size_t vu_size_max = 10;

[[nodiscard]] constexpr std::size_t vu_size(std::uint64_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Writes vu_size(value) bytes and returns the place behind them.
inline std::uint8_t* write_vu(std::uint8_t* out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *out++ = static_cast<std::uint8_t>(value | 0x80);
    *out++ = static_cast<std::uint8_t>(value);
    return out;
}

// Reads the number at `offset` and moves `offset` behind it; nothing if it is cut off, does not fit
// 64 bits or is not in its shortest form.
[[nodiscard]] inline std::optional<std::uint64_t> read_vu(std::span<const std::uint8_t> bytes,
                                                          std::size_t& offset) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * vu_size_max && offset < bytes.size(); shift += 7) {
        const std::uint8_t byte = bytes[offset++];
        const std::uint64_t digit = byte & 0x7f;
        if (shift == 63 && byte > 1) return std::nullopt; // only one bit is left for the tenth byte
        value |= digit << shift;
        if (byte >= 0x80) continue;
        if (byte == 0 && shift > 0) return std::nullopt; // a shorter spelling exists
        return value;
    }
    return std::nullopt;
}

} // namespace totem
