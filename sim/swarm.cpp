#include "sim/swarm.h"

#include <algorithm>

namespace sim {

namespace {

class Drawer {
public:
    Drawer(Scenario& plan, const Random& root)
        : plan_(plan), allowed_(plan.swarm), root_(root), faults_(root.split("swarm faults")) {}

    void draw() {
        draw_network();
        if (allowed_.settings) draw_settings();
        if (allowed_.workload && plan_.application == "talkers") draw_talk();
        if (allowed_.workload && plan_.application == "records") draw_records();
        if (on("clocks", allowed_.clocks)) draw_clocks();
        if (on("small_buffers", allowed_.small_buffers)) draw_small_buffers();
        draw_conditions();
        draw_troubles();
        draw_node_faults();
        if (on("hunters", allowed_.hunters)) draw_hunters();
        plan_.leave_dead = faults_.chance(0.3) ? 0.5 : 0;
        std::ranges::stable_sort(plan_.steps, {}, &Step::at);
    }

private:
    // Whether this run has this kind of fault: half of the runs do.
    [[nodiscard]] bool on(std::string_view kind, bool is_allowed) const {
        return is_allowed && root_.split(kind).chance(0.5);
    }

    [[nodiscard]] Duration span(double milliseconds) const {
        return Duration{static_cast<Duration::rep>(milliseconds * 1e6)};
    }

    Duration sometime() { return faults_.between(5ms, plan_.faults_for); }

    Duration lasting(double least_ms, double most_ms) {
        return span(faults_.log_between(least_ms, most_ms));
    }

    NodeId some_node() {
        return static_cast<NodeId>(faults_.between(std::uint64_t{1}, plan_.nodes_max));
    }

    // How many of something happen in a run.
    std::uint64_t some(std::uint64_t most) {
        const auto scaled = static_cast<double>(most) * allowed_.intensity;
        return faults_.between(std::uint64_t{1},
                               std::max<std::uint64_t>(1, static_cast<std::uint64_t>(scaled)));
    }

    void add(Effect effect, Duration lasting_for = {}) {
        plan_.steps.push_back({sometime(), std::nullopt, std::move(effect), lasting_for});
    }

    void draw_network() {
        Random chance = root_.split("swarm network");
        Delay& delay = plan_.network.delay;
        delay.least = span(chance.log_between(0.05, 0.8));
        delay.spread = span(chance.log_between(0.01, 0.5));
        delay.shape = std::array{DelayShape::uniform, DelayShape::log_normal,
                                 DelayShape::pareto}[chance.below(3)];
        if (chance.chance(0.2)) plan_.network.bits_per_second = chance.log_between(2e7, 1e9);
        plan_.network.unreachable_told = chance.chance(0.5);
        plan_.nodes.start_within = span(chance.log_between(1, 300));
    }

    void draw_settings() {
        Random chance = root_.split("swarm settings");
        Settings& settings = plan_.settings;
        settings.accelerated = chance.chance(0.5) ? 0 : 80;
        if (chance.chance(0.3)) {
            settings.window = static_cast<std::uint32_t>(chance.log_between(1, 300));
            settings.visit_max = static_cast<std::uint32_t>(
                chance.between(std::uint64_t{1}, std::uint64_t{settings.window}));
        }
        if (chance.chance(0.3))
            settings.body_max = chance.between(std::uint64_t{1200}, std::uint64_t{8900});
        if (chance.chance(0.3)) settings.backoff_max = settings.backoff_base * 2;
        if (chance.chance(0.2) && !clocks_are_trusted())
            plan_.nodes.settings_spread = chance.between(0.0, 1.0);
    }

    void draw_talk() {
        Random chance = root_.split("swarm talk");
        TalkPlan& talk = plan_.talk;
        talk.messages_per_second = chance.log_between(5, 600);
        talk.safe_share = std::array{0.0, 0.3, 0.7, 1.0}[chance.below(4)];
        talk.size_max = static_cast<std::size_t>(chance.log_between(1, 3000));
        if (chance.chance(0.2)) {
            talk.large_share = 0.02;
            talk.large_max = static_cast<std::size_t>(chance.log_between(4000, 200000));
        }
        if (chance.chance(0.3)) talk.burst_share = 0.05;
        if (chance.chance(0.3)) talk.echo_share = 0.05;
        if (chance.chance(0.4)) talk.configuration_burst = 0.5;
        if (chance.chance(0.2)) talk.only = static_cast<NodeId>(1 + chance.below(plan_.nodes_max));
        if (chance.chance(0.4)) talk.pause_every = span(chance.log_between(20, 400));
        talk.messages_max = 1500;
        if (on("slow consumers", allowed_.slow_consumers))
            talk.consume_within = span(chance.log_between(0.1, 20));
    }

