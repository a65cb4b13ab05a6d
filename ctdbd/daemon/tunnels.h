// Tunnels: packets between clients that share a tunnel's number, one client on each node
// (ctdb-wire.md 2.8; ctdb-behaviour.md 1.16).
//
// The daemons carry and do not look inside. Nobody is told that nobody was at the other end: as the
// ends agree on anything, they may agree on replies.
#pragma once

#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/daemon/letters.h"

#include <map>

namespace ctdbd::daemon {

class Tunnels {
public:
    explicit Tunnels(Daemon& daemon) : daemon_(daemon) {}

    [[nodiscard]] ControlOutcome register_end(const ControlCall& call);
    [[nodiscard]] ControlOutcome deregister_end(const ControlCall& call);

    // A client sends into a tunnel, to a node or to many.
    void sent(const Client& client, std::uint32_t destnode, const protocol::Tunnel& packet);
    void arrived(const TunnelPacket& packet);

    void client_gone(ClientId client);

private:
    Daemon& daemon_;
    std::map<std::uint64_t, ClientId> ends_; // of tunnels, on this node
};

} // namespace ctdbd::daemon
