// A real bug of the ring, from the seed that fails to the smallest scenario that still fails: built
// like totem-sim-mutants, with the deliberate bugs of base/mutant.h.
#include "base/mutant.h"
#include "sim/run.h"
#include "sim/scenario_codec.h"
#include "sim/shrink.h"
#include "sim/swarm.h"

#include <doctest/doctest.h>

using namespace sim;

namespace {

// One deliberate bug, for as long as this lives.
class WithBug {
public:
    explicit WithBug(base::Mutant mutant) { base::active_mutant = mutant; }

    ~WithBug() { base::active_mutant = base::Mutant::none; }

    WithBug(const WithBug&) = delete;
    WithBug& operator=(const WithBug&) = delete;
};

Shrunk shrunk_with(base::Mutant mutant, const Scenario& wide, std::uint64_t& seed) {
    const WithBug bug(mutant);
    const SweepResult found =
        sweep({.scenario = wide, .last = 300, .jobs = 2, .failures_max = 1, .repeat_every = 0});
    REQUIRE(!found.failures.empty());
    seed = found.failures.front().seed;
    const Shrunk small = shrink({.scenario = wide, .seed = seed, .jobs = 2, .runs_max = 400});
    REQUIRE(small.reproduced);
    CHECK(small.property == found.failures.front().property);
    return small;
}

} // namespace

TEST_CASE("a bug of safe delivery is shrunk to a few steps that break the same promise") {
    const Scenario wide = find_scenario("mixed");
    constexpr auto bug = base::Mutant::safe_after_one_visit;
    std::uint64_t seed = 0;
    const Shrunk small = shrunk_with(bug, wide, seed);

    const Size before = size_of(draw(wide, seed));
    const Size after = size_of(small.scenario);
    MESSAGE("seed " << seed << " violates " << small.property << ": from " << before.nodes
                    << " processes and " << before.steps << " steps to " << after.nodes << " and "
                    << after.steps << ", in " << small.runs << " runs");
    CHECK(after.nodes <= before.nodes);
    CHECK(after.steps <= 2);
    CHECK(after.nodes + after.steps < before.nodes + before.steps);

    // What is written down fails in the same way, because of the bug and of nothing else.
    const Scenario again = parse_scenario(write_scenario(small.scenario), "small");
    CHECK(!run(again, again.seed).violation);
    const WithBug on(bug);
    const Outcome outcome = run(again, again.seed);
    REQUIRE(outcome.violation);
    CHECK(outcome.violation->property == small.property);
}
