#include "sim/seal.h"

#include <algorithm>
#include <cstring>

namespace sim {

namespace {

constexpr std::uint32_t cluster_tag = 0x51a7;

} // namespace

std::optional<Sealed>
seal(const Packet& packet, const Envelope& envelope, std::size_t body_max, BlockPool& pool) {
    WritableBytes bytes = pool.allocate();
    check(bytes.capacity() >= datagram_max(body_max), "a block holds the largest datagram");
    Envelope tagged = envelope;
    tagged.type = type_of(packet);
    tagged.cluster_tag = cluster_tag;
    encode_envelope(tagged, std::span<std::uint8_t, envelope_size>{bytes.data(), envelope_size});
    const auto size = encode(packet, std::span{bytes.data() + envelope_size, body_max});
    if (!size) return std::nullopt;
    const std::size_t sealed = envelope_size + *size;
    const std::uint32_t tag = crc32c({bytes.data(), sealed});
    std::memcpy(bytes.data() + sealed, &tag, insecure_tag_size);
    const Bytes datagram = bytes.freeze(sealed + insecure_tag_size);
    return Sealed{datagram, datagram.slice(envelope_size, *size)};
}

Bytes seal_direct(const Bytes& content, const Envelope& envelope) {
    const std::size_t sealed = envelope_size + content.size();
    WritableBytes bytes(sealed + insecure_tag_size);
    Envelope tagged = envelope;
    tagged.cluster_tag = cluster_tag;
    encode_envelope(tagged, std::span<std::uint8_t, envelope_size>{bytes.data(), envelope_size});
    std::ranges::copy(content.span(), bytes.data() + envelope_size);
    const std::uint32_t tag = crc32c({bytes.data(), sealed});
    std::memcpy(bytes.data() + sealed, &tag, insecure_tag_size);
    return bytes.freeze(sealed + insecure_tag_size);
}

Bytes reseal_without_meaning(const Bytes& datagram) {
    constexpr std::size_t nonsense_size = 3;
    const std::size_t sealed = envelope_size + nonsense_size;
    if (datagram.size() < sealed + insecure_tag_size) return datagram;
    WritableBytes bytes(sealed + insecure_tag_size);
    std::ranges::copy(datagram.span().first(envelope_size), bytes.data());
    // Too short for a data packet, and no tag of any Protobuf message: field 0, wire type 7.
    std::fill_n(bytes.data() + envelope_size, nonsense_size, std::uint8_t{7});
    const std::uint32_t tag = crc32c({bytes.data(), sealed});
    std::memcpy(bytes.data() + sealed, &tag, insecure_tag_size);
    return bytes.freeze(sealed + insecure_tag_size);
}

std::optional<Opened> open(const Bytes& datagram) {
    if (datagram.size() < envelope_size + insecure_tag_size) return std::nullopt;
    const auto envelope = decode_envelope(datagram.span());
    if (!envelope || envelope->cluster_tag != cluster_tag) return std::nullopt;
    const std::size_t sealed = datagram.size() - insecure_tag_size;
    std::uint32_t tag = 0;
    std::memcpy(&tag, datagram.data() + sealed, insecure_tag_size);
    if (tag != crc32c(datagram.span().first(sealed))) return std::nullopt;
    return Opened{*envelope, datagram.slice(envelope_size, sealed - envelope_size)};
}

} // namespace sim
