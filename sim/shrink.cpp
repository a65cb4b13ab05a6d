#include "sim/shrink.h"

#include "sim/simplify.h"
#include "sim/swarm.h"

#include <algorithm>

namespace sim {

namespace {

class Shrinker {
public:
    explicit Shrinker(const ShrinkPlan& plan) : plan_(plan) {}

    Shrunk shrink() {
        Scenario start = draw(plan_.scenario, plan_.seed, plan_.nodes);
        start.seed = plan_.seed;
        const SweepResult first = play(start, plan_.seed, plan_.seed);
        if (first.failures.empty()) return {start, "", "", runs_, false};
        best_.property = first.failures.front().property;
        best_.sentence = first.failures.front().sentence;
        best_.scenario = start;
        best_.reproduced = true;
        if (best_.property != "expectation") best_.scenario.expect = {};

        // What one round leaves may make something else superfluous.
        do {
            progressed_ = false;
            fewer_steps();
            fewer_nodes();
            simpler();
        } while (progressed_ && runs_ < plan_.runs_max);
        explicit_losses();
        best_.runs = runs_;
        return best_;
    }

private:
    SweepResult play(const Scenario& scenario, std::uint64_t first, std::uint64_t last) {
        const SweepResult result = sweep({.scenario = scenario,
                                          .first = first,
                                          .last = last,
                                          .jobs = plan_.jobs,
                                          .failures_max = plan_.seeds_max,
                                          .repeat_every = 0});
        runs_ += result.seeds;
        return result;
    }

    // Keeps `smaller` if a run of it breaks the same promise.
    bool try_out(Scenario smaller) {
        if (runs_ >= plan_.runs_max) return false;
        if (plan_.progress) plan_.progress(best_.scenario, runs_);
        const std::uint64_t seed = best_.scenario.seed;
        if (fails_with(smaller, seed, seed)) return true;
        return plan_.seeds_max > 1 && fails_with(smaller, seed + 1, seed + plan_.seeds_max - 1);
    }

    bool fails_with(Scenario& smaller, std::uint64_t first, std::uint64_t last) {
        for (const Failure& failure : play(smaller, first, last).failures) {
            if (failure.property != best_.property) continue;
            smaller.seed = failure.seed;
            best_.scenario = smaller;
            best_.sentence = failure.sentence;
            progressed_ = true;
            return true;
        }
        return false;
    }

    // Delta debugging: leaves out large pieces of a list first, then smaller ones, down to single
    // items. `list` names the list within a scenario.
    template <class List>
    void fewer(List&& list) {
        for (std::size_t piece = list(best_.scenario).size(); piece > 0; piece /= 2)
            for (std::size_t begin = 0; begin < list(best_.scenario).size();) {
                Scenario smaller = best_.scenario;
                auto& items = list(smaller);
                const std::size_t end = std::min(begin + piece, items.size());
                items.erase(items.begin() + static_cast<std::ptrdiff_t>(begin),
                            items.begin() + static_cast<std::ptrdiff_t>(end));
                if (!try_out(std::move(smaller))) begin += piece;
            }
    }

    void fewer_steps() {
        fewer([](Scenario & scenario) -> auto& { return scenario.steps; });
        fewer([](Scenario & scenario) -> auto& { return scenario.network.conditions; });
        fewer([](Scenario & scenario) -> auto& { return scenario.network.lost; });
    }

    void fewer_nodes() {
        for (NodeId gone = best_.scenario.nodes_max; gone >= 1; --gone)
            if (best_.scenario.nodes_max > 1) (void)try_out(without_node(best_.scenario, gone));
    }

    void simpler() {
        for (const Simplification& simplify : simplifications()) {
            // Each may apply many times: halving, for instance.
            while (true) {
                Scenario smaller = best_.scenario;
                if (!simplify(smaller) || !try_out(std::move(smaller))) break;
            }
        }
        for (std::size_t index = 0; index < best_.scenario.steps.size(); ++index)
            for (const StepSimplification& simplify : step_simplifications()) {
                Scenario smaller = best_.scenario;
                if (simplify(smaller.steps[index])) (void)try_out(std::move(smaller));
            }
    }

    // If packets are still lost by chance, those that were lost become a list, and the list short.
    void explicit_losses() {
        if (best_.property == "crash") return; // the run would take us with it
        const auto chancy = [](const Condition& one) {
            return one.loss > 0 || one.burst_begin > 0;
        };
        Scenario certain = best_.scenario;
        if (std::ranges::none_of(certain.network.conditions, chancy)) return;
        certain.network.lost = run(certain, certain.seed).lost_by_chance;
        for (Condition& one : certain.network.conditions)
            one.loss = one.burst_begin = 0;
        std::erase_if(certain.network.conditions, is_harmless);
        if (!fails_with(certain, certain.seed, certain.seed)) return;
        fewer_steps();
        simpler();
    }

    const ShrinkPlan& plan_;
    Shrunk best_;
    std::uint64_t runs_ = 0;
    bool progressed_ = false;
};

} // namespace

Shrunk shrink(const ShrinkPlan& plan) { return Shrinker(plan).shrink(); }

Size size_of(const Scenario& scenario) {
    return {.nodes = scenario.nodes_max,
            .steps = scenario.steps.size(),
            .troubles = scenario.network.conditions.size() + scenario.network.lost.size(),
            .faults_for = scenario.faults_for};
}

} // namespace sim
