// The envelope of every datagram (totem.md 3.1): who sent it, under which key and counter. Layout
// only; sealing and opening (AEAD) is the business of the world that has sockets and keys.
#pragma once

#include "totem/wire.h"

#include <array>

namespace totem {

inline constexpr std::uint16_t envelope_magic = 0x5431;
inline constexpr std::size_t envelope_size = 42;    // before the body
inline constexpr std::size_t tag_size = 16;         // after it: the AEAD tag
inline constexpr std::size_t insecure_tag_size = 4; // after it in the insecure mode: CRC32C

using BootNonce = std::array<std::uint8_t, 16>;

struct Envelope {
    PacketType type = PacketType::data;
    bool encrypted = false;
    std::uint8_t key_id = 0;
    std::uint8_t link_id = 0;
    std::uint32_t cluster_tag = 0; // hash of the cluster's name
    ProcessorId sender;            // the transmitter, not always the originator
    BootNonce boot_nonce{};
    std::uint64_t counter = 0;

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

void encode_envelope(const Envelope& envelope, std::span<std::uint8_t, envelope_size> out);
Decoded<Envelope>
decode_envelope(std::span<const std::uint8_t> datagram); // looks at the first envelope_size bytes

// CRC-32C (Castagnoli) of the insecure mode's tag: finds accidents, not attackers.
std::uint32_t crc32c(std::span<const std::uint8_t> bytes);
std::uint32_t crc32c_by_tables(std::span<const std::uint8_t> bytes); // where the CPU has no help

} // namespace totem
