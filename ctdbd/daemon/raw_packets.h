// Packets that no socket of ours would send: gratuitous ARP, neighbour advertisements, and TCP
// acknowledgements of connections that are not ours (ctdb-behaviour.md 6.6). Their bytes are made
// by pure functions; sending needs root.
#pragma once

#include "ctdbd/protocol/addresses.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ctdbd::daemon {

using MacAddress = std::array<std::uint8_t, 6>;
using Frame = std::vector<std::uint8_t>;

// Ethernet frames. A request of the address for itself, or the answer that nobody asked for: hosts
// differ in which of the two they believe.
[[nodiscard]] Frame
arp_frame(const boost::asio::ip::address_v4& ip, const MacAddress& mac, bool reply);
[[nodiscard]] Frame advertisement_frame(const boost::asio::ip::address_v6& ip,
                                        const MacAddress& mac);

// An IP packet from the connection's server to its client: an acknowledgement of nothing that was
// sent. The client answers with what it expects, and whoever has the address now resets it.
[[nodiscard]] Frame tickle_packet(const protocol::Connection& connection);

// The Internet checksum (RFC 1071) of these bytes, in network order.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes,
                                              std::uint32_t sum = 0);

// Empty: sent; else why not.
[[nodiscard]] std::string send_gratuitous_arp(const protocol::IpAddress& ip,
                                              const std::string& iface);
[[nodiscard]] std::string send_tickle(const protocol::Connection& connection);

} // namespace ctdbd::daemon
