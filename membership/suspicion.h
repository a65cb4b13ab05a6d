// Whom we would rather not form a ring with for a while (totem.md 5.9, 5.10): back-off after
// sessions that ended without the processor they were about, after expulsions, and for nodes that
// flap. Ignoring a packet is indistinguishable from losing it, so nothing in here touches safety;
// it bounds how often the healthy are disturbed.
//
// There are two strengths (ADR 0010). A *refused* processor was expelled for a fault of its own
// (failure to receive, deaf to unicast, flapping): nothing it says starts a session. Of a *doubted*
// one we only know that a session with it failed: its traffic does not start one, but its JOIN does
// once it shows that it hears us. Two processors that doubt each other would otherwise take turns
// in knocking while the other is still offended, for ever.
#pragma once

#include "base/jitter.h"
#include "totem/settings.h"

#include <boost/container/flat_map.hpp>

#include <vector>

namespace membership {

using namespace totem;

class Suspicion {
public:
    struct Suspect {
        ProcessorId who;
        bool refused = false; // or only doubted
        Duration left{};      // the rest of its back-off
    };

    Suspicion(const Settings& settings, std::uint64_t seed);

    [[nodiscard]] bool refuses(ProcessorId id, Instant now) const;
    [[nodiscard]] bool doubts(ProcessorId id, Instant now) const; // or refuses

    void expelled(ProcessorId id, Instant now);  // by ftr or blame: refused
    void disagreed(ProcessorId id, Instant now); // a session about it ended without it: doubted

    // A ring of these members lasted for so long: old doubts fade (halved per 10 T_consensus).
    // False if that was too short to mean anything.
    bool lasted(const std::vector<ProcessorId>& members, Duration age);

    // A commit token never reached our successor though it agrees with us (5.9). True at the limit.
    [[nodiscard]] bool blame(ProcessorId id);
    void exonerate(ProcessorId id);

    // A node changed its incarnation, or left: above the limit within T_backoff_max
    // its newcomers are refused.
    void flapped(NodeId node, Instant now);

    [[nodiscard]] std::vector<Suspect> suspects(Instant now) const;

private:
    struct Record {
        std::uint32_t failures = 0; // k of 5.10
        std::uint32_t blame = 0;
        Instant doubted_until{};
        Instant refused_until{};
    };

    Instant backoff(Record& record, Instant now);
    Record& record_of(ProcessorId id, Instant now);

    Duration base_, max_, forgiveness_;
    std::uint32_t blame_limit_, flap_limit_;
    Jitter jitter_;
    boost::container::flat_map<ProcessorId, Record> records_;
    boost::container::flat_map<NodeId, std::vector<Instant>> changes_; // within T_backoff_max
};

} // namespace membership
