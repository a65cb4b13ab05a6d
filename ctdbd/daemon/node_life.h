// This node among the others: what it says about itself, bans, and what being stopped or banned
// means here (ctdb-behaviour.md 5.3, 5.11, 5.12; ctdb-wire.md 3.3.1).
//
// A flag counts where the ring orders it, for us as for the others. A node that is stopped or
// banned keeps its clients out of its databases, says that it recovers, and leaves the cluster's
// service; but it stays connected, holds its vote, and gives away the records that others ask for.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "ctdbd/protocol/nodes.h"
#include "ctdbd/protocol/numbers.h"
#include "statedb/nodes.h"

#include <chrono>

namespace ctdbd::daemon {

class Daemon;

// What the service has to know of flags and abilities.
[[nodiscard]] statedb::NodesSettings nodes_settings(const statedb::NodeSays& first);

class NodeLife {
public:
    explicit NodeLife(Daemon& daemon) : daemon_(daemon) {}

    // Before anything else: a node may start as stopped.
    void begin();

    void change_flags(std::uint32_t set, std::uint32_t cleared);
    // Public addresses follow health.
    void set_healthy(bool healthy);
    void set_run_state(protocol::RunState state);
    void set_capability(std::uint32_t capability, bool has);

    // Nothing, if bans are not enabled.
    void ban(std::chrono::seconds length);
    void end_ban();
    [[nodiscard]] protocol::BanState ban_state() const;

    // Everybody begins a new generation.
    void recover();

    void perform(const statedb::NodeEffect& effect);

private:
    void changed(const statedb::NodeChanged& change);
    void own_flags_changed(std::uint32_t before, std::uint32_t now);
    void ban_expired();

    Daemon& daemon_;
    std::chrono::seconds ban_length_{0};
};

} // namespace ctdbd::daemon
