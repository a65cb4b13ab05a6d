// Which nodes the cluster has: agreed upon by those who may act, never read from a file by each for
// itself (docs/adr/0021). The test is the network.
#include "tests/statedb/ledger.h"

#include <rapidcheck.h>

#include <random>

using namespace statedb;
using namespace statedb::test;

namespace {

using Nodes = std::vector<NodeId>;

struct Site {
    // `nodes` machines, of which `cluster` are in the nodes files at first.
    Site(std::size_t nodes, Nodes cluster, QuorumRule rule = QuorumRule::dynamic)
        : first(std::move(cluster)),
          ring(
              nodes,
              [this](ProcessorId self) {
                  return std::make_unique<LedgerApplication>(self, chronicle);
              },
              [this, rule](HostSettings& settings) {
                  const auto file = files.find(settings.self.node);
                  settings.nodes = file != files.end() ? file->second : first;
                  settings.rule = rule;
              }) {}

    void meet(const std::set<NodeId>& nodes) {
        ring.form_ring(nodes);
        ring.settle();
    }

    void edit(NodeId node, const Nodes& nodes, std::uint64_t digest = 0) {
        files[node] = nodes;
        ring.host(node).go_by(ring.now_, {nodes, digest});
    }

    void edit_all(const std::set<NodeId>& where, const Nodes& nodes) {
        for (const NodeId node : where)
            edit(node, nodes);
        ring.settle();
    }

    void start(NodeId node, const Nodes& nodes) {
        if (ring.alive(node)) ring.crash(node);
        files[node] = nodes;
        ring.start(node);
    }

    [[nodiscard]] const Nodes& agreed(NodeId node) { return ring.host(node).cluster().agreed; }

    [[nodiscard]] ClusterObstacle obstacle(NodeId node) {
        return ring.host(node).cluster().obstacle;
    }

    Nodes first;
    std::map<NodeId, Nodes> files;
    Chronicle chronicle;
    RingModel ring;
};

} // namespace

TEST_CASE("cluster: a list becomes the cluster when all members go by it") {
    Site site(4, {1, 2, 3});
    site.meet({1, 2, 3});
    CHECK(site.agreed(1) == Nodes{1, 2, 3});
    site.edit_all({1, 2}, {1, 2, 3, 4});
    CHECK(site.agreed(2) == Nodes{1, 2, 3});
    CHECK(site.obstacle(2) == ClusterObstacle::differs);
    const auto before = site.ring.host(1).cluster().changes;
    site.edit_all({3}, {1, 2, 3, 4});
    for (const NodeId node : {1U, 2U, 3U}) {
        CHECK(site.agreed(node) == Nodes{1, 2, 3, 4});
        CHECK(site.obstacle(node) == ClusterObstacle::none);
        CHECK(site.ring.disk(node).last_primary.cluster == Nodes{1, 2, 3, 4});
    }
    CHECK(site.ring.host(1).cluster().changes > before);
    CHECK(site.ring.active_nodes() == std::set<NodeId>{1, 2, 3}); // they went on all the time
    site.start(4, {1, 2, 3, 4});
    site.meet({1, 2, 3, 4});
    CHECK(site.ring.active_nodes().size() == 4);
    CHECK(site.agreed(4) == Nodes{1, 2, 3, 4});
}

TEST_CASE("cluster: lists that say other things about the same nodes differ") {
    Site site(4, {1, 2, 3});
    site.meet({1, 2, 3});
    for (const NodeId node : {1U, 2U, 3U})
        site.edit(node, {1, 2, 3, 4}, node == 3 ? 77 : 5);
    site.ring.settle();
    CHECK(site.agreed(1) == Nodes{1, 2, 3});
    CHECK(site.obstacle(1) == ClusterObstacle::differs);
}

TEST_CASE("cluster: a member cannot be left out, and is once it has gone") {
    Site site(3, {1, 2, 3});
    site.meet({1, 2, 3});
    site.edit_all({1, 2, 3}, {1, 2});
    CHECK(site.agreed(1) == Nodes{1, 2, 3});
    CHECK(site.obstacle(1) == ClusterObstacle::member_absent);
    site.ring.crash(3);
    site.meet({1, 2});
    CHECK(site.agreed(1) == Nodes{1, 2});
    CHECK(site.agreed(2) == Nodes{1, 2});
}

