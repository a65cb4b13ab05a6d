// Messages between clients, wherever they are (ctdb-wire.md 2.4, 4; ctdb-behaviour.md 1.1, 1.7).
//
// A message goes to an address on one node or on many; whoever registered the address there gets
// it, and so does the daemon itself for a few. Nobody is told that nobody listened. A message is
// handed over only when all that was committed before it is visible in the files that its receiver
// may look into (ctdb-behaviour.md 10.4, 16).
#pragma once

#include "ctdbd/daemon/client.h"
#include "ctdbd/daemon/cluster.h"
#include "ctdbd/daemon/disk_thread.h"
#include "ctdbd/daemon/node_table.h"
#include "ctdbd/daemon/registrations.h"
#include "ctdbd/protocol/packets.h"

#include <functional>
#include <map>

namespace ctdbd::daemon {

class Messenger {
public:
    using Srvid = std::uint64_t;
    // The daemon listens, too.
    using Listener = std::function<void(const Bytes& data)>;

    Messenger(Clients& clients,
              const Registrations& registrations,
              const NodeTable& nodes,
              DiskThread& disk,
              Cluster& cluster);

    void listen(Srvid srvid, Listener listener);
    void stop_listening(Srvid srvid);

    // To a node or a broadcast address; an invalid one is nobody. On our own node it arrives when
    // the packet that is being handled is done with.
    void send(std::uint32_t destnode, Srvid srvid, const Bytes& data);
    // To one of our own clients, whether or not it registered the address.
    void send_to_client(ClientId client, Srvid srvid, const Bytes& data);
    // To whoever registered the address here, but not to those who listen to everything.
    void deliver_private(Srvid srvid, const Bytes& data);

    // To whoever listens on this node, now.
    void deliver(Srvid srvid, const Bytes& data);

    // From another node.
    void arrived(const ClientMessage& message);

    // What every packet to a client says about where it comes from.
    [[nodiscard]] protocol::Header header(std::uint32_t reqid = 0) const;

    void set_generation(std::uint32_t generation) { generation_ = generation; }

private:
    Clients& clients_;
    const Registrations& registrations_;
    const NodeTable& nodes_;
    DiskThread& disk_;
    Cluster& cluster_;
    std::map<Srvid, Listener> listeners_;
    std::uint32_t generation_ = protocol::invalid_generation;
};

} // namespace ctdbd::daemon
