// The envelope's layout (totem.md 3.1), byte by byte, and the checksum of the insecure mode.
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
           type <= static_cast<std::uint8_t>(PacketType::hold);
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

namespace {

// Eight bytes a step ("slicing by 8"): tables[k][b] is the remainder of byte b followed by k zeros.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
    constexpr std::uint32_t castagnoli = 0x82f63b78; // reflected
    CrcTables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit)
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? castagnoli : 0);
        tables[0][byte] = remainder;
    }
    for (std::size_t zeros = 1; zeros < tables.size(); ++zeros)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr CrcTables crc_tables = make_crc_tables();

} // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
    std::uint32_t crc = ~std::uint32_t{0};
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        const std::uint64_t eight = load_little_u64(bytes.data()) ^ crc;
        crc = 0;
        for (std::size_t i = 0; i < 8; ++i)
            crc ^= crc_tables[7 - i][(eight >> (8 * i)) & 0xff];
    }
    for (const std::uint8_t byte : bytes)
        crc = (crc >> 8) ^ crc_tables[0][(crc ^ byte) & 0xff];
    return ~crc;
}

} // namespace totem
