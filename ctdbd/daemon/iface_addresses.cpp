#include "ctdbd/daemon/iface_addresses.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ctdbd::daemon {

namespace {

// A request about an address, in the kernel's layout: a header, a body of its kind, attributes.
template <class Body>
struct Request {
    nlmsghdr header{};
    Body body{};
    std::array<std::uint8_t, 64> attributes{};

    explicit Request(std::uint16_t type) {
        static_assert(offsetof(Request, attributes) == NLMSG_LENGTH(sizeof(Body)));
        header.nlmsg_len = NLMSG_LENGTH(sizeof body);
        header.nlmsg_type = type;
        header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    }

    void add(std::uint16_t type, const void* data, std::size_t size) {
        const std::size_t at = header.nlmsg_len - NLMSG_LENGTH(sizeof body);
        rtattr attribute{};
        attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
        attribute.rta_type = type;
        std::memcpy(attributes.data() + at, &attribute, sizeof attribute);
        std::memcpy(attributes.data() + at + RTA_LENGTH(0), data, size);
        header.nlmsg_len += static_cast<std::uint32_t>(RTA_SPACE(size));
    }

    void add(std::uint16_t type, const protocol::IpAddress& ip) {
        if (ip.is_v4())
            add(type, ip.to_v4().to_bytes().data(), 4);
        else
            add(type, ip.to_v6().to_bytes().data(), 16);
    }
};

std::uint8_t family_of(const protocol::IpAddress& ip) { return ip.is_v4() ? AF_INET : AF_INET6; }

Request<ifaddrmsg> deletion_of(const HeldAddress& held, unsigned index) {
    Request<ifaddrmsg> request(RTM_DELADDR);
    request.body.ifa_family = family_of(held.ip);
    request.body.ifa_prefixlen = static_cast<std::uint8_t>(held.mask_bits);
    request.body.ifa_index = index;
    request.add(IFA_LOCAL, held.ip);
    if (held.ip.is_v4()) request.add(IFA_ADDRESS, held.ip);
    return request;
}

// The route by which the kernel takes packets to the address for its own.
Request<rtmsg> deafening_of(const HeldAddress& held, unsigned index) {
    Request<rtmsg> request(RTM_DELROUTE);
    request.body.rtm_family = family_of(held.ip);
    request.body.rtm_dst_len = held.ip.is_v4() ? 32 : 128;
    request.body.rtm_table = RT_TABLE_LOCAL;
    request.body.rtm_scope = RT_SCOPE_NOWHERE; // any
    request.add(RTA_DST, held.ip);
    request.add(RTA_OIF, &index, sizeof index);
    return request;
}

// 0 or an errno.
int answer_of(int netlink) {
    struct {
        nlmsghdr header{};
        nlmsgerr error{};
        std::array<std::uint8_t, 256> rest{};
    } answer;

    if (recv(netlink, &answer, sizeof answer, 0) < static_cast<ssize_t>(NLMSG_HDRLEN)) return errno;
    return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

template <class Body>
int result_of(const Request<Body>& request) {
    const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0) return errno;
    int error = EIO;
    if (send(netlink, &request, request.header.nlmsg_len, 0) >= 0) error = answer_of(netlink);
    close(netlink);
    return error;
}

} // namespace

std::optional<std::string> iface_of(const protocol::IpAddress& ip) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr) continue;
        std::array<char, INET6_ADDRSTRLEN> text{};
        const void* address = nullptr;
        if (entry->ifa_addr->sa_family == AF_INET)
            address = &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
        else if (entry->ifa_addr->sa_family == AF_INET6)
            address = &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
        if (address == nullptr ||
            inet_ntop(entry->ifa_addr->sa_family, address, text.data(), text.size()) == nullptr)
            continue;
        if (ip.to_string() == text.data()) return entry->ifa_name;
    }
    return std::nullopt;
}

bool iface_exists(const std::string& name) { return if_nametoindex(name.c_str()) != 0; }

void deafen(const HeldAddress& held) {
    if (const unsigned index = if_nametoindex(held.iface.c_str()); index != 0)
        static_cast<void>(result_of(deafening_of(held, index)));
}

bool take_off(const HeldAddress& held) {
    const unsigned index = if_nametoindex(held.iface.c_str());
    if (index == 0) return true;
    // Else the other addresses of its network would go with it.
    std::ofstream(fmt::format("/proc/sys/net/ipv4/conf/{}/promote_secondaries", held.iface)) << 1;
    const int error = result_of(deletion_of(held, index));
    return error == 0 || error == EADDRNOTAVAIL;
}

} // namespace ctdbd::daemon
