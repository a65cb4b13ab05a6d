#include "ctdbd/daemon/raw_packets.h"

#include <cerrno>
#include <cstring>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ctdbd::daemon {

namespace {

constexpr std::uint16_t ethertype_arp = 0x0806, ethertype_ipv6 = 0x86DD;
constexpr std::uint8_t protocol_tcp = 6, protocol_icmpv6 = 58;
constexpr std::uint8_t tcp_ack = 0x10;
constexpr std::uint16_t tickle_window = 1234; // any will do; a fixed one is easily filtered for
constexpr std::size_t ethernet_size = 14, ipv4_size = 20, ipv6_size = 40;
constexpr std::size_t checksum_in_tcp = 16, checksum_in_icmpv6 = 2, checksum_in_ipv4 = 10;

// Bytes one after the other, numbers in network order.
struct Bytewise {
    Frame bytes;

    Bytewise& u8(std::uint8_t value) {
        bytes.push_back(value);
        return *this;
    }

    Bytewise& u16(std::uint16_t value) {
        return u8(static_cast<std::uint8_t>(value >> 8)).u8(static_cast<std::uint8_t>(value));
    }

    Bytewise& u32(std::uint32_t value) {
        return u16(static_cast<std::uint16_t>(value >> 16)).u16(static_cast<std::uint16_t>(value));
    }

    template <std::size_t size>
    Bytewise& all(const std::array<std::uint8_t, size>& list) {
        bytes.insert(bytes.end(), list.begin(), list.end());
        return *this;
    }

    void put_u16(std::size_t at, std::uint16_t value) {
        bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
        bytes.at(at + 1) = static_cast<std::uint8_t>(value);
    }
};

std::uint32_t sum_of(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    return sum;
}

// The part of the checksum that stands for the IP header.
template <class Raw>
std::uint32_t
pseudo_sum(const Raw& from, const Raw& to, std::uint8_t protocol, std::size_t payload_size) {
    return sum_of(to, sum_of(from, static_cast<std::uint32_t>(payload_size) + protocol));
}

void ethernet(Bytewise& out, const MacAddress& to, const MacAddress& from, std::uint16_t type) {
    out.all(to).all(from).u16(type);
}

void ipv6_header(Bytewise& out,
                 const boost::asio::ip::address_v6& from,
                 const boost::asio::ip::address_v6& to,
                 std::uint8_t next,
                 std::size_t payload_size) {
    out.u32(6U << 28).u16(static_cast<std::uint16_t>(payload_size)).u8(next).u8(255);
    out.all(from.to_bytes()).all(to.to_bytes());
}

Bytewise tcp_header(const protocol::Connection& connection) {
    Bytewise tcp;
    tcp.u16(connection.server.port).u16(connection.client.port).u32(0).u32(0);
    tcp.u8(5U << 4).u8(tcp_ack).u16(tickle_window).u16(0).u16(0);
    return tcp;
}

// A descriptor that closes itself.
struct Socket {
    int descriptor;

    Socket(int family, int type, int protocol)
        : descriptor(socket(family, type | SOCK_CLOEXEC, protocol)) {}

