#include "ctdbd/daemon/node_table.h"

#include "base/check.h"

namespace ctdbd::daemon {

namespace node_flag = protocol::node_flag;
namespace capability = protocol::capability;

NodeTable::NodeTable(const std::vector<config::NodeLine>& lines,
                     Pnn self,
                     const statedb::NodeSays& own)
    : self_(self) {
    for (const config::NodeLine& line : lines)
        nodes_.push_back(
            {.line = line, .connected = false, .says = {.flags = node_flag::unhealthy}});
    base::check(self < nodes_.size(), "this node has a line in the nodes file");
    nodes_[self].connected = true;
    nodes_[self].says = own;
}

void NodeTable::set_lines(const std::vector<config::NodeLine>& lines) {
    for (const config::NodeLine& line : lines) {
        if (!exists(line.pnn))
            nodes_.push_back(
                {.line = {}, .connected = false, .says = {.flags = node_flag::unhealthy}});
        nodes_[line.pnn].line = line;
    }
    base::check(nodes_[self_].line.address.has_value(), "this node has a line in the nodes file");
}

// A node that drops out is unhealthy until it has told that it is well again (ctdb-wire.md 3.1.7);
// what it can do and whether it is stopped is as it was.
void NodeTable::connected(const std::set<Pnn>& pnns) {
    for (Entry& node : nodes_) {
        const bool is_there = pnns.contains(node.line.pnn);
        if (!is_there) node.says.flags |= node_flag::unhealthy;
        node.connected = is_there;
    }
}

void NodeTable::heard(Pnn pnn, const statedb::NodeSays& says) {
    if (!exists(pnn)) return;
    nodes_[pnn].says = says;
    nodes_[pnn].says.flags &= ~node_flag::disconnected;
}

bool NodeTable::exists(Pnn pnn) const { return pnn < nodes_.size(); }

std::uint32_t NodeTable::flags(Pnn pnn) const {
    const Entry& node = nodes_.at(pnn);
    if (!node.line.address) return node_flag::deleted | node_flag::disconnected;
    return node.says.flags | (node.connected ? 0 : node_flag::disconnected);
}

std::vector<NodeTable::Pnn> NodeTable::destinations(std::uint32_t destnode) const {
    if (destnode == protocol::pnn::current_node) return {self_};
    if (!protocol::pnn::is_broadcast(destnode))
        return is_connected(destnode) ? std::vector{destnode} : std::vector<Pnn>{};
    std::vector<Pnn> all;
    for (const Entry& node : nodes_) {
        const Pnn pnn = node.line.pnn;
        const bool wanted =
            destnode == protocol::pnn::broadcast_active ? is_active(pnn) : is_connected(pnn);
        if (wanted) all.push_back(pnn); // nobody can be reached who is not connected
    }
    return all;
}

protocol::NodeMap NodeTable::map() const {
    protocol::NodeMap map;
    for (const Entry& node : nodes_) {
        protocol::SocketAddress address;
        if (node.line.address) address = {*node.line.address, protocol::node_port};
        map.nodes.push_back({node.line.pnn, flags(node.line.pnn), address});
    }
    return map;
}

std::vector<NodeTable::Pnn> NodeTable::location_masters() const {
    std::vector<Pnn> masters;
    for (const Entry& node : nodes_) {
        const Pnn pnn = node.line.pnn;
        if (is_active(pnn) && (node.says.capabilities & capability::lmaster) != 0)
            masters.push_back(pnn);
    }
    return masters;
}

std::optional<NodeTable::Pnn> NodeTable::leader() const {
    for (const Entry& node : nodes_) {
        const Pnn pnn = node.line.pnn;
        if (is_active(pnn) && (node.says.capabilities & capability::leader) != 0) return pnn;
    }
    return std::nullopt;
}

} // namespace ctdbd::daemon
