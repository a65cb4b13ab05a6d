#include "sim/scenario_codec.h"

#include "sim/measures.h"
#include "sim/scenario.pb.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sim {

namespace {

namespace fs = std::filesystem;

class FirstError final : public google::protobuf::io::ErrorCollector {
public:
    void AddError(int line, int column, const std::string& message) override {
        if (text.empty()) text = fmt::format("{}:{}: {}", line + 1, column + 1, message);
    }

    std::string text;
};

// What is wrong with a file that parsed; parse_scenario adds whose it is.
[[noreturn]] void refuse(const std::string& what) { throw std::runtime_error(what); }

Duration milliseconds(double value) { return Duration{std::llround(value * 1e6)}; }

// Takes over what the file says, and only that.
template <class Value, class Target>
void take(bool said, const Value& value, Target& target) {
    if (said) target = static_cast<Target>(value);
}

void take_time(bool said, double value, Duration& target) {
    if (said) target = milliseconds(value);
}

template <class Types>
TypeMask mask(const Types& types) {
    TypeMask result = 0;
    for (const int type : types) {
        if (type == proto::ANY) return every_type;
        result |= static_cast<TypeMask>(1U << static_cast<unsigned>(type));
    }
    return result != 0 ? result : every_type;
}

Condition condition(const proto::Condition& file) {
    Condition result{.from = file.from(),
                     .to = file.to(),
                     .types = mask(file.types()),
                     .larger_than = file.larger_than(),
                     .loss = file.loss(),
                     .burst_begin = file.burst_begin(),
                     .duplicate = file.duplicate(),
                     .reorder = file.reorder(),
                     .hold_back = file.hold_back(),
                     .corrupt = file.corrupt(),
                     .truncate = file.truncate(),
                     .slower = milliseconds(file.slower()),
                     .slower_by_chance = milliseconds(file.slower_by_chance()),
                     .looped = file.looped(),
                     .malformed = file.malformed()};
    take(file.burst_end() > 0, file.burst_end(), result.burst_end);
    take_time(file.reorder_by() > 0, file.reorder_by(), result.reorder_by);
    take_time(file.hold_back_for() > 0, file.hold_back_for(), result.hold_back_for);
    return result;
}

void take_network(const proto::Network& file, NetworkPlan& network) {
    take_time(file.has_delay(), file.delay(), network.delay.least);
    take_time(file.has_delay_spread(), file.delay_spread(), network.delay.spread);
    network.delay.shape = static_cast<DelayShape>(file.delay_shape());
    network.bits_per_second = file.bits_per_second();
    take(file.has_socket_packets(), file.socket_packets(), network.socket_packets);
    network.unreachable_told = file.unreachable_told();
    for (const proto::Condition& one : file.conditions())
        network.conditions.push_back(condition(one));
    for (const proto::LostPacket& one : file.lost())
        network.lost.push_back({one.from(), one.to(), one.number()});
}

void take_nodes(const proto::Nodes& file, NodePlan& nodes) {
    take_time(file.has_start_within(), file.start_within(), nodes.start_within);
    nodes.start_interval = milliseconds(file.start_interval());
    take_time(file.has_cpu_per_packet(), file.cpu_per_packet(), nodes.cpu_per_packet);
    nodes.clock_drift = file.clock_drift();
    nodes.clock_offset_max = milliseconds(file.clock_offset_max());
    take_time(file.clock_granularity() > 0, file.clock_granularity(), nodes.clock_granularity);
    take_time(file.has_fsync(), file.fsync(), nodes.fsync);
    nodes.settings_spread = file.settings_spread();
}

void take_talk(const proto::Talk& file, TalkPlan& talk) {
    take(file.has_messages_per_second(), file.messages_per_second(), talk.messages_per_second);
    take(file.has_safe_share(), file.safe_share(), talk.safe_share);
    take(file.has_size_min(), file.size_min(), talk.size_min);
    take(file.has_size_max(), file.size_max(), talk.size_max);
    talk.large_share = file.large_share();
    take(file.has_large_max(), file.large_max(), talk.large_max);
    talk.burst_share = file.burst_share();
    take(file.has_burst_max(), file.burst_max(), talk.burst_max);
    talk.echo_share = file.echo_share();
    talk.configuration_burst = file.configuration_burst();
    talk.only = file.only();
    talk.pause_every = milliseconds(file.pause_every());
    talk.consume_within = milliseconds(file.consume_within());
    take(file.has_messages_max(), file.messages_max(), talk.messages_max);
    if (talk.size_min > talk.size_max) refuse("talk: size_min exceeds size_max");
}

void take_records(const proto::Records& file, RecordPlan& records) {
    take(file.has_clients(), file.clients(), records.clients);
    take(file.has_operations_per_second(), file.operations_per_second(),
         records.operations_per_second);
    take(file.has_keys(), file.keys(), records.keys);
    take_time(file.has_hold(), file.hold(), records.hold);
    take(file.has_peek_share(), file.peek_share(), records.peek_share);
    take(file.has_lock_share(), file.lock_share(), records.lock_share);
    take(file.has_transaction_share(), file.transaction_share(), records.transaction_share);
    take(file.has_question_share(), file.question_share(), records.question_share);
    take(file.has_delete_share(), file.delete_share(), records.delete_share);
    take(file.has_look_share(), file.look_share(), records.look_share);
    take(file.has_give_up_share(), file.give_up_share(), records.give_up_share);
    take(file.has_digest_interval(), file.digest_interval(), records.digest_interval);
    take(file.has_direct(), file.direct(), records.direct);
    take(file.has_direct_bytes_max(), file.direct_bytes_max(), records.direct_bytes_max);
    take(file.has_delegate(), file.delegate(), records.delegate);
    take_time(file.has_freeze_after(), file.freeze_after(), records.freeze_after);
    take_time(file.has_notice_period(), file.notice_period(), records.notice_period);
    records.transaction_takes = milliseconds(file.transaction_takes());
    if (records.keys == 0) refuse("records: there must be keys");
}

void take_settings(const proto::Settings& file, Settings& settings) {
    take(file.has_body_max(), file.body_max(), settings.body_max);
    take(file.has_queue_bytes_max(), file.queue_bytes_max(), settings.queue_bytes_max);
    take(file.has_window(), file.window(), settings.window);
    take(file.has_visit_max(), file.visit_max(), settings.visit_max);
    take(file.has_accelerated(), file.accelerated(), settings.accelerated);
    take_time(file.has_token_loss(), file.token_loss(), settings.token_loss);
    take_time(file.has_consensus(), file.consensus(), settings.consensus);
    take_time(file.has_backoff_base(), file.backoff_base(), settings.backoff_base);
    take_time(file.has_backoff_max(), file.backoff_max(), settings.backoff_max);
    take_time(file.has_probe(), file.probe(), settings.probe);
    take_time(file.has_hold_max(), file.hold_max(), settings.hold_max);
    take_time(file.has_slow_consumer(), file.slow_consumer(), settings.slow_consumer);
    take_time(file.has_ftr_time(), file.ftr_time(), settings.ftr_time);
    take_time(file.has_token_retransmit_min(), file.token_retransmit_min(),
              settings.token_retransmit_min);
    take_time(file.has_join(), file.join(), settings.join);
    take_time(file.has_commit(), file.commit(), settings.commit);
    take_time(file.has_commit_wait(), file.commit_wait(), settings.commit_wait);
    take_time(file.has_silence(), file.silence(), settings.silence);
}

std::vector<NodeId> group(const proto::Group& file) {
    std::vector<NodeId> nodes(file.nodes().begin(), file.nodes().end());
    std::ranges::sort(nodes);
    return nodes;
}

Trigger trigger(const proto::Trigger& file) {
    if (file.moment() == proto::NO_MOMENT) refuse("a trigger without a moment");
    Trigger result{.moment = static_cast<Moment>(file.moment() - 1),
                   .node = file.node(),
                   .nth_max = file.nth_max()};
    take(file.has_nth(), file.nth(), result.nth);
    if (result.nth == 0) refuse("a trigger's nth counts from 1");
    return result;
}

CrashPoint crash_point(proto::CrashPoint file) {
    switch (file) {
    case proto::BEFORE:
        return CrashPoint::before;
    case proto::AFTER:
        return CrashPoint::after;
    default:
        return CrashPoint::anywhere;
    }
}

Effect partition(const proto::Partition& file) {
    Partition result;
    for (const proto::Group& one : file.groups())
        result.groups.push_back(group(one));
    take(file.parts() > 0, file.parts(), result.parts);
    return result;
}

Effect lose_next(const proto::LoseNext& file) {
    LoseNext result{.from = file.from(), .to = file.to(), .types = mask(file.types())};
    take(file.has_count(), file.count(), result.count);
    return result;
}

Effect keep_for_entry(const proto::KeepForEntry& file) {
    KeepForEntry result{.from = file.from(), .to = file.to()};
    take(file.has_count(), file.count(), result.count);
    return result;
}

Effect say(const proto::Say& file) {
    Say result{.node = file.node(), .service = file.safe() ? Service::safe : Service::agreed};
    take(file.has_count(), file.count(), result.count);
    take(file.has_size(), file.size(), result.size);
    return result;
}

Effect effect(const proto::Step& file) {
    switch (file.effect_case()) {
    case proto::Step::kCrash:
        return Crash{.node = file.crash().node(),
                     .disk = file.crash().disk_lost()  ? DiskFate::lost
                             : file.crash().disk_old() ? DiskFate::old
                                                       : DiskFate::kept,
                     .point = crash_point(file.crash().point())};
    case proto::Step::kPause:
        return Pause{file.pause().node()};
    case proto::Step::kIsolate:
        return Isolate{file.isolate().node()};
    case proto::Step::kPartition:
        return partition(file.partition());
    case proto::Step::kCut:
        return OneWayCut{file.cut().from(), file.cut().to()};
    case proto::Step::kWorsen:
        return Worsen{condition(file.worsen())};
    case proto::Step::kLoseNext:
        return lose_next(file.lose_next());
    case proto::Step::kKeepForEntry:
        return keep_for_entry(file.keep_for_entry());
    case proto::Step::kSlowDown:
        return SlowDown{file.slow_down().node(), file.slow_down().factor()};
    case proto::Step::kStopConsuming:
        return StopConsuming{file.stop_consuming().node()};
    case proto::Step::kSay:
        return say(file.say());
    case proto::Step::kLeave:
        return LeaveCleanly{file.leave().node()};
    case proto::Step::kStart:
        return StartNode{file.start().node(), file.start().number()};
    case proto::Step::kClockJump:
        return ClockJump{file.clock_jump().node(), milliseconds(file.clock_jump().by())};
    case proto::Step::kDiverge:
        return Diverge{file.diverge().node()};
    case proto::Step::EFFECT_NOT_SET:
        break;
    }
    refuse("a step without an effect");
}

Step step(const proto::Step& file) {
    Step result{.at = milliseconds(file.at()),
                .trigger = {},
                .effect = effect(file),
                .lasting = milliseconds(file.lasting()),
                .lot = file.lot()};
    if (file.has_trigger()) result.trigger = trigger(file.trigger());
    return result;
}

void take_swarm(const proto::Swarm& file, SwarmPlan& swarm) {
    swarm.enabled = true;
    take(file.has_intensity(), file.intensity(), swarm.intensity);
    for (const std::string& kind : file.without()) {
        const auto found = std::ranges::find(swarm_kinds(), kind, &SwarmKind::name);
        if (found == swarm_kinds().end()) refuse(fmt::format("swarm knows no kind \"{}\"", kind));
        swarm.*(found->allowed) = false;
    }
}

void take_expectation(const proto::Expect& file, Expectation& expect) {
    for (const proto::Bound& one : file.bounds()) {
        if (std::ranges::find(Measures::names(), one.measure()) == Measures::names().end())
            refuse(fmt::format("expect: \"{}\" is not measured", one.measure()));
        Bound bound{.measure = one.measure(), .at_least = {}, .at_most = {}};
        if (one.has_at_least()) bound.at_least = one.at_least();
        if (one.has_at_most()) bound.at_most = one.at_most();
        expect.bounds.push_back(bound);
    }
    for (const proto::Group& one : file.components())
        expect.components.push_back(group(one));
    for (const std::string& name : file.cells()) {
        const auto cell = find_cell(name);
        if (!cell) refuse(fmt::format("expect: the table has no cell \"{}\"", name));
        expect.cells.push_back(*cell);
    }
}

Scenario scenario(const proto::Scenario& file) {
    Scenario result;
    result.says = file.says();
    take(file.nodes() > 0, file.nodes(), result.nodes_min);
    take(file.nodes() > 0, file.nodes(), result.nodes_max);
    take(file.nodes_min() > 0, file.nodes_min(), result.nodes_min);
    take(file.nodes_max() > 0, file.nodes_max(), result.nodes_max);
    if (result.nodes_max < result.nodes_min || result.nodes_max > members_max)
        refuse(fmt::format("nodes must be 1 to {}", members_max));
    take(!file.application().empty(), file.application(), result.application);
    take_settings(file.settings(), result.settings);
    take_network(file.network(), result.network);
    take_nodes(file.node(), result.nodes);
    take_talk(file.talk(), result.talk);
    take_records(file.records(), result.records);
    if (file.has_records()) result.application = "records";
    for (const proto::Step& one : file.steps())
        result.steps.push_back(step(one));
    if (file.has_swarm()) take_swarm(file.swarm(), result.swarm);
    take_time(file.has_faults_for(), file.faults_for(), result.faults_for);
    result.leave_dead = file.leave_dead();
    result.heal = !file.without_heal();
    result.may_break = file.may_break();
    result.seed = file.seed();
    take_expectation(file.expect(), result.expect);
    if (const auto wrong = result.settings.validate()) refuse("settings: " + *wrong);
    return result;
}

fs::path directory() { return SIM_SCENARIOS; }

} // namespace

