// The node map, the VNN map and the leader, as nodes come, tell and go.
#include "ctdbd/daemon/node_table.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;
namespace node_flag = ctdbd::protocol::node_flag;
namespace pnn = ctdbd::protocol::pnn;

namespace {

const std::uint32_t can_all = ctdbd::protocol::capability::by_default;

NodeTable four_nodes_one_deleted() {
    const auto address = [](const char* text) { return boost::asio::ip::make_address(text); };
    const std::vector<ctdbd::config::NodeLine> lines = {
        {.pnn = 0, .address = address("127.0.0.1"), .line = 1},
        {.pnn = 1, .address = address("127.0.0.2"), .line = 2},
        {.pnn = 2, .address = std::nullopt, .line = 3},
        {.pnn = 3, .address = address("127.0.0.4"), .line = 4},
    };
    return {lines, 1, {.flags = node_flag::unhealthy, .run_state = 1, .capabilities = can_all}};
}

const statedb::NodeSays well{.flags = 0, .run_state = 5, .capabilities = can_all};

} // namespace

TEST_CASE("at start all others are disconnected and everybody is unhealthy") {
    const NodeTable table = four_nodes_one_deleted();
    CHECK(table.flags(0) == 0x3);
    CHECK(table.flags(1) == 0x2);
    CHECK(table.flags(2) == 0x11);
    CHECK(table.map().nodes[2].address.ip.to_string() == "0.0.0.0");
    CHECK(table.map().nodes[3].address.port == 4379);
    CHECK(table.location_masters() == std::vector<std::uint32_t>{1});
    CHECK(table.leader() == 1);
}

TEST_CASE("a node is what it says, and disconnected when the ring has lost it") {
    NodeTable table = four_nodes_one_deleted();
    table.connected({0, 1});
    CHECK(table.flags(0) == 0x2);
    table.heard(0, well);
    CHECK(table.flags(0) == 0);
    CHECK(table.leader() == 0);
    CHECK(table.location_masters() == std::vector<std::uint32_t>{0, 1});
    table.heard(0, {.flags = node_flag::stopped, .run_state = 5, .capabilities = can_all});
    CHECK(table.leader() == 1);
    table.connected({1});
    CHECK(table.flags(0) == (node_flag::stopped | 0x3));
    CHECK_FALSE(table.is_connected(0));
}

TEST_CASE("a node without the capability does not lead and masters no location") {
    NodeTable table = four_nodes_one_deleted();
    table.connected({0, 1});
    table.heard(0, {.flags = 0, .run_state = 5, .capabilities = 0});
    CHECK(table.leader() == 1);
    CHECK(table.location_masters() == std::vector<std::uint32_t>{1});
    table.heard(1, {.flags = 0, .run_state = 5, .capabilities = 0x2});
    CHECK(table.own().capabilities == 0x2);
    CHECK_FALSE(table.leader());
}

TEST_CASE("broadcasts mean those who can be reached, the sender included") {
    NodeTable table = four_nodes_one_deleted();
    table.connected({0, 1, 3});
    table.heard(0, well);
    table.heard(3, {.flags = node_flag::banned, .run_state = 5, .capabilities = can_all});
    using Pnns = std::vector<std::uint32_t>;
    CHECK(table.destinations(pnn::broadcast_connected) == Pnns{0, 1, 3});
    CHECK(table.destinations(pnn::broadcast_active) == Pnns{0, 1});
    CHECK(table.destinations(pnn::broadcast_all) == Pnns{0, 1, 3});
    CHECK(table.destinations(pnn::current_node) == Pnns{1});
    CHECK(table.destinations(3) == Pnns{3});
    CHECK(table.destinations(2).empty());
    CHECK(table.destinations(17).empty());
    CHECK(table.destinations(pnn::multicast).empty());
    CHECK(table.destinations(pnn::unknown).empty());
}
