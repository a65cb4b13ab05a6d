// Reads recorded traces back, for the offline checker: hostile input, every key is checked.
#pragma once

#include "sim/trace.h"

#include <optional>
#include <string_view>

namespace sim::trace {

// One line of a trace; nothing if it is not one (unknown keys are fine, missing ones are not).
[[nodiscard]] std::optional<Event> parse_json(std::string_view line);

} // namespace sim::trace
