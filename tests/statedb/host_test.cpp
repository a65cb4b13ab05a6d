// The Host's promises, one by one, with the test as the network.
#include "tests/statedb/ledger.h"

using namespace statedb;
using namespace statedb::test;

namespace {

using Texts = std::vector<std::string>;

struct Cluster {
    explicit Cluster(std::size_t nodes, RingModel::Adjust adjust = {})
        : ring(
              nodes,
              [this](ProcessorId self) {
                  return std::make_unique<LedgerApplication>(self, chronicle);
              },
              std::move(adjust)) {}

    Ledger& ledger(NodeId node) { return ring.application<LedgerApplication>(node).ledger; }

    void write(NodeId node, const std::string& text, Service guarantee = Service::safe) {
        ledger(node).write(text, ring.outbox(node), guarantee);
    }

    // A ring of these, and all that follows from it.
    void meet(const std::set<NodeId>& nodes) {
        ring.form_ring(nodes);
        ring.settle();
    }

    // Until the host has said all that it wants and it is on its way.
    void originate_all(NodeId node) {
        while (ring.submit(node) || ring.originate(node)) {
        }
    }

    void deliver_all(NodeId node) {
        while (ring.receive(node) || ring.deliver(node)) {
        }
    }

    Chronicle chronicle;
    RingModel ring;
};

} // namespace

TEST_CASE("host: a cold start forms a fresh primary component of a majority") {
    Cluster c(3);
    c.meet({1});
    CHECK(c.ring.status(1).phase == HostPhase::no_quorum);
    c.meet({1, 2});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2});
    CHECK(c.ledger(1).view().fresh);
    CHECK(c.ledger(1).beginnings == 1);
    CHECK(c.ledger(1).last_summaries.size() == 2);
    CHECK(c.ring.status(1).epoch == 1);
    CHECK(c.ring.disk(1).last_primary == Primary{1, {1, 2}, {1, 2, 3}});
}

TEST_CASE("host: with a condition beside the votes nothing forms before the lowest member may") {
    Cluster c(3, [](HostSettings& settings) { settings.permission_needed = true; });
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().empty());
    const auto permit = [&](NodeId node, bool may) {
        c.ring.host(node).permit(c.ring.now_, may);
        c.ring.settle();
    };
    permit(2, true);
    CHECK(c.ring.active_nodes().empty());
    permit(1, true);
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2, 3});
    permit(1, false); // counts when the next component forms
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2, 3});
    c.ring.partition({{1, 3}, {2}});
    c.ring.settle();
    CHECK(c.ring.active_nodes().empty());
    permit(1, true);
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 3});
}

TEST_CASE("host: commands are applied by all members in one order") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(1, "a");
    c.write(2, "b");
    c.write(3, "c");
    c.ring.settle();
    CHECK(c.ledger(1).texts().size() == 3);
    CHECK(c.ledger(1).texts() == c.ledger(2).texts());
    CHECK(c.ledger(1).texts() == c.ledger(3).texts());
    CHECK(c.ring.status(2).applied == 3);
}

TEST_CASE("host: the majority goes on, the minority does not act, and what it wanted is not lost") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.ring.partition({{1, 2}, {3}});
    c.ring.settle();
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2});
    CHECK_FALSE(c.ledger(3).view().primary);
    c.write(1, "kept");
    c.write(3, "later");
    c.ring.settle();
    CHECK(c.ledger(3).texts().empty());
    CHECK(c.ledger(2).texts() == Texts{"kept"});

    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().size() == 3);
    CHECK(c.ledger(3).loads == 1);
    CHECK(c.ledger(3).texts() == Texts{"kept", "later"});
    CHECK(c.ledger(1).texts() == c.ledger(3).texts());
}

TEST_CASE("host: a component shrinks to the last node, the lowest of two") {
    Cluster c(5);
    c.meet({1, 2, 3, 4, 5});
    const std::vector<std::set<NodeId>> rests = {{1, 2, 3}, {1, 2}, {1}};
    for (const auto& rest : rests) {
        std::vector<std::set<NodeId>> groups = {rest};
        for (NodeId lost = 5; !rest.contains(lost); --lost)
            groups.push_back({lost});
        c.ring.partition(groups);
        c.ring.settle();
        CHECK(c.ring.active_nodes() == rest);
    }
    c.write(1, "alone");
    c.ring.settle();
    CHECK(c.ledger(1).texts() == Texts{"alone"});
    // The others, all together, know nothing of it and may not act.
    c.meet({2, 3, 4, 5});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1});
}

TEST_CASE("host: the higher of two may not go on alone") {
    Cluster c(2);
    c.meet({1, 2});
    c.meet({2});
    CHECK(c.ring.status(2).phase == HostPhase::no_quorum);
    CHECK(c.ring.status(2).quorum == "1 of 2 of primary component 1 are here");
}

