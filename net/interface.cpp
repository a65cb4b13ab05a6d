#include "net/interface.h"

#include "net/file.h"

#include <boost/asio/ip/udp.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <optional>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace net {

namespace {

using boost::asio::ip::udp;

std::optional<Address> address_in(const sockaddr* raw) {
    if (raw == nullptr) return {};
    if (raw->sa_family == AF_INET) {
        boost::asio::ip::address_v4::bytes_type bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(raw)->sin_addr, 4);
        return boost::asio::ip::address_v4(bytes);
    }
    if (raw->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(raw);
        boost::asio::ip::address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), &v6->sin6_addr, 16);
        return boost::asio::ip::address_v6(bytes, v6->sin6_scope_id);
    }
    return {};
}

std::size_t mtu_of(const std::string& name) {
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0)
        throw std::runtime_error(fmt::format("{}: cannot read the interface's MTU: {}; set `mtu`",
                                             name, std::strerror(errno)));
    return static_cast<std::size_t>(request.ifr_mtu);
}

// All of 127.0.0.0/8 belongs to the loopback interface, though only 127.0.0.1 is listed.
bool has_address(const ifaddrs& entry, const Address& own) {
    const auto address = address_in(entry.ifa_addr);
    if (!address) return false;
    const bool loopback = (entry.ifa_flags & IFF_LOOPBACK) != 0;
    return *address == own || (loopback && own.is_v4() && own.is_loopback());
}

std::optional<Interface> find_interface(const Address& own) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> keeper(list, ::freeifaddrs);
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next)
        if (has_address(*entry, own))
            return Interface{entry->ifa_name, ::if_nametoindex(entry->ifa_name), 0};
    return {};
}

// What the kernel's route (and what it learned of the path) allows; nothing if there is no route.
std::optional<std::size_t> route_mtu(const Address& own, const Address& other) {
    const bool v4 = own.is_v4();
    const Descriptor socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const udp::endpoint from(own, 0);
    const udp::endpoint to(other, 9);
    int mtu = 0;
    socklen_t size = sizeof mtu;
    if (socket.get() < 0 ||
        ::bind(socket.get(), from.data(), static_cast<socklen_t>(from.size())) != 0 ||
        ::connect(socket.get(), to.data(), static_cast<socklen_t>(to.size())) != 0 ||
        ::getsockopt(socket.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu,
                     &size) != 0)
        return {};
    return static_cast<std::size_t>(mtu);
}

} // namespace

Interface interface_of(const Address& own) {
    auto found = find_interface(own);
    if (!found)
        throw std::runtime_error(
            fmt::format("{}: no interface of this machine has this address; correct the nodes "
                        "file, or bring the interface up",
                        own.to_string()));
    found->mtu = mtu_of(found->name);
    return *found;
}

bool is_ours(const Address& address) { return find_interface(address).has_value(); }

std::size_t path_mtu(const Address& own, std::span<const Address> others) {
    std::size_t mtu = std::min(interface_of(own).mtu, jumbo_mtu);
    for (const Address& other : others)
        if (const auto route = route_mtu(own, other)) mtu = std::min(mtu, *route);
    return mtu;
}

} // namespace net
