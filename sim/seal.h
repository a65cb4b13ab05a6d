// Datagrams as the virtual network carries them: the real envelope and the real codec, under the
// insecure mode's checksum instead of a cipher. It turns damaged packets into lost ones, as the
// cipher does; it does not stop forgers, who are the fuzzers' business.
#pragma once

#include "totem/envelope.h"

#include <optional>

namespace sim {

using namespace totem;

struct Sealed {
    Bytes datagram;
    Bytes body; // a part of it
};

// Nothing if the packet's body exceeds body_max. The pool's blocks must hold envelope, body and
// tag.
[[nodiscard]] std::optional<Sealed>
seal(const Packet& packet, const Envelope& envelope, std::size_t body_max, BlockPool& pool);

// The same around what is no packet of the ring's.
[[nodiscard]] Bytes seal_direct(const Bytes& content, const Envelope& envelope);

struct Opened {
    Envelope envelope;
    Bytes body;
};

[[nodiscard]] std::optional<Opened> open(const Bytes& datagram);

// A datagram of the same sender and type with a good seal around three bytes that are no packet:
// what a member with a bug, or of another version, may send.
[[nodiscard]] Bytes reseal_without_meaning(const Bytes& datagram);

[[nodiscard]] constexpr std::size_t datagram_max(std::size_t body_max) {
    return envelope_size + body_max + insecure_tag_size;
}

} // namespace sim
