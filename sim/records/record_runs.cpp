#include "sim/records/record_runs.h"

namespace sim::records {

namespace {

// What statedb/records.h demands of it. The last token that a member accepts may have been sent a
// token loss time-out ago; whoever freezes may first have to work off some packets; and clocks of
// both sides may be wrong by the scenario's drift.
Duration notice_period(const Scenario& scenario) {
    constexpr int packets_first = 128;
    constexpr int slowness_max = 100;
    constexpr Duration margin = 100ms;
    const Duration loss = scenario.settings.token_loss_for(scenario.nodes_max);
    const Duration sum = 2 * loss + scenario.records.freeze_after +
                         packets_first * slowness_max * scenario.nodes.cpu_per_packet + margin;
    return Duration{static_cast<Duration::rep>(static_cast<double>(sum.count()) *
                                               (1.0 + 3 * scenario.nodes.clock_drift))};
}

} // namespace

RecordRuns::RecordRuns(const Scenario& scenario) : plan_(scenario.records), heals_(scenario.heal) {
    if (plan_.notice_period == Duration{}) plan_.notice_period = notice_period(scenario);
}

std::unique_ptr<Application> RecordRuns::make(Surroundings& surroundings) {
    return std::make_unique<RecordNode>(surroundings, judges_, alive_, plan_);
}

std::optional<Applications::Finding> RecordRuns::judge() {
    if (!heals_) return std::nullopt;
    if (const auto difference = judges_.census.difference())
        return Finding{"equal replicas", *difference};
    for (const RecordNode* node : alive_)
        if (const auto objection = node->objection()) return Finding{"kept commits", *objection};
    return std::nullopt;
}

} // namespace sim::records
