// Socket addresses as the protocol carries them, and all that is about public addresses: who holds
// one, over which interface, and which TCP connections a takeover must tickle (ctdb-wire.md 3.1.1
// to 3.1.3).
#pragma once

#include "ctdbd/protocol/codec.h"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ctdbd::protocol {

using IpAddress = boost::asio::ip::address; // the value type only; nothing here opens a socket

// The 28-byte union. Decoding turns IPv4-mapped IPv6 into IPv4 and forgets flow info, scope and pad
// (which clients leave full of garbage), so two of them are the same place exactly if they are
// equal.
struct SocketAddress {
    IpAddress ip = boost::asio::ip::address_v4::any();
    std::uint16_t port = 0;

    friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

// ::ffff:10.0.0.1 becomes 10.0.0.1, scope ids are dropped, all else stays.
[[nodiscard]] IpAddress canonical(const IpAddress& ip);

struct PublicIp {
    std::uint32_t pnn = 0; // the holder; pnn::unknown: nobody
    SocketAddress address;

    friend bool operator==(const PublicIp&, const PublicIp&) = default;
};

struct PublicIpList {
    std::vector<PublicIp> ips;

    friend bool operator==(const PublicIpList&, const PublicIpList&) = default;
};

inline constexpr std::size_t iface_name_max = 16; // Linux: IFNAMSIZ

struct Iface {
    std::string name;             // 1 to iface_name_max bytes
    std::uint16_t link_state = 0; // 0 or 1
    std::uint32_t references = 0; // addresses assigned to it now

    friend bool operator==(const Iface&, const Iface&) = default;
};

struct IfaceList {
    std::vector<Iface> ifaces;

    friend bool operator==(const IfaceList&, const IfaceList&) = default;
};

struct PublicIpInfo {
    static constexpr std::uint32_t no_iface = 0xFFFFFFFF;

    PublicIp ip;
    std::uint32_t active = no_iface; // index into ifaces
    std::vector<Iface> ifaces;

    friend bool operator==(const PublicIpInfo&, const PublicIpInfo&) = default;
};

struct Connection {
    SocketAddress client; // `src` in CTDB's words
    SocketAddress server; // `dst`: the public address

    friend bool operator==(const Connection&, const Connection&) = default;
};

// Tolerates a tail.
struct TickleList {
    SocketAddress address;
    std::vector<Connection> connections;

    friend bool operator==(const TickleList&, const TickleList&) = default;
};

// ADD_PUBLIC_IP, DEL_PUBLIC_IP (mask_bits 0, no interfaces), SEND_GRATUITOUS_ARP.
struct AddrInfo {
    SocketAddress address;
    std::uint32_t mask_bits = 0;
    std::string ifaces; // separated by commas; empty: none

    friend bool operator==(const AddrInfo&, const AddrInfo&) = default;
};

} // namespace ctdbd::protocol
