// What totem-lock and totemctl are told: cluster-wide locks for processes on this machine, and how
// the ring and the component are doing. The language is net/control.h's.
//
// A lock belongs to the connection that asked for it: when that closes, however it closes, the
// lock is given back.
#pragma once

#include "ctdbd/daemon/cluster.h"
#include "net/control.h"

#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <map>

namespace ctdbd::daemon {

class ToolDoor {
public:
    // Listens at once; throws std::runtime_error. `cluster` is borrowed.
    ToolDoor(boost::asio::io_context& loop, const std::filesystem::path& path, Cluster& cluster);

    void perform(const statedb::LockEffect& effect);

private:
    struct Claim {
        net::ControlConnection client;
        std::string name;
    };

    void lock(const boost::json::object& request, const net::ControlConnection& from);
    void unlock(const boost::json::object& request, const net::ControlConnection& from);
    void release(std::uint64_t ticket);
    void gone(const net::ControlConnection& who);
    [[nodiscard]] boost::json::object locks() const;
    [[nodiscard]] boost::json::object status() const;

    Cluster& cluster_;
    std::map<std::uint64_t, Claim> claims_; // by ticket
    net::ControlServer server_;             // last: its handlers use the others
};

} // namespace ctdbd::daemon
