// Scenario files: Protobuf text to and from a plain Scenario. Reading is in scenario_codec.cpp,
// writing in scenario_text_codec.cpp; no other place in the simulator knows generated types.
#pragma once

#include "sim/scenario.h"

#include <filesystem>
#include <span>
#include <vector>

namespace sim {

// Reads a scenario; throws std::runtime_error with file, line and what is wrong there.
[[nodiscard]] Scenario read_scenario(const std::filesystem::path& file);

// The same for text; `where` names it in errors.
[[nodiscard]] Scenario parse_scenario(const std::string& text, const std::string& where);

// The text that parse_scenario reads as exactly this scenario (but for its name, which is the
// file's): what is as by default is left out. Swarm and expectation are written as well.
[[nodiscard]] std::string write_scenario(const Scenario& scenario);

// The kinds of random faults under the names that files use, for both directions.
struct SwarmKind {
    const char* name;
    bool SwarmPlan::*allowed;
};

[[nodiscard]] std::span<const SwarmKind> swarm_kinds();

// A file, or the name of one in the simulator's own directory of scenarios.
[[nodiscard]] Scenario find_scenario(const std::string& file_or_name);

// All of the simulator's own, by name.
[[nodiscard]] std::vector<Scenario> all_scenarios();

} // namespace sim
