// What the kernel knows about the network we are on: which interface has our address, and how large
// a packet may be on the way to the others (totem.md 8.1, 14).
#pragma once

#include <boost/asio/ip/address.hpp>

#include <span>
#include <string>

namespace net {

using Address = boost::asio::ip::address;

struct Interface {
    std::string name;
    unsigned index = 0;
    std::size_t mtu = 0;
};

// The interface that has this address; throws std::runtime_error with remedy if none has.
[[nodiscard]] Interface interface_of(const Address& own);

[[nodiscard]] bool is_ours(const Address& address); // one of this machine's

// The largest IP packet that reaches all of `others` unfragmented, as far as the kernel knows:
// never more than jumbo_mtu, because on a loopback device it is the socket buffers that limit us.
inline constexpr std::size_t jumbo_mtu = 9000;
[[nodiscard]] std::size_t path_mtu(const Address& own, std::span<const Address> others);

} // namespace net
