#include "sim/faults.h"

#include "sim/world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sim {

namespace {

using membership::Phase;

constexpr std::array<const char*, moment_count> moment_words = {
    "got the token",    "sent the token", "sent data", "entered Gather", "filled its entry",
    "entered Recovery", "acknowledged",   "installed", "delivered",      "became primary",
};

std::size_t index_of(Moment moment) { return static_cast<std::size_t>(moment); }

// "worse network from 3 to all: loss 0.3, slower by 3000 ms"
std::string describe(const Condition& condition) {
    const auto end = [](NodeId node) { return node == 0 ? "all" : fmt::format("node {}", node); };
    std::string text = "worse network";
    if (condition.from != 0 || condition.to != 0)
        text += fmt::format(" from {} to {}", end(condition.from), end(condition.to));
    const auto add = [&](const char* what, double value) {
        if (value > 0) text += fmt::format(", {} {:.3g}", what, value);
    };
    add("loss", condition.loss);
    add("bursts", condition.burst_begin);
    add("duplicates", condition.duplicate);
    add("reordering", condition.reorder);
    add("old packets", condition.hold_back);
    add("damage", condition.corrupt + condition.truncate);
    add("slower by ms", static_cast<double>(condition.slower.count()) / 1e6);
    add("and by up to ms", static_cast<double>(condition.slower_by_chance.count()) / 1e6);
    add("loops", condition.looped);
    add("nonsense", condition.malformed);
    return text;
}

} // namespace

Faults::Faults(World& world, const Random& chance)
    : world_(world), root_(chance), chance_(chance) {}

void Faults::begin() {
    for (const Step& step : world_.plan().steps)
        world_.call_at(Instant{step.at}, [this, &step] {
            if (over_) return;
            if (step.trigger)
                arm(step);
            else
                strike(step, 0);
        });
}

void Faults::arm(const Step& step) {
    const Trigger& trigger = *step.trigger;
    chance_ = root_.split("trigger", step.lot);
    const std::uint32_t nth = trigger.nth_max > trigger.nth
                                  ? static_cast<std::uint32_t>(chance_.between(
                                        std::uint64_t{trigger.nth}, std::uint64_t{trigger.nth_max}))
                                  : trigger.nth;
    waiting_.push_back({&step, nth});
}

void Faults::end() {
    over_ = true;
    waiting_.clear();
    for (const NodeId id : world_.node_ids()) {
        Node& node = world_.node(id);
        node.slow_down(1);
        node.ask_application([](Application& application) { application.stop_consuming(false); });
    }
}

Moments
Faults::moments_of(Node& node, const membership::Event& event, const membership::Actions& actions) {
    Moments moments;
    const auto note = [&](Moment moment, std::size_t action) {
        if (!moments[index_of(moment)]) moments[index_of(moment)] = action;
    };
    for (std::size_t index = 0; index < actions.size(); ++index) {
        const membership::Action& action = actions[index];
        if (const auto* unicast = std::get_if<membership::Unicast>(&action)) {
            if (std::holds_alternative<Token>(unicast->packet)) note(Moment::sends_token, index);
        } else if (const auto* multicast = std::get_if<membership::Multicast>(&action)) {
            if (std::holds_alternative<DataPacket>(multicast->packet))
                note(Moment::sends_data, index);
        } else if (const auto* deliver = std::get_if<membership::DeliverConfiguration>(&action)) {
            if (deliver->configuration.kind == Configuration::Kind::regular)
                note(Moment::installs, index);
        } else if (std::holds_alternative<membership::Deliver>(action)) {
            note(Moment::delivers, index);
        }
    }
    const auto* arrived = std::get_if<membership::PacketArrived>(&event);
    const membership::Processor& processor = *node.processor();
    Seen& seen = seen_[node.id()];
    const Phase phase = processor.phase();
    if (arrived != nullptr && arrived->type == PacketType::token && phase == Phase::operational)
        note(Moment::token_arrives, 0);
    if (phase != seen.phase) {
        if (phase == Phase::gather) note(Moment::enters_gather, 0);
        if (phase == Phase::commit) note(Moment::fills_entry, 0);
        if (phase == Phase::recovery) note(Moment::enters_recovery, 0);
        seen.phase = phase;
    }
    if (phase == Phase::recovery) {
        const auto view = processor.view();
        if (!view.obligation.empty() && seen.acknowledged != view.candidate) {
            seen.acknowledged = view.candidate;
            note(Moment::acknowledges, 0);
        }
    }
    return moments;
}

void Faults::observe(Node& node,
                     const membership::Event& event,
                     const membership::Actions& actions) {
    const Moments moments = moments_of(node, event, actions);
    if (moments[index_of(Moment::fills_entry)])
        for (const Datagram& kept : world_.network().release_kept(node.id()))
            world_.deliver_now(node.id(), kept);
    const auto is_now = [&](Moment moment) { return moments[index_of(moment)].has_value(); };
    within_step_ = true;
    for (const Step* step : pull(node.id(), is_now)) {
        trigger_action_ = *moments[index_of(step->trigger->moment)];
        trigger_actions_ = actions.size();
        strike(*step, node.id());
    }
    within_step_ = false;
}

