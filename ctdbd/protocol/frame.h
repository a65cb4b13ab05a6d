// The packets in a client's byte stream: where one ends, which to drop, when to hang up.
//
// A packet is `length` bytes, beginning with the length itself; clients send any length, padded or
// not (ctdb-wire.md 1.2). What is inside a packet is the business of packets.h.
#pragma once

#include "base/bytes.h"
#include "ctdbd/protocol/numbers.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ctdbd::protocol {

using base::Bytes;

inline constexpr std::uint32_t packet_magic = 0x43544442;
inline constexpr std::uint32_t packet_version = 1;
inline constexpr std::size_t header_size = 32;
inline constexpr std::size_t packet_size_max =
    256u << 20; // the stock daemon has no limit; a lie may not cost memory

// The common header without what is the same in every packet (length, magic, version).
struct Header {
    std::uint32_t generation = 0;
    Operation operation{}; // any value: what is not in the enum is an unknown operation
    std::uint32_t destnode = 0;
    std::uint32_t srcnode = 0;
    std::uint32_t reqid = 0;

    friend bool operator==(const Header&, const Header&) = default;
};

struct Packet {
    Header header;
    Bytes bytes; // whole, header included

    // What follows the header, tail padding included.
    [[nodiscard]] Bytes body() const {
        return bytes.slice(header_size, bytes.size() - header_size);
    }
};

// Cuts one client's stream into packets. The caller reads from the socket straight into room(),
// says how much came, and takes packets until there is none.
//
//     socket.read_some(framer.room());  framer.filled(n);
//     while (auto packet = framer.next()) handle(*packet);
//     if (framer.broken()) hang_up();
//
// Memory grows with what has arrived, never with what a length field promises, and goes back to a
// small buffer after a large packet.
class Framer {
public:
    explicit Framer(std::size_t size_max = packet_size_max) : size_max_(size_max) {}

    // Where the next bytes of the stream belong; never empty. Valid until the next call of any
    // member.
    [[nodiscard]] std::span<std::uint8_t> room();
    void filled(std::size_t size);

    // Absorbs a copy of `bytes`: room() and filled() in one, as often as it takes.
    void push(std::span<const std::uint8_t> bytes);

    // The next whole packet. Packets with a foreign magic or version, or shorter than a header, are
    // skipped and counted (ctdb-wire.md 1.5).
    [[nodiscard]] std::optional<Packet> next();

    // The stream cannot be followed any further: a length of zero or beyond the limit. Nothing
    // comes after that; the caller closes the connection.
    [[nodiscard]] bool broken() const { return broken_; }

    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    [[nodiscard]] std::size_t arrived() const { return end_ - begin_; }

    std::size_t size_max_;
    std::vector<std::uint8_t> buffer_;
    // Invariant: begin_ <= end_ <= buffer_.size(); the bytes between them have arrived and wait.
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t dropped_ = 0;
    bool broken_ = false;
};

} // namespace ctdbd::protocol
