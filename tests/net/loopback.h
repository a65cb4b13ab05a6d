// Addresses, ports and a multicast group of this test process's own, on the loopback network: tests
// that run side by side do not hear each other.
#pragma once

#include "net/node.h"

#include <fmt/format.h>

#include <poll.h>
#include <string>
#include <unistd.h>

namespace tests {

inline unsigned own_number() { return static_cast<unsigned>(::getpid()); }

inline std::string loopback_address(net::NodeId node) {
    return fmt::format("127.{}.{}.{}", 1 + own_number() / 250 % 250, 1 + own_number() % 250, node);
}

inline std::uint16_t own_port() {
    return static_cast<std::uint16_t>(10000 + own_number() % 10000 * 2);
}

inline std::string own_group() {
    return fmt::format("239.192.{}.{}", own_number() / 250 % 250, 1 + own_number() % 250);
}

// Options for node `self` of `nodes`, without key and storage.
inline net::NodeOptions loopback_options(net::NodeId self, net::NodeId nodes) {
    net::NodeOptions options;
    options.self = self;
    options.cluster = fmt::format("test-{}", own_number());
    for (net::NodeId node = 1; node <= nodes; ++node)
        options.addresses[node] = loopback_address(node);
    options.multicast_group = own_group();
    options.port = own_port();
    options.token_port = static_cast<std::uint16_t>(own_port() + 1);
    return options;
}

// Waits until the descriptor is readable; false after ten seconds, which is a failure of the test.
inline bool becomes_readable(int fd) {
    constexpr int limit_ms = 10'000;
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, limit_ms) > 0;
}

} // namespace tests