void Faults::reached(NodeId node, Moment moment) {
    for (const Step* step : pull(node, [&](Moment wanted) { return wanted == moment; }))
        world_.call_at(world_.now(), [this, step, node] {
            if (!over_) strike(*step, node);
        });
}

// The triggers that this node's moment pulls.
std::vector<const Step*> Faults::pull(NodeId node, const std::function<bool(Moment)>& is) {
    std::vector<const Step*> pulled;
    for (Waiting& waiting : waiting_) {
        const Trigger& trigger = *waiting.step->trigger;
        if (!is(trigger.moment) || (trigger.node != 0 && trigger.node != node)) continue;
        if (--waiting.left == 0) pulled.push_back(waiting.step);
    }
    std::erase_if(waiting_, [](const Waiting& waiting) { return waiting.left == 0; });
    return pulled;
}

// -- effects

void Faults::strike(const Step& step, NodeId triggered_by) {
    world_.measures().on_fault(world_.now());
    chance_ = root_.split("step", step.lot);
    std::visit([&](const auto& effect) { strike(effect, triggered_by, step); }, step.effect);
}

NodeId Faults::chosen(NodeId wanted, NodeId triggered_by) {
    if (wanted != 0) return wanted;
    return triggered_by != 0 ? triggered_by : chance_.pick(world_.node_ids());
}

void Faults::undo_after(const Step& step, std::function<void()> undo) {
    if (step.lasting == Duration{}) return;
    world_.call_at(world_.now() + step.lasting, [this, undo = std::move(undo)] {
        if (!over_) undo();
    });
}

void Faults::tell(const Step& step,
                  const char* kind,
                  std::vector<NodeId> nodes,
                  const std::string& what) {
    world_.mark({kind, std::move(nodes), what, step.lasting});
    world_.note([&] {
        std::string line = what;
        if (step.trigger)
            line += fmt::format(" (as it {})", moment_words[index_of(step.trigger->moment)]);
        if (step.lasting > Duration{}) line += fmt::format(" for {} ms", step.lasting / 1ms);
        return line;
    });
}

void Faults::strike(const Crash& crash, NodeId by, const Step& step) {
    const NodeId id = chosen(crash.node, by);
    Node& node = world_.node(id);
    constexpr std::array disks = {"", ", disk lost", ", and an old disk is put in"};
    tell(step, "crash", {id},
         fmt::format("node {} crashes{}", id, disks[static_cast<std::size_t>(crash.disk)]));
    if (id == by && within_step_) {
        std::size_t action = trigger_action_;
        if (crash.point == CrashPoint::after) action = trigger_action_ + 1;
        if (crash.point == CrashPoint::anywhere) action = chance_.below(trigger_actions_ + 1);
        node.crash_after(action);
    } else {
        node.crash();
    }
    undo_after(step, [this, id, disk = crash.disk] {
        Node& risen = world_.node(id);
        if (risen.running() || risen.beginning()) return;
        if (disk == DiskFate::lost) risen.lose_disk();
        if (disk == DiskFate::old) risen.restore_old_disk();
        risen.begin();
        world_.note([&] { return fmt::format("node {} restarts", id); });
    });
}

void Faults::strike(const Pause& pause, NodeId by, const Step& step) {
    const NodeId id = chosen(pause.node, by);
    tell(step, "pause", {id}, fmt::format("node {} is paused", id));
    if (within_step_) // what it is at, it finishes
        world_.call_at(world_.now(), [this, id] { world_.node(id).pause(); });
    else
        world_.node(id).pause();
    undo_after(step, [this, id] {
        world_.note([&] { return fmt::format("node {} goes on", id); });
        world_.node(id).resume();
    });
}

void Faults::cut_between(const std::vector<std::vector<NodeId>>& groups, const Step& step) {
    const auto group_of = [&](NodeId node) {
        for (std::size_t group = 0; group < groups.size(); ++group)
            if (std::ranges::find(groups[group], node) != groups[group].end()) return group;
        return groups.size() + node; // alone
    };
    std::vector<std::pair<NodeId, NodeId>> cuts;
    for (const NodeId from : world_.node_ids())
        for (const NodeId to : world_.node_ids())
            if (group_of(from) != group_of(to)) cuts.emplace_back(from, to);
    for (const auto& [from, to] : cuts)
        world_.network().cut(from, to);
    undo_after(step, [this, cuts] {
        world_.note([] { return std::string("the partition ends"); });
        for (const auto& [from, to] : cuts)
            world_.network().mend(from, to);
    });
}

void Faults::strike(const Isolate& isolate, NodeId by, const Step& step) {
    const NodeId id = chosen(isolate.node, by);
    tell(step, "partition", {id}, fmt::format("node {} is cut off from all others", id));
    std::vector<NodeId> rest;
    std::ranges::remove_copy(world_.node_ids(), std::back_inserter(rest), id);
    cut_between({{id}, rest}, step);
}

