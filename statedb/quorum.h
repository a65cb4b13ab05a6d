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

// One primary component, or one attempt to form it. `nodes` are those whose votes decide about the
// next one: the members that held its state. A member that was still receiving the state is not
// among them, for a component of such members alone could forget what was committed.
struct Primary {
    std::uint64_t index = 0;   // epoch; 0: none ever
    std::vector<NodeId> nodes; // sorted
    // The nodes of the cluster as its members had agreed upon, sorted; empty: none of them said any
    // (docs/adr/0021).
    std::vector<NodeId> cluster = {};

    friend bool operator==(const Primary&, const Primary&) = default;
};

// The nodes of the cluster as a node has them in writing. Two lists are the same only if the digest
// is, too: of whatever the world knows of those nodes besides, as where they are.
struct ClusterList {
    std::vector<NodeId> nodes; // sorted
    std::uint64_t digest = 0;

    friend bool operator==(const ClusterList&, const ClusterList&) = default;
};

// What a node remembers for ever: the last primary component it was in, and the attempts it took
// part in whose outcome it does not know, oldest first. An attempt counts as formed until a member
// of it is met that knows better. One attempt would not do: with LP = {1..5} and an attempt {1,2,3}
// that only 3 knows to be formed, 1 and 2 may try {1,2,4}; were that to replace the first, {1,4,5}
// could form beside {2,3}.
struct History {
    Primary last_primary;
    std::vector<Primary> attempts;
    // The greatest index of an attempt of ours that nobody formed. Some member may hold its end all
    // the same, as one that somebody may have formed: another component under its index would look
    // like that one to it.
    std::uint64_t given_up = 0;

    friend bool operator==(const History&, const History&) = default;
};

// A new node, or one that lost its disk: it has nothing to say about the past.
[[nodiscard]] bool blank(const History& history);
// `history` after its latest attempt turned out to be formed by nobody; `before`: its attempts
// before that one.
[[nodiscard]] History
without_attempt(History history, std::uint64_t index, std::vector<Primary> before);

inline constexpr std::size_t attempts_max = 16; // of different nodes; more are not tried

enum class QuorumRule : std::uint8_t { dynamic, majority };

// Why the list that we go by is not the one that was agreed upon.
enum class ClusterObstacle : std::uint8_t {
    none,
    not_said,      // in a component that may act
    differs,       // from another member's
    member_absent, // a member is not in it
    too_many_new,  // more than half of it are not here to know of it
};

struct Verdict {
    bool eligible = false;
    std::uint64_t next_index = 0; // of the primary component that these members may form
    std::string why; // one sentence for operators: "2 of 3 of primary component 17 are here"
};

// `clusters`: every list of the cluster's nodes that a member goes by; they count where nobody
// remembers one that was agreed upon. `members`: the component's nodes; `histories`: theirs, in the
// same order (one missing = a node that told nothing = no history). The same arguments give the
// same verdict on every member.
[[nodiscard]] Verdict judge(QuorumRule rule,
                            std::span<const std::vector<NodeId>> clusters,
                            std::span<const NodeId> members,
                            std::span<const History> histories);

// A witness outside of the cluster (ADR 19): under an exclusive lock it is told of each attempt
// before it can form, so it is a member of every component that has the lock. It has no node and no
// vote.
inline constexpr NodeId witness_node = 0;

// What the witness remembers after it was told of `attempt`.
[[nodiscard]] History witnessed(Primary attempt);

// The verdict of a component that has the lock. `histories` and `members` include the witness. What
// is exclusive needs no majority: one node of the newest component will do, for it has all that
// was ever committed, and nobody else may form.
[[nodiscard]] Verdict judge_under_lock(std::span<const NodeId> members,
                                       std::span<const History> histories);

// What several nodes know together.
struct Knowledge {
    Primary last;              // the greatest primary component that one of them was in
    std::vector<Primary> open; // later attempts that none of them can disprove, by index

    // The primary component whose nodes must have all that was ever committed: the greatest one
    // that may have been formed.
    [[nodiscard]] const Primary& newest() const { return open.empty() ? last : open.back(); }
};

[[nodiscard]] Knowledge pool(std::span<const NodeId> members, std::span<const History> histories);

// `history` as it is to be stored before a CREATE for `attempt`; what `known` disproves is dropped.
[[nodiscard]] History with_attempt(History history, const Knowledge& known, Primary attempt);

// Compact (bitmaps), for files.
[[nodiscard]] Bytes encode(const History& history);
[[nodiscard]] std::optional<History> decode_history(std::span<const std::uint8_t> bytes);

// The same for commit tokens, without the clusters: never more than hint_size_max bytes, so without
// the oldest attempts if it must be; four fit for nodes numbered 1..64. A hint only tells early
// what the members then tell each other in full.
[[nodiscard]] Bytes hint_of(const History& history);

} // namespace statedb
