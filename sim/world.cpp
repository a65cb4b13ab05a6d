#include "sim/world.h"

#include "sim/faults.h"
#include "sim/seal.h"

#include <fmt/format.h>

namespace sim {

namespace {

// After the bound has passed, the run goes on for a while: everybody says something, and it is
// delivered (P26), and no configuration comes any more (P25).
constexpr Duration epilogue = 400ms;

// And how long the backlog of a talkative run with tiny windows may take to drain.
constexpr Duration drain_limit = 20s;

std::vector<NodeId> numbered_up_to(std::uint32_t count) {
    std::vector<NodeId> ids;
    for (NodeId id = 1; id <= count; ++id)
        ids.push_back(id);
    return ids;
}

// Time-outs of a node that was configured otherwise than the rest (totem.md 9.2).
Settings slower(Settings settings, double factor) {
    if (factor == 1) return settings;
    for (Duration* time :
         {&settings.token_loss, &settings.join, &settings.consensus, &settings.silence,
          &settings.commit_wait, &settings.commit, &settings.probe})
        *time = Duration{static_cast<Duration::rep>(static_cast<double>(time->count()) * factor)};
    return settings;
}

} // namespace

World::World(const Scenario& plan,
             std::uint64_t seed,
             Applications& applications,
             std::span<Listener* const> listeners)
    : plan_(plan), root_(Random{seed}.split("world")), applications_(applications),
      listeners_(listeners.begin(), listeners.end()),
      packets_(datagram_max(plan.settings.body_max)), queue_(root_.split("order")),
      node_ids_(numbered_up_to(plan.nodes_max)),
      network_(plan.network, node_ids_, root_.split("network")),
      white_box_(*this, plan.settings, plan.nodes_max, plan.may_break), measures_(plan.nodes_max) {
    make_nodes();
    faults_ = std::make_unique<Faults>(*this, root_.split("faults"));
}

World::~World() = default;

void World::make_nodes() {
    nodes_.emplace_back(); // nobody has number 0
    for (const NodeId id : node_ids_) {
        Random chance = root_.split("node", id);
        const NodePlan& nodes = plan_.nodes;
        Node::Plan plan{.id = id,
                        .settings =
                            slower(plan_.settings,
                                   1 + nodes.settings_spread * chance.split("settings").fraction()),
                        .clock = {.offset = chance.between(Duration{}, nodes.clock_offset_max),
                                  .rate = 1.0 + nodes.clock_drift * chance.between(-1.0, 1.0),
                                  .granularity = nodes.clock_granularity},
                        .cpu_per_packet = nodes.cpu_per_packet,
                        .fsync = nodes.fsync,
                        .socket_packets = plan_.network.socket_packets};
        nodes_.push_back(std::make_unique<Node>(*this, std::move(plan), chance.split("life")));
    }
}

// -- the course of a run

void World::play() {
    Random chance = root_.split("start");
    for (const NodeId id : node_ids_) {
        const bool awaited = std::ranges::any_of(plan_.steps, [&](const Step& step) {
            const auto* start = std::get_if<StartNode>(&step.effect);
            return start != nullptr && start->node == id;
        });
        if (awaited) continue; // a step starts it
        const Duration at = (id - 1) * plan_.nodes.start_interval +
                            chance.between(Duration{}, plan_.nodes.start_within);
        call_at(Instant{at}, [this, id] { node(id).begin(); });
    }
    faults_->begin();
    run_until(Instant{plan_.faults_for});
    measures_.note_components();
    if (plan_.heal) {
        calm();
        heal();
    }
    finish();
}

void World::run_until(Instant end) {
    while (queue_.next_at() && *queue_.next_at() <= end) {
        Happening happening = queue_.pop();
        std::visit([&](auto& what) { happen(what); }, happening);
    }
    queue_.advance_to(end);
}

// No more faults; the paused go on, the dead return or stay dead, and everybody alive has started.
void World::calm() {
    Random chance = root_.split("heal");
    faults_->end();
    network_.heal();
    healed_ = true;
    std::vector<NodeId> down;
    for (const NodeId id : node_ids_) {
        node(id).resume();
        if (node(id).leaving()) node(id).crash(); // it has had its time
        if (!node(id).running() && !node(id).beginning() && !node(id).broken()) down.push_back(id);
    }
    for (const NodeId id : down) {
        // Somebody must be left, or there is nothing to judge.
        const bool last = id == down.back() && down.size() == node_ids_.size();
        if (last || !chance.chance(plan_.leave_dead)) node(id).begin();
    }
    const auto starting = [&] {
        return std::ranges::any_of(node_ids_, [&](NodeId id) { return node(id).beginning(); });
    };
    while (starting())
        run_until(now() + 1ms);
}

void World::heal() {
    trace::Members alive;
    for (const NodeId id : node_ids_)
        if (node(id).running()) alive.push_back(id);
    const Duration bound = stabilisation_bound(plan_);
    emit({}, trace::Heal{alive, bound});
    note([&] {
        return fmt::format("healed: from here on nothing fails; {} must be one ring within {} ms",
                           trace::describe(alive), bound / 1ms);
    });
    run_until(now() + bound / 2);
    for (const NodeId id : alive)
        node(id).ask_application([](Application& application) { application.wind_down(); });
    run_until(now() + (bound - bound / 2) + 1ms);
    drain();
    for (const NodeId id : alive)
        node(id).ask_application([](Application& application) {
            application.say(1, 10, Service::agreed);
            application.say(1, 10, Service::safe);
        });
    run_until(now() + epilogue);
}

// What was submitted before the end of the talks takes as long as flow control makes it take, and
// what was asked for as long as the services need.
void World::drain() {
    const auto waiting = [&] {
        return std::ranges::any_of(node_ids_, [&](NodeId id) {
            return node(id).running() &&
                   (!checker_.history().process(node(id).who())->waiting.empty() ||
                    node(id).application()->unfinished());
        });
    };
    const Instant patience = now() + drain_limit;
    while (waiting() && now() < patience)
        run_until(now() + 20ms);
}

void World::finish() {
    if (healed_)
        for (const NodeId id : node_ids_)
            if (node(id).running())
                if (const auto unfinished = node(id).application()->unfinished())
                    throw Violation{"P26",
                                    fmt::format("{}: {}", describe(node(id).who()), *unfinished)};
    emit({}, trace::End{});
    for (const NodeId id : node_ids_)
        if (const membership::Processor* one = node(id).processor()) retire(*one);
    checker_.conclude();
    if (const auto finding = applications_.judge())
        throw Violation{finding->property, finding->sentence};
}

// Back-off jitters by a fifth; merge detection is a probe; a hop is a delay and its processing.
Duration World::stabilisation_bound(const Scenario& plan) {
    const Settings& settings = plan.settings;
    const Duration hop =
        plan.network.delay.least + 4 * plan.network.delay.spread + plan.nodes.cpu_per_packet * 4;
    const Duration slack = 500ms;
    const Duration sum = settings.backoff_max + settings.backoff_max / 5 + settings.probe +
                         settings.token_loss_for(plan.nodes_max) +
                         3 * (settings.consensus + settings.commit_wait) +
                         12 * static_cast<int>(plan.nodes_max) * hop + slack;
    const double slowest = 1.0 + plan.nodes.clock_drift + plan.nodes.settings_spread;
    return Duration{static_cast<Duration::rep>(static_cast<double>(sum.count()) * slowest)};
}

// -- happenings

void World::happen(Wake& wake) { node(wake.node).wake(); }

void World::happen(DiskDone& done) { node(done.node).disk_done(done.generation); }

void World::happen(Unreachable& unreachable) {
    node(unreachable.sender).unreachable(unreachable.node);
}

void World::happen(std::function<void()>& action) { action(); }

void World::happen(Arrival& arrival) {
    const Datagram& datagram = arrival.datagram;
    if (arrival.late && healed_) return;
    if (!arrival.late && !network_.connected(datagram.from, arrival.to)) return;
    Node& receiver = node(arrival.to);
    if (receiver.running()) {
        receiver.receive(datagram);
        return;
    }
    const bool unicast = datagram.type == PacketType::token ||
                         datagram.type == PacketType::commit || datagram.type == PacketType::hurry;
    if (plan_.network.unreachable_told && unicast && network_.connected(arrival.to, datagram.from))
        queue_.push(now() + plan_.network.delay.least, Unreachable{datagram.from, arrival.to});
}

void World::transmit(const Datagram& datagram, std::span<const NodeId> to) {
    arrivals_.clear();
    network_.transmit(now(), datagram, to, arrivals_);
    for (Listener* listener : listeners_)
        listener->on_transmitted(now(), datagram, to, arrivals_);
    for (Network::Scheduled& one : arrivals_)
        queue_.push(one.at, std::move(one.arrival));
}

void World::transmit_direct(const Datagram& datagram, NodeId to) {
    arrivals_.clear();
    network_.transmit(now(), datagram, std::span{&to, 1}, arrivals_);
    for (Network::Scheduled& one : arrivals_)
        queue_.push(one.at, std::move(one.arrival));
}

void World::deliver_now(NodeId to, const Datagram& datagram) {
    queue_.push(now(), Arrival{to, datagram, true});
}

void World::wake_at(Instant at, NodeId node) { queue_.push(at, Wake{node}); }

void World::disk_done_at(Instant at, NodeId node, std::uint32_t generation) {
    queue_.push(at, DiskDone{node, generation});
}

void World::call_at(Instant at, std::function<void()> action) {
    queue_.push(at, std::move(action));
}

// -- what is written down

void World::emit(const trace::Life& who, trace::Body body) {
    const trace::Event event{now(), who, std::move(body)};
    mix(static_cast<std::uint64_t>(event.at.time_since_epoch().count()) * 32 + event.body.index());
    mix(who.node);
    for (Listener* listener : listeners_)
        listener->on_event(event);
    measures_.on_event(event);
    checker_.observe(event);
}

void World::note(const std::function<std::string()>& line) {
    if (listeners_.empty()) return;
    const std::string text = line();
    for (Listener* listener : listeners_)
        listener->on_note(now(), text);
}

void World::mark(const Fault& fault) {
    for (Listener* listener : listeners_)
        listener->on_fault(now(), fault);
}

void World::mix(std::uint64_t value) {
    fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3;
    fingerprint_ ^= fingerprint_ >> 29;
}

// -- what nodes report

void World::stepping(const Node& node, const membership::Event& event) {
    white_box_.stepping(*node.processor(), event);
}

void World::stepped(Node& node,
                    const membership::Event& event,
                    const membership::Actions& actions) {
    white_box_.stepped(*node.processor(), actions);
    faults_->observe(node, event, actions);
}

void World::formed(const Node& node) { faults_->reached(node.id(), Moment::forms); }

void World::submitted(const Node& node) { white_box_.look(*node.processor()); }

void World::sending(const Node& node,
                    std::span<const NodeId> to,
                    const Packet& packet,
                    const Bytes& body) {
    mix(static_cast<std::uint64_t>(now().time_since_epoch().count()) * 16 +
        static_cast<std::uint64_t>(type_of(packet)));
    mix(crc32c(body.span().first(std::min<std::size_t>(body.size(), 128))));
    for (Listener* listener : listeners_)
        listener->on_packet(now(), node.id(), to.size() == 1 ? to.front() : 0, packet);
    white_box_.sending(*node.processor(), packet, body);
    measures_.on_sent(node.id(), packet);
}

void World::delivering(const Node& node, const Delivery& message) {
    white_box_.delivering(*node.processor(), message);
}

void World::delivering(const Node& node, const Configuration& configuration) {
    white_box_.delivering(*node.processor(), configuration);
}

void World::interrupted(const Node& node) {
    measures_.on_interrupted(node.who(), now());
    for (Listener* listener : listeners_)
        listener->on_interrupted(now(), node.id());
}

void World::retire(const membership::Processor& processor) {
    for (std::size_t row = 0; row < membership::Coverage::rows; ++row)
        for (std::size_t phase = 0; phase < 4; ++phase)
            coverage_.hits[row][phase] += processor.coverage().hits[row][phase];
}

trace::Life World::life_of(const ProcessorId& processor) const {
    if (processor.node == 0 || processor.node >= nodes_.size())
        throw Violation{
            "P7", fmt::format("a message of {}, who does not exist", describe_fully(processor))};
    const auto life = nodes_[processor.node]->life_of(processor.incarnation);
    if (!life)
        throw Violation{"P7",
                        fmt::format("a message of {}, who never lived", describe_fully(processor))};
    return *life;
}

const membership::Processor* World::processor(NodeId node) const {
    return nodes_[node]->processor();
}

} // namespace sim
