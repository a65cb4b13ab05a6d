// What strangers send to a living ring's ports: random bytes, genuine packets changed on the way or
// sent again. Nothing crashes, nothing is delivered that was not sent, and the ring keeps its token
// (totem.md 7.6).
#include "net/datagrams.h"
#include "net/file.h"
#include "net/seal.h"
#include "net/sockets.h"
#include "tests/net/ring_of_nodes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace net;
using tests::Cluster;

namespace {

using Datagram = std::vector<std::uint8_t>;

// Somebody on the same network, without a key: hears the group, and sends to any port.
class Stranger {
public:
    explicit Stranger(const NodeOptions& listener)
        : plan_(plan_sockets(listener)), sockets_(plan_), pool_(plan_.mtu),
          data_(pool_, sockets_.coalescing), token_(pool_, false), outbox_(plan_.mtu, false) {
        targets_ = sockets_.everybody;
        for (const auto& [node, endpoint] : sockets_.token_of)
            targets_.push_back(endpoint);
    }

    // What the others multicast, and what they send to us.
    std::vector<Datagram> overhear(std::size_t count) {
        std::vector<Datagram> genuine;
        while (genuine.size() < count) {
            pollfd waiting[2] = {{sockets_.data.get(), POLLIN, 0},
                                 {sockets_.token.get(), POLLIN, 0}};
            if (::poll(waiting, 2, 10'000) <= 0) break;
            collect(data_, sockets_.data, genuine);
            collect(token_, sockets_.token, genuine);
        }
        return genuine;
    }

    void send(const Datagram& datagram) {
        const std::size_t size = std::min(datagram.size(), outbox_.room().size());
        std::copy_n(datagram.begin(), size, outbox_.room().begin());
        outbox_.add(size);
        outbox_.flush(sockets_.token.get(), targets_);
    }

private:
    static void collect(Inbox& inbox, const Descriptor& socket, std::vector<Datagram>& out) {
        if (!inbox.receive(socket.get())) return;
        while (!inbox.empty()) {
            Received received = inbox.take();
            out.emplace_back(received.bytes.begin(), received.bytes.end());
        }
    }

    SocketPlan plan_;
    Sockets sockets_;
    BlockPool pool_;
    Inbox data_, token_;
    Outbox outbox_;
    std::vector<Endpoint> targets_;
};

// Genuine bytes with a few changes, cut or prolonged, or bytes that only begin like ours.
Datagram damaged(const Datagram& genuine, std::mt19937& chance) {
    Datagram datagram = genuine;
    switch (chance() % 4) {
    case 0:
        for (int i = 0; i < 3; ++i)
            datagram[chance() % datagram.size()] ^= static_cast<std::uint8_t>(1U << chance() % 8);
        break;
    case 1:
        datagram.resize(chance() % datagram.size());
        break;
    case 2:
        datagram.resize(datagram.size() + 1 + chance() % 100, 0x55);
        break;
    default:
        std::ranges::generate(datagram, [&] { return static_cast<std::uint8_t>(chance()); });
        if (chance() % 2 == 0 && datagram.size() > 3) {
            datagram[0] = 0x31, datagram[1] = 0x54, datagram[2] = 1 + chance() % 8;
            datagram[3] = chance() % 2;
        }
    }
    return datagram;
}

} // namespace

TEST_CASE("junk, damaged and repeated packets crash nothing, and the ring keeps its token") {
    Cluster::Shape shape;
    SUBCASE("sealed") {}
    // Without a key a stranger at a node's address is believed (which is what the warning at start
    // says): here it has an address of its own.
    SUBCASE("in the clear, from an address that is no node's") { shape.sealed = false; }
    shape.nodes = 4;
    Cluster cluster(shape);
    for (const NodeId node : {1, 2, 3})
        cluster.start(node);
    REQUIRE(cluster.ring_of({1, 2, 3}));
    const RingId ring = cluster.journal(1).regular->ring;

    NodeOptions outside = cluster.options(4);
    if (!shape.sealed) {
        outside.self = 5;
        outside.addresses[5] = tests::loopback_address(5);
    }
    Stranger stranger(outside);
    for (int i = 0; i < 30; ++i)
        REQUIRE(cluster.submit(1, fmt::format("before {}", i), Service::agreed));
    const auto genuine = stranger.overhear(40);
    REQUIRE(genuine.size() >= 40);

    std::mt19937 chance(4379); // one fixed story
    for (int i = 0; i < 4000; ++i) {
        const Datagram& original = genuine[chance() % genuine.size()];
        stranger.send(i % 5 == 0 ? original : damaged(original, chance));
        if (i % 50 == 0) REQUIRE(cluster.submit(2, fmt::format("during {}", i), Service::safe));
    }
    REQUIRE(cluster.until([&] {
        return std::ranges::all_of(std::vector<NodeId>{1, 2, 3}, [&](NodeId node) {
            return cluster.journal(node).delivered.size() == 30 + 80;
        });
    }));
    CHECK(cluster.journal(1).delivered == cluster.journal(2).delivered);
    CHECK(cluster.journal(1).delivered == cluster.journal(3).delivered);
    for (const NodeId node : {1, 2, 3}) {
        CHECK(cluster.journal(node).regular->ring == ring);
        CHECK(cluster.journal(node).broken.empty());
    }
    REQUIRE(cluster.until([&] { return cluster.node(1).report().packets_refused > 1000; }));
}

// A member that holds the key and writes nonsense is outside of the fault model (totem.md 7.1), yet
// even then the answer is a refusal and not a crash.
TEST_CASE("nonsense under the right key is refused without a crash") {
    Cluster cluster({.nodes = 3});
    cluster.start(1);
    cluster.start(2);
    REQUIRE(cluster.ring_of({1, 2}));

    const NodeOptions outside = cluster.options(3);
    Stranger stranger(outside);
    Sealer sealer({outside.cluster, ProcessorId{3, 7}, read_key_file(outside.key_file).keys});
    std::mt19937 chance(1995);
    for (int i = 0; i < 3000; ++i) {
        const std::size_t body = chance() % 600;
        Datagram datagram(body + sealer.overhead());
        std::ranges::generate(datagram, [&] { return static_cast<std::uint8_t>(chance()); });
        sealer.seal(static_cast<PacketType>(1 + chance() % 8), datagram, body);
        stranger.send(datagram);
    }
    REQUIRE(cluster.submit(1, "still here", Service::safe));
    REQUIRE(cluster.until([&] { return cluster.journal(2).delivered.size() == 1; }));
    REQUIRE(cluster.until([&] { return cluster.node(1).report().statistics.malformed > 1000; }));
    CHECK(cluster.journal(1).members() == std::vector<NodeId>{1, 2});
}