TEST_CASE("cluster: those who know nothing of it never become more than half of it") {
    Site site(7, {1, 2, 3});
    site.meet({1, 2, 3});
    site.edit_all({1, 2, 3}, {1, 2, 3, 4, 5, 6, 7});
    CHECK(site.agreed(1) == Nodes{1, 2, 3});
    CHECK(site.obstacle(1) == ClusterObstacle::too_many_new);
    site.edit_all({1, 2, 3}, {1, 2, 3, 4, 5, 6});
    CHECK(site.agreed(1) == Nodes{1, 2, 3, 4, 5, 6});
    for (const NodeId node : {4U, 5U, 6U})
        site.start(node, {1, 2, 3, 4, 5, 6});
    site.meet({4, 5, 6});
    CHECK(site.ring.active_nodes() == std::set<NodeId>{1, 2, 3});
}

TEST_CASE("cluster: one that is not agreed upon has no vote, though it holds the state") {
    Site site(4, {1, 2, 3});
    site.files[4] = {1, 2, 3, 4};
    site.start(4, {1, 2, 3, 4});
    site.meet({1, 2, 3, 4});
    CHECK(site.ring.disk(1).last_primary.nodes == Nodes{1, 2, 3});
    CHECK(site.agreed(4) == Nodes{1, 2, 3});
}

TEST_CASE("cluster: who was away when it changed learns it from the others") {
    Site site(4, {1, 2, 3});
    site.meet({1, 2, 3});
    site.ring.crash(3);
    site.meet({1, 2});
    site.edit_all({1, 2}, {1, 2, 3, 4});
    CHECK(site.agreed(1) == Nodes{1, 2, 3, 4});
    site.start(3, {1, 2, 3}); // its file is the old one
    site.meet({1, 2, 3});
    CHECK(site.agreed(3) == Nodes{1, 2, 3, 4});
    CHECK(site.obstacle(3) == ClusterObstacle::differs);
}

TEST_CASE("cluster: all nodes files were edited while nobody was there") {
    Site site(4, {1, 2, 3});
    site.meet({1, 2, 3});
    for (const NodeId node : {1U, 2U, 3U, 4U})
        site.start(node, {1, 2, 3, 4});
    site.meet({2, 3, 4});
    CHECK(site.ring.active_nodes() == std::set<NodeId>{2, 3, 4});
    CHECK(site.agreed(4) == Nodes{1, 2, 3, 4});
}

TEST_CASE("cluster: the static rule counts what was agreed upon, not what is written") {
    Site site(5, {1, 2, 3}, QuorumRule::majority);
    site.meet({1, 2, 3});
    site.edit_all({1, 2, 3}, {1, 2, 3, 4, 5});
    CHECK(site.agreed(1) == Nodes{1, 2, 3, 4, 5});
    site.edit(1, {1, 2, 3}); // two of three would be enough
    site.edit(2, {1, 2, 3});
    site.meet({1, 2});
    CHECK(site.ring.status(1).phase == HostPhase::no_quorum);
    CHECK(site.ring.status(1).quorum == "2 of 5 nodes of the cluster are here");
}

TEST_CASE(
    "cluster: under the static rule a change of unknown outcome counts with what was before") {
    // All begin to agree on {1, 2, 3, 4, 5}; then they are torn apart before anybody knows.
    Site site(5, {1, 2, 3}, QuorumRule::majority);
    site.meet({1, 2, 3});
    for (const NodeId node : {1U, 2U, 3U})
        site.edit(node, {1, 2, 3, 4, 5});
    const auto attempts = [&](NodeId node) { return !site.ring.disk(node).attempts.empty(); };
    while (!attempts(1) || !attempts(2) || !attempts(3))
        for (const NodeId node : {1U, 2U, 3U})
            site.ring.store(node) || site.ring.submit(node) || site.ring.originate(node) ||
                site.ring.receive(node) || site.ring.deliver(node);
    for (const NodeId node : {1U, 2U, 3U}) // all CREATEs reach 1 and 2, but not as safe
        while (site.ring.submit(node) || site.ring.originate(node)) {
        }
    while (site.ring.receive(1) || site.ring.receive(2)) {
    }
    for (const NodeId node : {4U, 5U})
        site.start(node, {1, 2, 3, 4, 5});
    site.ring.partition({{1, 2}, {3, 4, 5}});
    site.ring.settle();
    // 1 and 2 are two of three before, but not three of five after.
    CHECK(site.ring.status(1).phase == HostPhase::no_quorum);
    CHECK(site.ring.status(1).quorum.find("if the change 2 of the cluster counts") !=
          std::string::npos);
}

