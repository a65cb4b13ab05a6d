#include "tests/statedb/ring_model.h"

#include <algorithm>

namespace statedb::test {

RingModel::RingModel(std::size_t nodes, MakeApplication make, Adjust adjust)
    : make_(std::move(make)), adjust_(std::move(adjust)) {
    for (NodeId node = 1; node <= nodes; ++node)
        nodes_.push_back(node);
    for (const NodeId node : nodes_)
        start(node);
}

RingModel::Processor& RingModel::at(NodeId node) { return processors_.at(node); }

Host& RingModel::host(NodeId node) { return *at(node).host; }

ProcessorId RingModel::id(NodeId node) const { return processors_.at(node).id; }

HostStatus RingModel::status(NodeId node) { return host(node).status(); }

const History& RingModel::disk(NodeId node) const { return disks_.at(node); }

std::vector<std::string>& RingModel::alarms(NodeId node) { return at(node).alarms; }

std::set<NodeId> RingModel::living() const {
    std::set<NodeId> living;
    for (const auto& [node, processor] : processors_)
        living.insert(node);
    return living;
}

std::set<NodeId> RingModel::active_nodes() {
    std::set<NodeId> nodes;
    for (const auto& [node, processor] : processors_)
        if (active(node)) nodes.insert(node);
    return nodes;
}

void RingModel::start(NodeId node) {
    Processor& processor = processors_[node];
    processor.id = {node, ++lives_[node]};
    HostSettings settings{.self = processor.id, .nodes = nodes_};
    settings.chunk_size = 8; // small, so that a state takes many
    if (adjust_) adjust_(settings);
    processor.application = make_(processor.id);
    const std::vector<StateMachine*> services = processor.application->services();
    processor.host = std::make_unique<Host>(settings, disks_[node], services);
    processor.hint = hint_of(disks_[node]);
}

void RingModel::crash(NodeId node) {
    Processor& processor = at(node);
    if (processor.ring) processor.ring->broken = true;
    processor.application->crashed();
    processors_.erase(node);
}

void RingModel::lose_disk(NodeId node) { disks_[node] = {}; }

// Histories go to disk and, at once, into the hint; alarms into the log.
void RingModel::drain(Processor& processor) {
    while (const auto history = processor.host->history_to_store()) {
        processor.disk_queue.push_back(*history);
        processor.hint = hint_of(*history);
    }
    while (auto alarm = processor.host->take_alarm())
        processor.alarms.push_back(*alarm);
    observe(processor.id.node);
}

bool RingModel::submit(NodeId node) {
    Processor& processor = at(node);
    const Host::Pending* pending = processor.host->next_submission();
    if (pending == nullptr) return false;
    processor.ring_queue.push_back(*pending);
    processor.host->pop_submission();
    return true;
}

bool RingModel::originate(NodeId node) {
    Processor& processor = at(node);
    if (processor.ring_queue.empty() || !processor.ring || processor.ring->broken) return false;
    Ring& ring = *processor.ring;
    const std::size_t place = ring.order.size();
    ring.order.push_back({.origin = processor.id,
                          .counter = ++processor.counter,
                          .service = processor.ring_queue.front().guarantee,
                          .ring = ring.id,
                          .position = {Seq{place + 1}, 0},
                          .payload = processor.ring_queue.front().payload});
    processor.ring_queue.pop_front();
    ring.has[processor.id].insert(place);
    return true;
}

bool RingModel::receive(NodeId node) {
    Processor& processor = at(node);
    if (!processor.ring) return false;
    std::set<std::size_t>& has = processor.ring->has[processor.id];
    for (std::size_t place = 0; place < processor.ring->order.size(); ++place)
        if (has.insert(place).second) return true;
    return false;
}

void RingModel::deliver_next(Processor& processor) {
    const Delivery message = processor.ring->order[processor.delivered++];
    processor.host->deliver(now_, message);
    drain(processor);
}

bool RingModel::deliver(NodeId node) {
    Processor& processor = at(node);
    if (!processor.ring || processor.delivered == processor.ring->order.size()) return false;
    Ring& ring = *processor.ring;
    const std::size_t place = processor.delivered;
    if (!ring.has[processor.id].contains(place)) return false;
    const bool safe = ring.order[place].service == Service::safe;
    const bool everywhere = std::ranges::all_of(
        ring.members, [&](const ProcessorId& member) { return ring.has[member].contains(place); });
    if (safe && !everywhere) return false;
    deliver_next(processor);
    return true;
}

bool RingModel::store(NodeId node) {
    Processor& processor = at(node);
    if (processor.disk_queue.empty()) return false;
    disks_[node] = processor.disk_queue.front();
    processor.disk_queue.pop_front();
    processor.host->history_stored(now_);
    drain(processor);
    return true;
}

bool RingModel::step(NodeId node) {
    return store(node) || submit(node) || originate(node) || receive(node) || deliver(node);
}

void RingModel::settle() {
    for (int rounds = 0; rounds < 100000; ++rounds) {
        bool progress = false;
        for (const NodeId node : living())
            progress |= step(node);
        if (!progress) return;
    }
    check(false, "the model comes to rest");
}

void RingModel::interrupt(NodeId node) {
    Processor& processor = at(node);
    if (processor.ring) processor.ring->broken = true;
    processor.interrupted = true;
    processor.host->interrupted(now_);
    drain(processor);
}

// The rest of one old ring for those who leave it together: up to `regular` in the old regular
// configuration, then `transitional`, in order.
struct RingModel::Survivors {
    std::vector<ProcessorId> members;
    std::size_t regular = 0;
    std::vector<Delivery> transitional;
};

RingModel::Survivors RingModel::survivors_of(const std::shared_ptr<Ring>& ring,
                                             const std::set<NodeId>& nodes) {
    Survivors survivors;
    std::set<std::size_t> known;
    for (const NodeId node : nodes) {
        const Processor& processor = at(node);
        if (processor.ring != ring) continue;
        survivors.members.push_back(processor.id);
        survivors.regular = std::max(survivors.regular, processor.delivered);
        known.insert(ring->has[processor.id].begin(), ring->has[processor.id].end());
    }
    // What one has, all get (5.7); whoever does not install keeps it as an obligation (5.8).
    for (const ProcessorId& member : survivors.members)
        ring->has[member].insert(known.begin(), known.end());
    bool hole = false; // behind one only the survivors' own messages keep their causes (P14, P15)
    for (std::size_t place = survivors.regular; place < ring->order.size(); ++place) {
        const Delivery& message = ring->order[place];
        const bool ours = std::ranges::binary_search(survivors.members, message.origin);
        hole |= !known.contains(place);
        if (known.contains(place) && (ours || !hole)) survivors.transitional.push_back(message);
    }
    return survivors;
}

void RingModel::form_ring(const std::set<NodeId>& nodes, const std::set<NodeId>& stuck) {
    auto next = std::make_shared<Ring>();
    Configuration regular{.kind = Configuration::Kind::regular};
    for (const NodeId node : nodes) {
        next->members.push_back(at(node).id);
        regular.hints.push_back(at(node).hint);
    }
    next->id = {++last_ring_, next->members.front()};
    regular.ring = next->id;
    regular.members = next->members;

    std::map<std::shared_ptr<Ring>, Survivors> groups;
    for (const NodeId node : nodes) {
        const auto& ring = at(node).ring;
        if (!ring || groups.contains(ring)) continue;
        ring->broken = true;
        groups[ring] = survivors_of(ring, nodes);
    }
    for (const NodeId node : nodes) {
        if (stuck.contains(node)) continue;
        Processor& processor = at(node);
        regular.previous = RingId{};
        if (processor.ring) {
            const Survivors& survivors = groups.at(processor.ring);
            while (processor.delivered < survivors.regular)
                deliver_next(processor);
            processor.host->configured(now_, {.kind = Configuration::Kind::transitional,
                                              .ring = next->id,
                                              .previous = processor.ring->id,
                                              .members = survivors.members,
                                              .hints = {}});
            drain(processor);
            for (const Delivery& message : survivors.transitional) {
                processor.host->deliver(now_, message);
                drain(processor);
            }
            regular.previous = processor.ring->id;
        }
        processor.ring = next;
        processor.delivered = 0;
        processor.interrupted = false;
        processor.host->configured(now_, regular);
        drain(processor);
    }
    if (!stuck.empty()) next->broken = true;
}

void RingModel::partition(const std::vector<std::set<NodeId>>& groups) {
    for (const std::set<NodeId>& group : groups)
        form_ring(group);
}

} // namespace statedb::test
