// Whole rings of real nodes: they form, order, lose a member, take one back.
#include "net/key_file.h"
#include "net/storage.h"
#include "tests/net/ring_of_nodes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace net;
using tests::Cluster;

namespace {

// Every node submits `each` messages, agreed and safe ones mixed; all are delivered everywhere.
void exchange(Cluster& cluster, const std::vector<NodeId>& members, int each) {
    std::map<NodeId, std::size_t> before;
    for (const NodeId node : members)
        before[node] = cluster.journal(node).delivered.size();
    for (int i = 0; i < each; ++i)
        for (const NodeId node : members)
            REQUIRE(cluster.submit(node, fmt::format("{} of {}", i, node),
                                   i % 3 == 0 ? Service::safe : Service::agreed));
    const std::size_t total = static_cast<std::size_t>(each) * members.size();
    REQUIRE(cluster.until([&] {
        return std::ranges::all_of(members, [&](NodeId node) {
            return cluster.journal(node).delivered.size() == before[node] + total;
        });
    }));
    const auto& all = cluster.journal(members.front()).delivered;
    const std::vector first(all.end() - static_cast<long>(total), all.end());
    for (const NodeId node : members) {
        const auto& theirs = cluster.journal(node).delivered;
        CHECK(std::equal(first.begin(), first.end(), theirs.end() - static_cast<long>(total)));
    }
}

} // namespace

TEST_CASE("nodes form one ring and deliver everything in one order") {
    Cluster::Shape shape;
    SUBCASE("sealed, multicast") {}
    SUBCASE("in the clear, multicast") { shape.sealed = false; }
    SUBCASE("sealed, unicast fan-out") { shape.transport = Transport::unicast; }
    SUBCASE("in the clear, unicast fan-out, jumbo frames") {
        shape.sealed = false;
        shape.transport = Transport::unicast;
        shape.mtu = 0;
    }
    SUBCASE("sealed, multicast, without offload") { shape.offload = false; }
    SUBCASE("in the clear, unicast fan-out, without offload") {
        shape.sealed = false;
        shape.transport = Transport::unicast;
        shape.offload = false;
    }
    Cluster cluster(shape);
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2, 3}));
    exchange(cluster, {1, 2, 3}, 100);
    for (const NodeId node : {1, 2, 3}) {
        const auto& hints = cluster.journal(node).regular->hints;
        REQUIRE(hints.size() == 3);
        CHECK(hints[1].view() == "hint of 2");
    }
}

TEST_CASE("a single node is a ring, and serves without a token on the wire") {
    Cluster cluster({.nodes = 1});
    cluster.start(1);
    REQUIRE(cluster.ring_of({1}));
    exchange(cluster, {1}, 50);
}

TEST_CASE("messages from one byte to many fragments arrive unharmed") {
    Cluster cluster({.nodes = 2});
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2}));
    std::vector<std::string> sent;
    for (const std::size_t size : {1, 100, 1300, 1400, 5000, 100'000, 1'000'000}) {
        sent.emplace_back(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            sent.back()[i] = static_cast<char>(i * 31 + size);
        REQUIRE(cluster.submit(1, sent.back(), Service::agreed));
    }
    const bool complete = cluster.until([&] {
        return cluster.journal(1).delivered.size() == sent.size() &&
               cluster.journal(2).delivered.size() == sent.size();
    });
    INFO(cluster.explain());
    REQUIRE(complete);
    CHECK((cluster.journal(2).texts() == sent));
    CHECK((cluster.journal(1).texts() == sent));
}

TEST_CASE("when a node dies the others go on; when it returns it is another processor") {
    Cluster::Shape shape;
    SUBCASE("sealed") {}
    SUBCASE("in the clear") { shape.sealed = false; }
    Cluster cluster(shape);
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2, 3}));
    exchange(cluster, {1, 2, 3}, 20);
    const ProcessorId first_life = cluster.node(3).self();

    cluster.destroy(3);
    REQUIRE(cluster.ring_of({1, 2}));
    exchange(cluster, {1, 2}, 20);

    cluster.start(3);
    REQUIRE(cluster.ring_of({1, 2, 3}));
    CHECK(cluster.node(3).self().incarnation == first_life.incarnation + 1);
    exchange(cluster, {1, 2, 3}, 20);
}

TEST_CASE("a node that leaves cleanly is gone at once, and says so") {
    Cluster cluster({});
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2, 3}));
    REQUIRE(cluster.submit(3, "last words", Service::agreed));
    cluster.node(3).leave();
    CHECK_FALSE(cluster.node(3).submit(Bytes::copy_of("too late"), Service::agreed));
    REQUIRE(cluster.until([&] { return cluster.journal(3).left; }));
    REQUIRE(cluster.ring_of({1, 2}));
    CHECK(cluster.journal(1).texts() == std::vector<std::string>{"last words"});
    exchange(cluster, {1, 2}, 10);
}

