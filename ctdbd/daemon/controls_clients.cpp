// Controls about clients: addresses they listen to, farewells, who lives (ctdb-wire.md 3.3.3,
// 3.3.4; ctdb-behaviour.md 1.6).
#include "ctdbd/daemon/daemon.h"

#include <boost/asio/post.hpp>

#include <array>
#include <csignal>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

constexpr std::int32_t not_registered = 2; // ENOENT, positive: as the stock daemon says it

ControlOutcome register_srvid(const ControlCall& call) {
    const std::uint64_t srvid = call.control.srvid;
    call.daemon.registrations.add(call.client, srvid);
    // `ctdb status` and others wait for the next announcement: here it is, after the reply.
    if (srvid == protocol::srvid::leader)
        boost::asio::post(call.daemon.loop, [&daemon = call.daemon, client = call.client] {
            daemon.tell_leader(client);
        });
    return ReplyControl::done();
}

ControlOutcome deregister_srvid(const ControlCall& call) {
    if (call.daemon.registrations.remove(call.client, call.control.srvid))
        return ReplyControl::done();
    return ReplyControl::with_status(not_registered, "not registered");
}

ControlOutcome register_notify(const ControlCall& call) {
    auto notification = protocol::decode<protocol::NotifyData>(call.control.data);
    if (!notification) return refused(fmt::format("{}", notification.error()));
    if (!call.daemon.registrations.add_notification(call.client, std::move(*notification)))
        return refused("there is a notification for this address already");
    return ReplyControl::done();
}

ControlOutcome deregister_notify(const ControlCall& call) {
    const auto srvid = protocol::decode<std::uint64_t>(call.control.data);
    if (!srvid || !call.daemon.registrations.remove_notification(call.client, *srvid))
        return refused("there is no such notification");
    return ReplyControl::done();
}

std::vector<Client*> clients_with_pid(Daemon& daemon, pid_t pid) {
    std::vector<Client*> found;
    daemon.clients.for_each([&](Client& client) {
        if (client.pid() == pid) found.push_back(&client);
    });
    return found;
}

// Those who ask are waiting for this process to let go of something: on a node that is not active
// it never will, so it is made to (ctdb-behaviour.md 1.6).
bool disconnect_if_inactive(Daemon& daemon, const std::vector<Client*>& clients) {
    if (daemon.nodes.self_active()) return false;
    for (Client* const client : clients)
        client->close();
    return true;
}

ControlOutcome process_exists(const ControlCall& call) {
    const auto pid = protocol::decode<std::int32_t>(call.control.data);
    if (!pid) return refused(fmt::format("{}", pid.error()));
    const auto clients = clients_with_pid(call.daemon, *pid);
    if (clients.empty()) return refused("no client has this pid");
    if (disconnect_if_inactive(call.daemon, clients)) return refused("this node is not active");
    if (kill(*pid, 0) != 0) return refused("the process is gone");
    return ReplyControl::done();
}

ControlOutcome check_pid_srvid(const ControlCall& call) {
    const auto question = protocol::decode<protocol::PidSrvid>(call.control.data);
    if (!question) return refused(fmt::format("{}", question.error()));
    const auto clients = clients_with_pid(call.daemon, question->pid);
    if (disconnect_if_inactive(call.daemon, clients)) return refused("this node is not active");
    for (const Client* const client : clients)
        if (call.daemon.registrations.has(client->id(), question->srvid))
            return ReplyControl::done();
    return refused("no client with this pid listens to this address");
}

ControlOutcome tunnel_register(const ControlCall& call) {
    return call.daemon.tunnels.register_end(call);
}

ControlOutcome tunnel_deregister(const ControlCall& call) {
    return call.daemon.tunnels.deregister_end(call);
}

ControlOutcome echo_data(const ControlCall& call) {
    const auto echo = protocol::decode<protocol::EchoData>(call.control.data);
    if (!echo) return refused(fmt::format("{}", echo.error()));
    return ReplyControl::done(protocol::encode(*echo));
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::register_srvid, register_srvid},
    {Opcode::deregister_srvid, deregister_srvid},
    {Opcode::register_notify, register_notify},
    {Opcode::deregister_notify, deregister_notify},
    {Opcode::process_exists, process_exists},
    {Opcode::check_pid_srvid, check_pid_srvid},
    {Opcode::tunnel_register, tunnel_register},
    {Opcode::tunnel_deregister, tunnel_deregister},
    {Opcode::echo_data, echo_data},
});

} // namespace

std::span<const ControlRow> client_controls() { return rows; }

} // namespace ctdbd::daemon
