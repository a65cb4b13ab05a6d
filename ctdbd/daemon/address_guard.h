// The guard of our public addresses: a process of its own that takes them off their interfaces when
// this daemon is gone without having released them, or says nothing for too long. Once the daemon
// is dead and they are off it tells the others, who need not wait any longer (obituary.h).
//
// The others give the addresses of a node that they have lost to somebody else after a notice
// period (statedb/records.h). A daemon that is killed or stopped cannot release anything, and the
// address would be on two nodes. The guard sleeps on a socket; the daemon tells it what is held,
// again and again while something is.
#pragma once

#include "ctdbd/daemon/child.h"
#include "ctdbd/daemon/iface_addresses.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ctdbd::daemon {

// What the guard is to guard.
struct HeldReport {
    std::chrono::milliseconds silence_max{0}; // that the guard bears
    // No script is at work: what is taken off stays off.
    bool settled = true;
    std::vector<HeldAddress> held;

    friend bool operator==(const HeldReport&, const HeldReport&) = default;
};

// What it is to send once the daemon is dead, and to whom.
struct Will {
    std::string obituary;
    std::vector<boost::asio::ip::udp::endpoint> heirs;

    friend bool operator==(const Will&, const Will&) = default;
};

// As one datagram says it.
[[nodiscard]] std::string encode(const HeldReport& report);
[[nodiscard]] std::string encode(const Will& will);
// None: nobody of ours wrote that.
[[nodiscard]] std::optional<HeldReport> parse_held(const std::string& text);
[[nodiscard]] std::optional<Will> parse_will(const std::string& text);

// The guard's whole life, in its own process, with the socket as descriptor 3.
int guard_addresses();

// The argument with which this program is a guard.
inline constexpr const char* guard_option = "--address-guard";

class AddressGuard {
public:
    // `dropped`: the guard took our addresses off, since it did not hear from us.
    AddressGuard(boost::asio::io_context& loop,
                 std::chrono::milliseconds silence_max,
                 std::function<void()> dropped);
    ~AddressGuard();

    AddressGuard(const AddressGuard&) = delete;
    AddressGuard& operator=(const AddressGuard&) = delete;

    // Both replace what it knows.
    void hold(std::vector<HeldAddress> held, bool settled);
    void bequeath(Will will);

private:
    void launch();
    void tell(const std::string& text);
    void beat();
    void listen();

    boost::asio::io_context& loop_;
    std::function<void()> dropped_;
    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer beat_timer_, restart_timer_;
    std::unique_ptr<Child> child_;
    HeldReport report_;
    Will will_;
    std::array<char, 1> word_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