std::span<const SwarmKind> swarm_kinds() {
    static constexpr auto kinds = std::to_array<SwarmKind>({
        {"loss", &SwarmPlan::loss},
        {"bursts", &SwarmPlan::bursts},
        {"selective_loss", &SwarmPlan::selective_loss},
        {"duplication", &SwarmPlan::duplication},
        {"reordering", &SwarmPlan::reordering},
        {"old_packets", &SwarmPlan::old_packets},
        {"corruption", &SwarmPlan::corruption},
        {"delays", &SwarmPlan::delays},
        {"partitions", &SwarmPlan::partitions},
        {"cuts", &SwarmPlan::cuts},
        {"crashes", &SwarmPlan::crashes},
        {"disk_faults", &SwarmPlan::disk_faults},
        {"pauses", &SwarmPlan::pauses},
        {"hunters", &SwarmPlan::hunters},
        {"leaves", &SwarmPlan::leaves},
        {"slow_nodes", &SwarmPlan::slow_nodes},
        {"slow_consumers", &SwarmPlan::slow_consumers},
        {"clocks", &SwarmPlan::clocks},
        {"small_buffers", &SwarmPlan::small_buffers},
        {"settings", &SwarmPlan::settings},
        {"workload", &SwarmPlan::workload},
        {"loops", &SwarmPlan::loops},
        {"malformed", &SwarmPlan::malformed},
    });
    return kinds;
}