    void draw_records() {
        Random chance = root_.split("swarm records");
        RecordPlan& records = plan_.records;
        records.clients = static_cast<std::uint32_t>(chance.between(std::uint64_t{1}, 5));
        records.operations_per_second = chance.log_between(5, 200);
        records.keys = static_cast<std::uint32_t>(chance.log_between(1, 30));
        records.hold = span(chance.log_between(0.05, 10));
        records.lock_share = chance.chance(0.5) ? 0.1 : 0;
        records.transaction_share = std::array{0.0, 0.1, 0.4}[chance.below(3)];
        records.delete_share = chance.chance(0.5) ? 0.2 : 0;
        records.give_up_share = chance.chance(0.5) ? 0.1 : 0;
        records.digest_interval = static_cast<std::uint64_t>(chance.log_between(8, 500));
        records.freeze_after = span(chance.log_between(20, 300));
        // Empty records alone; small ones, with few that wait for them; everything.
        records.direct_bytes_max = std::array{46U, 56U, 1200U}[chance.below(3)];
        Random readers = root_.split("swarm readers");
        records.delegate = readers.chance(0.8);
        if (readers.chance(0.4)) records.peek_share = 0.2 + 0.6 * readers.fraction();
    }

    // The record service relies on clocks that drift at most, and on time-outs that are the same
    // everywhere: its period of notice is computed from them.
    [[nodiscard]] bool clocks_are_trusted() const { return plan_.application == "records"; }

    void draw_clocks() {
        Random chance = root_.split("swarm clocks");
        plan_.nodes.clock_drift = chance.chance(0.5) ? 0.1 * chance.fraction() : 0;
        plan_.nodes.clock_offset_max = span(chance.log_between(1, 1e6));
        if (chance.chance(0.3))
            plan_.nodes.clock_granularity = std::array<Duration, 2>{1ms, 4ms}[chance.below(2)];
    }

    void draw_small_buffers() {
        Random chance = root_.split("swarm buffers");
        plan_.network.socket_packets = static_cast<std::size_t>(chance.log_between(8, 400));
        plan_.nodes.cpu_per_packet = span(chance.log_between(0.002, 0.05));
    }

    // Conditions that are in force during the whole fault phase.
    void draw_conditions() {
        Random chance = root_.split("swarm conditions");
        std::vector<Condition>& conditions = plan_.network.conditions;
        if (on("loss", allowed_.loss))
            conditions.push_back({.loss = chance.log_between(0.001, 0.3)});
        if (on("bursts", allowed_.bursts))
            conditions.push_back({.burst_begin = chance.log_between(0.0005, 0.02),
                                  .burst_end = chance.log_between(0.02, 0.5)});
        if (on("selective loss", allowed_.selective_loss)) {
            constexpr std::array types = {PacketType::token, PacketType::data, PacketType::join,
                                          PacketType::commit};
            conditions.push_back({.types = mask_of(types[chance.below(types.size())]),
                                  .loss = chance.log_between(0.02, 0.5)});
        }
        if (on("duplication", allowed_.duplication))
            conditions.push_back({.duplicate = chance.log_between(0.01, 0.3)});
        if (on("reordering", allowed_.reordering))
            conditions.push_back({.reorder = chance.log_between(0.01, 0.3),
                                  .reorder_by = span(chance.log_between(0.2, 20))});
        if (on("old packets", allowed_.old_packets))
            conditions.push_back({.hold_back = chance.log_between(0.001, 0.02),
                                  .hold_back_for = span(chance.log_between(20, 2000))});
        if (on("corruption", allowed_.corruption))
            conditions.push_back({.corrupt = chance.log_between(0.001, 0.1),
                                  .truncate = chance.log_between(0.001, 0.05)});
        if (on("loops", allowed_.loops))
            conditions.push_back({.looped = chance.log_between(0.01, 0.3)});
        if (on("malformed", allowed_.malformed))
            conditions.push_back({.malformed = chance.log_between(0.001, 0.05)});
    }

    // Troubles that come and go.
    void draw_troubles() {
        if (on("delays", allowed_.delays))
            for (std::uint64_t left = some(3); left > 0; --left)
                add(Worsen{{.from = faults_.chance(0.5) ? some_node() : 0,
                            .slower = lasting(1, 300),
                            .slower_by_chance = lasting(0.1, 30)}},
                    lasting(20, 600));
        if (on("partitions", allowed_.partitions))
            for (std::uint64_t left = some(4); left > 0; --left)
                add(Partition{.parts = faults_.chance(0.3) ? 3U : 2U}, lasting(20, 1200));
        if (on("cuts", allowed_.cuts))
            for (std::uint64_t left = some(3); left > 0; --left)
                add(OneWayCut{.from = some_node()}, lasting(20, 1000));
    }

