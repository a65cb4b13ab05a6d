// The public addresses on this node's interfaces: taken and released through scripts when the
// leader says so, off at once when we are cut off (ctdb-behaviour.md 6.5, 6.8; ctdb-wire.md 3.3.8).
//
// Never on two nodes. Whoever is given an address by the leader gets it after its holder has
// answered that it released it. A holder that cannot answer is cut off, and takes its addresses off
// by itself: `suspend_after` after its databases froze, or at once when it knows that it has no
// quorum; the leader waits for that (takeover.h). A daemon that is dead or stopped has a guard to
// do it (address_guard.h). A suspended address is still ours: in a run that leaves it here it comes
// back without anybody else having had it; else it is released as any other.
#pragma once

#include "ctdbd/daemon/address_guard.h"
#include "ctdbd/daemon/announcer.h"
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/model/public_addresses.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <optional>

namespace ctdbd::daemon {

// How long a node that is cut off keeps its addresses after its databases froze.
inline constexpr std::chrono::milliseconds suspend_after{300};

class Addresses {
public:
    using Done = std::function<void(bool well)>;

    Addresses(boost::asio::io_context& loop, Daemon& daemon);

    // The guard, and a look at the interfaces now and then.
    void begin();

    // -- what the leader, or a tool, says
    void take(const protocol::PublicIp& ip, Done done);
    void release(const protocol::PublicIp& ip, Done done);
    // The file is read again; what is new is added, what is gone removed. Throws ConfigError.
    void reload();

    // What our guard does once we are dead.
    void bequeath(Will will);

    // -- what happens to us
    // Stopped or banned: all are released. Else we are cut off, perhaps only for a moment.
    void stopped_serving();
    void serving_again();

    // -- what is asked
    [[nodiscard]] config::PublicAddresses& table() { return table_; }

    [[nodiscard]] protocol::PublicIpList list(bool available_only) const;
    [[nodiscard]] bool is_held(const protocol::IpAddress& ip);

    // Somebody should look at who hosts what.
    void ask_for_takeover_run();

    [[nodiscard]] Announcer& announcer() { return announcer_; }

private:
    void run_take(config::PublicAddress& address, const std::string& iface, Done done);
    void taken(const protocol::IpAddress& ip, const std::string& iface, int result, Done done);
    void run_update(config::PublicAddress& address, const std::string& iface, Done done);
    void run_release(config::PublicAddress& address, std::uint32_t holder, Done done);
    void release_all();
    void suspend_all();
    void suspend(config::PublicAddress& address);
    void look_at_interfaces();
    void tell_guard();
    [[nodiscard]] bool may_hold() const;
    [[nodiscard]] bool is_on_interface(const protocol::IpAddress& ip) const;

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    config::PublicAddresses table_;
    std::optional<AddressGuard> guard_;
    Announcer announcer_;
    boost::asio::steady_timer look_timer_, cut_off_timer_;
};

} // namespace ctdbd::daemon
