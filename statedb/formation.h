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

struct Cluster {
    std::vector<NodeId> nodes;
    QuorumRule rule = QuorumRule::dynamic;
    // What the witness remembers, where the component has the cluster lock and a witness. A blank
    // one has seen nothing yet: then votes decide.
    std::optional<History> witness;
};

// `states` has one entry for each member.
[[nodiscard]] Proposal
propose(const Cluster& cluster, const RingId& ring, std::map<ProcessorId, StateReport> states);

} // namespace statedb
