#include "sim/mutant_hunt.h"

#include "sim/scenario_codec.h"

#include <algorithm>

namespace sim {

#ifdef TOTEM_MUTANTS

namespace {

struct Stage {
    Scenario scenario;
    std::uint64_t first, last;
};

std::string application_for(MutantOf of) { return of == MutantOf::statedb ? "records" : "talkers"; }

bool is_wide(const Scenario& scenario) { return scenario.swarm.enabled; }

// Wide scenarios find most bugs within a few seeds; the named ones lead to delicate situations, and
// state outcomes that no property does (that nothing is disturbed, that nobody waits); what is left
// needs many seeds.
std::vector<Stage> stages_for(MutantOf of, const Hunt& plan) {
    constexpr std::uint64_t named_seeds = 3;
    // Services have few scenarios, and most bugs in them need a situation made for them.
    const std::uint64_t first_glance = of == MutantOf::statedb ? 60 : 200;
    const std::uint64_t named_last = of == MutantOf::statedb ? 100 : named_seeds;
    const std::string application = application_for(of);
    std::vector<Stage> glances, named, named_again, rest;
    for (const Scenario& scenario : all_scenarios()) {
        if (scenario.application != application) continue;
        const std::uint64_t middle = std::min(plan.last, plan.first + first_glance - 1);
        if (!is_wide(scenario)) {
            named.push_back({scenario, 1, named_seeds});
            if (named_seeds < named_last)
                named_again.push_back({scenario, named_seeds + 1, named_last});
        } else {
            glances.push_back({scenario, plan.first, middle});
            if (middle < plan.last) rest.push_back({scenario, middle + 1, plan.last});
        }
    }
    glances.insert(glances.end(), named.begin(), named.end());
    glances.insert(glances.end(), named_again.begin(), named_again.end());
    glances.insert(glances.end(), rest.begin(), rest.end());
    return glances;
}

} // namespace

bool can_be_hunted(const MutantName& mutant) {
    return std::ranges::any_of(all_scenarios(), [&](const Scenario& scenario) {
        return scenario.application == application_for(mutant.of);
    });
}

Caught hunt(const MutantName& mutant, const Hunt& plan) {
    active_mutant = mutant.mutant;
    Caught caught;
    for (const Stage& stage : stages_for(mutant.of, plan)) {
        const SweepResult result = sweep({.scenario = stage.scenario,
                                          .first = stage.first,
                                          .last = stage.last,
                                          .jobs = plan.jobs,
                                          .failures_max = 1,
                                          .repeat_every = 0});
        caught.runs += result.seeds;
        caught.seconds += result.seconds;
        if (result.failures.empty()) continue;
        caught.property = result.failures.front().property;
        caught.scenario = stage.scenario.name;
        caught.seed = result.failures.front().seed;
        break;
    }
    active_mutant = Mutant::none;
    return caught;
}

#endif

} // namespace sim
