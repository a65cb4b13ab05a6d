// Controls about nodes: who we are, who is there, in which state (ctdb-wire.md 3.3.1, 3.3.8).
#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <array>
#include <unistd.h>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

// -- the answer is the status

ControlOutcome get_pnn(const ControlCall& call) {
    return ReplyControl::with_status(static_cast<std::int32_t>(call.daemon.nodes.self()));
}

ControlOutcome get_pid(const ControlCall& /*call*/) { return ReplyControl::with_status(getpid()); }

ControlOutcome ping(const ControlCall& call) {
    return ReplyControl::with_status(static_cast<std::int32_t>(call.daemon.clients.size()));
}

ControlOutcome get_recmode(const ControlCall& call) {
    return ReplyControl::with_status(static_cast<std::int32_t>(call.daemon.recovery_mode()));
}

// -- maps and states

ControlOutcome get_nodemap(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.nodes.map()));
}

ControlOutcome get_nodes_file(const ControlCall& call) {
    try {
        const auto lines = config::load_node_lines(call.daemon.setup.paths.nodes);
        return ReplyControl::done(protocol::encode(config::node_map_of(lines)));
    } catch (const config::ConfigError& error) {
        logs::cluster().error("{}", error.what());
        return refused(error.what());
    }
}

ControlOutcome reload_nodes_file(const ControlCall& call) {
    call.daemon.nodes_file.reload(call.reply);
    return std::nullopt;
}

ControlOutcome getvnnmap(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.vnn_map()));
}

ControlOutcome get_runstate(const ControlCall& call) {
    return ReplyControl::done(
        protocol::encode(static_cast<std::uint32_t>(call.daemon.run_state())));
}

ControlOutcome get_capabilities(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.nodes.own().capabilities));
}

ControlOutcome uptime(const ControlCall& call) {
    protocol::Uptime times = call.daemon.times();
    times.now = time_of_day();
    return ReplyControl::done(protocol::encode(times));
}

ControlOutcome get_reclock_file(const ControlCall& call) {
    const std::string& lock = call.daemon.setup.conf.cluster.lock;
    return ReplyControl::done(
        protocol::encode_string(lock.empty() ? std::nullopt : std::optional(lock)));
}

// -- changes

ControlOutcome set_capability(const ControlCall& call, std::uint32_t capability) {
    const auto role = protocol::decode<std::uint32_t>(call.control.data);
    if (!role) return refused(fmt::format("{}", role.error()));
    call.daemon.life.set_capability(capability, *role != 0);
    return ReplyControl::done();
}

ControlOutcome set_lmasterrole(const ControlCall& call) {
    return set_capability(call, protocol::capability::lmaster);
}

ControlOutcome set_recmasterrole(const ControlCall& call) {
    return set_capability(call, protocol::capability::leader);
}

ControlOutcome change_flags(const ControlCall& call, std::uint32_t set, std::uint32_t cleared) {
    call.daemon.life.change_flags(set, cleared);
    return ReplyControl::done();
}

ControlOutcome disable_node(const ControlCall& call) {
    return change_flags(call, protocol::node_flag::permanently_disabled, 0);
}

ControlOutcome enable_node(const ControlCall& call) {
    return change_flags(call, 0, protocol::node_flag::permanently_disabled);
}

ControlOutcome stop_node(const ControlCall& call) {
    return change_flags(call, protocol::node_flag::stopped, 0);
}

ControlOutcome continue_node(const ControlCall& call) {
    return change_flags(call, 0, protocol::node_flag::stopped);
}

// Others' flags are theirs; the stock daemon takes this from its own recovery process only.
ControlOutcome modify_flags(const ControlCall& call) {
    const auto change = protocol::decode<protocol::NodeFlagChange>(call.control.data);
    if (!change) return refused(fmt::format("{}", change.error()));
    if (!call.daemon.nodes.exists(change->pnn)) return refused("there is no such node");
    const bool idle = change->pnn == call.daemon.nodes.self() ||
                      !call.daemon.nodes.is_connected(change->pnn) ||
                      change->new_flags == call.daemon.nodes.flags(change->pnn);
    if (idle) return ReplyControl::done();
    return refused("a node's flags are its own to change");
}

ControlOutcome set_ban_state(const ControlCall& call) {
    const auto ban = protocol::decode<protocol::BanState>(call.control.data);
    if (!ban) return refused(fmt::format("{}", ban.error()));
    if (ban->pnn != call.daemon.nodes.self()) return refused("a node bans itself and no other");
    if (ban->seconds > 0)
        call.daemon.life.ban(std::chrono::seconds(ban->seconds));
    else
        call.daemon.life.end_ban();
    return ReplyControl::done();
}

ControlOutcome get_ban_state(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.life.ban_state()));
}

// Nothing has to be made normal here that is not so by itself, once all who serve agree on it.
ControlOutcome set_recmode(const ControlCall& call) {
    const auto mode = protocol::decode<std::uint32_t>(call.control.data);
    if (!mode) return refused(fmt::format("{}", mode.error()));
    if (static_cast<protocol::RecoveryMode>(*mode) == protocol::RecoveryMode::active)
        call.daemon.life.recover();
    else if (*mode > 1)
        return refused("there is no such recovery mode");
    else if (call.daemon.recovery_mode() != protocol::RecoveryMode::normal)
        return refused("this node does not serve now");
    return ReplyControl::done();
}

// No reply: the client sees its connection end (ctdb-behaviour.md 5.14).
ControlOutcome shutdown(const ControlCall& call) {
    call.daemon.shut_down(0, fmt::format("asked to by a client of node {}", call.from));
    return std::nullopt;
}

// -- log level

ControlOutcome get_debug(const ControlCall& call) {
    const auto level = static_cast<std::int32_t>(call.daemon.logging.level());
    return ReplyControl::done(protocol::encode(level));
}

ControlOutcome set_debug(const ControlCall& call) {
    const auto level = protocol::decode<std::int32_t>(call.control.data);
    if (!level) return refused(fmt::format("{}", level.error()));
    call.daemon.logging.set_level(protocol::debug_level_of(*level));
    return ReplyControl::done();
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::get_pnn, get_pnn},
    {Opcode::get_pid, get_pid},
    {Opcode::ping, ping},
    {Opcode::get_recmode, get_recmode},
    {Opcode::get_nodemap, get_nodemap},
    {Opcode::get_nodes_file, get_nodes_file},
    {Opcode::reload_nodes_file, reload_nodes_file},
    {Opcode::getvnnmap, getvnnmap},
    {Opcode::get_runstate, get_runstate},
    {Opcode::get_capabilities, get_capabilities},
    {Opcode::uptime, uptime},
    {Opcode::get_reclock_file, get_reclock_file},
    {Opcode::set_lmasterrole, set_lmasterrole},
    {Opcode::set_recmasterrole, set_recmasterrole},
    {Opcode::disable_node, disable_node},
    {Opcode::enable_node, enable_node},
    {Opcode::stop_node, stop_node},
    {Opcode::continue_node, continue_node},
    {Opcode::modify_flags, modify_flags},
    {Opcode::set_ban_state, set_ban_state},
    {Opcode::get_ban_state, get_ban_state},
    {Opcode::set_recmode, set_recmode},
    {Opcode::shutdown, shutdown},
    {Opcode::get_debug, get_debug},
    {Opcode::set_debug, set_debug},
});

} // namespace

std::span<const ControlRow> node_controls() { return rows; }

} // namespace ctdbd::daemon
