#include "ctdbd/daemon/addresses.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;
using config::PublicAddress;
using config::TakeDecision;

constexpr auto look_pause = 1s;
// Until addresses that were suspended are released with all that scripts do about it.
constexpr auto release_after = 5s;

std::string arguments_of(const PublicAddress& address, const std::string& iface) {
    return fmt::format("{} {} {}", iface, address.ip.to_string(), address.mask_bits);
}

} // namespace

Addresses::Addresses(boost::asio::io_context& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon), table_(daemon.setup.public_addresses), announcer_(loop, daemon),
      look_timer_(loop), cut_off_timer_(loop) {}

void Addresses::begin() {
    if (daemon_.setup.paths.test_mode) return; // nothing is ever on an interface
    guard_.emplace(loop_, daemon_.cluster.notice_period(), [this] {
        logs::addresses().error("this daemon stood still: its public addresses were taken off");
        suspend_all();
        ask_for_takeover_run();
    });
    look_at_interfaces();
}

bool Addresses::may_hold() const {
    return daemon_.recovery_mode() == protocol::RecoveryMode::normal;
}

bool Addresses::is_on_interface(const protocol::IpAddress& ip) const {
    return !daemon_.setup.paths.test_mode && iface_of(ip).has_value();
}

bool Addresses::is_held(const protocol::IpAddress& ip) {
    const PublicAddress* const address = table_.find(ip);
    return address != nullptr && address->held();
}

protocol::PublicIpList Addresses::list(bool available_only) const {
    const std::uint32_t flags = daemon_.nodes.flags(daemon_.nodes.self());
    const bool able = daemon_.run_state() == protocol::RunState::running && flags == 0;
    protocol::PublicIpList list;
    for (const auto& [ip, address] : table_.all())
        if (!available_only || (able && !address.leaving && table_.can_host(address)))
            list.ips.push_back({.pnn = address.holder, .address = {ip, 0}});
    return list;
}

void Addresses::ask_for_takeover_run() {
    daemon_.messenger.send(protocol::pnn::broadcast_connected, protocol::srvid::takeover_run,
                           protocol::encode(protocol::SrvidMessage{daemon_.nodes.self(), 0}));
}

void Addresses::bequeath(Will will) {
    if (guard_) guard_->bequeath(std::move(will));
}

// What is on an interface, or about to be.
void Addresses::tell_guard() {
    if (!guard_) return;
    std::vector<HeldAddress> held;
    bool settled = true;
    for (const auto& [ip, address] : table_.all()) {
        if (address.busy) settled = false;
        if (address.held() && !address.suspended)
            held.push_back({ip, address.mask_bits, *address.iface});
    }
    guard_->hold(std::move(held), settled);
}

// -- taking

void Addresses::take(const protocol::PublicIp& ip, Done done) {
    PublicAddress* const address = table_.find(ip.address.ip);
    if (address == nullptr) {
        done(true);
        return;
    }
    const TakeDecision decision = table_.decide_take(*address);
    switch (decision.what) {
    case TakeDecision::What::nothing:
        done(true);
        return;
    case TakeDecision::What::take:
        run_take(*address, decision.iface, std::move(done));
        return;
    case TakeDecision::What::update:
        run_update(*address, decision.iface, std::move(done));
        return;
    case TakeDecision::What::refuse:
        done(false);
        return;
    }
}

// The guard hears of it first: the script may have put it on the interface when we die.
void Addresses::run_take(PublicAddress& address, const std::string& iface, Done done) {
    logs::addresses().info("taking {} on {}", address.ip.to_string(), iface);
    address.busy = true;
    address.suspended = false;
    address.iface = iface;
    tell_guard();
    daemon_.lifecycle.run("takeip", arguments_of(address, iface),
                          [this, ip = address.ip, iface, done = std::move(done)](int result) {
                              taken(ip, iface, result, done);
                          });
}

void Addresses::taken(const protocol::IpAddress& ip,
                      const std::string& iface,
                      int result,
                      Done done) {
    PublicAddress& address = *table_.find(ip); // busy, so it is still there
    address.busy = false;
    if (!done_or_timed_out(result)) {
        if (is_on_interface(ip)) take_off({ip, address.mask_bits, iface});
        table_.released(address, protocol::pnn::unknown);
        tell_guard();
        done(false);
        return;
    }
    table_.taken(address, iface, daemon_.nodes.self());
    const bool still = may_hold(); // things may have changed while the script ran
    if (!still) suspend(address);
    tell_guard();
    if (!still) {
        done(false);
        return;
    }
    announcer_.announce(ip, iface);
    daemon_.messenger.deliver(protocol::srvid::take_ip, protocol::encode_string(ip.to_string()));
    done(true);
}

