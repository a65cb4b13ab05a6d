// Which component may act: dynamic linear voting with a history in stable storage (totem.md 6.1,
// design.md Quorum), or the static majority. Pure arithmetic on histories; the Host decides when to
// ask.
#pragma once

#include "totem/delivery.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace statedb {

using namespace totem;

// One primary component, or one attempt to form it.
struct Primary {
    std::uint64_t index = 0;   // epoch; 0: none ever
    std::vector<NodeId> nodes; // sorted

    friend bool operator==(const Primary&, const Primary&) = default;
};

// What a node remembers for ever: the last primary component it was in, and an attempt it took part
// in whose outcome it does not know. An attempt counts as formed until a member of it that knows
// better is met.
struct History {
    Primary last_primary;
    std::optional<Primary> attempt;

    friend bool operator==(const History&, const History&) = default;
};

enum class QuorumRule : std::uint8_t { dynamic, majority };

struct Verdict {
    bool eligible = false;
    std::uint64_t next_index = 0; // of the primary component that these members may form
    std::string why; // one sentence for operators: "2 of 3 of primary component 17 are here"
};

// `nodes`: the configured cluster. `members`: the component's nodes; `histories`: theirs, in the
// same order (one missing = a node that told nothing = no history). The same arguments give the
// same verdict on every member.
[[nodiscard]] Verdict judge(QuorumRule rule,
                            std::span<const NodeId> nodes,
                            std::span<const NodeId> members,
                            std::span<const History> histories);

// Compact, at most hint_size_max bytes for clusters up to 64 nodes numbered 1..64 (bitmaps), for
// commit tokens and files.
[[nodiscard]] Bytes encode(const History& history);
[[nodiscard]] std::optional<History> decode_history(std::span<const std::uint8_t> bytes);

} // namespace statedb
