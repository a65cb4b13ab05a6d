// The 24 bytes before the data of every record, in TDB files as on the wire (ctdb-wire.md 5.5).
//
// This is also how daemon and clients share the TDB file, so reading and writing it is inline and
// works on plain memory; what the flags oblige one to do is not known here.
#pragma once

#include "ctdbd/protocol/numbers.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace ctdbd::protocol {

inline constexpr std::size_t ltdb_header_size = 24;

struct LtdbHeader {
    std::uint64_t rsn = 0; // record sequence number: of two copies the higher is newer
    std::uint32_t dmaster = 0;
    std::uint32_t flags = 0; // record_flag::

    friend bool operator==(const LtdbHeader&, const LtdbHeader&) = default;
};

static_assert(std::endian::native == std::endian::little,
              "the protocol is native endian, and so are we");

// Of a record's value; none if it is too short to have one. The reserved word and the pad are
// ignored.
[[nodiscard]] inline std::optional<LtdbHeader>
read_ltdb_header(std::span<const std::uint8_t> value) {
    if (value.size() < ltdb_header_size) return std::nullopt;
    LtdbHeader header;
    std::memcpy(&header.rsn, value.data(), 8);
    std::memcpy(&header.dmaster, value.data() + 8, 4);
    std::memcpy(&header.flags, value.data() + 16, 4);
    return header;
}

[[nodiscard]] inline std::array<std::uint8_t, ltdb_header_size>
ltdb_header_bytes(const LtdbHeader& header) {
    std::array<std::uint8_t, ltdb_header_size> bytes{};
    std::memcpy(bytes.data(), &header.rsn, 8);
    std::memcpy(bytes.data() + 8, &header.dmaster, 4);
    std::memcpy(bytes.data() + 16, &header.flags, 4);
    return bytes;
}

} // namespace ctdbd::protocol
