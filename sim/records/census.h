// Who is in which primary component, seen with eyes that see all nodes at once; and whether their
// replicas say the same. The world's, not any process's: it outlives them all.
//
//   one primary     An epoch belongs to one ring, and epochs come in their order: who comes to a
//   ring
//                   after a component of a later epoch has formed elsewhere does not form one. (Who
//                   was there before may have stood still, and form it late: the others counted it
//                   as formed.)
//   equal replicas  Members of a component that have applied the same commands have equal digests.
//                   One that was damaged on purpose is found, and has loaded the state by the end.
//   one queue       At most one claimant in a component believes that it has a named lock, and
//                   none does whose node knows that it is cut off.
#pragma once

#include "sim/application.h"
#include "statedb/host.h"
#include "statedb/locks.h"

#include <array>
#include <set>

namespace sim::records {

using namespace statedb;

// What a replica of each service says of its state.
using ReplicaDigests = std::array<std::uint64_t, 3>; // locks, databases, records

class Census {
public:
    // After everything that a node does; `digests` are asked for only if it takes part.
    void seen(Surroundings& at,
              const HostStatus& status,
              const std::function<ReplicaDigests()>& digests);
    void life_ended(NodeId node);

    // The memory of this node's replicas went wrong: that they differ is not the product's fault.
    void damaged(NodeId node);

    [[nodiscard]] bool any_damaged() const { return any_damaged_; }

    // The ring of the primary component that it takes part in, if it does.
    [[nodiscard]] std::optional<RingId> component_of(NodeId node) const;
    [[nodiscard]] bool together(NodeId one, NodeId other) const;

    // -- named locks
    void lock_granted(Surroundings& at, const std::string& name, const std::string& client);
    void lock_given_back(NodeId node, const std::string& name);

    // At the end: members of one component that differ, as a sentence.
    [[nodiscard]] std::optional<std::string> difference() const;

private:
    struct Seat {
        RingId ring;
        std::uint64_t applied = 0;
        ReplicaDigests digests{};
    };

    struct Said { // by the first that came so far
        NodeId node = 0;
        ReplicaDigests digests{};
    };

    struct Stay { // in a ring
        RingId ring;
        std::uint64_t greatest_before = 0; // epoch that had formed anywhere when the node came
    };

    void follow(NodeId node, const HostStatus& status);
    void number_epoch(Surroundings& at, const HostStatus& status);
    void compare(Surroundings& at, const Seat& seat);
    void look_for_lost_locks(Surroundings& at, const HostStatus& status) const;
    void look_for_second_holder(Surroundings& at, const std::string& name);

    std::map<NodeId, Seat> seats_; // of those who take part
    std::map<NodeId, Stay> stays_;
    std::map<std::uint64_t, RingId> epochs_;
    std::map<std::pair<RingId, std::uint64_t>, Said> said_; // by ring and number of commands
    std::map<std::string, std::map<NodeId, std::string>> lock_holders_;
    std::set<NodeId> damaged_; // and not seen equal since
    bool any_damaged_ = false; // ever
};

} // namespace sim::records
