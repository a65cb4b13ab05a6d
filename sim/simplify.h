// What can be made simpler about a scenario, one thing at a time: the moves of shrink.h.
#pragma once

#include "sim/scenario.h"

#include <span>

namespace sim {

// Makes one thing simpler; false if it is as simple as can be.
using Simplification = bool (*)(Scenario& scenario);
using StepSimplification = bool (*)(Step& step);

[[nodiscard]] std::span<const Simplification> simplifications();
[[nodiscard]] std::span<const StepSimplification> step_simplifications();

// The processes above it move up by one; steps that name it go.
[[nodiscard]] Scenario without_node(const Scenario& scenario, NodeId gone);

// It does nothing to any packet.
[[nodiscard]] bool is_harmless(const Condition& condition);

} // namespace sim
