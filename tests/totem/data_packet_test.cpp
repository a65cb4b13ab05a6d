// The data packet and the wrapped one, byte by byte (totem.md 3.2, 3.3).
#include "totem/chunks.h"
#include "totem/wire.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>

using namespace totem;

namespace {

using Body = std::vector<std::uint8_t>;

// Two messages: "ab", whole, number 300, and the first part of number 301.
const Body chunk_bytes = {2, 3, 0xac, 0x02, 'a', 'b', 1, 1, 0xad, 0x02, 'c'};

const DataPacket sample = {
    .ring = {.seq = 0x14, .representative = {.node = 2, .incarnation = 9}},
    .seq = Seq{0x0a0b},
    .origin = {.node = 5, .incarnation = 1},
    .visit = TokenSeq{0x77},
    .service = Service::safe,
    .post_token = true,
    .chunk_count = 2,
    .chunks = Bytes::copy_of(chunk_bytes),
};

// Where the fields are, for the damage below.
constexpr std::size_t at_seq = 16;
constexpr std::size_t at_kind = 40;
constexpr std::size_t at_chunk_count = 41;
constexpr std::size_t at_chunks = 42;

const Body sample_header = {0x14, 0,    0, 0, 0, 0, 0, 0, // ring.seq
                            9,    0,    0, 0, 2, 0, 0, 0, // its representative
                            0x0b, 0x0a, 0, 0, 0, 0, 0, 0, // seq
                            1,    0,    0, 0, 5, 0, 0, 0, // origin
                            0x77, 0,    0, 0, 0, 0, 0, 0, // visit
                            9,                            // kind: safe, post-token
                            2};                           // chunks

Body operator+(Body head, const Body& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

const Body sample_body = sample_header + chunk_bytes;

boost::system::error_code reason_to_refuse(const Body& body) {
    const auto packet = decode_data(Bytes::copy_of(body));
    return packet ? boost::system::error_code{} : packet.error();
}

struct Damage {
    const char* what;
    std::function<void(Body&)> apply;
    WireError reason = WireError::bad_field;
};

void zero(Body& body, std::size_t from, std::size_t size) {
    std::fill_n(body.begin() + static_cast<std::ptrdiff_t>(from), size, std::uint8_t{0});
}

// Keeps the header and writes other chunks.
std::function<void(Body&)> chunks_instead(std::uint8_t count, Body chunks) {
    return [count, chunks = std::move(chunks)](Body& body) {
        body.resize(at_chunks);
        body[at_chunk_count] = count;
        body = body + chunks;
    };
}

DataPacket wrapper_of(Bytes inner) {
    return {.ring = {.seq = 24, .representative = {1, 1}},
            .seq = Seq{1},
            .origin = {1, 1},
            .wrapped = true,
            .chunk_count = 1,
            .chunks = std::move(inner)};
}

} // namespace

TEST_CASE("data packet: the bytes of the specification") {
    std::array<std::uint8_t, data_header_size> header{};
    encode_data_header(sample, header);
    CHECK(Body(header.begin(), header.end()) == sample_header);

    Body body(100);
    const auto size = encode(sample, body);
    REQUIRE(size.has_value());
    body.resize(*size);
    CHECK(body == sample_body);

    const Bytes received = Bytes::copy_of(sample_body);
    const auto packet = decode_data(received);
    REQUIRE(packet.has_value());
    CHECK(*packet == sample);
    CHECK(packet->chunks.data() == received.data() + at_chunks); // a slice, not a copy
}

TEST_CASE("data packet: a retransmission differs in `visit` and two flags alone") {
    DataPacket again = sample;
    again.visit = TokenSeq{0x99};
    again.retransmission = true;
    again.post_token = false;
    CHECK(same_message(sample, again));
    Body body(sample_body.size());
    REQUIRE(encode(again, body).has_value());
    for (std::size_t i = 0; i < body.size(); ++i)
        if (i != 32 && i != at_kind) CHECK(body[i] == sample_body[i]);
}

TEST_CASE("data packet: any other difference makes it another message") {
    const std::vector<std::function<void(DataPacket&)>> changes = {
        [](DataPacket& packet) { packet.ring.seq = 24; },
        [](DataPacket& packet) { packet.ring.representative.incarnation = 10; },
        [](DataPacket& packet) { packet.seq = next(packet.seq); },
        [](DataPacket& packet) { packet.origin.node = 6; },
        [](DataPacket& packet) { packet.service = Service::agreed; },
        [](DataPacket& packet) { packet.wrapped = true; },
        [](DataPacket& packet) { packet.chunk_count = 1; },
        [](DataPacket& packet) { packet.chunks = Bytes::copy_of("other"); },
    };
    for (const auto& change : changes) {
        DataPacket other = sample;
        change(other);
        CHECK_FALSE(same_message(sample, other));
    }
}

TEST_CASE("data packet: every malformed one is refused for its reason") {
    const std::vector<Damage> damages = {
        {"ring.seq 0", [](Body& b) { zero(b, 0, 8); }},
        {"ring.seq 2^63", [](Body& b) { b[7] = 0x80; }},
        {"representative of node 0", [](Body& b) { zero(b, 12, 4); }},
        {"seq 0", [](Body& b) { zero(b, at_seq, 8); }},
        {"seq 2^63", [](Body& b) { b[at_seq + 7] = 0x80; }},
        {"origin of node 0", [](Body& b) { zero(b, 28, 4); }},
        {"visit 2^63", [](Body& b) { b[39] = 0x80; }},
        {"a kind bit nobody knows", [](Body& b) { b[at_kind] |= 0x10; }},
        {"no chunks", chunks_instead(0, {})},
        {"65 chunks", chunks_instead(65, Body(65 * 3, 1)), WireError::too_many},
        {"fewer chunks than counted", [](Body& b) { b[at_chunk_count] = 3; }},
        {"more chunks than counted", [](Body& b) { b[at_chunk_count] = 1; }},
        {"a byte behind the chunks", [](Body& b) { b.push_back(0); }},
        {"a size that is cut off", chunks_instead(1, {0x80})},
        {"a size in a longer spelling", chunks_instead(1, {0x81, 0x00, 3, 1, 'a'})},
        {"a size beyond the packet", chunks_instead(1, {2, 3, 1, 'a'})},
        {"the largest size there is",
         chunks_instead(1, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 3, 1, 'a'})},
        {"a size that leads backwards", chunks_instead(2, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                           0xff, 0xff, 1, 3, 1, 1, 'a', 'b', 'c'})},
        {"no flags", chunks_instead(1, {0})},
        {"a flag nobody knows", chunks_instead(1, {1, 7, 1, 'a'})},
        {"no counter", chunks_instead(1, {0, 3})},
        {"counter 0", chunks_instead(1, {1, 3, 0, 'a'})},
        {"counter 2^63",
         chunks_instead(1, {1, 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 'a'})},
        {"an empty first fragment", chunks_instead(1, {0, 1, 1})},
        {"an empty middle fragment", chunks_instead(1, {0, 0})},
        {"an empty last fragment", chunks_instead(1, {0, 2})},
        {"an open message before the last chunk", chunks_instead(2, {1, 1, 1, 'a', 1, 3, 2, 'b'})},
        {"a continuation behind the first chunk", chunks_instead(2, {1, 3, 1, 'a', 1, 2, 'b'})},
    };
    for (const Damage& damage : damages) {
        CAPTURE(damage.what);
        Body body = sample_body;
        damage.apply(body);
        CHECK(reason_to_refuse(body) == damage.reason);
    }
    for (std::size_t size = 0; size < sample_body.size(); ++size) {
        CAPTURE(size);
        const Body cut(sample_body.begin(),
                       sample_body.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(reason_to_refuse(cut) ==
              (size < data_header_size ? WireError::too_short : WireError::bad_field));
    }
}