    ~Socket() {
        if (descriptor >= 0) close(descriptor);
    }

    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

std::string send_frame(int packet_socket, int index, const Frame& frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index;
    to.sll_halen = 6;
    std::memcpy(to.sll_addr, frame.data(), 6);
    const ssize_t sent = sendto(packet_socket, frame.data(), frame.size(), 0,
                                reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return sent < 0 ? std::strerror(errno) : "";
}

} // namespace

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
    sum = sum_of(bytes, sum);
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

Frame arp_frame(const boost::asio::ip::address_v4& ip, const MacAddress& mac, bool reply) {
    constexpr MacAddress everybody{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, nobody{};
    Bytewise out;
    ethernet(out, everybody, mac, ethertype_arp);
    out.u16(1).u16(0x0800).u8(6).u8(4).u16(reply ? 2 : 1);
    out.all(mac).all(ip.to_bytes()).all(reply ? mac : nobody).all(ip.to_bytes());
    return out.bytes;
}

// RFC 4861, 4.4: unsolicited, with the override flag, to all nodes of the link.
Frame advertisement_frame(const boost::asio::ip::address_v6& ip, const MacAddress& mac) {
    constexpr MacAddress all_nodes_mac{0x33, 0x33, 0, 0, 0, 1};
    constexpr std::size_t size = 32;
    const auto all_nodes = boost::asio::ip::make_address_v6("ff02::1");
    Bytewise out;
    ethernet(out, all_nodes_mac, mac, ethertype_ipv6);
    ipv6_header(out, ip, all_nodes, protocol_icmpv6, size);
    out.u8(136).u8(0).u16(0).u32(1U << 29).all(ip.to_bytes()).u8(2).u8(1).all(mac);
    const std::size_t begin = ethernet_size + ipv6_size;
    out.put_u16(
        begin + checksum_in_icmpv6,
        internet_checksum(std::span(out.bytes).subspan(begin),
                          pseudo_sum(ip.to_bytes(), all_nodes.to_bytes(), protocol_icmpv6, size)));
    return out.bytes;
}

Frame tickle_packet(const protocol::Connection& connection) {
    Bytewise tcp = tcp_header(connection);
    const auto finish = [&](const auto& from, const auto& to) {
        tcp.put_u16(checksum_in_tcp,
                    internet_checksum(tcp.bytes, pseudo_sum(from.to_bytes(), to.to_bytes(),
                                                            protocol_tcp, tcp.bytes.size())));
    };
    Bytewise out;
    if (connection.server.ip.is_v4() && connection.client.ip.is_v4()) {
        const auto from = connection.server.ip.to_v4(), to = connection.client.ip.to_v4();
        finish(from, to);
        out.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(ipv4_size + tcp.bytes.size()));
        out.u16(0).u16(0).u8(255).u8(protocol_tcp).u16(0).all(from.to_bytes()).all(to.to_bytes());
        out.put_u16(checksum_in_ipv4, internet_checksum(out.bytes));
    } else if (connection.server.ip.is_v6() && connection.client.ip.is_v6()) {
        const auto from = connection.server.ip.to_v6(), to = connection.client.ip.to_v6();
        finish(from, to);
        ipv6_header(out, from, to, protocol_tcp, tcp.bytes.size());
    } else {
        return {};
    }
    out.bytes.insert(out.bytes.end(), tcp.bytes.begin(), tcp.bytes.end());
    return out.bytes;
}

std::string send_gratuitous_arp(const protocol::IpAddress& ip, const std::string& iface) {
    const Socket packets(AF_PACKET, SOCK_RAW, 0);
    if (packets.descriptor < 0) return std::strerror(errno);
    ifreq request{};
    iface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (ioctl(packets.descriptor, SIOCGIFHWADDR, &request) != 0) return std::strerror(errno);
    MacAddress mac{};
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
    const auto index = static_cast<int>(if_nametoindex(iface.c_str()));
    if (ip.is_v6())
        return send_frame(packets.descriptor, index, advertisement_frame(ip.to_v6(), mac));
    const std::string why =
        send_frame(packets.descriptor, index, arp_frame(ip.to_v4(), mac, false));
    if (!why.empty()) return why;
    return send_frame(packets.descriptor, index, arp_frame(ip.to_v4(), mac, true));
}

std::string send_tickle(const protocol::Connection& connection) {
    const Frame packet = tickle_packet(connection);
    if (packet.empty()) return "its two ends speak different languages";
    const bool is_v4 = connection.client.ip.is_v4();
    const Socket raw(is_v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
    if (raw.descriptor < 0) return std::strerror(errno);
    ssize_t sent = 0;
    if (is_v4) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(connection.client.ip.to_v4().to_uint());
        sent = sendto(raw.descriptor, packet.data(), packet.size(), 0,
                      reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        const auto bytes = connection.client.ip.to_v6().to_bytes();
        std::memcpy(&to.sin6_addr, bytes.data(), bytes.size());
        sent = sendto(raw.descriptor, packet.data(), packet.size(), 0,
                      reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    return sent < 0 ? std::strerror(errno) : "";
}

} // namespace ctdbd::daemon
