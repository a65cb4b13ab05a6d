#include "ctdbd/daemon/announcer.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/daemon/raw_packets.h"
#include "net/logs.h"

#include <chrono>

namespace ctdbd::daemon {

namespace {

constexpr int rounds = 3;
constexpr std::chrono::milliseconds pause{1100};

} // namespace

void Announcer::announce(const protocol::IpAddress& ip, const std::string& iface) {
    if (daemon_.setup.paths.test_mode) return;
    running_[ip] = std::make_unique<Rounds>(
        Rounds{.timer = boost::asio::steady_timer(loop_), .iface = iface, .left = rounds});
    next_round(ip);
}

void Announcer::next_round(const protocol::IpAddress& ip) {
    Rounds& mine = *running_.at(ip);
    if (const std::string why = send_gratuitous_arp(ip, mine.iface); !why.empty())
        logs::addresses().warn("cannot announce {} on {}: {}", ip.to_string(), mine.iface, why);
    for (const protocol::Connection& connection : daemon_.connections.of(ip))
        if (const std::string why = send_tickle(connection); !why.empty())
            logs::addresses().debug("cannot tickle a connection of {}: {}", ip.to_string(), why);
    if (--mine.left == 0) {
        running_.erase(ip);
        return;
    }
    mine.timer.expires_after(pause);
    mine.timer.async_wait([this, ip](const boost::system::error_code& error) {
        if (!error && running_.contains(ip)) next_round(ip);
    });
}

} // namespace ctdbd::daemon
