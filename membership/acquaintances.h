// What is known of each processor that was ever heard: which of its JOINs are stale, which of its
// rings are past, whether its stream is fresh (totem.md 5.3, 7.4), and which incarnation of its
// node is the newest. Bounded: the processor that was silent longest is forgotten first (8.2).
#pragma once

#include "totem/packets.h"

#include <boost/container/flat_map.hpp>
#include <boost/container/flat_set.hpp>

namespace membership {

using namespace totem;

using Processors = boost::container::flat_set<ProcessorId>;

struct Acquaintance {
    std::uint64_t join_seq = 0;    // of its last JOIN that counted
    std::uint64_t latest = 0;      // ... and of the newest that reached us, believed or not
    std::uint64_t ring_seq = 0;    // the highest its JOINs claimed
    std::uint64_t last_common = 0; // seq of the newest ring whose commit token it surely accepted
    std::uint64_t challenge = 0;   // its own, as last seen
    bool verified = false;         // a packet of it echoed our challenge
    bool gone = false;             // it left cleanly
    Instant last_contact{};
    Instant answered_at{}; // when we last sent it a JOIN of its own, to be verified by it
    bool answered = false;
};

class Acquaintances {
public:
    // Creates it if need be.
    Acquaintance& of(ProcessorId id, Instant now, const std::vector<ProcessorId>& keep);
    [[nodiscard]] const Acquaintance* find(ProcessorId id) const;

    // `id` was shown by a verified packet. True if it is news that this node has this incarnation.
    bool saw(ProcessorId id);
    // A newer incarnation of the same node is known: this one is certainly dead.
    [[nodiscard]] bool outlived(ProcessorId id) const;
    [[nodiscard]] ProcessorId newest_of(NodeId node) const; // or nobody

    [[nodiscard]] const boost::container::flat_map<ProcessorId, Acquaintance>& all() const {
        return known_;
    }

private:
    boost::container::flat_map<ProcessorId, Acquaintance> known_;
    boost::container::flat_map<NodeId, std::uint32_t> newest_;
};

} // namespace membership
