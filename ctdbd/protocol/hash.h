// The one hash of the protocol: Bob Jenkins' lookup3 "hashlittle" (public domain) with initial
// value 0. It names databases, and it is the TDB hash of volatile files (ctdb-wire.md 5.4).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ctdbd::protocol {

[[nodiscard]] std::uint32_t hash(std::span<const std::uint8_t> key);

// Over the name and its NUL: "locking.tdb" is 0x7a19d84d on every node and in every version.
[[nodiscard]] std::uint32_t database_id(std::string_view name);

} // namespace ctdbd::protocol
