// Packets in a byte stream: found wherever the reads cut it, dropped or refused as the stock daemon
// does.
#include "tests/ctdbd/any.h"
#include "tests/ctdbd/genuine.h"

#include <doctest/doctest.h>

using namespace ctdbd::protocol;

namespace {

using Stream = std::vector<std::uint8_t>;

void append(Stream& stream, const Bytes& bytes) {
    stream.insert(stream.end(), bytes.span().begin(), bytes.span().end());
}

Stream packet(std::uint32_t length, std::uint32_t magic = packet_magic, std::uint32_t version = 1) {
    Stream bytes(std::max<std::size_t>(length, 12));
    const std::array words{length, magic, version};
    std::memcpy(bytes.data(), words.data(), sizeof words);
    bytes.resize(length);
    return bytes;
}

Stream head_of(Stream packet) {
    packet.resize(12);
    return packet;
}

std::vector<Bytes> packets_in(Framer& framer) {
    std::vector<Bytes> packets;
    while (auto next = framer.next())
        packets.push_back(next->bytes);
    return packets;
}

// The stream's packets when it arrives in reads of `size` bytes.
std::vector<Bytes> packets_in_reads(const Stream& stream, std::size_t size) {
    Framer framer;
    std::vector<Bytes> packets;
    for (std::span<const std::uint8_t> rest(stream); !rest.empty();) {
        const std::size_t now = std::min(size, rest.size());
        framer.push(rest.first(now));
        rest = rest.subspan(now);
        for (Bytes& bytes : packets_in(framer))
            packets.push_back(std::move(bytes));
    }
    return packets;
}

bool is_client_packet(const Bytes& bytes) {
    return bytes.size() >= header_size && std::memcmp(bytes.data() + 4, &packet_magic, 4) == 0;
}

} // namespace

TEST_CASE("packets are found wherever the reads cut the stream") {
    Stream stream;
    std::vector<Bytes> sent;
    for (const auto& [name, bytes] : genuine_packets())
        if (is_client_packet(bytes)) sent.push_back(bytes);
    REQUIRE(sent.size() == 30);
    for (const Bytes& bytes : sent)
        append(stream, bytes);
    for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{31}, stream.size()})
        CHECK(packets_in_reads(stream, size) == sent);
}

TEST_CASE(
    "a foreign magic, a foreign version and a short packet are dropped, the next one is not") {
    const Bytes& good = genuine("V1 get_pnn reply");
    Framer framer;
    framer.push(packet(64, 0x12345678));
    framer.push(packet(40, packet_magic, 2));
    framer.push(packet(4));
    framer.push(packet(31));
    framer.push(good.span());
    CHECK(packets_in(framer) == std::vector<Bytes>{good});
    CHECK(framer.dropped() == 4);
    CHECK_FALSE(framer.broken());
}

TEST_CASE("a length of zero ends the stream, after the packets before it") {
    const Bytes& good = genuine("V1 get_pnn reply");
    Framer framer;
    framer.push(good.span());
    framer.push(Stream(4));
    framer.push(good.span());
    CHECK_FALSE(framer.broken());
    CHECK(packets_in(framer) == std::vector<Bytes>{good});
    CHECK(framer.broken());
    CHECK_FALSE(framer.next().has_value());
}

TEST_CASE("a length beyond the limit ends the stream before any memory is given") {
    Framer framer(1000);
    framer.push(packet(1000));
    CHECK(packets_in(framer).size() == 1);
    framer.push(head_of(packet(1001)));
    CHECK_FALSE(framer.next().has_value());
    CHECK(framer.broken());
}

TEST_CASE("room grows with what came, not with what was announced") {
    Framer framer;
    framer.push(head_of(packet(200 << 20)));
    CHECK_FALSE(framer.next().has_value());
    CHECK_FALSE(framer.broken());
    CHECK(framer.room().size() <= 8192);
}

TEST_CASE("a large packet is whole, and its memory goes back") {
    Framer framer;
    Stream large = packet(3 << 20);
    for (std::size_t i = header_size; i < large.size(); ++i)
        large[i] = static_cast<std::uint8_t>(i * 7);
    framer.push(
        genuine("V1 get_pnn reply").span()); // so that the large one does not begin at the start
    framer.push(large);
    const auto packets = packets_in(framer);
    REQUIRE(packets.size() == 2);
    CHECK(packets[1] == Bytes::copy_of(std::span(large)));
    CHECK(framer.room().size() <= 65536);
}

TEST_CASE("every body survives the way through a packet, with every padding") {
    for_each_type(Bodies{}, []<class Body>() {
        CHECK(rc::check([] {
            const Body body = any<Body>();
            Header header = any<Header>();
            const Padding padding =
                *rc::gen::element(Padding::daemon, Padding::tool, Padding::none);
            const Bytes bytes = encode_packet(header, body, padding);
            if (padding != Padding::none) RC_ASSERT(bytes.size() % 8 == 0);

            Framer framer;
            framer.push(bytes.span());
            const auto packet = framer.next();
            RC_ASSERT(packet.has_value());
            header.operation = Body::operation;
            RC_ASSERT(packet->header == header);
            const auto again = decode<Body>(packet->body());
            RC_ASSERT(again.has_value());
            // Whether record flags are there is told by the length alone, which padding blurs.
            if constexpr (requires { body.record_flags; })
                if (padding != Padding::none) return;
            RC_ASSERT(*again == body);
        }));
    });
}

TEST_CASE("what the daemon sends is never shorter than what the real one sends") {
    CHECK(encode_packet({}, ReplyControl{}).size() == 48);
    CHECK(encode_packet({}, ReplyCall{}).size() == 48);
    CHECK(encode_packet({}, Message{}).size() == 48);
    CHECK(encode_packet({}, Message{.data = Bytes::copy_of("12345")}).size() == 56);
    CHECK(encode_packet({}, Tunnel{}).size() == 48);
    CHECK(encode_packet({}, Keepalive{}).size() == 40);
}
