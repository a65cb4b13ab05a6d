#include "ctdbd/daemon/nodes_file.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

namespace ctdbd::daemon {

using protocol::ReplyControl;
using statedb::ClusterObstacle;
using totem::NodeId;

namespace {

// FNV-1a: for comparing what was read from files that people copied, nothing more.
std::uint64_t digest_of(const std::string& text) {
    std::uint64_t digest = 0xcbf29ce484222325;
    for (const char byte : text)
        digest = (digest ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
    return digest;
}

std::string names_of(const std::vector<NodeId>& nodes) {
    std::vector<Pnn> pnns;
    for (const NodeId node : nodes)
        pnns.push_back(node - 1);
    return fmt::format("{}", fmt::join(pnns, ","));
}

std::string_view sentence_about(ClusterObstacle obstacle) {
    switch (obstacle) {
    case ClusterObstacle::member_absent:
        return "a node that it deletes is connected: shut its daemon down first";
    case ClusterObstacle::too_many_new:
        return "more than half of its nodes would be new ones, or are not here: add fewer at a "
               "time, and start those before adding more";
    case ClusterObstacle::differs:
        return "another node has read another file: copy one to all nodes, then run `ctdb "
               "reloadnodes`";
    case ClusterObstacle::not_said:
    case ClusterObstacle::none:
        break;
    }
    return "this node does not serve, so there is nobody to agree with";
}

} // namespace

statedb::ClusterList cluster_list(const NodeLines& lines) {
    statedb::ClusterList list;
    std::string addresses;
    for (const auto& [node, address] : ring_addresses(lines)) {
        list.nodes.push_back(node);
        addresses += fmt::format("{} {}\n", node, address);
    }
    list.digest = digest_of(addresses);
    return list;
}

NodeLines
counting(const NodeLines& lines, const std::vector<NodeId>& agreed, const NodeLines& before) {
    if (agreed.empty()) return lines;
    NodeLines result = lines;
    for (config::NodeLine& line : result) {
        if (!std::ranges::binary_search(agreed, line.pnn + 1))
            line.address.reset();
        else if (!line.address && line.pnn < before.size())
            line.address = before[line.pnn].address;
    }
    while (!result.empty() && !result.back().address && lines[result.back().pnn].address)
        result.pop_back();
    return result;
}

std::map<NodeId, std::string> ring_addresses(const NodeLines& lines) {
    std::map<NodeId, std::string> addresses;
    for (const config::NodeLine& line : lines)
        if (line.address) addresses[line.pnn + 1] = line.address->to_string();
    return addresses;
}

std::optional<std::string> forbidden_change(const NodeLines& from, const NodeLines& to) {
    if (to.size() < from.size())
        return fmt::format("{} lines are missing: put # before a node that is to be deleted",
                           from.size() - to.size());
    for (std::size_t pnn = 0; pnn < from.size(); ++pnn)
        if (from[pnn].address && to[pnn].address && from[pnn].address != to[pnn].address)
            return fmt::format("node {} has the address {} and cannot get {}: add a new node", pnn,
                               from[pnn].address->to_string(), to[pnn].address->to_string());
    return std::nullopt;
}

NodesFile::NodesFile(Daemon& daemon)
    : daemon_(daemon), lines_(daemon.setup.nodes),
      counting_(counting(lines_, daemon.cluster.agreed_nodes().agreed)) {}

void NodesFile::reload(ControlCall::Reply reply) {
    try {
        NodeLines read = config::load_nodes(daemon_.setup.paths.nodes);
        auto why = forbidden_change(counting_, read);
        if (!why && !read[daemon_.nodes.self()].address)
            why = "it deletes this node: shut its daemon down first";
        if (why) {
            logs::cluster().error("{} is not reloaded: {}", daemon_.setup.paths.nodes.string(),
                                  *why);
            return reply(refused(*why));
        }
        lines_ = std::move(read);
    } catch (const config::ConfigError& error) {
        logs::cluster().error("{}", error.what());
        return reply(refused(error.what()));
    }
    waiting_.push_back(std::move(reply));
    daemon_.cluster.go_by(cluster_list(lines_));
    agreed(daemon_.cluster.agreed_nodes());
    view_changed(daemon_.cluster.view());
}

// The others are asked to read their files, too; whoever is the last of them brings it about.
void NodesFile::agreed(const statedb::ClusterStatus& status) {
    if (!status.agreed.empty()) follow(status);
    switch (status.obstacle) {
    case ClusterObstacle::none:
        if (status.agreed == cluster_list(lines_).nodes) answer(ReplyControl::done());
        return;
    case ClusterObstacle::differs:
        logs::cluster().info("nodes file: {}", sentence_about(status.obstacle));
        return answer(ReplyControl::done());
    case ClusterObstacle::member_absent:
    case ClusterObstacle::too_many_new:
        logs::cluster().error("nodes file: {}", sentence_about(status.obstacle));
        return answer(refused(std::string(sentence_about(status.obstacle))));
    case ClusterObstacle::not_said:
        return;
    }
}

void NodesFile::view_changed(const ClusterView& now) {
    if (!now.serving() && !waiting_.empty())
        answer(refused(std::string(sentence_about(ClusterObstacle::not_said))));
}

// A node with a file of another time would neither reach its peers nor be heard by them.
void NodesFile::follow(const statedb::ClusterStatus& status) {
    const auto& path = daemon_.setup.paths.nodes;
    const std::vector<NodeId>& agreed = status.agreed;
    if (!std::ranges::binary_search(agreed, daemon_.nodes.self() + 1)) {
        if (status.obstacle != ClusterObstacle::differs) return; // it is about to be
        return daemon_.give_up(
            1, fmt::format("this node, {}, is not of the cluster, which has the nodes {}: run "
                           "`ctdb reloadnodes` on one of them first",
                           daemon_.nodes.self(), names_of(agreed)));
    }
    if (agreed.back() > lines_.size())
        return daemon_.give_up(1,
                               fmt::format("{}: it has {} lines, but the cluster has the nodes {}: "
                                           "copy the file of another node",
                                           path.string(), lines_.size(), names_of(agreed)));
    NodeLines now = counting(lines_, agreed, counting_);
    if (now == counting_) return;
    counting_ = std::move(now);
    logs::cluster().info("the nodes of the cluster are {} now", names_of(agreed));
    daemon_.nodes.set_lines(counting_);
    // A node that is new may be on the ring, and have said what it is, for a while.
    std::set<Pnn> connected = {daemon_.nodes.self()};
    for (const auto member : daemon_.cluster.view().members)
        connected.insert(pnn_of(member));
    daemon_.nodes.connected(connected);
    for (const auto& [node, says] : daemon_.cluster.nodes().rows())
        if (connected.contains(node - 1)) daemon_.nodes.heard(node - 1, says);
    daemon_.cluster.set_addresses(ring_addresses(counting_));
    daemon_.takeover.wanted();
}

void NodesFile::answer(const ReplyControl& reply) {
    for (const ControlCall::Reply& asker : std::exchange(waiting_, {}))
        asker(reply);
}

} // namespace ctdbd::daemon
