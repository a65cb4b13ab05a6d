// The proof that a daemon is dead: a secret that nobody but its guard can tell, and only then.
//
// A daemon draws a secret when it starts and gives it to its guard (address_guard.h); the others
// get the secret's hash, through the ring. When the daemon is gone and its addresses are off, the
// guard publishes the secret. Whoever knows the hash knows then that this life of the daemon is
// over, for ever: so there is nothing to seal, nothing to replay, and a guard needs no key.
#pragma once

#include "totem/ids.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctdbd::daemon {

using Secret = std::array<std::uint8_t, 32>;

[[nodiscard]] Secret draw_secret();
[[nodiscard]] std::string commitment_to(const Secret& secret); // BLAKE2b, 32 bytes

struct Obituary {
    totem::ProcessorId who;
    Secret secret{};

    friend bool operator==(const Obituary&, const Obituary&) = default;
};

// As one datagram says it.
[[nodiscard]] std::string encode(const Obituary& obituary);
// None: malformed. Whether it is true only the commitment tells.
[[nodiscard]] std::optional<Obituary> decode_obituary(std::string_view text);

} // namespace ctdbd::daemon
