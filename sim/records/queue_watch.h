// Watches that who waits for a record gets it in turn, with the eyes of one node: whoever stood
// behind our claim in the agreed queue, or came later, never stands before it.
#pragma once

#include "sim/application.h"
#include "statedb/record_types.h"

#include <set>

namespace sim::records {

class QueueWatch {
public:
    using Queue = std::vector<ProcessorId>;

    // After a command was applied: the queues of those records that local clients wait for. Nothing
    // is known of those of another component, which may continue another's order.
    void
    look(Surroundings& at, const RingId& ring, const std::map<statedb::RecordName, Queue>& queues);

private:
    RingId ring_;
    std::map<statedb::RecordName, std::set<ProcessorId>> ahead_; // of our claim
};

} // namespace sim::records