TEST_CASE("host: after a resignation the other one goes on alone") {
    Cluster c(2);
    c.meet({1, 2});
    c.ring.host(1).resign(c.ring.now_);
    CHECK_FALSE(c.ring.host(1).resigned());
    c.ring.settle();
    CHECK(c.ring.host(1).resigned());
    const ProcessorId gone = c.ring.id(1);
    c.ring.host(2).noticed_leave(gone);
    c.ring.crash(1);
    c.meet({2});
    CHECK(c.ring.active(2));
    CHECK(c.ledger(2).view().departed == std::vector{gone});
    CHECK(c.ledger(2).view().left == std::vector{gone});
}

TEST_CASE("host: that a former life left cleanly says nothing about a later one") {
    Cluster c(3);
    c.meet({1, 2, 3});
    const ProcessorId gone = c.ring.id(1);
    c.ring.host(2).noticed_leave({gone.node, gone.incarnation + 1});
    c.ring.crash(1);
    c.meet({2, 3});
    CHECK(c.ledger(2).view().departed == std::vector{gone});
    CHECK(c.ledger(2).view().left.empty());
}

TEST_CASE("host: all may resign at once; the last to leave keeps the vote") {
    Cluster c(3);
    c.meet({1, 2, 3});
    for (NodeId node = 1; node <= 3; ++node)
        c.ring.host(node).resign(c.ring.now_);
    c.ring.settle();
    for (NodeId node = 1; node <= 3; ++node)
        CHECK(c.ring.host(node).resigned());
    CHECK(c.ring.disk(3).last_primary.nodes.size() == 1);
}

TEST_CASE("host: a restarted node catches up while commands go on") {
    Cluster c(3);
    c.meet({1, 2, 3});
    for (int i = 0; i < 20; ++i)
        c.write(1, "before " + std::to_string(i));
    c.ring.settle();
    c.ring.crash(3);
    c.ring.start(3);
    c.ring.form_ring({1, 2, 3});
    int between = 0;
    while (!c.ring.active(3)) {
        for (NodeId node = 1; node <= 3; ++node)
            c.ring.step(node);
        if (c.ring.active(1) && ++between % 8 == 0) c.write(2, "while " + std::to_string(between));
    }
    c.ring.settle();
    CHECK(c.ledger(3).loads == 1);
    CHECK(c.ledger(3).texts().size() > 21);
    CHECK(c.ledger(3).texts() == c.ledger(1).texts());
    CHECK(c.ledger(3).view().joined == std::vector{c.ring.id(3)});
    CHECK(c.chronicle.broken.empty());
}

TEST_CASE("host: a transfer that a configuration interrupts starts over") {
    Cluster c(4);
    c.meet({1, 2, 3});
    for (int i = 0; i < 10; ++i)
        c.write(1, "text " + std::to_string(i));
    c.ring.settle();
    c.ring.form_ring({1, 2, 3, 4});
    while (c.ring.status(4).phase != HostPhase::syncing)
        for (NodeId node = 1; node <= 4; ++node)
            c.ring.step(node);
    c.ring.crash(1); // the donor
    c.meet({2, 3, 4});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{2, 3, 4});
    CHECK(c.ledger(4).texts().size() == 10);
    CHECK(c.ledger(4).texts() == c.ledger(2).texts());
}

TEST_CASE("host: a member that never got the state has no vote in the next component") {
    // 3 alone commits; 1 begins to receive its state, and then 3 dies. 1 is the lower of two, but
    // it could only forget what 3 committed.
    Cluster c(3);
    c.meet({1, 2, 3});
    c.meet({2, 3});
    c.ring.host(2).resign(c.ring.now_);
    c.ring.settle();
    c.meet({3});
    c.write(3, "precious");
    c.ring.settle();
    REQUIRE(c.ledger(3).texts() == Texts{"precious"});

    c.ring.form_ring({1, 3});
    while (c.ring.status(1).phase != HostPhase::syncing)
        for (const NodeId node : {1U, 3U})
            c.ring.step(node);
    c.ring.crash(3);
    c.meet({1});
    CHECK(c.ring.status(1).phase == HostPhase::no_quorum);
    c.meet({1, 2});
    CHECK(c.ring.active_nodes().empty());
    c.ring.start(3);
    c.meet({1, 3});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 3});
}

TEST_CASE("host: a member that has received the state votes") {
    Cluster c(3);
    c.meet({1, 2});
    c.meet({1, 2, 3});
    CHECK(c.ring.disk(1).last_primary.nodes == std::vector<NodeId>{1, 2, 3});
    c.meet({2, 3});
    CHECK(c.ring.active_nodes().contains(3));
}

