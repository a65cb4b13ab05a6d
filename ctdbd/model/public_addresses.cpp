#include "ctdbd/model/public_addresses.h"

#include <algorithm>
#include <utility>

namespace ctdbd::config {

PublicAddresses::PublicAddresses(const std::vector<PublicAddressLine>& lines) {
    for (const PublicAddressLine& line : lines)
        static_cast<void>(add(line));
}

PublicAddress* PublicAddresses::find(const IpAddress& ip) {
    const auto found = addresses_.find(protocol::canonical(ip));
    return found != addresses_.end() ? &found->second : nullptr;
}

bool PublicAddresses::add(const PublicAddressLine& line) {
    for (const std::string& iface : line.ifaces)
        if (links_.emplace(iface, true).second) order_.push_back(iface);
    const IpAddress ip = protocol::canonical(line.address);
    if (PublicAddress* const known = find(ip)) return std::exchange(known->leaving, false);
    PublicAddress address;
    address.ip = ip;
    address.mask_bits = line.mask_bits;
    address.ifaces = line.ifaces;
    addresses_.emplace(ip, std::move(address));
    return true;
}

bool PublicAddresses::remove(const IpAddress& ip) {
    PublicAddress* const address = find(ip);
    if (address == nullptr || address->leaving) return false;
    if (address->held() || address->busy) {
        address->leaving = true;
    } else {
        addresses_.erase(protocol::canonical(ip));
        forget_unused_links();
    }
    return true;
}

// -- interfaces

std::uint32_t PublicAddresses::references(const std::string& iface) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        addresses_, [&](const auto& entry) { return entry.second.iface == iface; }));
}

bool PublicAddresses::is_up(const std::string& iface) const {
    const auto link = links_.find(iface);
    return link != links_.end() && link->second;
}

protocol::Iface PublicAddresses::describe(const std::string& iface) const {
    return {.name = iface,
            .link_state = static_cast<std::uint16_t>(is_up(iface) ? 1 : 0),
            .references = references(iface)};
}

std::vector<protocol::Iface> PublicAddresses::ifaces() const {
    std::vector<protocol::Iface> list;
    for (const std::string& name : order_)
        list.push_back(describe(name));
    return list;
}

protocol::PublicIpInfo PublicAddresses::info(const PublicAddress& address) const {
    protocol::PublicIpInfo info;
    info.ip = {.pnn = address.holder, .address = {address.ip, 0}};
    for (const std::string& iface : address.ifaces) {
        if (address.iface == iface) info.active = static_cast<std::uint32_t>(info.ifaces.size());
        info.ifaces.push_back(describe(iface));
    }
    return info;
}

bool PublicAddresses::set_link(const std::string& name, bool up) {
    const auto link = links_.find(name);
    if (link == links_.end()) return false;
    link->second = up;
    return true;
}

bool PublicAddresses::can_host(const PublicAddress& address) const {
    return std::ranges::any_of(address.ifaces, [&](const auto& iface) { return is_up(iface); });
}

void PublicAddresses::forget_unused_links() {
    std::erase_if(order_, [&](const std::string& iface) {
        const bool used = std::ranges::any_of(addresses_, [&](const auto& entry) {
            return std::ranges::find(entry.second.ifaces, iface) != entry.second.ifaces.end();
        });
        if (!used) links_.erase(iface);
        return !used;
    });
}

// -- changes

// Of those that are up, the one with the fewest addresses on it.
std::optional<std::string> PublicAddresses::best_iface(const PublicAddress& address) const {
    std::optional<std::string> best;
    for (const std::string& iface : address.ifaces)
        if (is_up(iface) && (!best || references(iface) < references(*best))) best = iface;
    return best;
}

// One that is held moves to another interface only if that makes a difference.
TakeDecision PublicAddresses::decide_take(const PublicAddress& address) const {
    using What = TakeDecision::What;
    const auto best = best_iface(address);
    if (address.busy || !best) return {What::refuse, {}};
    if (!address.held() || address.suspended) return {What::take, *best};
    const bool well = is_up(*address.iface) && references(*address.iface) <= references(*best) + 1;
    return well ? TakeDecision{What::nothing, *address.iface} : TakeDecision{What::update, *best};
}

void PublicAddresses::taken(PublicAddress& address, std::string iface, std::uint32_t self) {
    address.iface = std::move(iface);
    address.holder = self;
    address.suspended = false;
}

void PublicAddresses::released(PublicAddress& address, std::uint32_t holder) {
    address.iface.reset();
    address.suspended = false;
    address.holder = holder;
    if (!address.leaving) return;
    addresses_.erase(IpAddress(address.ip));
    forget_unused_links();
}

} // namespace ctdbd::config
