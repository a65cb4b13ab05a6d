// One run from beginning to end: scenario and seed in, outcome out. What the programs, the sweep
// and the tests all do.
#pragma once

#include "sim/scenario.h"
#include "sim/world.h"

#include <memory>
#include <string>

namespace sim {

struct RunOptions {
    std::uint32_t nodes = 0; // 0: as the scenario says
    std::string trace_file;  // empty: none
    std::vector<Listener*> listeners = {};
};

struct Outcome {
    std::optional<Violation> violation;  // "expectation" if only the scenario's outcome is not met
    std::vector<std::string> last_lines; // of the trace, if there is a violation
    Instant violated_at{};
    std::uint64_t fingerprint = 0;
    Duration virtual_time{};
    std::uint32_t nodes = 0;
    std::uint64_t delivered = 0;
    std::uint64_t rings = 0;
    std::map<std::string, double> measures;
    membership::Coverage coverage;
    std::vector<LostPacket> lost_by_chance; // enough to lose the same packets without chance
};

// Throws std::runtime_error if the trace file cannot be written.
[[nodiscard]] Outcome
run(const Scenario& scenario, std::uint64_t seed, const RunOptions& options = {});

} // namespace sim
