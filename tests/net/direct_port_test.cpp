// The door past the ring: what it carries, and what it refuses.
#include "net/direct_port.h"

#include <doctest/doctest.h>

#include <sys/socket.h>

#include "loopback.h"
#include "scratch.h"

using namespace net;
using namespace tests;

namespace {

constexpr ProcessorId one{1, 1}, two{2, 1};

NodeOptions options_of(NodeId self, const std::filesystem::path& key_file = {}) {
    NodeOptions options = loopback_options(self, 2);
    options.direct_port = static_cast<std::uint16_t>(own_port() + 40);
    options.key_file = key_file;
    return options;
}

using Heard = std::vector<std::pair<ProcessorId, std::string>>;

Heard heard_by(DirectPort& port) {
    Heard heard;
    while (port.receive([&](ProcessorId from, const Bytes& content) {
        heard.emplace_back(from, std::string(content.view()));
    })) {
    }
    return heard;
}

std::uint64_t refused(const DirectPort& port) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : port.refusals())
        sum += count;
    return sum;
}

// A datagram from this node's address, and of whatever content.
void throw_in(NodeId from, NodeId to, std::span<const std::uint8_t> bytes) {
    const Endpoint own(boost::asio::ip::make_address(loopback_address(from)), 0);
    const Endpoint target(boost::asio::ip::make_address(loopback_address(to)),
                          options_of(to).direct_port);
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), own.data(), static_cast<socklen_t>(own.size())) == 0);
    ::sendto(socket.get(), bytes.data(), bytes.size(), 0, target.data(),
             static_cast<socklen_t>(target.size()));
}

std::vector<std::uint8_t> sealed_by(const SealContext& context, PacketType type) {
    Sealer sealer(context);
    std::vector<std::uint8_t> datagram(8 + sealer.overhead(), 7);
    datagram.resize(sealer.seal(type, datagram, 8));
    return datagram;
}

std::filesystem::path key_in(const Scratch& scratch) {
    const auto path = scratch / "key";
    create_key_file(path, {1, Cipher::chacha20_poly1305, Secret::random()});
    return path;
}

} // namespace

TEST_CASE("what one node sends the other hears, once, and knows who sent it") {
    DirectPort first(options_of(1), one), second(options_of(2), two);
    first.send(2, Bytes::copy_of(std::string_view("a")));
    first.send(2, Bytes::copy_of(std::string_view("b")));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second) == Heard{{one, "a"}, {one, "b"}});
    second.send(1, Bytes::copy_of(std::string_view("c")));
    REQUIRE(becomes_readable(first.fd()));
    CHECK(heard_by(first) == Heard{{two, "c"}});
    CHECK(refused(first) == 0);
}

TEST_CASE("the largest content arrives whole, and a larger one is not sent") {
    DirectPort first(options_of(1), one), second(options_of(2), two);
    const std::string large(first.content_max(), 'l');
    first.send(2, Bytes::copy_of(std::string_view(large + "!")));
    first.send(2, Bytes::copy_of(std::string_view(large)));
    first.send(9, Bytes::copy_of(std::string_view("nobody")));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second) == Heard{{one, large}});
}

TEST_CASE("a node that is not there is no reason to fail") {
    DirectPort first(options_of(1), one);
    for (int i = 0; i < 3; ++i) {
        first.send(2, Bytes::copy_of(std::string_view("a")));
        CHECK(heard_by(first).empty());
    }
    DirectPort second(options_of(2), two);
    first.send(2, Bytes::copy_of(std::string_view("b")));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second) == Heard{{one, "b"}});
}

TEST_CASE("without a key, only a direct datagram from its sender's address is heard") {
    DirectPort second(options_of(2), two);
    const std::string cluster = options_of(2).cluster;
    throw_in(1, 2, {});
    throw_in(1, 2, std::vector<std::uint8_t>(100, 0xff));
    throw_in(1, 2, std::vector<std::uint8_t>(second.content_max() + 500, 1));
    throw_in(1, 2, sealed_by({"another", one, {}}, PacketType::direct));
    throw_in(3, 2, sealed_by({cluster, one, {}}, PacketType::direct));
    throw_in(1, 2, sealed_by({cluster, {7, 1}, {}}, PacketType::direct));
    throw_in(1, 2, sealed_by({cluster, one, {}}, PacketType::token));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second).empty());
}

TEST_CASE("who comes later is heard, and who was removed is not any more") {
    NodeOptions alone = options_of(1);
    alone.addresses.erase(2);
    DirectPort first(alone, one), second(options_of(2), two);
    const auto nothing_passes = [&] {
        first.send(2, Bytes::copy_of(std::string_view("unsent")));
        second.send(1, Bytes::copy_of(std::string_view("unheard")));
        REQUIRE(becomes_readable(first.fd()));
        CHECK(heard_by(first).empty());
        CHECK(heard_by(second).empty());
    };
    nothing_passes();
    first.set_addresses(options_of(1).addresses);
    first.send(2, Bytes::copy_of(std::string_view("a")));
    second.send(1, Bytes::copy_of(std::string_view("b")));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second) == Heard{{one, "a"}});
    REQUIRE(becomes_readable(first.fd()));
    CHECK(heard_by(first) == Heard{{two, "b"}});
    first.set_addresses(alone.addresses);
    nothing_passes();
    CHECK_THROWS(first.set_addresses({{2, loopback_address(2)}})); // without ourselves
}

TEST_CASE("with a key, what was sealed for the ring opens nothing here") {
    const Scratch scratch;
    const auto key_file = key_in(scratch);
    DirectPort first(options_of(1, key_file), one), second(options_of(2, key_file), two);
    const SealContext ring{options_of(1).cluster, one, read_key_file(key_file).keys};
    throw_in(1, 2, sealed_by(ring, PacketType::direct));
    throw_in(1, 2, sealed_by({ring.cluster, one, {}}, PacketType::direct));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second).empty());
    CHECK(refused(second) == 2);
    first.send(2, Bytes::copy_of(std::string_view("genuine")));
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second) == Heard{{one, "genuine"}});
}

TEST_CASE("with a key, what was recorded is not heard again") {
    const Scratch scratch;
    const auto key_file = key_in(scratch);
    DirectPort second(options_of(2, key_file), two);
    const SealContext context{options_of(1).cluster, one, read_key_file(key_file).keys, "direct"};
    const auto datagram = sealed_by(context, PacketType::direct);
    throw_in(1, 2, datagram);
    throw_in(1, 2, datagram);
    REQUIRE(becomes_readable(second.fd()));
    CHECK(heard_by(second).size() == 1);
    CHECK(second.refusals()[static_cast<std::size_t>(Refusal::replayed)] == 1);
}
