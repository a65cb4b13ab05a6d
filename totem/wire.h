// How packets look on the wire (totem.md section 3), inside the envelope. The data packet's header
// is a fixed layout, so that a retransmission is the same bytes and payload is never parsed or
// copied; all other packets are Protobuf messages, shown in one place: totem/wire.proto. Generated
// types never leave wire.cpp.
#pragma once

#include "totem/packets.h"

#include <boost/system/result.hpp>

#include <span>

namespace totem {

enum class WireError {
    too_short = 1,
    trailing_bytes,
    unknown_type,
    bad_field,    // a value that no honest sender writes (0 processor, unsorted set, counter over
                  // 2^63, ...)
    too_many,     // a list over its cap
    not_parsable, // Protobuf refused it
    does_not_fit, // encoding only: the buffer is too small
    unknown_version, // envelope only
};

const boost::system::error_category& wire_category();
boost::system::error_code make_error_code(WireError error);

// One value or one reason, never both.
template <class T>
using Decoded = boost::system::result<T>;

// Bytes of a data packet's header before its chunks.
inline constexpr std::size_t data_header_size = 42;

// Writes the packet's body into `out` and returns its size; does_not_fit if it does not. A packet
// that decode() would refuse is refused here, with the same reason.
Decoded<std::size_t> encode(const Packet& packet, std::span<std::uint8_t> out);

// Hot path: only the 42 bytes in front of packet.chunks, for scatter/gather sends.
void encode_data_header(const DataPacket& packet, std::span<std::uint8_t, data_header_size> out);

// The packet in `body`; a data packet's chunks are a slice of it. Checks every length, count and
// limit of totem.md section 3 and 7.6 that can be checked without knowing the ring.
Decoded<Packet> decode(PacketType type, const Bytes& body);
Decoded<DataPacket>
decode_data(const Bytes& body); // the same for a known data packet, without the variant

// The encoded size of a control packet (not data), to keep it within one MTU.
std::size_t encoded_size(const Packet& packet);

// Recovery (3.3): an old ring's packet as the chunks of a new ring's wrapped one, and back.
inline constexpr std::size_t wrapper_size = 40; // regular packets leave this much room (D3)
Bytes wrap(const DataPacket& old_packet);
Decoded<DataPacket> unwrap(const DataPacket& wrapper);

} // namespace totem

template <>
struct boost::system::is_error_code_enum<totem::WireError> : std::true_type {};
