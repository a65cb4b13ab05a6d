#include "ctdbd/protocol/addresses.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

constexpr std::uint16_t family_ipv4 = 2;  // AF_INET
constexpr std::uint16_t family_ipv6 = 10; // AF_INET6
constexpr std::size_t address_size = 28;
constexpr std::size_t iface_size = 24;
constexpr std::size_t iface_name_size = 18;

[[nodiscard]] constexpr std::uint16_t network_order(std::uint16_t port) {
    return static_cast<std::uint16_t>(port << 8 | port >> 8);
}

// The bytes of an address are in network order already; they only need to be moved.
void octets(auto& io, auto&& bytes) {
    for (auto& byte : bytes)
        io.number("address", byte);
}

} // namespace

IpAddress canonical(const IpAddress& ip) {
    if (ip.is_v4()) return ip;
    const address_v6 v6 = ip.to_v6();
    if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
    return address_v6(v6.to_bytes());
}

void layout(Reader& io, SocketAddress& value) {
    std::uint16_t family = 0, port = 0;
    io.number("family", family);
    io.number("port", port);
    value.port = network_order(port);
    if (family == family_ipv4) {
        address_v4::bytes_type bytes{};
        octets(io, bytes);
        value.ip = address_v4(bytes);
        io.pad(address_size - 8);
    } else if (family == family_ipv6) {
        address_v6::bytes_type bytes{};
        io.pad(4); // flow info
        octets(io, bytes);
        value.ip = canonical(address_v6(bytes));
        io.pad(4); // scope
    } else {
        io.fail("family", Problem::unknown);
    }
}

void layout(Writer& io, const SocketAddress& value) {
    io.number("family", value.ip.is_v4() ? family_ipv4 : family_ipv6);
    io.number("port", network_order(value.port));
    if (value.ip.is_v4()) {
        octets(io, value.ip.to_v4().to_bytes());
        io.pad(address_size - 8);
    } else {
        io.pad(4);
        octets(io, value.ip.to_v6().to_bytes());
        io.pad(4);
    }
}

void layout(auto& io, Is<PublicIp> auto& ip) {
    io.number("pnn", ip.pnn);
    layout(io, ip.address);
}

void layout(auto& io, Is<PublicIpList> auto& value) {
    list(io, "num", value.ips, 4 + address_size);
}

void layout(auto& io, Is<Iface> auto& iface) {
    io.fixed_text("name", iface.name, iface_name_size, iface_name_max);
    io.number("link_state", iface.link_state);
    io.number("references", iface.references);
}

void layout(auto& io, Is<IfaceList> auto& value) { list(io, "num", value.ifaces, iface_size); }

void layout(auto& io, Is<PublicIpInfo> auto& info) {
    layout(io, info.ip);
    io.number("active_idx", info.active);
    list(io, "num", info.ifaces, iface_size);
}

void layout(auto& io, Is<Connection> auto& connection) {
    layout(io, connection.client);
    layout(io, connection.server);
}

void layout(auto& io, Is<TickleList> auto& tickles) {
    layout(io, tickles.address);
    list(io, "num", tickles.connections, 2 * address_size);
}

template <>
inline constexpr Tail tail_of<TickleList> = Tail::ignored;

void layout(auto& io, Is<AddrInfo> auto& info) {
    layout(io, info.address);
    io.number("mask", info.mask_bits);
    length_and_text(io, "ifaces", info.ifaces);
}

template Decoded<SocketAddress> decode(const Bytes&);
template Decoded<PublicIp> decode(const Bytes&);
template Decoded<PublicIpList> decode(const Bytes&);
template Decoded<Iface> decode(const Bytes&);
template Decoded<IfaceList> decode(const Bytes&);
template Decoded<PublicIpInfo> decode(const Bytes&);
template Decoded<Connection> decode(const Bytes&);
template Decoded<TickleList> decode(const Bytes&);
template Decoded<AddrInfo> decode(const Bytes&);

template Bytes encode(const SocketAddress&);
template Bytes encode(const PublicIp&);
template Bytes encode(const PublicIpList&);
template Bytes encode(const Iface&);
template Bytes encode(const IfaceList&);
template Bytes encode(const PublicIpInfo&);
template Bytes encode(const Connection&);
template Bytes encode(const TickleList&);
template Bytes encode(const AddrInfo&);

} // namespace ctdbd::protocol
