// Turns a scenario and a seed into a complete plan: draws how many processes there are and, where
// the scenario allows random faults, which kinds this run has and what happens when.
//
// Swarm testing: every run switches a random subset of the kinds on, because uniform mixing hides
// bugs that need one fault often and its rivals never (totem.md 9.6). What comes out is a scenario
// again, without chance in it but for the fate of single packets: it can be written down, replayed
// and cut smaller.
#pragma once

#include "sim/random.h"
#include "sim/scenario.h"

namespace sim {

// `nodes`: 0, or how many, in place of the scenario's own range.
[[nodiscard]] Scenario draw(const Scenario& scenario, std::uint64_t seed, std::uint32_t nodes = 0);

} // namespace sim
