// How tunables travel: one by name, all names as text, all values as an array
// (ctdb-wire.md 3.1.3, 3.1.4). Which tunables there are, their order and their defaults:
// ctdbd/model/config_tunables.h.
#pragma once

#include "ctdbd/protocol/codec.h"

#include <array>
#include <cstdint>
#include <string>

namespace ctdbd::protocol {

inline constexpr std::size_t tunables_count = 62;

// SET_TUNABLE. Tolerates a tail.
struct TunableSet {
    std::uint32_t value = 0;
    std::string name;

    friend bool operator==(const TunableSet&, const TunableSet&) = default;
};

// GET_TUNABLE. Tolerates a tail.
struct TunableGet {
    std::string name;

    friend bool operator==(const TunableGet&, const TunableGet&) = default;
};

// LIST_TUNABLES: ":SeqnumInterval:ControlTimeout:...".
struct TunableNames {
    std::string text;

    friend bool operator==(const TunableNames&, const TunableNames&) = default;
};

// GET_ALL_TUNABLES, obsolete ones included.
struct TunableValues {
    std::array<std::uint32_t, tunables_count> values{};

    friend bool operator==(const TunableValues&, const TunableValues&) = default;
};

} // namespace ctdbd::protocol
