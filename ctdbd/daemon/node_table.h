// What this node knows about the nodes of the cluster: who is there, in which state, who leads
// (ctdb-behaviour.md 5.3, 5.9; ctdb-wire.md 3.1.3). Clients see it as node map, VNN map and leader.
//
// A node owns its flags; everybody hears of them at the same place in the order (statedb/nodes.h).
// Who is connected is what the ring says. The leader needs no election: it is the lowest node that
// is there, active and capable, and everybody knows that at once.
#pragma once

#include "ctdbd/model/config_nodes.h"
#include "ctdbd/protocol/nodes.h"
#include "ctdbd/protocol/numbers.h"
#include "statedb/nodes.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace ctdbd::daemon {

class NodeTable {
public:
    using Pnn = std::uint32_t;

    // `own` is what this node says about itself at first.
    NodeTable(const std::vector<config::NodeLine>& lines, Pnn self, const statedb::NodeSays& own);

    [[nodiscard]] Pnn self() const { return self_; }

    [[nodiscard]] const statedb::NodeSays& own() const { return nodes_[self_].says; }

    // The cluster has these nodes now; all that it had before still have a line, we among them.
    void set_lines(const std::vector<config::NodeLine>& lines);
    // The ring consists of these nodes, ours among them.
    void connected(const std::set<Pnn>& pnns);
    // What a node says about itself, ours included.
    void heard(Pnn pnn, const statedb::NodeSays& says);

    [[nodiscard]] bool exists(Pnn pnn) const; // has a line, deleted or not
    [[nodiscard]] std::uint32_t flags(Pnn pnn) const;

    [[nodiscard]] bool is_connected(Pnn pnn) const {
        return exists(pnn) && (flags(pnn) & protocol::node_flag::disconnected) == 0;
    }

    [[nodiscard]] bool is_active(Pnn pnn) const {
        return exists(pnn) && (flags(pnn) & protocol::node_flag::inactive) == 0;
    }

    [[nodiscard]] bool self_active() const { return is_active(self_); }

    // The nodes that a broadcast address means, or the one node; empty if it means none.
    [[nodiscard]] std::vector<Pnn> destinations(std::uint32_t destnode) const;

    [[nodiscard]] protocol::NodeMap map() const;
    [[nodiscard]] std::vector<Pnn> location_masters() const; // the VNN map
    [[nodiscard]] std::optional<Pnn> leader() const;

private:
    struct Entry {
        config::NodeLine line;
        bool connected = false;
        statedb::NodeSays says; // the last we heard; flags without DISCONNECTED
    };

    Pnn self_;
    std::vector<Entry> nodes_; // by pnn
};

} // namespace ctdbd::daemon
