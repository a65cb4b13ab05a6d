#include "ctdbd/daemon/tunnels.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <vector>

namespace ctdbd::daemon {

using protocol::ReplyControl;

ControlOutcome Tunnels::register_end(const ControlCall& call) {
    if (!ends_.emplace(call.control.srvid, call.client).second)
        return refused("another client of this node has this tunnel");
    return ReplyControl::done();
}

ControlOutcome Tunnels::deregister_end(const ControlCall& call) {
    const auto end = ends_.find(call.control.srvid);
    if (end == ends_.end() || end->second != call.client)
        return refused("this client does not have this tunnel");
    ends_.erase(end);
    return ReplyControl::done();
}

void Tunnels::sent(const Client& client, std::uint32_t destnode, const protocol::Tunnel& packet) {
    if (!ends_.contains(packet.tunnel_id)) {
        logs::clients().warn(
            "client {} (pid {}) sent into tunnel 0x{:x}, which has no end on this node",
            client.id(), client.pid(), packet.tunnel_id);
        return;
    }
    std::vector<Pnn> to = daemon_.nodes.destinations(destnode);
    const TunnelPacket letter{packet.tunnel_id, packet.flags, packet.data};
    if (std::erase(to, daemon_.nodes.self()) > 0) arrived(letter);
    if (!to.empty()) daemon_.cluster.send(to, letter);
}

// Like a message, in order with messages: when all that was committed before it can be seen.
void Tunnels::arrived(const TunnelPacket& packet) {
    daemon_.disk.when_idle([this, packet] {
        const auto end = ends_.find(packet.tunnel_id);
        Client* const receiver = end != ends_.end() ? daemon_.clients.find(end->second) : nullptr;
        if (receiver == nullptr)
            logs::clients().info("a packet came through tunnel 0x{:x}, which has no end here",
                                 packet.tunnel_id);
        else
            receiver->send_message(
                encode_packet(daemon_.messenger.header(),
                              protocol::Tunnel{packet.tunnel_id, packet.flags, packet.data}));
    });
}

void Tunnels::client_gone(ClientId client) {
    std::erase_if(ends_, [&](const auto& end) { return end.second == client; });
}

} // namespace ctdbd::daemon
