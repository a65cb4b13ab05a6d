#include "ctdbd/daemon/node_life.h"

#include "base/match.h"
#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

namespace ctdbd::daemon {

namespace node_flag = protocol::node_flag;
using statedb::Nodes;
using statedb::Outbox;

statedb::NodesSettings nodes_settings(const statedb::NodeSays& first) {
    return {.self = {},
            .first = first,
            .banned = node_flag::banned,
            .flags_of_turns = node_flag::banned | node_flag::stopped,
            .capabilities_of_turns = protocol::capability::lmaster};
}

void NodeLife::begin() { daemon_.records.set_inactive(!daemon_.nodes.self_active()); }

// -- what we say

void NodeLife::change_flags(std::uint32_t set, std::uint32_t cleared) {
    daemon_.cluster.ask([&](Nodes& nodes, Outbox& out) { nodes.change_flags(set, cleared, out); });
}

void NodeLife::set_healthy(bool healthy) {
    const std::uint32_t unhealthy = node_flag::unhealthy;
    change_flags(healthy ? 0 : unhealthy, healthy ? unhealthy : 0);
    daemon_.addresses.ask_for_takeover_run();
}

void NodeLife::set_run_state(protocol::RunState state) {
    daemon_.cluster.ask([&](Nodes& nodes, Outbox& out) {
        nodes.set_run_state(static_cast<std::uint32_t>(state), out);
    });
}

void NodeLife::set_capability(std::uint32_t capability, bool has) {
    daemon_.cluster.ask(
        [&](Nodes& nodes, Outbox& out) { nodes.set_capability(capability, has, out); });
}

void NodeLife::recover() {
    daemon_.cluster.ask([&](Nodes& nodes, Outbox& out) { nodes.recover(out); });
}

// -- bans

void NodeLife::ban(std::chrono::seconds length) {
    if (daemon_.tunables[config::Tunable::enable_bans] == 0) {
        logs::cluster().warn("Bans are disabled - ignoring ban of node {}", daemon_.nodes.self());
        return;
    }
    logs::cluster().error("Banning this node for {} seconds", length.count());
    ban_length_ = length;
    daemon_.cluster.ask([&](Nodes& nodes, Outbox& out) { nodes.ban(length, out); });
}

void NodeLife::end_ban() {
    ban_length_ = {};
    daemon_.cluster.ask([&](Nodes& nodes, Outbox& out) { nodes.end_ban(out); });
}

protocol::BanState NodeLife::ban_state() const {
    return {daemon_.nodes.self(), static_cast<std::uint32_t>(ban_length_.count())};
}

// A client that never left its chain would go on with records that are somebody else's by now.
void NodeLife::ban_expired() {
    if (daemon_.records.all_shut()) {
        logs::cluster().warn("Ban expired");
        end_ban();
        return;
    }
    logs::cluster().error("Ban expired, but clients are still in some databases");
    ban(std::chrono::seconds(daemon_.tunables[config::Tunable::recovery_ban_period]));
}

// -- what is ordered

void NodeLife::perform(const statedb::NodeEffect& effect) {
    std::visit(base::Match{[&](const statedb::NodeChanged& change) { changed(change); },
                           [&](const statedb::TurnBegan&) { daemon_.look_at_recovery_mode(); },
                           [&](const statedb::BanExpired&) { ban_expired(); }},
               effect);
}

void NodeLife::changed(const statedb::NodeChanged& change) {
    const Pnn pnn = change.node - 1;
    if (!daemon_.nodes.exists(pnn)) return;
    const std::uint32_t before = daemon_.nodes.flags(pnn);
    daemon_.nodes.heard(pnn, change.now);
    const std::uint32_t now = daemon_.nodes.flags(pnn);
    if (before != now)
        logs::cluster().info("node {}: {} -> {}", pnn, protocol::node_flags_text(before),
                             protocol::node_flags_text(now));
    if (pnn == daemon_.nodes.self()) own_flags_changed(before, now);
    daemon_.look_at_recovery_mode();
    if (before != now) daemon_.takeover.wanted();
}

void NodeLife::own_flags_changed(std::uint32_t before, std::uint32_t now) {
    const bool was_inactive = (before & node_flag::inactive) != 0;
    const bool inactive = (now & node_flag::inactive) != 0;
    if (was_inactive == inactive) return;
    logs::cluster().warn(inactive ? "This node is inactive: clients are kept out of all databases"
                                  : "This node is active again");
    daemon_.records.set_inactive(inactive);
    daemon_.attaching.look_at_deferred();
    if (inactive) daemon_.addresses.stopped_serving();
}

} // namespace ctdbd::daemon
