// The envelope, byte by byte (totem.md 3.1).
#include "totem/envelope.h"

#include <doctest/doctest.h>

#include <functional>
#include <numeric>
#include <string>
#include <vector>

using namespace totem;

namespace {

using Datagram = std::array<std::uint8_t, envelope_size>;

const Envelope sample = {
    .type = PacketType::commit,
    .encrypted = true,
    .key_id = 7,
    .link_id = 1,
    .cluster_tag = 0xa1b2c3d4,
    .sender = {.node = 3, .incarnation = 0x11},
    .boot_nonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .counter = 0x0102030405060708,
};

const Datagram sample_bytes = {
    0x31, 0x54,                                      // magic and version, "1T": little-endian "T1"
    4,                                               // type
    1,                                               // flags: encrypted
    7,                                               // key
    1,                                               // link
    0xd4, 0xc3, 0xb2, 0xa1,                          // cluster
    0x11, 0,    0,    0,    3,    0,    0,    0,     // sender: incarnation, then node
    0,    1,    2,    3,    4,    5,    6,    7,     // boot nonce
    8,    9,    10,   11,   12,   13,   14,   15,    //
    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01}; // counter

std::span<const std::uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace

TEST_CASE("envelope: the bytes of the specification") {
    Datagram out{};
    encode_envelope(sample, out);
    CHECK(out == sample_bytes);
    const auto again = decode_envelope(sample_bytes);
    REQUIRE(again.has_value());
    CHECK(*again == sample);
}

TEST_CASE("envelope: what follows it is not its business") {
    std::vector<std::uint8_t> datagram(sample_bytes.begin(), sample_bytes.end());
    datagram.resize(1500, 0xee);
    CHECK(*decode_envelope(datagram) == sample);
}

TEST_CASE("envelope: every malformed one is refused for its reason") {
    struct Row {
        const char* what;
        std::function<void(Datagram&)> damage;
        WireError reason;
    };

    const std::vector<Row> rows = {
        {"another magic", [](Datagram& d) { d[1] = 0x55; }, WireError::unknown_version},
        {"a later version", [](Datagram& d) { d[0] = 0x32; }, WireError::unknown_version},
        {"type 0", [](Datagram& d) { d[2] = 0; }, WireError::unknown_type},
        {"type 10", [](Datagram& d) { d[2] = 10; }, WireError::unknown_type},
        {"a flag nobody knows", [](Datagram& d) { d[3] = 2; }, WireError::bad_field},
        {"sent by node 0", [](Datagram& d) { d[14] = 0; }, WireError::bad_field},
        {"counter 0", [](Datagram& d) { std::fill(&d[34], &d[34] + 8, 0); }, WireError::bad_field},
        {"counter 2^63", [](Datagram& d) { d[41] = 0x80; }, WireError::bad_field},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Datagram damaged = sample_bytes;
        row.damage(damaged);
        const auto envelope = decode_envelope(damaged);
        REQUIRE(envelope.has_error());
        CHECK(envelope.error() == row.reason);
    }
    for (std::size_t size = 0; size < envelope_size; ++size) {
        const std::vector<std::uint8_t> cut(sample_bytes.data(), sample_bytes.data() + size);
        CHECK(decode_envelope(cut).error() == WireError::too_short);
    }
}

TEST_CASE("crc32c: the published vectors (RFC 3720, B.4)") {
    for (const auto checksum : {crc32c, crc32c_by_tables}) {
        std::array<std::uint8_t, 32> bytes{};
        CHECK(checksum(bytes) == 0x8a9136aa);
        bytes.fill(0xff);
        CHECK(checksum(bytes) == 0x62a8ab43);
        std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
        CHECK(checksum(bytes) == 0x46dd794e);
        CHECK(checksum(as_bytes("123456789")) == 0xe3069283);
        CHECK(checksum({}) == 0);
    }
}

TEST_CASE("crc32c: with and without the processor's help, whatever length and alignment") {
    std::array<std::uint8_t, 64> bytes{};
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{3});
    for (std::size_t from = 0; from < 9; ++from)
        for (std::size_t size = 0; from + size <= bytes.size(); ++size) {
            const auto part = std::span<const std::uint8_t>(bytes).subspan(from, size);
            CHECK(crc32c(part) == crc32c_by_tables(part));
        }
}
