// Writing scenarios down, for those that shrink.h has made small: what differs from the defaults
// of sim/scenario.h, and nothing else, so that the file shows what matters.
#include "sim/scenario.pb.h"
#include "sim/scenario_codec.h"

#include <google/protobuf/text_format.h>

namespace sim {

namespace {

double milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

// Says what is not as by default.
#define SIM_WRITE(member)                                                                          \
    if (value.member != usual.member) file.set_##member(value.member)
#define SIM_WRITE_TIME(member)                                                                     \
    if (value.member != usual.member) file.set_##member(milliseconds(value.member))

template <class Message>
void write_types(TypeMask mask, Message& file) {
    if (mask == every_type) return;
    for (int type = 1; type < 16; ++type)
        if (mask & (1U << static_cast<unsigned>(type)))
            file.add_types(static_cast<proto::PacketType>(type));
}

void write(const Condition& value, proto::Condition& file) {
    const Condition usual;
    SIM_WRITE(from);
    SIM_WRITE(to);
    write_types(value.types, file);
    if (value.larger_than != 0) file.set_larger_than(static_cast<std::uint32_t>(value.larger_than));
    SIM_WRITE(loss);
    SIM_WRITE(burst_begin);
    SIM_WRITE(burst_end);
    SIM_WRITE(duplicate);
    SIM_WRITE(reorder);
    SIM_WRITE_TIME(reorder_by);
    SIM_WRITE(hold_back);
    SIM_WRITE_TIME(hold_back_for);
    SIM_WRITE(corrupt);
    SIM_WRITE(truncate);
    SIM_WRITE_TIME(slower);
    SIM_WRITE_TIME(slower_by_chance);
    SIM_WRITE(looped);
    SIM_WRITE(malformed);
}

void write(const NetworkPlan& value, proto::Network& file) {
    const NetworkPlan usual;
    if (value.delay.least != usual.delay.least) file.set_delay(milliseconds(value.delay.least));
    if (value.delay.spread != usual.delay.spread)
        file.set_delay_spread(milliseconds(value.delay.spread));
    file.set_delay_shape(static_cast<proto::DelayShape>(value.delay.shape));
    SIM_WRITE(bits_per_second);
    if (value.socket_packets != usual.socket_packets)
        file.set_socket_packets(static_cast<std::uint32_t>(value.socket_packets));
    SIM_WRITE(unreachable_told);
    for (const Condition& condition : value.conditions)
        write(condition, *file.add_conditions());
    for (const LostPacket& packet : value.lost) {
        proto::LostPacket& lost = *file.add_lost();
        lost.set_from(packet.from);
        lost.set_to(packet.to);
        lost.set_number(packet.number);
    }
}

void write(const NodePlan& value, proto::Nodes& file) {
    const NodePlan usual;
    SIM_WRITE_TIME(start_within);
    SIM_WRITE_TIME(start_interval);
    SIM_WRITE_TIME(cpu_per_packet);
    SIM_WRITE(clock_drift);
    SIM_WRITE_TIME(clock_offset_max);
    SIM_WRITE_TIME(clock_granularity);
    SIM_WRITE_TIME(fsync);
    SIM_WRITE(settings_spread);
}

void write(const TalkPlan& value, proto::Talk& file) {
    const TalkPlan usual;
    SIM_WRITE(messages_per_second);
    SIM_WRITE(safe_share);
    if (value.size_min != usual.size_min)
        file.set_size_min(static_cast<std::uint32_t>(value.size_min));
    if (value.size_max != usual.size_max)
        file.set_size_max(static_cast<std::uint32_t>(value.size_max));
    SIM_WRITE(large_share);
    if (value.large_max != usual.large_max)
        file.set_large_max(static_cast<std::uint32_t>(value.large_max));
    SIM_WRITE(burst_share);
    if (value.burst_max != usual.burst_max)
        file.set_burst_max(static_cast<std::uint32_t>(value.burst_max));
    SIM_WRITE(echo_share);
    SIM_WRITE(configuration_burst);
    SIM_WRITE(only);
    SIM_WRITE_TIME(pause_every);
    SIM_WRITE_TIME(consume_within);
    SIM_WRITE(messages_max);
}

void write(const RecordPlan& value, proto::Records& file) {
    const RecordPlan usual;
    SIM_WRITE(clients);
    SIM_WRITE(operations_per_second);
    SIM_WRITE(keys);
    SIM_WRITE_TIME(hold);
    SIM_WRITE(peek_share);
    SIM_WRITE(lock_share);
    SIM_WRITE(transaction_share);
    SIM_WRITE(question_share);
    SIM_WRITE(delete_share);
    SIM_WRITE(look_share);
    SIM_WRITE(give_up_share);
    SIM_WRITE(digest_interval);
    SIM_WRITE(direct);
    SIM_WRITE(direct_bytes_max);
    SIM_WRITE(delegate);
    SIM_WRITE_TIME(freeze_after);
    SIM_WRITE_TIME(notice_period);
    SIM_WRITE_TIME(transaction_takes);
}

void write(const Settings& value, proto::Settings& file) {
    const Settings usual = Settings::simulated();
    if (value.body_max != usual.body_max)
        file.set_body_max(static_cast<std::uint32_t>(value.body_max));
    SIM_WRITE(queue_bytes_max);
    SIM_WRITE(window);
    SIM_WRITE(visit_max);
    SIM_WRITE(accelerated);
    SIM_WRITE_TIME(token_loss);
    SIM_WRITE_TIME(consensus);
    SIM_WRITE_TIME(backoff_base);
    SIM_WRITE_TIME(backoff_max);
    SIM_WRITE_TIME(probe);
    SIM_WRITE_TIME(hold_max);
    SIM_WRITE_TIME(slow_consumer);
    SIM_WRITE_TIME(ftr_time);
    SIM_WRITE_TIME(token_retransmit_min);
    SIM_WRITE_TIME(join);
    SIM_WRITE_TIME(commit);
    SIM_WRITE_TIME(commit_wait);
    SIM_WRITE_TIME(silence);
}

#undef SIM_WRITE
#undef SIM_WRITE_TIME

void write(const std::vector<NodeId>& nodes, proto::Group& file) {
    for (const NodeId node : nodes)
        file.add_nodes(node);
}

// -- effects, one function each

void write(const Crash& crash, proto::Step& file) {
    proto::Crash& out = *file.mutable_crash();
    out.set_node(crash.node);
    out.set_disk_lost(crash.disk == DiskFate::lost);
    out.set_disk_old(crash.disk == DiskFate::old);
    if (crash.point == CrashPoint::before) out.set_point(proto::BEFORE);
    if (crash.point == CrashPoint::after) out.set_point(proto::AFTER);
}

void write(const Pause& pause, proto::Step& file) { file.mutable_pause()->set_node(pause.node); }

void write(const Isolate& isolate, proto::Step& file) {
    file.mutable_isolate()->set_node(isolate.node);
}

void write(const Partition& partition, proto::Step& file) {
    proto::Partition& out = *file.mutable_partition();
    for (const auto& group : partition.groups)
        write(group, *out.add_groups());
    if (partition.groups.empty()) out.set_parts(partition.parts);
}

void write(const OneWayCut& cut, proto::Step& file) {
    file.mutable_cut()->set_from(cut.from);
    file.mutable_cut()->set_to(cut.to);
}

void write(const Worsen& worsen, proto::Step& file) {
    write(worsen.condition, *file.mutable_worsen());
}

void write(const LoseNext& lose, proto::Step& file) {
    proto::LoseNext& out = *file.mutable_lose_next();
    out.set_from(lose.from);
    out.set_to(lose.to);
    write_types(lose.types, out);
    if (lose.count != 1) out.set_count(lose.count);
}

void write(const KeepForEntry& keep, proto::Step& file) {
    proto::KeepForEntry& out = *file.mutable_keep_for_entry();
    out.set_from(keep.from);
    out.set_to(keep.to);
    if (keep.count != 1) out.set_count(keep.count);
}

void write(const SlowDown& slow, proto::Step& file) {
    file.mutable_slow_down()->set_node(slow.node);
    file.mutable_slow_down()->set_factor(slow.factor);
}

void write(const StopConsuming& stop, proto::Step& file) {
    file.mutable_stop_consuming()->set_node(stop.node);
}

void write(const Say& say, proto::Step& file) {
    proto::Say& out = *file.mutable_say();
    out.set_node(say.node);
    if (say.count != 1) out.set_count(say.count);
    out.set_size(static_cast<std::uint32_t>(say.size));
    out.set_safe(say.service == Service::safe);
}

void write(const LeaveCleanly& leave, proto::Step& file) {
    file.mutable_leave()->set_node(leave.node);
}

void write(const StartNode& start, proto::Step& file) {
    file.mutable_start()->set_node(start.node);
    file.mutable_start()->set_number(start.number);
}

void write(const ClockJump& jump, proto::Step& file) {
    file.mutable_clock_jump()->set_node(jump.node);
    file.mutable_clock_jump()->set_by(milliseconds(jump.by));
}

void write(const Diverge& diverge, proto::Step& file) {
    file.mutable_diverge()->set_node(diverge.node);
}

void write_step(const Step& step, proto::Step& file) {
    file.set_at(milliseconds(step.at));
    if (step.trigger) {
        proto::Trigger& trigger = *file.mutable_trigger();
        trigger.set_moment(static_cast<proto::Moment>(static_cast<int>(step.trigger->moment) + 1));
        trigger.set_node(step.trigger->node);
        if (step.trigger->nth != 1) trigger.set_nth(step.trigger->nth);
        trigger.set_nth_max(step.trigger->nth_max);
    }
    file.set_lasting(milliseconds(step.lasting));
    file.set_lot(step.lot);
    std::visit([&](const auto& effect) { write(effect, file); }, step.effect);
}

void write(const SwarmPlan& swarm, proto::Swarm& file) {
    if (swarm.intensity != 1) file.set_intensity(swarm.intensity);
    for (const SwarmKind& kind : swarm_kinds())
        if (!(swarm.*kind.allowed)) file.add_without(kind.name);
}

void write(const Expectation& expect, proto::Expect& file) {
    for (const Bound& bound : expect.bounds) {
        proto::Bound& out = *file.add_bounds();
        out.set_measure(bound.measure);
        if (bound.at_least) out.set_at_least(*bound.at_least);
        if (bound.at_most) out.set_at_most(*bound.at_most);
    }
    for (const trace::Members& component : expect.components)
        write(component, *file.add_components());
    for (const Cell& cell : expect.cells)
        file.add_cells(name_of(cell));
}

// Empty messages would only clutter the file.
template <class Message, class Value>
void write_if_said(const Value& value, Message* (proto::Scenario::*part)(), proto::Scenario& file) {
    Message written;
    write(value, written);
    if (written.ByteSizeLong() > 0) *(file.*part)() = std::move(written);
}

} // namespace

std::string write_scenario(const Scenario& scenario) {
    const Scenario usual;
    proto::Scenario file;
    file.set_says(scenario.says);
    if (scenario.nodes_min == scenario.nodes_max) {
        file.set_nodes(scenario.nodes_max);
    } else {
        file.set_nodes_min(scenario.nodes_min);
        file.set_nodes_max(scenario.nodes_max);
    }
    if (scenario.application != usual.application) file.set_application(scenario.application);
    write_if_said(scenario.settings, &proto::Scenario::mutable_settings, file);
    write_if_said(scenario.network, &proto::Scenario::mutable_network, file);
    write_if_said(scenario.nodes, &proto::Scenario::mutable_node, file);
    write_if_said(scenario.talk, &proto::Scenario::mutable_talk, file);
    if (scenario.application == "records")
        write_if_said(scenario.records, &proto::Scenario::mutable_records, file);
    for (const Step& step : scenario.steps)
        write_step(step, *file.add_steps());
    if (scenario.swarm.enabled) write(scenario.swarm, *file.mutable_swarm());
    file.set_faults_for(milliseconds(scenario.faults_for));
    file.set_leave_dead(scenario.leave_dead);
    file.set_without_heal(!scenario.heal);
    file.set_may_break(scenario.may_break);
    file.set_seed(scenario.seed);
    write_if_said(scenario.expect, &proto::Scenario::mutable_expect, file);
    std::string text;
    google::protobuf::TextFormat::Printer printer;
    printer.SetUseShortRepeatedPrimitives(true);
    printer.PrintToString(file, &text);
    return text;
}

} // namespace sim