    void draw_node_faults() {
        const bool disks = on("disk faults", allowed_.disk_faults);
        if (on("crashes", allowed_.crashes))
            for (std::uint64_t left = some(4); left > 0; --left)
                add(Crash{.node = some_node(),
                          .disk = disks && faults_.chance(0.3) ? DiskFate::lost : DiskFate::kept},
                    faults_.chance(0.8) ? lasting(1, 1000) : Duration{});
        if (on("pauses", allowed_.pauses))
            for (std::uint64_t left = some(3); left > 0; --left)
                add(Pause{some_node()}, lasting(5, 1500));
        if (on("clock jumps", allowed_.clocks) && !clocks_are_trusted())
            for (std::uint64_t left = some(2); left > 0; --left) {
                const Duration by = lasting(1, 90);
                add(ClockJump{some_node(), faults_.chance(0.5) ? by : -by});
            }
        if (on("leaves", allowed_.leaves))
            for (std::uint64_t left = some(2); left > 0; --left)
                add(LeaveCleanly{some_node()}, lasting(50, 1000));
        if (on("slow nodes", allowed_.slow_nodes))
            for (std::uint64_t left = some(2); left > 0; --left)
                add(SlowDown{some_node(), faults_.log_between(2, 100)}, lasting(50, 600));
        if (on("stopped consumers", allowed_.slow_consumers))
            add(StopConsuming{some_node()}, lasting(20, 500));
    }

    // Faults that wait for the delicate moments: random ones hardly ever meet them (Appendix B).
    void draw_hunters() {
        constexpr std::array moments = {Moment::installs,    Moment::acknowledges,
                                        Moment::fills_entry, Moment::enters_recovery,
                                        Moment::sends_token, Moment::token_arrives,
                                        Moment::sends_data,  Moment::installs};
        for (std::uint64_t left = some(5); left > 0; --left) {
            const Moment moment = moments[faults_.below(moments.size())];
            Trigger trigger{.moment = moment,
                            .node = faults_.chance(0.4) ? some_node() : 0,
                            .nth = static_cast<std::uint32_t>(faults_.log_between(1, 8))};
            plan_.steps.push_back({sometime(), trigger, hunting_effect(), lasting(20, 700)});
        }
        if (faults_.chance(0.5)) draw_raw_packet();
        // Something must happen that makes rings form anew, or there is nothing to hunt.
        for (std::uint64_t left = some(3); left > 0; --left)
            add(Partition{}, lasting(20, 400));
    }

    Effect hunting_effect() {
        switch (faults_.below(4)) {
        case 0:
            return Crash{};
        case 1:
            return Partition{};
        default:
            return Isolate{};
        }
    }

    // N55: a raw packet of a member that crashes reaches a survivor that has filled its entry.
    void draw_raw_packet() {
        const NodeId sender = some_node();
        const Duration at = sometime();
        plan_.steps.push_back({at,
                               Trigger{.moment = Moment::sends_data, .node = sender},
                               LoseNext{.from = sender, .types = mask_of(PacketType::data)},
                               {}});
        plan_.steps.push_back({at,
                               Trigger{.moment = Moment::sends_data, .node = sender},
                               KeepForEntry{.from = sender, .to = some_node()},
                               {}});
        plan_.steps.push_back({at, Trigger{.moment = Moment::sends_data, .node = sender},
                               Crash{.node = sender, .point = CrashPoint::anywhere},
                               lasting(300, 900)});
    }

    Scenario& plan_;
    SwarmPlan allowed_;
    Random root_;
    Random faults_;
};

} // namespace

Scenario draw(const Scenario& scenario, std::uint64_t seed, std::uint32_t nodes) {
    Scenario plan = scenario;
    const Random root = Random{seed}.split("plan");
    if (nodes == 0)
        nodes = static_cast<std::uint32_t>(root.split("nodes").between(
            std::uint64_t{scenario.nodes_min}, std::uint64_t{scenario.nodes_max}));
    plan.nodes_min = plan.nodes_max = nodes;
    if (plan.swarm.enabled) {
        Drawer(plan, root).draw();
        plan.swarm.enabled = false;
    }
    std::uint32_t lot = 0;
    for (Step& step : plan.steps) {
        ++lot;
        if (step.lot == 0) step.lot = lot;
    }
    return plan;
}

} // namespace sim