TEST_CASE("data packet: what may be unusual is not refused") {
    const std::vector<Damage> unusual = {
        {"an empty message", chunks_instead(1, {0, 3, 1})},
        {"a middle chunk alone", chunks_instead(1, {1, 0, 'a'})},
        {"a last chunk and a first one", chunks_instead(2, {1, 2, 'a', 1, 1, 5, 'b'})},
        {"visit 0", [](Body& b) { zero(b, 32, 8); }},
        {"the largest seq",
         [](Body& b) { std::fill_n(&b[at_seq], 7, 0xff), b[at_seq + 7] = 0x7f; }},
    };
    for (const Damage& damage : unusual) {
        CAPTURE(damage.what);
        Body body = sample_body;
        damage.apply(body);
        CHECK_FALSE(reason_to_refuse(body));
    }
}

TEST_CASE("data packet: it is not written where it does not fit") {
    Body body(sample_body.size() - 1);
    CHECK(encode(sample, body).error() == WireError::does_not_fit);
}

TEST_CASE("wrapped packet: the immutable part of the old one, in the order of the specification") {
    const Bytes wrapped = wrap(sample);
    const Body expected = Body(sample_header.begin(), sample_header.begin() + 32) +
                          Body{1, 2} + // kind: safe; chunks
                          chunk_bytes;
    CHECK(Body(wrapped.span().begin(), wrapped.span().end()) == expected);

    const DataPacket wrapper = wrapper_of(wrapped);
    const auto inner = unwrap(wrapper);
    REQUIRE(inner.has_value());
    CHECK(same_message(*inner, sample));
    CHECK(inner->visit == TokenSeq{});
    CHECK(inner->chunks.data() == wrapper.chunks.data() + 34);
}

TEST_CASE("wrapped packet: what is malformed inside is refused with the wrapper") {
    const Bytes good = wrap(sample);
    const std::vector<Damage> damages = {
        {"an old ring of node 0", [](Body& b) { zero(b, 12, 4); }},
        {"old seq 0", [](Body& b) { zero(b, 16, 8); }},
        {"a wrapped packet wrapped again", [](Body& b) { b[32] |= 2; }},
        {"a flag of one transmission", [](Body& b) { b[32] |= 4; }},
        {"no chunks", [](Body& b) { b[33] = 0; }},
        {"cut in the chunks", [](Body& b) { b.pop_back(); }},
        {"cut in the header", [](Body& b) { b.resize(33); }, WireError::too_short},
    };
    for (const Damage& damage : damages) {
        CAPTURE(damage.what);
        Body inner(good.span().begin(), good.span().end());
        damage.apply(inner);
        const DataPacket wrapper = wrapper_of(Bytes::copy_of(inner));
        CHECK(unwrap(wrapper).error() == damage.reason);
        CHECK_FALSE(well_formed(wrapper));
        Body body(1000);
        CHECK(encode(wrapper, body).error() == WireError::bad_field);
    }
    DataPacket two_chunks = wrapper_of(good);
    two_chunks.chunk_count = 2;
    CHECK(unwrap(two_chunks).error() == WireError::bad_field);
    CHECK(unwrap(sample).error() == WireError::bad_field); // not wrapped at all
}