TEST_CASE("a slow application holds the ring back instead of losing or hoarding messages") {
    Cluster cluster({.nodes = 2, .events_max = 256});
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2}));
    cluster.hold_back(2);
    // Far more than windows and queues hold: the submitter is stopped before all are taken.
    const std::string text(20'000, 'x');
    constexpr std::size_t far_too_many = 5000;
    std::size_t accepted = 0;
    const auto submit_until_refused = [&] {
        while (accepted < far_too_many &&
               cluster.node(1).submit(Bytes::copy_of(text), Service::agreed))
            ++accepted;
    };
    submit_until_refused();
    cluster.journal(1).room = false;
    CHECK(accepted < far_too_many);
    cluster.let_go();
    REQUIRE(cluster.until(
        [&] {
            if (std::exchange(cluster.journal(1).room, false)) submit_until_refused();
            return cluster.journal(2).delivered.size() == far_too_many;
        },
        std::chrono::seconds(60)));
    std::uint64_t expected = 1;
    for (const auto& entry : cluster.journal(2).delivered)
        REQUIRE(entry.counter == expected++);
    CHECK(cluster.journal(2).members() == std::vector<NodeId>{1, 2}); // and was never expelled
}

TEST_CASE("a node with another key, or none, is not heard; the ring keeps its token") {
    Cluster cluster({});
    cluster.start(1);
    cluster.start(2);
    REQUIRE(cluster.ring_of({1, 2}));
    NodeOptions options = cluster.options(3);
    SUBCASE("another key") {
        options.key_file = cluster.scratch / "other key";
        create_key_file(options.key_file, {1, Cipher::chacha20_poly1305, Secret::random()});
    }
    SUBCASE("no key") { options.key_file.clear(); }
    SUBCASE("another cluster's name") { options.cluster = "other"; }
    const std::uint64_t rings = cluster.node(1).report().statistics.rings_installed;
    cluster.start(3, options);
    REQUIRE(cluster.ring_of({3})); // alone
    REQUIRE(cluster.until([&] { return cluster.node(1).report().packets_refused > 10; }));
    exchange(cluster, {1, 2}, 20);
    CHECK(cluster.node(1).report().statistics.rings_installed == rings);
    CHECK(cluster.journal(1).members() == std::vector<NodeId>{1, 2});
}

TEST_CASE("the report tells phase, ring, members and traffic") {
    Cluster cluster({.nodes = 2});
    cluster.start_all();
    REQUIRE(cluster.ring_of({1, 2}));
    exchange(cluster, {1, 2}, 5);
    REQUIRE(cluster.until([&] {
        const NodeReport report = cluster.node(1).report();
        return report.phase == membership::Phase::operational && report.members.size() == 2 &&
               report.statistics.messages_delivered >= 10;
    }));
    const NodeReport report = cluster.node(1).report();
    CHECK(report.self == cluster.node(1).self());
    CHECK(report.sealed);
    CHECK(report.ring == cluster.journal(1).regular->ring);
    CHECK(report.packets_sent > 0);
    CHECK(report.packets_received > 0);
    CHECK(report.packets_refused == 0);
    CHECK_FALSE(report.explanation.empty());
}

TEST_CASE("what cannot start says why, and a failed start uses up no life") {
    Cluster cluster({.nodes = 2});
    cluster.start(1);
    const auto refusal = [&](auto change) {
        NodeOptions options = cluster.options(2);
        change(options);
        return tests::complaint([&] { const Node node(options); });
    };
    CHECK(tests::says(refusal([](NodeOptions& o) { o.key_file = "/nonexistent/key"; }),
                      {"/nonexistent/key", "totem-keygen"}));
    CHECK(tests::says(refusal([](NodeOptions& o) { o.new_identity = false; }),
                      {"state-2", "--new-identity"}));
    CHECK(tests::says(refusal([](NodeOptions& o) { o.state_file = "/nonexistent/state"; }),
                      {"/nonexistent/state", "directory"}));
    CHECK(tests::says(refusal([](NodeOptions& o) { o.mtu = 100; }), {"mtu"}));
    CHECK(tests::says(refusal([](NodeOptions& o) { o.settings.join = o.settings.consensus; }),
                      {"join"}));
    CHECK_FALSE(std::filesystem::exists(cluster.scratch / "state-2.a"));
    CHECK(tests::says(tests::complaint([&] { const Node again(cluster.options(1)); }),
                      {"running already"}));
    // The running life may have extended its lease meanwhile, so its files may have changed.
    const NodeOptions options = cluster.options(1);
    const StableStorage stored(options.state_file, options.cluster, 1);
    REQUIRE(stored.record());
    CHECK(stored.record()->incarnation == cluster.node(1).self().incarnation);
}
