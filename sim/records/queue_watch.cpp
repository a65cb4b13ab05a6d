#include "sim/records/queue_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim::records {

void QueueWatch::look(Surroundings& at,
                      const RingId& ring,
                      const std::map<statedb::RecordName, Queue>& queues) {
    const auto before = std::exchange(ahead_, {});
    const bool same = std::exchange(ring_, ring) == ring;
    for (const auto& [record, queue] : queues) {
        const auto ours = std::ranges::find(queue, at.self());
        if (ours == queue.end()) continue;
        const std::set<ProcessorId> ahead{queue.begin(), ours};
        if (const auto known = before.find(record); same && known != before.end())
            for (const ProcessorId& who : ahead)
                if (!known->second.contains(who))
                    at.violated("in turn",
                                fmt::format("node {} came later to wait for record {} and is "
                                            "served before",
                                            who.node, record.key));
        ahead_[record] = ahead;
    }
}

} // namespace sim::records