Scenario parse_scenario(const std::string& text, const std::string& where) {
    proto::Scenario file;
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&error);
    if (!parser.ParseFromString(text, &file))
        throw std::runtime_error(fmt::format("{}:{}", where, error.text));
    try {
        return scenario(file);
    } catch (const std::runtime_error& wrong) {
        throw std::runtime_error(fmt::format("{}: {}", where, wrong.what()));
    }
}

Scenario read_scenario(const fs::path& path) {
    std::ifstream stream(path);
    std::stringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::runtime_error(fmt::format("cannot read {}", path.string()));
    Scenario result = parse_scenario(text.str(), path.string());
    result.name = path.stem().string();
    return result;
}

Scenario find_scenario(const std::string& file_or_name) {
    if (fs::is_regular_file(file_or_name)) return read_scenario(file_or_name);
    const fs::path own = directory() / (file_or_name + ".txtpb");
    if (fs::is_regular_file(own)) return read_scenario(own);
    // "N15" is enough for N15_partition.
    for (const auto& entry : fs::directory_iterator(directory()))
        if (entry.path().stem().string().starts_with(file_or_name + "_"))
            return read_scenario(entry.path());
    throw std::runtime_error(
        fmt::format("there is no scenario \"{}\", neither as a file nor in {}; totem-sim list "
                    "shows all",
                    file_or_name, directory().string()));
}

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> result;
    for (const auto& entry : fs::directory_iterator(directory()))
        if (entry.path().extension() == ".txtpb") result.push_back(read_scenario(entry.path()));
    std::ranges::sort(result, {}, &Scenario::name);
    return result;
}

} // namespace sim
