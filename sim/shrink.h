// A failing run made small: the scenario with the fewest steps, processes, troubles and words that
// still breaks the same promise (totem.md 9.5).
//
// The seed's draws are turned into explicit steps first (swarm.h), and the packets that chance
// lost into a list of them; then everything that can be left out is left out, as long as a run
// with the rest, under the same seed or one of a few others, violates the same property. Chance
// is drawn from streams that do not notice what was removed (random.h), which keeps the rest of a
// run what it was.
#pragma once

#include "sim/sweep.h"

#include <functional>

namespace sim {

struct ShrinkPlan {
    Scenario scenario;
    std::uint64_t seed = 1;
    std::uint32_t nodes = 0;     // 0: as the scenario says
    std::uint64_t seeds_max = 4; // how many seeds a smaller scenario is given to fail with
    unsigned jobs = 1;
    std::uint64_t runs_max = 4000; // then what we have is small enough
    // Told after each success, and now and then between.
    std::function<void(const Scenario& smallest, std::uint64_t runs)> progress = {};
};

struct Shrunk {
    Scenario scenario; // its `seed` is the one that fails
    std::string property, sentence;
    std::uint64_t runs = 0;
    bool reproduced = false; // else the run that was to be shrunk keeps all its promises
};

[[nodiscard]] Shrunk shrink(const ShrinkPlan& plan);

// How much there is in a scenario: what shrinking makes less.
struct Size {
    std::uint32_t nodes = 0;
    std::size_t steps = 0, troubles = 0;
    Duration faults_for{};
};

[[nodiscard]] Size size_of(const Scenario& scenario);

} // namespace sim