TEST_CASE("host: commands of a transitional configuration wait and then count for everybody") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(1, "tail");
    c.originate_all(1);
    c.ring.receive(2); // 2 has it, 1 has it, 3 has not: nobody may deliver it as safe
    c.deliver_all(1);
    CHECK(c.ledger(1).texts().empty());
    c.ring.form_ring({1, 2});
    CHECK(c.ledger(1).texts().empty()); // delivered, yellow
    c.ring.settle();
    CHECK(c.ledger(1).texts() == Texts{"tail"});
    CHECK(c.ledger(2).texts() == Texts{"tail"});
    CHECK(c.ledger(1).refusals == 0);
}

TEST_CASE("host: a yellow command that the primary side never saw is refused and sent again") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(3, "unheard");
    c.originate_all(3);
    c.ring.partition({{1, 2}, {3}});
    c.ring.settle();
    CHECK(c.ledger(1).texts().empty());
    CHECK(c.ledger(3).texts().empty());
    c.write(1, "first");
    c.ring.settle();
    c.meet({1, 2, 3});
    CHECK(c.ledger(3).refusals == 1);
    CHECK(c.ledger(3).texts() == Texts{"first", "unheard"});
    CHECK(c.ledger(2).texts() == c.ledger(3).texts());
}

TEST_CASE("host: a yellow command that the primary side has comes back absorbed, not again") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(3, "heard");
    c.originate_all(3);
    c.ring.receive(1);
    c.ring.partition({{1, 2}, {3}});
    c.ring.settle();
    CHECK(c.ledger(1).texts() == Texts{"heard"});
    c.meet({1, 2, 3});
    CHECK(c.ledger(3).refusals == 0);
    CHECK(c.ledger(3).absorptions == 1);
    CHECK(c.ledger(3).texts() == Texts{"heard"});
    CHECK(c.chronicle.broken.empty());
}

TEST_CASE("host: what is ordered before the component is formed is refused, and tried again") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(1, "early");
    c.ring.submit(1); // it is in the ring's queue when the ring breaks
    c.ring.form_ring({1, 2, 3});
    c.ring.originate(1);
    c.ring.settle();
    CHECK(c.ledger(1).refusals == 1);
    CHECK(c.ledger(1).texts() == Texts{"early"});
    CHECK(c.ledger(3).texts() == Texts{"early"});
    CHECK(c.ledger(3).loads == 0);
}

TEST_CASE("host: an attempt with unknown outcome blocks those who might rival it") {
    // 1 and 2 form a component; 1 alone sees the last CREATE in the regular configuration.
    Cluster c(3);
    c.meet({1, 2, 3});
    c.ring.form_ring({1, 2});
    while (!c.ring.active(1)) {
        for (const NodeId node : {1U, 2U})
            c.ring.store(node) || c.ring.submit(node) || c.ring.originate(node) ||
                c.ring.receive(node);
        c.ring.deliver(1);
        if (c.ring.status(2).phase == HostPhase::forming && c.ring.disk(2).attempts.empty())
            c.ring.deliver(2);
    }
    CHECK(c.ring.disk(2).attempts == std::vector{Primary{2, {1, 2}, {1, 2, 3}}});
    c.write(1, "mine", Service::agreed);
    c.originate_all(1);
    c.deliver_all(1);
    CHECK(c.ledger(1).texts() == Texts{"mine"});

    c.meet({2, 3}); // two of three of component 1, but one of two of component 2
    CHECK(c.ring.status(2).phase == HostPhase::no_quorum);
    CHECK(c.ring.status(3).quorum.find("component 2, which may have formed") != std::string::npos);
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().size() == 3);
    CHECK(c.ledger(3).texts() == Texts{"mine"});
}

TEST_CASE("host: who holds an attempt that nobody formed is not taken for one of another ring") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.ring.form_ring({1, 2, 3});
    // All attempt component 2; 3 receives every CREATE, 1 and 2 all but the last.
    const auto attempts = [&](NodeId node) { return !c.ring.disk(node).attempts.empty(); };
    while (!attempts(1) || !attempts(2) || !attempts(3))
        for (const NodeId node : {1U, 2U, 3U})
            c.ring.store(node) || c.ring.submit(node) || c.ring.originate(node) ||
                c.ring.receive(node) || c.ring.deliver(node);
    for (const NodeId node : {1U, 2U, 3U})
        c.originate_all(node);
    while (c.ring.receive(3)) {
    }
    c.ring.partition({{1, 2}, {3}});
    c.ring.settle();
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2});
    CHECK(c.ring.disk(3).attempts == std::vector{Primary{2, {1, 2, 3}, {1, 2, 3}}});
    CHECK(c.ring.disk(1).last_primary ==
          Primary{3, {1, 2}, {1, 2, 3}}); // an index names one component

    const auto loads = c.ledger(3).loads;
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().size() == 3);
    CHECK(c.ledger(3).loads == loads + 1); // it was not there when 1 and 2 went on
    CHECK(c.chronicle.broken.empty());
}