void Addresses::run_update(PublicAddress& address, const std::string& iface, Done done) {
    const std::string old = *address.iface;
    logs::addresses().info("{} moves from {} to {}", address.ip.to_string(), old, iface);
    address.busy = true;
    tell_guard();
    daemon_.lifecycle.run("updateip", old + " " + arguments_of(address, iface),
                          [this, ip = address.ip, iface, done = std::move(done)](int result) {
                              PublicAddress& moved = *table_.find(ip);
                              moved.busy = false;
                              if (result == 0) {
                                  moved.iface = iface;
                                  announcer_.announce(ip, iface);
                              }
                              tell_guard();
                              done(result == 0);
                          });
}

// -- releasing

void Addresses::release(const protocol::PublicIp& ip, Done done) {
    PublicAddress* const address = table_.find(ip.address.ip);
    if (address == nullptr) {
        done(true);
        return;
    }
    if (address->busy) {
        done(false);
        return;
    }
    // Somebody may have put it there behind our back.
    if (!address->held() && !daemon_.setup.paths.test_mode) address->iface = iface_of(address->ip);
    if (address->held()) {
        run_release(*address, ip.pnn, std::move(done));
        return;
    }
    address->holder = ip.pnn;
    done(true);
}

// The script has ended the connections by the time at which clients are told.
void Addresses::run_release(PublicAddress& address, std::uint32_t holder, Done done) {
    logs::addresses().info("releasing {} from {}", address.ip.to_string(), *address.iface);
    address.busy = true;
    tell_guard();
    announcer_.forget(address.ip);
    daemon_.lifecycle.run("releaseip", arguments_of(address, *address.iface),
                          [this, ip = address.ip, holder, done = std::move(done)](int) {
                              PublicAddress& released = *table_.find(ip);
                              released.busy = false;
                              if (is_on_interface(ip)) {
                                  logs::addresses().error("{} is still on an interface",
                                                          ip.to_string());
                                  tell_guard();
                                  done(false);
                                  return;
                              }
                              table_.released(released, holder);
                              tell_guard();
                              daemon_.messenger.deliver(protocol::srvid::release_ip,
                                                        protocol::encode_string(ip.to_string()));
                              done(true);
                          });
}

void Addresses::release_all() {
    std::vector<protocol::IpAddress> held;
    for (const auto& [ip, address] : table_.all())
        if (address.held() && !address.busy) held.push_back(ip);
    for (const auto& ip : held)
        release({protocol::pnn::unknown, {ip, 0}}, [](bool) {});
}

void Addresses::reload() {
    const auto lines =
        config::load_public_addresses(daemon_.setup.paths.public_addresses, iface_exists);
    std::vector<protocol::IpAddress> gone;
    for (const auto& [ip, address] : table_.all()) {
        const auto same = [&, known = ip](const config::PublicAddressLine& line) {
            return protocol::canonical(line.address) == known;
        };
        if (std::ranges::none_of(lines, same)) gone.push_back(ip);
    }
    for (const auto& ip : gone)
        static_cast<void>(table_.remove(ip));
    for (const config::PublicAddressLine& line : lines)
        static_cast<void>(table_.add(line));
}

// -- being cut off

void Addresses::stopped_serving() {
    if (!daemon_.nodes.self_active()) {
        release_all();
        return;
    }
    const bool hopeless = daemon_.cluster.view().phase == statedb::HostPhase::no_quorum;
    if (hopeless) suspend_all();
    cut_off_timer_.expires_after(suspend_after);
    cut_off_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        suspend_all();
        cut_off_timer_.expires_after(release_after);
        cut_off_timer_.async_wait([this](const boost::system::error_code& ended) {
            if (!ended) release_all();
        });
    });
}

void Addresses::serving_again() { cut_off_timer_.cancel(); }

void Addresses::suspend_all() {
    std::vector<protocol::IpAddress> held;
    for (const auto& [ip, address] : table_.all())
        if (address.held() && !address.suspended) held.push_back(ip);
    for (const auto& ip : held)
        suspend(*table_.find(ip));
    if (!held.empty())
        logs::addresses().warn("cut off: {} public addresses are suspended", held.size());
    tell_guard();
}

// One whose script is running is looked at again when that has ended.
void Addresses::suspend(PublicAddress& address) {
    if (!daemon_.setup.paths.test_mode) take_off({address.ip, address.mask_bits, *address.iface});
    announcer_.forget(address.ip);
    if (!address.busy) address.suspended = true;
}

// -- what others did to our interfaces

void Addresses::look_at_interfaces() {
    bool strange = false;
    for (const auto& [ip, known] : table_.all()) {
        PublicAddress& address = *table_.find(ip);
        if (address.busy || address.suspended || !may_hold()) continue;
        const bool there = is_on_interface(ip);
        if (there == address.held()) continue;
        logs::addresses().warn("{} is {}", ip.to_string(),
                               there ? "on an interface, though it is not ours"
                                     : "on no interface any more");
        address.suspended = !there;
        strange = true;
    }
    if (strange) {
        tell_guard();
        ask_for_takeover_run();
    }
    look_timer_.expires_after(look_pause);
    look_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) look_at_interfaces();
    });
}

} // namespace ctdbd::daemon
