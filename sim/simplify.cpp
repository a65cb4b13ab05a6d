#include "sim/simplify.h"

#include <algorithm>
#include <array>

namespace sim {

namespace {

// Sets a field to its usual value.
template <class Value>
bool reset(Value& field, const Value& usual) {
    if (field == usual) return false;
    field = usual;
    return true;
}

bool halve(Duration& duration, Duration least) {
    const Duration half = std::max<Duration>(least, duration / 2 / 1ms * 1ms);
    if (half >= duration) return false;
    duration = half;
    return true;
}

bool lower(auto& number, auto to) {
    if (number <= to) return false;
    number = to;
    return true;
}

bool simpler_delay(Scenario& scenario) {
    Delay& delay = scenario.network.delay;
    const Delay usual;
    const bool least = reset(delay.least, usual.least);
    const bool spread = reset(delay.spread, usual.spread);
    return reset(delay.shape, usual.shape) || least || spread;
}

bool simpler_nodes(Scenario& scenario) {
    const NodePlan usual;
    NodePlan& nodes = scenario.nodes;
    const bool drift = reset(nodes.clock_drift, 0.0);
    const bool offset = reset(nodes.clock_offset_max, Duration{});
    const bool grain = reset(nodes.clock_granularity, usual.clock_granularity);
    const bool spread = reset(nodes.settings_spread, 0.0);
    const bool cpu = reset(nodes.cpu_per_packet, usual.cpu_per_packet);
    return reset(nodes.start_within, usual.start_within) || drift || offset || grain || spread ||
           cpu;
}

bool usual_settings(Scenario& scenario) {
    const Settings usual = Settings::simulated();
    Settings& settings = scenario.settings;
    const bool window = reset(settings.window, usual.window);
    const bool visit = reset(settings.visit_max, usual.visit_max);
    const bool body = reset(settings.body_max, usual.body_max);
    return reset(settings.accelerated, usual.accelerated) || window || visit || body;
}

// The weakest trouble of each condition that is still one.
bool one_trouble_less(Scenario& scenario) {
    const Condition usual;
    for (Condition& one : scenario.network.conditions)
        for (double* trouble : {&one.truncate, &one.corrupt, &one.hold_back, &one.reorder,
                                &one.duplicate, &one.looped, &one.malformed})
            if (reset(*trouble, 0.0)) return true;
    return false;
}

constexpr auto scenario_moves = std::to_array<Simplification>({
    // An end without a heal first: everything after the violation is noise.
    [](Scenario& scenario) { return reset(scenario.heal, false); },
    [](Scenario& scenario) { return halve(scenario.faults_for, 10ms); },
    [](Scenario& scenario) {
        if (scenario.faults_for <= 20ms) return false;
        scenario.faults_for = scenario.faults_for * 7 / 8 / 1ms * 1ms;
        return true;
    },
    [](Scenario& scenario) { return reset(scenario.talk.messages_per_second, 0.0); },
    [](Scenario& scenario) { return lower(scenario.talk.messages_max, std::uint64_t{1}); },
    [](Scenario& scenario) {
        return scenario.talk.messages_max > 1 &&
               lower(scenario.talk.messages_max, scenario.talk.messages_max / 2);
    },
    [](Scenario& scenario) {
        return scenario.talk.messages_per_second > 5 &&
               lower(scenario.talk.messages_per_second, scenario.talk.messages_per_second / 2);
    },
    [](Scenario& scenario) { return reset(scenario.talk.large_share, 0.0); },
    [](Scenario& scenario) { return reset(scenario.talk.burst_share, 0.0); },
    [](Scenario& scenario) { return reset(scenario.talk.echo_share, 0.0); },
    [](Scenario& scenario) { return reset(scenario.talk.configuration_burst, 0.0); },
    [](Scenario& scenario) { return reset(scenario.talk.pause_every, Duration{}); },
    [](Scenario& scenario) { return reset(scenario.talk.consume_within, Duration{}); },
    [](Scenario& scenario) { return lower(scenario.talk.size_max, scenario.talk.size_min + 10); },
    [](Scenario& scenario) { return reset(scenario.leave_dead, 0.0); },
    [](Scenario& scenario) { return reset(scenario.network.unreachable_told, false); },
    [](Scenario& scenario) { return reset(scenario.network.bits_per_second, 0.0); },
    [](Scenario& scenario) {
        return reset(scenario.network.socket_packets, NetworkPlan{}.socket_packets);
    },
    simpler_delay,
    simpler_nodes,
    usual_settings,
    one_trouble_less,
});

constexpr auto step_moves = std::to_array<StepSimplification>({
    [](Step& step) { return reset(step.lasting, Duration{}); },
    [](Step& step) { return halve(step.lasting, 1ms); },
    [](Step& step) { return reset(step.at, Duration{step.at / 10ms * 10ms}); },
    [](Step& step) { return reset(step.at, Duration{step.at / 1ms * 1ms}); },
    [](Step& step) { return reset(step.lasting, Duration{step.lasting / 1ms * 1ms}); },
    [](Step& step) {
        return step.trigger && (lower(step.trigger->nth, 1U) || reset(step.trigger->nth_max, 0U));
    },
    [](Step& step) {
        auto* partition = std::get_if<Partition>(&step.effect);
        return partition != nullptr && partition->groups.empty() && lower(partition->parts, 2U);
    },
    [](Step& step) {
        auto* crash = std::get_if<Crash>(&step.effect);
        return crash != nullptr && reset(crash->disk, DiskFate::kept);
    },
});

// How a step's effect names nodes: null where it names none.
std::vector<NodeId*> nodes_named(Step& step) {
    std::vector<NodeId*> named;
    if (step.trigger) named.push_back(&step.trigger->node);
    std::visit(
        [&](auto& effect) {
            if constexpr (requires { effect.node; }) named.push_back(&effect.node);
            if constexpr (requires { effect.from; }) {
                named.push_back(&effect.from);
                named.push_back(&effect.to);
            }
            if constexpr (requires { effect.condition; }) {
                named.push_back(&effect.condition.from);
                named.push_back(&effect.condition.to);
            }
        },
        step.effect);
    return named;
}

} // namespace

std::span<const Simplification> simplifications() { return scenario_moves; }

std::span<const StepSimplification> step_simplifications() { return step_moves; }

bool is_harmless(const Condition& one) {
    return one.loss == 0 && one.burst_begin == 0 && one.duplicate == 0 && one.reorder == 0 &&
           one.hold_back == 0 && one.corrupt == 0 && one.truncate == 0 &&
           one.slower == Duration{} && one.slower_by_chance == Duration{} && one.looped == 0 &&
           one.malformed == 0;
}

Scenario without_node(const Scenario& scenario, NodeId gone) {
    Scenario smaller = scenario;
    smaller.nodes_min = smaller.nodes_max = scenario.nodes_max - 1;
    const auto renumber = [gone](NodeId& node) {
        if (node > gone) --node;
    };
    std::erase_if(smaller.steps, [&](Step& step) {
        return std::ranges::any_of(nodes_named(step), [&](NodeId* node) { return *node == gone; });
    });
    for (Step& step : smaller.steps) {
        for (NodeId* node : nodes_named(step))
            renumber(*node);
        if (auto* partition = std::get_if<Partition>(&step.effect))
            for (auto& group : partition->groups) {
                std::erase(group, gone);
                std::ranges::for_each(group, renumber);
            }
    }
    const auto concerns = [gone](const auto& one) { return one.from == gone || one.to == gone; };
    std::erase_if(smaller.network.conditions, concerns);
    std::erase_if(smaller.network.lost, concerns);
    const auto renumber_both = [&](auto& one) {
        renumber(one.from);
        renumber(one.to);
    };
    std::ranges::for_each(smaller.network.conditions, renumber_both);
    std::ranges::for_each(smaller.network.lost, renumber_both);
    if (smaller.talk.only == gone) smaller.talk.only = 0;
    renumber(smaller.talk.only);
    return smaller;
}

} // namespace sim