namespace {

// Members come and go and go by other lists, at any moment.
class Weather {
public:
    Weather(QuorumRule rule, std::uint32_t seed) : dice_(seed), site_(6, {1, 2, 3}, rule) {
        site_.ring.observe = [this](NodeId node) { look(node); };
    }

    // The first contradiction; empty: none.
    std::string blow(int events) {
        for (const NodeId node : {4U, 5U, 6U})
            site_.ring.crash(node);
        site_.meet({1, 2, 3}); // before that, files are all that anybody has
        for (int i = 0; i < events && broken_.empty(); ++i)
            happen();
        return broken_;
    }

private:
    NodeId draw(std::size_t below) { return static_cast<NodeId>(dice_() % below); }

    void happen() {
        const std::set<NodeId> living = site_.ring.living();
        const NodeId node = 1 + draw(6);
        switch (draw(12)) {
        case 0:
        case 1:
            return part(living);
        case 2:
            if (living.size() > 1 && living.contains(node)) site_.ring.crash(node);
            return;
        case 3:
        case 4:
            return start(node);
        case 5:
            if (living.contains(node)) site_.edit(node, any_list());
            return;
        case 6: {
            const Nodes list = any_list();
            for (const NodeId each : living)
                site_.edit(each, list);
            return;
        }
        case 7:
        case 8:
            return site_.ring.settle();
        default:
            for (NodeId steps = draw(60); steps > 0; --steps)
                for (const NodeId each : living)
                    if (draw(3) != 0) site_.ring.step(each);
        }
    }

    Nodes any_list() {
        static const std::vector<Nodes> lists = {{1, 2, 3},       {1, 2, 3, 4}, {1, 2, 3, 4, 5},
                                                 {2, 3, 4, 5, 6}, {2, 3},       {1, 3, 4}};
        return lists[draw(lists.size())];
    }

    void part(const std::set<NodeId>& living) {
        std::vector<std::set<NodeId>> groups(1 + draw(3));
        for (const NodeId node : living)
            groups[draw(groups.size())].insert(node);
        std::erase_if(groups, [](const auto& group) { return group.empty(); });
        site_.ring.partition(groups);
    }

    // A node begins once the others have agreed on it, with the list that names it.
    void start(NodeId node) {
        if (site_.ring.alive(node)) return;
        if (!std::ranges::binary_search(latest_, node)) return;
        if (!site_.files.contains(node)) site_.files[node] = latest_;
        site_.ring.start(node);
    }

    void look(NodeId node) {
        const HostStatus status = site_.ring.status(node);
        if (status.phase != HostPhase::active) return;
        const auto [place, first] = formed_.emplace(status.epoch, status.ring);
        if (!first && place->second != status.ring)
            broken_ = fmt::format("epoch {} on two rings", status.epoch);
        if (first && status.epoch == formed_.rbegin()->first) latest_ = site_.agreed(node);
    }

    std::mt19937 dice_;
    Nodes latest_ = {1, 2, 3};
    std::map<std::uint64_t, RingId> formed_;
    std::string broken_;
    Site site_;
};

} // namespace

TEST_CASE("cluster: however it changes, there is one primary component") {
    CHECK(rc::check([](std::uint32_t seed, bool is_static) {
        const QuorumRule rule = is_static ? QuorumRule::majority : QuorumRule::dynamic;
        RC_ASSERT(Weather(rule, seed).blow(1000) == "");
    }));
}