TEST_CASE(
    "host: who lost all volatile state begins anew, and stale state elsewhere does not return") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.write(1, "old");
    c.ring.settle();
    c.ring.partition({{1, 2}, {3}});
    c.ring.settle();
    for (const NodeId node : {1U, 2U}) {
        c.ring.crash(node);
        c.ring.start(node);
    }
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().size() == 3);
    for (NodeId node = 1; node <= 3; ++node) {
        CHECK(c.ledger(node).view().fresh);
        CHECK(c.ledger(node).texts().empty());
    }
    // 3 was not in component 2 and so cannot have the newest durable state.
    const auto& summaries = c.ledger(1).last_summaries;
    CHECK(summaries[0].last_primary == 2);
    CHECK(summaries[1].last_primary == 2);
    CHECK(summaries[2].last_primary == 1);
    CHECK(summaries[2].content.view() == "3");
    // Whose nodes have the newest must be known to those who may have to wait for them.
    CHECK(summaries[0].component == std::vector<NodeId>{1, 2});
    CHECK(summaries[2].component == std::vector<NodeId>{1, 2, 3});
}

TEST_CASE("host: in a fresh epoch only settled members get a vote") {
    Cluster c(3);
    c.meet({1, 2, 3});
    c.meet({1, 2});
    for (const NodeId node : {1U, 2U, 3U}) {
        c.ring.crash(node);
        c.ring.start(node);
    }
    c.ledger(3).is_settled = false; // still copies what 1 and 2 have on disk
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().size() == 3);
    CHECK(c.ring.disk(3).last_primary.nodes == std::vector<NodeId>{1, 2});
    c.ledger(3).is_settled = true;
    c.ring.host(3).tick(c.ring.now_);
    c.ring.settle();
    CHECK(c.ring.disk(3).last_primary.nodes == std::vector<NodeId>{1, 2, 3});
}

TEST_CASE("host: a replica that diverged is found, named, and loads the state anew") {
    Cluster c(3, [](HostSettings& settings) { settings.digest_interval = 4; });
    c.meet({1, 2, 3});
    c.ledger(1).corrupt("a cosmic ray");
    for (int i = 0; i < 6; ++i)
        c.write(2, "text " + std::to_string(i));
    c.ring.settle();
    CHECK(c.ledger(1).texts() == c.ledger(2).texts());
    CHECK(c.ledger(1).texts().size() == 6);
    CHECK(c.ring.active_nodes().size() == 3);
    CHECK(c.ledger(1).loads == 1);
    CHECK(c.ledger(2).loads == 0);
    REQUIRE(c.ring.alarms(3).size() == 1);
    CHECK(c.ring.alarms(3)[0].find("replica of node 1 differs") != std::string::npos);
    CHECK(c.ring.disk(1).last_primary.nodes == std::vector<NodeId>{1, 2, 3});
}

TEST_CASE("host: of two that differ the higher one loads") {
    Cluster c(2, [](HostSettings& settings) { settings.digest_interval = 1; });
    c.meet({1, 2});
    c.ledger(1).corrupt("x");
    c.write(1, "text");
    c.ring.settle();
    CHECK(c.ledger(2).loads == 1);
    CHECK(c.ledger(2).texts() == c.ledger(1).texts());
}

TEST_CASE("host: garbage is counted and changes nothing") {
    Cluster c(2);
    c.meet({1, 2});
    Delivery message{.origin = c.ring.id(2), .ring = c.ring.status(1).ring};
    for (const std::string& garbage :
         {std::string(), std::string(1, '\0'), std::string("\0\xff\xff", 3), std::string("\x80", 1),
          std::string("\x81\x01\x02", 3), std::string("\x05..", 3)}) {
        message.payload = Bytes::copy_of(garbage);
        c.ring.host(1).deliver(c.ring.now_, message);
    }
    CHECK(c.ring.status(1).malformed == 6);
    CHECK(c.ring.active_nodes().size() == 2);
}

TEST_CASE("host: it says when too much waits for the ring") {
    Cluster c(1, [](HostSettings& settings) { settings.pending_bytes_max = 100; });
    c.meet({1});
    CHECK_FALSE(c.ring.host(1).congested());
    c.write(1, std::string(150, 'x'));
    CHECK(c.ring.host(1).congested());
    c.ring.settle();
    CHECK_FALSE(c.ring.host(1).congested());
}

TEST_CASE("host: without quorum commands stay at home") {
    Cluster c(3);
    c.meet({3});
    c.write(3, "patient");
    CHECK(c.ring.host(3).next_submission() == nullptr);
    c.meet({2, 3});
    CHECK(c.ledger(2).texts() == Texts{"patient"});
    CHECK(c.ledger(3).refusals == 0);
}
