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

// Wide scenarios find most bugs within a few seeds; the named ones state outcomes that no property
// does (that nothing is disturbed, that nobody waits); what is left needs many seeds.
std::vector<Stage> stages_for(MutantOf of, const Hunt& plan) {
    constexpr std::uint64_t first_glance = 200, named_seeds = 3;
    const std::string application = application_for(of);
    std::vector<Stage> glances, named, rest;
    for (const Scenario& scenario : all_scenarios()) {
        if (scenario.application != application) continue;
        const std::uint64_t middle = std::min(plan.last, plan.first + first_glance - 1);
        if (!is_wide(scenario)) {
            named.push_back({scenario, 1, named_seeds});
        } else {
            glances.push_back({scenario, plan.first, middle});
            if (middle < plan.last) rest.push_back({scenario, middle + 1, plan.last});
        }
    }
    glances.insert(glances.end(), named.begin(), named.end());
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
