// A cluster lock with a witness (ADR 19): who has the lock may go on alone, and whatever was
// committed under it is never forgotten by somebody else who has it later.
#include "tests/statedb/ledger.h"

#include <rapidcheck.h>

using namespace statedb;
using namespace statedb::test;

namespace {

// The lock, what the witness remembers, and worlds that keep the contract: a host's testimony and
// its permission are given only while its node has the lock.
class LockedCluster {
public:
    explicit LockedCluster(std::size_t nodes)
        : ring(
              nodes,
              [this](ProcessorId self) {
                  return std::make_unique<LedgerApplication>(self, chronicle);
              },
              [](HostSettings& settings) {
                  settings.permission_needed = true;
                  settings.has_witness = true;
              }) {}

    Ledger& ledger(NodeId node) { return ring.application<LedgerApplication>(node).ledger; }

    void write(NodeId node, const std::string& text) {
        ledger(node).write(text, ring.outbox(node), Service::safe);
    }

    // Who has it keeps it while anything may come of it; who may use it takes it if it is free.
    bool look(NodeId node) {
        const HostStatus status = ring.status(node);
        const bool leads = !status.members.empty() && status.members.front() == ring.id(node);
        const bool useful = status.phase == HostPhase::waiting ||
                            (leads && (status.testimony_wanted || status.testimony_counts ||
                                       status.phase != HostPhase::no_quorum));
        if (holder == node && !useful) {
            lose_lock(node);
            return true;
        }
        if (!holder && (status.testimony_wanted || status.attempt)) holder = node;
        if (holder != node) return false;
        if (status.testimony_wanted) {
            ring.host(node).testify(ring.now_, memory);
        } else if (status.attempt && written != status.attempt) {
            memory = witnessed(*status.attempt);
            written = status.attempt;
            ring.host(node).permit(ring.now_, true);
        } else {
            return false;
        }
        return true;
    }

    void lose_lock(NodeId node) {
        holder.reset();
        ring.host(node).permit(ring.now_, false);
    }

    void settle() {
        for (bool progress = true; progress;) {
            ring.settle();
            progress = false;
            for (const NodeId node : ring.living())
                progress |= look(node);
        }
    }

    void meet(const std::set<NodeId>& nodes) {
        ring.form_ring(nodes);
        settle();
    }

    void crash(NodeId node) {
        ring.crash(node);
        if (holder == node) holder.reset();
    }

    Chronicle chronicle;
    RingModel ring;
    std::optional<NodeId> holder;
    History memory;
    std::optional<Primary> written; // the last that the witness was told of
};

} // namespace

TEST_CASE("witness: the survivor of two goes on with the lock, and the other waits for it later") {
    LockedCluster c(2);
    c.meet({1, 2});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2});
    c.crash(1);
    c.meet({2});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{2});
    c.write(2, "alone");
    c.settle();
    c.crash(2);
    c.ring.start(1);
    c.meet({1}); // votes alone would let it: half of the last component that it knows, and lowest
    CHECK(c.ring.active_nodes().empty());
    CHECK(c.ring.status(1).quorum.find("0 of 1 of component") != std::string::npos);
    c.ring.start(2);
    c.meet({1, 2});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1, 2});
    CHECK(c.chronicle.broken.empty());
}

TEST_CASE("witness: of two that only lost each other one goes on, and the other not even later") {
    LockedCluster c(2);
    c.meet({1, 2});
    c.ring.partition({{2}, {1}});
    c.settle();
    CHECK(c.ring.active_nodes() == std::set<NodeId>{1}); // it had the lock
    c.write(1, "committed");
    c.settle();
    c.crash(1);
    c.settle();
    CHECK_FALSE(c.holder.has_value());
    c.meet({2}); // the lock is free now
    CHECK(c.ring.active_nodes().empty());
}

TEST_CASE("witness: without the lock a majority waits") {
    LockedCluster c(3);
    c.holder = 9; // somebody else
    c.meet({1, 2, 3});
    CHECK(c.ring.active_nodes().empty());
    c.holder.reset();
    c.settle();
    CHECK(c.ring.active_nodes().size() == 3);
}

