// Addresses on the interfaces of this machine, as the kernel has them: looked up, and taken off at
// once when there is no time for scripts.
#pragma once

#include "ctdbd/protocol/addresses.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ctdbd::daemon {

// Where it is; none: on no interface.
[[nodiscard]] std::optional<std::string> iface_of(const protocol::IpAddress& ip);

[[nodiscard]] bool iface_exists(const std::string& name);

struct HeldAddress {
    protocol::IpAddress ip;
    std::uint32_t mask_bits = 0;
    std::string iface;

    friend bool operator==(const HeldAddress&, const HeldAddress&) = default;
};

// The machine answers nothing that is sent to it any more, but can still speak for it: the moment
// in which connections can be ended and none is made. Comes before take_off().
void deafen(const HeldAddress& address);

// Says whether it is gone now, be it that it was not there. One system call, no script.
bool take_off(const HeldAddress& address);

} // namespace ctdbd::daemon
