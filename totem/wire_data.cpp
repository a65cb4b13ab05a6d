// The data packet's fixed header (totem.md 3.2) and the wrapped packet of Recovery (3.3): the hot
// path of the codec, where nothing is copied but 42 bytes.
#include "base/mutant.h"
#include "totem/layout.h"
#include "totem/plausible.h"
#include "totem/wire.h"

#include <cstring>

namespace totem {

namespace {

using boost::endian::load_little_u64;
using boost::endian::store_little_u64;

enum DataOffset : std::size_t {
    at_ring = 0,
    at_seq = 16,
    at_origin = 24,
    at_visit = 32,
    at_kind = 40,
    at_chunk_count = 41,
    at_chunks = 42,
};

static_assert(at_chunks == data_header_size);

// The immutable part that a wrapped packet carries: the same without `visit`.
enum InnerOffset : std::size_t {
    inner_at_ring = 0,
    inner_at_seq = 16,
    inner_at_origin = 24,
    inner_at_kind = 32,
    inner_at_chunk_count = 33,
    inner_at_chunks = 34,
};

static_assert(inner_at_chunks <= wrapper_size);

enum Kind : std::uint8_t {
    kind_safe = 1,
    kind_wrapped = 2,
    kind_retransmission = 4,
    kind_post_token = 8,
};

constexpr std::uint8_t kind_immutable = kind_safe | kind_wrapped;
constexpr std::uint8_t kind_all = kind_immutable | kind_retransmission | kind_post_token;

std::uint8_t immutable_kind(const DataPacket& packet) {
    return static_cast<std::uint8_t>((packet.service == Service::safe ? kind_safe : 0) |
                                     (packet.wrapped ? kind_wrapped : 0));
}

std::uint8_t kind_of(const DataPacket& packet) {
    return static_cast<std::uint8_t>(immutable_kind(packet) |
                                     (packet.retransmission ? kind_retransmission : 0) |
                                     (packet.post_token ? kind_post_token : 0));
}

Service service_of(std::uint8_t kind) {
    return (kind & kind_safe) != 0 ? Service::safe : Service::agreed;
}

} // namespace

void encode_data_header(const DataPacket& packet, std::span<std::uint8_t, data_header_size> out) {
    store_ring_id(&out[at_ring], packet.ring);
    store_little_u64(&out[at_seq], packet.seq.value);
    store_processor(&out[at_origin], packet.origin);
    store_little_u64(&out[at_visit], packet.visit.value);
    out[at_kind] = kind_of(packet);
    out[at_chunk_count] = packet.chunk_count;
}

Decoded<DataPacket> decode_data(const Bytes& body) {
    if (body.size() < data_header_size) return WireError::too_short;
    const std::uint8_t* in = body.data();
    const std::uint8_t kind = in[at_kind];
    if ((kind & ~kind_all) != 0) return WireError::bad_field;
    DataPacket packet{.ring = load_ring_id(in + at_ring),
                      .seq = Seq{load_little_u64(in + at_seq)},
                      .origin = load_processor(in + at_origin),
                      .visit = TokenSeq{load_little_u64(in + at_visit)},
                      .service = service_of(kind),
                      .wrapped = (kind & kind_wrapped) != 0,
                      .retransmission = (kind & kind_retransmission) != 0,
                      .post_token = (kind & kind_post_token) != 0,
                      .chunk_count = in[at_chunk_count],
                      .chunks = body.slice(at_chunks, body.size() - at_chunks)};
    if (const auto wrong = implausible(packet)) return *wrong;
    return packet;
}

Bytes wrap(const DataPacket& old_packet) {
    const std::size_t size = inner_at_chunks + old_packet.chunks.size();
    WritableBytes block(size);
    std::uint8_t* out = block.data();
    store_ring_id(out + inner_at_ring, old_packet.ring);
    store_little_u64(out + inner_at_seq, old_packet.seq.value);
    store_processor(out + inner_at_origin, old_packet.origin);
    out[inner_at_kind] = immutable_kind(old_packet);
    out[inner_at_chunk_count] = old_packet.chunk_count;
    if (!old_packet.chunks.empty())
        std::memcpy(out + inner_at_chunks, old_packet.chunks.data(), old_packet.chunks.size());
    return block.freeze(size);
}

Decoded<DataPacket> unwrap(const DataPacket& wrapper) {
    if (!wrapper.wrapped || wrapper.chunk_count != 1) return WireError::bad_field;
    const Bytes& inner = wrapper.chunks;
    if (inner.size() < inner_at_chunks) return WireError::too_short;
    const std::uint8_t* in = inner.data();
    const std::uint8_t kind = in[inner_at_kind];
    // Recovery needs one level only: a ring is installed when all its wrapped packets are held by
    // all (lemma R), so none of them is ever exchanged again.
    if ((kind & ~kind_safe) != 0) return WireError::bad_field;
    DataPacket packet{.ring = load_ring_id(in + inner_at_ring),
                      .seq = Seq{load_little_u64(in + inner_at_seq)},
                      .origin = load_processor(in + inner_at_origin),
                      .service = mutated(Mutant::recovered_safe_as_agreed) ? Service::agreed
                                                                           : service_of(kind),
                      .chunk_count = in[inner_at_chunk_count],
                      .chunks = inner.slice(inner_at_chunks, inner.size() - inner_at_chunks)};
    if (const auto wrong = implausible(packet)) return *wrong;
    return packet;
}

} // namespace totem
