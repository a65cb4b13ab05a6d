// The envelope's layout (totem.md 3.1), byte by byte.
#include "totem/envelope.h"

#include "totem/layout.h"

#include <algorithm>

namespace totem {

namespace {

using boost::endian::load_little_u16;
using boost::endian::load_little_u32;
using boost::endian::load_little_u64;
using boost::endian::store_little_u16;
using boost::endian::store_little_u32;
using boost::endian::store_little_u64;

// Where the fields begin.
enum Offset : std::size_t {
    at_magic = 0,
    at_type = 2,
    at_flags = 3,
    at_key_id = 4,
    at_link_id = 5,
    at_cluster_tag = 6,
    at_sender = 10,
    at_boot_nonce = 18,
    at_counter = 34,
    at_body = 42,
};

static_assert(at_body == envelope_size);

constexpr std::uint8_t encrypted_flag = 1;

bool is_packet_type(std::uint8_t type) {
    return type >= static_cast<std::uint8_t>(PacketType::data) &&
           type <= static_cast<std::uint8_t>(PacketType::direct);
}

} // namespace

void encode_envelope(const Envelope& envelope, std::span<std::uint8_t, envelope_size> out) {
    store_little_u16(&out[at_magic], envelope_magic);
    out[at_type] = static_cast<std::uint8_t>(envelope.type);
    out[at_flags] = envelope.encrypted ? encrypted_flag : 0;
    out[at_key_id] = envelope.key_id;
    out[at_link_id] = envelope.link_id;
    store_little_u32(&out[at_cluster_tag], envelope.cluster_tag);
    store_processor(&out[at_sender], envelope.sender);
    std::copy(envelope.boot_nonce.begin(), envelope.boot_nonce.end(), &out[at_boot_nonce]);
    store_little_u64(&out[at_counter], envelope.counter);
}

Decoded<Envelope> decode_envelope(std::span<const std::uint8_t> datagram) {
    if (datagram.size() < envelope_size) return WireError::too_short;
    if (load_little_u16(&datagram[at_magic]) != envelope_magic) return WireError::unknown_version;
    if (!is_packet_type(datagram[at_type])) return WireError::unknown_type;
    if ((datagram[at_flags] & ~encrypted_flag) != 0) return WireError::bad_field;
    Envelope envelope{.type = static_cast<PacketType>(datagram[at_type]),
                      .encrypted = datagram[at_flags] == encrypted_flag,
                      .key_id = datagram[at_key_id],
                      .link_id = datagram[at_link_id],
                      .cluster_tag = load_little_u32(&datagram[at_cluster_tag]),
                      .sender = load_processor(&datagram[at_sender]),
                      .counter = load_little_u64(&datagram[at_counter])};
    std::copy_n(&datagram[at_boot_nonce], envelope.boot_nonce.size(), envelope.boot_nonce.begin());
    if (envelope.sender.node == 0) return WireError::bad_field;
    if (envelope.counter == 0 || envelope.counter >= counter_limit) return WireError::bad_field;
    return envelope;
}

} // namespace totem
