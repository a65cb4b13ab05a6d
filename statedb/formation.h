// What the STATEs of all members of a regular configuration add up to: may it become the primary
// component, what is its order so far, who has it and who must receive it (docs/adr/0002). Pure
// arithmetic: every member computes the same from the same STATEs.
#pragma once

#include "statedb/host_codec.h"

#include <optional>

namespace statedb {

// A primary component that is being formed, or was.
struct Formation {
    Primary primary;                  // its index, and the nodes of `holders`: who votes next time
    Position base;                    // the end of the order that it starts from, itself included
    bool fresh = false;               // nobody has state
    ProcessorId donor;                // unless fresh
    std::vector<ProcessorId> holders; // have the donor's state; fresh: the newest durable state
    std::vector<ProcessorId> joiners; // will receive it; fresh: nobody
    View view;
    std::map<ProcessorId, StateReport> states;
    std::uint64_t newest = 0; // index of the component whose nodes have all that was committed
    std::vector<NodeId> newest_nodes;

    [[nodiscard]] Summary summary_of(const ProcessorId& member, ServiceId service) const;
    [[nodiscard]] std::vector<Summary> summaries(ServiceId service) const; // of all members
};

struct Proposal {
    Verdict verdict;
    Knowledge known;
    Formation formation; // if eligible
};

// What decides besides the STATEs.
struct Grounds {
    QuorumRule rule = QuorumRule::dynamic;
    // What the witness remembers, where the component has the cluster lock and a witness. A blank
    // one has seen nothing yet: then votes decide.
    std::optional<History> witness;
};

// `states` has one entry for each member.
[[nodiscard]] Proposal
propose(const Grounds& grounds, const RingId& ring, std::map<ProcessorId, StateReport> states);

// Why a component of these members may not make `wanted` its cluster. A member that it left out
// would go on with a vote that does not count. And members store what they agree on, others may be
// new: were those more than half, they could begin a cluster of their own, since none of them would
// know of this one (docs/adr/0021).
[[nodiscard]] ClusterObstacle obstacle_to(const std::vector<NodeId>& wanted,
                                          std::span<const ProcessorId> members);

} // namespace statedb
