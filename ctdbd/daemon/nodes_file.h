// The nodes file while we run: what it says, which of it counts, and how it is read again
// (ctdb-behaviour.md 5.13; docs/adr/0021).
//
// A line counts once the nodes of the cluster have agreed on it, and then for all of them at the
// same place in the order; who has the majority follows from it, so no node goes by its own copy.
// How they agree is statedb/host.h's.
#pragma once

#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/model/config_nodes.h"
#include "statedb/host.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ctdbd::daemon {

class Daemon;
struct ClusterView;

using NodeLines = std::vector<config::NodeLine>;

// What is to be agreed upon.
[[nodiscard]] statedb::ClusterList cluster_list(const NodeLines& lines);

// The lines that count, if these nodes are the cluster (empty: all lines do): the others are shown
// as deleted, or not at all behind the last that counts. Of a node that the file deletes and the
// cluster has not yet, the line is as it was in `before`.
[[nodiscard]] NodeLines counting(const NodeLines& lines,
                                 const std::vector<totem::NodeId>& agreed,
                                 const NodeLines& before = {});

// What the ring is told of them.
[[nodiscard]] std::map<totem::NodeId, std::string> ring_addresses(const NodeLines& lines);

// Why a running cluster cannot go from one file to the other; none: it can.
[[nodiscard]] std::optional<std::string> forbidden_change(const NodeLines& from,
                                                          const NodeLines& to);

class NodesFile {
public:
    explicit NodesFile(Daemon& daemon);

    // RELOAD_NODES_FILE: answered when the file counts, or will once the other nodes have read
    // theirs, or cannot.
    void reload(ControlCall::Reply reply);

    void agreed(const statedb::ClusterStatus& status);
    void view_changed(const ClusterView& now);

private:
    void follow(const statedb::ClusterStatus& status);
    void answer(const protocol::ReplyControl& reply);

    Daemon& daemon_;
    NodeLines lines_;    // as read last
    NodeLines counting_; // of them
    std::vector<ControlCall::Reply> waiting_;
};

} // namespace ctdbd::daemon
