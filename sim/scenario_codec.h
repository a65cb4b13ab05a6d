// Scenario files: Protobuf text in, a plain Scenario out. The only place in the simulator that
// knows generated types.
#pragma once

#include "sim/scenario.h"

#include <filesystem>
#include <vector>

namespace sim {

// Reads a scenario; throws std::runtime_error with file, line and what is wrong there.
[[nodiscard]] Scenario read_scenario(const std::filesystem::path& file);

// The same for text; `where` names it in errors.
[[nodiscard]] Scenario parse_scenario(const std::string& text, const std::string& where);

// A file, or the name of one in the simulator's own directory of scenarios.
[[nodiscard]] Scenario find_scenario(const std::string& file_or_name);

// All of the simulator's own, by name.
[[nodiscard]] std::vector<Scenario> all_scenarios();

} // namespace sim
