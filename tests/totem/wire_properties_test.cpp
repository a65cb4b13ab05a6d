// Properties of the codec: what is written is read again, and what strangers write harms nobody.
#include "totem/plausible.h"

#include <doctest/doctest.h>

#include "arbitrary.h"

using namespace totem;

namespace {

Bytes encoded(const Packet& packet) {
    WritableBytes buffer(1 << 16);
    const auto size = encode(packet, {buffer.data(), buffer.capacity()});
    RC_ASSERT(size.has_value());
    RC_ASSERT(*size == encoded_size(packet));
    return buffer.freeze(*size);
}

// In a block of exactly its size, so that the address sanitizer sees the first byte too far.
Decoded<Packet> decoded(PacketType type, const std::vector<std::uint8_t>& body) {
    return decode(type, Bytes::copy_of(body));
}

// A decoded packet must be one that may be sent on; its chunks must be readable.
void require_honest(const Decoded<Packet>& packet) {
    if (!packet) return;
    (void)describe(*packet);
    const bool honest = std::visit([](const auto& plain) { return !implausible(plain); }, *packet);
    RC_ASSERT(honest);
    RC_ASSERT(*decode(type_of(*packet), encoded(*packet)) == *packet);
}

} // namespace

TEST_CASE("wire: what is encoded is decoded to the same packet") {
    CHECK(rc::check([] {
        const Packet packet = arbitrary::packet();
        const Bytes body = encoded(packet);
        const auto again = decode(type_of(packet), body);
        RC_ASSERT(again.has_value());
        RC_ASSERT(*again == packet);
    }));
}

TEST_CASE("wire: arbitrary bytes are refused or are an honest packet") {
    CHECK(rc::check([](const std::vector<std::uint8_t>& body) {
        for (int type = 0; type < 10; ++type)
            require_honest(decoded(static_cast<PacketType>(type), body));
    }));
}

TEST_CASE("wire: an encoding with some bytes changed, cut or added harms nobody") {
    CHECK(rc::check([] {
        const Packet packet = arbitrary::packet();
        const Bytes body = encoded(packet);
        std::vector<std::uint8_t> mutated(body.span().begin(), body.span().end());
        for (auto edits = arbitrary::number(1, 4); edits > 0 && !mutated.empty(); --edits) {
            const auto place = static_cast<std::size_t>(arbitrary::number(0, mutated.size() - 1));
            const auto value = *rc::gen::arbitrary<std::uint8_t>();
            switch (*rc::gen::inRange(0, 4)) {
            case 0:
                mutated[place] = value;
                break;
            case 1:
                mutated[place] ^= static_cast<std::uint8_t>(1 << value % 8);
                break;
            case 2:
                mutated.resize(place);
                break;
            default:
                mutated.insert(mutated.begin() + static_cast<std::ptrdiff_t>(place), value);
            }
        }
        require_honest(decoded(type_of(packet), mutated));
    }));
}

TEST_CASE("wire: a packet that is wrapped comes out as its immutable part") {
    CHECK(rc::check([] {
        const DataPacket old = arbitrary::plain_data();
        const DataPacket wrapper{.ring = arbitrary::ring(),
                                 .seq = Seq{1},
                                 .origin = arbitrary::processor(),
                                 .wrapped = true,
                                 .chunk_count = 1,
                                 .chunks = wrap(old)};
        RC_ASSERT(wrapper.chunks.size() <= old.chunks.size() + wrapper_size);
        const auto inner = unwrap(wrapper);
        RC_ASSERT(inner.has_value());
        RC_ASSERT(same_message(*inner, old));
    }));
}
