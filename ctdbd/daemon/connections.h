// TCP connections that clients have made to public addresses, wherever those are held: who takes an
// address over tickles them (ctdb-wire.md 3.3.8; ctdb-behaviour.md 6.7).
//
// smbd registers a connection with its own daemon, which tells all; it is gone when the smbd is.
// Lists that scripts change travel every now and then instead, from the node that holds the
// address.
#pragma once

#include "ctdbd/daemon/client.h"
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/protocol/addresses.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <set>
#include <vector>

namespace ctdbd::daemon {

class Connections {
public:
    using List = std::vector<protocol::Connection>;

    Connections(boost::asio::io_context& loop, Daemon& daemon);

    void begin();

    [[nodiscard]] const List& of(const protocol::IpAddress& ip) const;
    // Those with this port of the address; 0: all.
    [[nodiscard]] protocol::TickleList list(const protocol::SocketAddress& address) const;

    // False: it is there already.
    bool add(const protocol::Connection& connection);
    void remove(const protocol::Connection& connection);
    void replace(const protocol::TickleList& list);

    // Added or removed by a script: the others hear of it at the next update.
    void changed(const protocol::IpAddress& ip) { changed_.insert(ip); }

    // Made to one of our clients.
    void opened(ClientId client, const protocol::Connection& connection);
    void client_gone(ClientId client);
    // A node has just come up and knows nothing.
    void tell_everything();

private:
    void tell_all(protocol::Opcode opcode, const Bytes& data);
    void push(const protocol::IpAddress& ip);
    void update();

    Daemon& daemon_;
    boost::asio::steady_timer timer_;
    std::map<protocol::IpAddress, List> lists_; // by the server's address
    std::map<ClientId, List> of_clients_;
    std::set<protocol::IpAddress> changed_;
};

} // namespace ctdbd::daemon
