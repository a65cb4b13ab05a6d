#include "tests/membership/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace membership::testing {

World::World(std::size_t nodes, const Settings& settings) : settings_(settings) {
    for (std::size_t i = 0; i < nodes; ++i) {
        Node& node = nodes_.emplace_back();
        node.name = std::string(1, static_cast<char>('A' + i));
        node.id = {static_cast<NodeId>(i + 1), 0};
    }
}

Node& World::node(const std::string& name) {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                    [&](const Node& node) { return node.name == name; });
    check(found != nodes_.end(), "a test names its nodes A, B, C, ...");
    return *found;
}

Processor& World::operator[](const std::string& name) { return *node(name).processor; }

const std::string& World::name_of(ProcessorId id) const { return nodes_[id.node - 1].name; }

std::vector<std::string> World::split(const std::string& names) {
    std::istringstream in(names);
    std::vector<std::string> list;
    for (std::string name; in >> name;)
        list.push_back(name);
    return list;
}

// -- lives

void World::start(const std::string& name) {
    Node& node = this->node(name);
    const StableRecord record = next_life(node.record);
    const Identity identity{.self = {node.id.node, record.incarnation},
                            .high_ring_seq = node.record.ring_seq_lease,
                            .ring_seq_lease = record.ring_seq_lease,
                            .challenge = 1000 * record.incarnation + node.id.node,
                            .jitter_seed = 77 * record.incarnation + node.id.node};
    node.record = record;
    node.id = identity.self;
    node.shown = {};
    node.left = node.paused = false;
    node.processor = std::make_unique<Processor>(settings_, identity);
    Actions actions;
    node.processor->start(now_, actions);
    perform(node, actions);
}

void World::start_all() {
    for (const Node& node : nodes_)
        start(node.name);
}

void World::crash(const std::string& name) { node(name).processor.reset(); }

void World::pause(const std::string& name) {
    node(name).paused = true;
    asleep_since_[name] = now_;
}

void World::resume(const std::string& name) {
    Node& node = this->node(name);
    node.paused = false;
    for (const PacketArrived& packet : std::exchange(node.backlog, {}))
        arrive(node, packet);
    arrive(node, Resumed{now_ - asleep_since_[name]});
}

Submission World::submit(const std::string& name, std::string text, Service service) {
    Node& node = this->node(name);
    Actions actions;
    const Submission submission =
        node.processor->submit(now_, Bytes::copy_of(std::string_view(text)), service, actions);
    perform(node, actions);
    return submission;
}

void World::tell(const std::string& name, const Event& event) { arrive(node(name), event); }

void World::arrive(Node& node, const Event& event) {
    if (node.processor == nullptr) return;
    Actions actions;
    node.processor->step(now_, event, actions);
    perform(node, actions);
}

// -- the network

void World::cut(const std::vector<std::string>& groups) {
    groups_.clear();
    for (const std::string& group : groups) {
        const auto names = split(group);
        groups_.emplace_back(names.begin(), names.end());
    }
}

void World::heal() { groups_.clear(); }

bool World::connected(const std::string& a, const std::string& b) const {
    return groups_.empty() || std::any_of(groups_.begin(), groups_.end(), [&](const auto& group) {
               return group.contains(a) && group.contains(b);
           });
}

void World::send(const Node& from, Node& to, const Packet& packet) {
    if (!connected(from.name, to.name) || (loses && loses(from, to, packet))) return;
    std::vector<std::uint8_t> body(settings_.body_max);
    const auto size = encode(packet, body);
    check(size.has_value(), "every packet fits one MTU");
    flights_.emplace(std::pair(now_ + latency, ++order_),
                     Flight{to.name, PacketArrived{from.id, type_of(packet),
                                                   Bytes::copy_of(std::span(body).first(*size))}});
}

void World::perform(Node& node, const Actions& actions) {
    std::uint64_t consumed = 0;
    for (const Action& action : actions) {
        if (crashes_before && crashes_before(node, action)) return crash(node.name);
        if (observe) observe(node, action);
        std::visit(
            Match{
                [&](const Multicast& sent) {
                    for (Node& other : nodes_)
                        if (&other != &node) send(node, other, sent.packet);
                },
                [&](const Unicast& sent) { send(node, nodes_[sent.to.node - 1], sent.packet); },
                [&](const Deliver& delivery) {
                    node.shown.messages.push_back(delivery.message);
                    node.shown.story.push_back(fmt::format(
                        "{} {}: {}", describe(delivery.message.service),
                        name_of(delivery.message.origin), delivery.message.payload.view()));
                    ++consumed;
                },
                [&](const DeliverConfiguration& change) {
                    node.shown.configurations.push_back(change.configuration);
                    std::string names;
                    for (const ProcessorId id : change.configuration.members)
                        names += (names.empty() ? "" : " ") + name_of(id);
                    const bool regular = change.configuration.kind == Configuration::Kind::regular;
                    node.shown.story.push_back(
                        fmt::format("{} [{}]", regular ? "regular" : "transitional", names));
                },
                [&](const StoreRecord& store) { node.record = store.record; },
                [&](const RoomAvailable&) { ++node.rooms; }, [&](const Left&) { node.left = true; },
                [&](const Broken& broken) { node.broken = broken.why; }, [](const auto&) {}},
            action);
    }
    for (const Action& action : actions)
        if (std::holds_alternative<StoreRecord>(action)) arrive(node, RecordStored{});
    if (consumed > 0 && node.consumes) arrive(node, Consumed{consumed});
    if (node.left) node.processor.reset();
}

// -- time

bool World::run_next() {
    std::optional<Instant> due;
    Node* first = nullptr;
    for (Node& node : nodes_) {
        if (node.processor == nullptr || node.paused) continue;
        const auto deadline = node.processor->deadline();
        if (deadline && (!due || *deadline < *due)) {
            due = deadline;
            first = &node;
        }
    }
    const bool packet_first = !flights_.empty() && (!due || flights_.begin()->first.first <= *due);
    if (packet_first) {
        auto flight = flights_.extract(flights_.begin());
        now_ = std::max(now_, flight.key().first);
        Node& node = this->node(flight.mapped().to);
        if (!connected(name_of(flight.mapped().packet.from), node.name)) return true;
        if (node.paused)
            node.backlog.push_back(std::move(flight.mapped().packet));
        else
            arrive(node, flight.mapped().packet);
        return true;
    }
    if (first == nullptr) return false;
    now_ = std::max(now_, *due);
    arrive(*first, DeadlinePassed{});
    return true;
}

void World::run_for(Duration duration) {
    const Instant end = now_ + duration;
    (void)run_until([&] { return now_ >= end; }, duration);
}

bool World::run_until(const std::function<bool()>& holds, Duration limit) {
    const Instant end = now_ + limit;
    while (!holds()) {
        if (now_ >= end || !run_next()) return holds();
    }
    return true;
}

bool World::is_ring(const std::string& names) {
    std::vector<ProcessorId> members;
    for (const std::string& name : split(names)) {
        Node& node = this->node(name);
        if (node.processor == nullptr || node.processor->phase() != Phase::operational)
            return false;
        members.push_back(node.id);
    }
    const RingId ring = node(split(names).front()).processor->ring();
    return std::all_of(members.begin(), members.end(), [&](ProcessorId id) {
        const Processor& processor = *nodes_[id.node - 1].processor;
        return processor.ring() == ring &&
               std::equal(processor.members().begin(), processor.members().end(), members.begin(),
                          members.end());
    });
}

} // namespace membership::testing