void Faults::strike(const Partition& partition, NodeId, const Step& step) {
    std::vector<std::vector<NodeId>> groups = partition.groups;
    if (groups.empty()) {
        groups.resize(std::max(2U, partition.parts));
        for (const NodeId node : world_.node_ids())
            groups[chance_.below(groups.size())].push_back(node);
        std::erase_if(groups, [](const auto& group) { return group.empty(); });
    }
    tell(step, "partition", {}, fmt::format("partition {}", groups));
    cut_between(groups, step);
}

void Faults::strike(const OneWayCut& cut, NodeId by, const Step& step) {
    const NodeId from = chosen(cut.from, by);
    NodeId to = cut.to;
    while (to == 0 || to == from)
        to = chance_.pick(world_.node_ids());
    tell(step, "cut", {from, to}, fmt::format("node {} no longer hears node {}", to, from));
    world_.network().cut(from, to);
    undo_after(step, [this, from, to] { world_.network().mend(from, to); });
}

void Faults::strike(const Worsen& worsen, NodeId, const Step& step) {
    tell(step, "network", {}, describe(worsen.condition));
    const Network::ConditionId id = world_.network().add(worsen.condition);
    undo_after(step, [this, id] { world_.network().remove(id); });
}

void Faults::strike(const LoseNext& lose, NodeId by, const Step& step) {
    LoseNext wanted = lose;
    if (wanted.from == 0) wanted.from = by;
    tell(step, "loss", {wanted.from},
         fmt::format("the next {} packets from node {} are lost", lose.count, wanted.from));
    world_.network().lose_next(wanted);
}

void Faults::strike(const KeepForEntry& keep, NodeId by, const Step& step) {
    KeepForEntry wanted = keep;
    if (wanted.from == 0) wanted.from = by;
    tell(step, "loss", {wanted.from},
         fmt::format("a data packet from node {} is held back", wanted.from));
    world_.network().keep_for_entry(wanted);
}

void Faults::strike(const SlowDown& slow, NodeId by, const Step& step) {
    const NodeId id = chosen(slow.node, by);
    tell(step, "slow", {id}, fmt::format("node {} is {:.3g} times slower", id, slow.factor));
    world_.node(id).slow_down(slow.factor);
    undo_after(step, [this, id] { world_.node(id).slow_down(1); });
}

void Faults::strike(const StopConsuming& stop, NodeId by, const Step& step) {
    const NodeId id = chosen(stop.node, by);
    tell(step, "slow", {id}, fmt::format("the application of node {} consumes nothing", id));
    const auto set = [this, id](bool stopped) {
        world_.node(id).ask_application(
            [stopped](Application& application) { application.stop_consuming(stopped); });
    };
    // Not from within the node's own step: applications are never entered twice.
    world_.call_at(world_.now(), [set] { set(true); });
    undo_after(step, [set] { set(false); });
}

void Faults::strike(const Say& say, NodeId by, const Step&) {
    const NodeId id = chosen(say.node, by);
    world_.call_at(world_.now(), [this, id, say] {
        world_.node(id).ask_application(
            [&](Application& application) { application.say(say.count, say.size, say.service); });
    });
}

void Faults::strike(const LeaveCleanly& leave, NodeId by, const Step& step) {
    const NodeId id = chosen(leave.node, by);
    tell(step, "leave", {id}, fmt::format("node {} is asked to leave", id));
    world_.call_at(world_.now(), [this, id] {
        if (world_.node(id).running()) world_.node(id).ask_to_leave();
    });
    undo_after(step, [this, id] { world_.node(id).begin(); });
}

void Faults::strike(const StartNode& start, NodeId by, const Step& step) {
    const NodeId id = chosen(start.node, by);
    tell(step, "start", {id},
         start.number == 0 ? fmt::format("node {} starts", id)
                           : fmt::format("node {} starts under the number {}", id, start.number));
    world_.node(id).begin(start.number);
}

void Faults::strike(const ClockJump& jump, NodeId by, const Step& step) {
    const NodeId id = chosen(jump.node, by);
    tell(step, "clock", {id},
         fmt::format("the clock of node {} jumps by {} ms", id, jump.by / 1ms));
    // Not from within the node's own step: it reads its clock once.
    world_.call_at(world_.now(), [this, id, amount = jump.by] {
        if (world_.node(id).running()) world_.node(id).jump_clock(amount);
    });
}

void Faults::strike(const Diverge& diverge, NodeId by, const Step& step) {
    const NodeId id = chosen(diverge.node, by);
    tell(step, "memory", {id}, fmt::format("the memory of node {} goes wrong", id));
    // Not from within the node's own step, as above.
    world_.call_at(world_.now(), [this, id] {
        world_.node(id).ask_application([](Application& application) { application.diverge(); });
    });
}

} // namespace sim