TEST_CASE("witness: a first component needs a majority of the cluster all the same") {
    LockedCluster c(3);
    c.meet({3});
    CHECK(c.ring.active_nodes().empty());
    c.meet({2, 3});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{2, 3});
}

TEST_CASE("witness: an attempt that was witnessed and reached nobody's disk but one binds nobody") {
    LockedCluster c(3);
    c.meet({1, 2, 3});
    c.memory = witnessed({7, {1, 2, 3}}); // told by a 1 that died before 2 and 3 had it stored
    c.crash(1);
    c.meet({2, 3});
    CHECK(c.ring.active_nodes() == std::set<NodeId>{2, 3});
    CHECK(c.ring.disk(2).last_primary ==
          Primary{8, {2, 3}, {1, 2, 3}}); // an index names one component
}

TEST_CASE("witness: nothing forms with a node that has none") {
    Chronicle chronicle;
    RingModel ring(
        2, [&](ProcessorId self) { return std::make_unique<LedgerApplication>(self, chronicle); },
        [](HostSettings& settings) {
            settings.has_witness = settings.permission_needed = settings.self.node == 1;
        });
    ring.form_ring({1, 2});
    ring.settle();
    ring.host(1).permit(ring.now_, true);
    ring.settle();
    CHECK(ring.active_nodes().empty());
    CHECK(ring.status(1).quorum == "not every node here has a witness configured");
    CHECK_FALSE(ring.status(1).testimony_wanted);
}

namespace {

// Partitions, crashes and returns; hosts, disks and worlds take their steps one by one in any order
// between them.
struct Turmoil {
    explicit Turmoil(const std::vector<std::uint16_t>& given) : dice(given) {}

    void play() {
        c.meet({1, 2, 3});
        for (at = 0; at < dice.size();)
            act();
    }

    void heal() {
        for (const NodeId node : {1U, 2U, 3U})
            if (!c.ring.alive(node)) c.ring.start(node);
        c.meet({1, 2, 3});
    }

    std::uint32_t draw(std::uint32_t below) { return at < dice.size() ? dice[at++] % below : 0; }

    NodeId living() {
        const auto nodes = c.ring.living();
        return *std::next(nodes.begin(), draw(static_cast<std::uint32_t>(nodes.size())));
    }

    void act() {
        const std::uint32_t what = draw(32);
        if (what == 0) {
            split();
        } else if (what == 1 && c.ring.living().size() > 1) {
            c.crash(living());
        } else if (what == 2) {
            const NodeId node = 1 + draw(3);
            if (!c.ring.alive(node)) {
                c.ring.start(node);
                c.ring.form_ring({node});
            }
        } else if (what < 6) {
            c.write(living(), fmt::format("text {}", ++texts));
        } else if (what < 8) { // a calm in which something comes of it
            c.settle();
        } else if (what < 14) {
            c.look(living());
        } else if (what == 14 && c.holder) { // its helper died, or the file system forgot
            c.lose_lock(*c.holder);
        } else {
            c.ring.step(living());
        }
    }

    void split() {
        std::set<NodeId> left, right;
        for (const NodeId node : c.ring.living())
            (draw(2) == 0 ? left : right).insert(node);
        for (const auto& group : {left, right})
            if (!group.empty()) c.ring.form_ring(group);
    }

    const std::vector<std::uint16_t>& dice;
    std::size_t at = 0;
    int texts = 0;
    LockedCluster c{3};
};

} // namespace

TEST_CASE("witness: there is one order for ever, and when all are back all go on") {
    CHECK(rc::check([] {
        const auto dice = *rc::gen::container<std::vector<std::uint16_t>>(
            600, rc::gen::resize(100, rc::gen::arbitrary<std::uint16_t>()));
        Turmoil turmoil(dice);
        turmoil.play();
        RC_ASSERT(turmoil.c.chronicle.broken.empty());
        turmoil.heal();
        RC_ASSERT(turmoil.c.ring.active_nodes().size() == 3U);
        RC_ASSERT(turmoil.c.chronicle.broken.empty());
        RC_ASSERT(turmoil.c.ledger(1).texts() == turmoil.c.ledger(3).texts());
    }));
}
