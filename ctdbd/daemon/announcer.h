// What the network is told when an address is here: where it is now, and that its old connections
// have ended (ctdb-behaviour.md 6.6, 6.7).
//
// A gratuitous ARP (or neighbour advertisement) and, for each connection that is known to have been
// made to the address, a TCP packet that the client answers in such a way that it notices: three
// rounds. In test mode nothing is sent. Which connections there are, connections.h knows.
#pragma once

#include "ctdbd/protocol/addresses.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <string>

namespace ctdbd::daemon {

class Daemon;

class Announcer {
public:
    Announcer(boost::asio::io_context& loop, Daemon& daemon) : loop_(loop), daemon_(daemon) {}

    void announce(const protocol::IpAddress& ip, const std::string& iface);

    // It is not here any more.
    void forget(const protocol::IpAddress& ip) { running_.erase(ip); }

private:
    struct Rounds {
        boost::asio::steady_timer timer;
        std::string iface;
        int left;
    };

    void next_round(const protocol::IpAddress& ip);

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    std::map<protocol::IpAddress, std::unique_ptr<Rounds>> running_;
};

} // namespace ctdbd::daemon
