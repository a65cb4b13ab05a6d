// Which client listens to which message address, and what is to be sent when one is gone
// (ctdb-behaviour.md 1.1, 1.13; ctdb-wire.md 3.3.3).
//
// Registrations belong to a connection, not to a process. An address registered twice is delivered
// twice.
#pragma once

#include "ctdbd/daemon/client.h"
#include "ctdbd/protocol/nodes.h"

#include <map>
#include <optional>
#include <vector>

namespace ctdbd::daemon {

class Registrations {
public:
    using Srvid = std::uint64_t;

    void add(ClientId client, Srvid srvid);
    // Removes one of them; false if there is none.
    [[nodiscard]] bool remove(ClientId client, Srvid srvid);
    [[nodiscard]] bool has(ClientId client, Srvid srvid) const;

    // Who gets a message to this address, as often as it registered; those who listen to all
    // addresses included, unless it is the traverse's own.
    [[nodiscard]] std::vector<ClientId> listeners(Srvid srvid, bool with_catch_all = true) const;

    // False if the client already has a notification for this address.
    [[nodiscard]] bool add_notification(ClientId client, protocol::NotifyData notification);
    [[nodiscard]] bool remove_notification(ClientId client, Srvid srvid);

    // Ends all registrations of a client; what it wanted to be sent now.
    [[nodiscard]] std::vector<protocol::NotifyData> forget(ClientId client);

private:
    std::multimap<Srvid, ClientId> listeners_;
    std::map<ClientId, std::map<Srvid, protocol::NotifyData>> notifications_;
};

} // namespace ctdbd::daemon
