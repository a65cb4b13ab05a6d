// Comparison of the replicas' digests at one place in the order: who is in the minority has
// diverged (totem.md 6.5). Every member collects the same reports in the same order and comes to
// the same conclusion at the same place.
#pragma once

#include "statedb/host_codec.h"

#include <set>

namespace statedb {

struct Divergence {
    std::uint64_t index = 0;           // of the command after which they differed
    ProcessorId model;                 // the lowest member of the majority
    std::vector<ProcessorId> diverged; // sorted
    std::vector<ServiceId> services;   // whose digests differ
};

class DigestRounds {
public:
    // Reports of `expected` for the state after command `index` will come.
    void open(std::uint64_t index, std::set<ProcessorId> expected);
    // The last report of a round decides it.
    [[nodiscard]] std::optional<Divergence> report(const ProcessorId& from, const Digests& digests);

    void clear() { rounds_.clear(); }

private:
    static constexpr std::size_t rounds_max = 4; // a slow reporter lets older ones lapse

    struct Round {
        std::set<ProcessorId> expected;
        std::map<ProcessorId, DigestMap> reports;
    };

    [[nodiscard]] static std::optional<Divergence> compare(std::uint64_t index, const Round& round);

    std::map<std::uint64_t, Round> rounds_;
};

} // namespace statedb
