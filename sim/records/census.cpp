#include "sim/records/census.h"

#include <fmt/format.h>

namespace sim::records {

namespace {

std::string ring_name(const RingId& ring) { return trace::describe(trace::name_of(ring)); }

std::string differing(const ReplicaDigests& one, const ReplicaDigests& other) {
    constexpr std::array names = {"locks", "databases", "records"};
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (one[i] != other[i]) list += (list.empty() ? "" : ", ") + std::string(names[i]);
    return list;
}

} // namespace

void Census::seen(Surroundings& at,
                  const HostStatus& status,
                  const std::function<ReplicaDigests()>& digests) {
    const NodeId node = at.self().node;
    follow(node, status);
    if (status.phase != HostPhase::active) {
        seats_.erase(node);
        look_for_lost_locks(at, status);
        return;
    }
    number_epoch(at, status);
    const Seat seat{status.ring, status.applied, digests()};
    const auto before = seats_.find(node);
    const bool moved = before == seats_.end() || before->second.ring != seat.ring;
    seats_[node] = seat;
    compare(at, seat);
    if (!moved) return;
    for (const auto& [name, holders] : lock_holders_)
        if (holders.contains(node)) look_for_second_holder(at, name);
}

void Census::follow(NodeId node, const HostStatus& status) {
    Stay& stay = stays_[node];
    if (stay.ring == status.ring) return;
    stay = {status.ring, epochs_.empty() ? 0 : epochs_.rbegin()->first};
}

void Census::number_epoch(Surroundings& at, const HostStatus& status) {
    const auto known = epochs_.find(status.epoch);
    if (known != epochs_.end()) {
        if (known->second != status.ring)
            at.violated("one primary",
                        fmt::format("epoch {} formed on ring {} and on ring {}", status.epoch,
                                    ring_name(known->second), ring_name(status.ring)));
        return;
    }
    const std::uint64_t before = stays_.at(at.self().node).greatest_before;
    if (before > status.epoch)
        at.violated("one primary",
                    fmt::format("epoch {} forms on ring {} after epoch {} formed on ring {}",
                                status.epoch, ring_name(status.ring), before,
                                ring_name(epochs_.at(before))));
    epochs_.emplace(status.epoch, status.ring);
}

void Census::compare(Surroundings& at, const Seat& seat) {
    const NodeId node = at.self().node;
    if (damaged_.contains(node)) {
        const auto others = said_.find({seat.ring, seat.applied});
        if (others != said_.end() && others->second.digests == seat.digests) damaged_.erase(node);
        return;
    }
    const auto [known, is_first] =
        said_.try_emplace({seat.ring, seat.applied}, Said{node, seat.digests});
    if (is_first || known->second.digests == seat.digests) return;
    at.violated("equal replicas",
                fmt::format("after command {} on ring {} it has other {} than node {}",
                            seat.applied, ring_name(seat.ring),
                            differing(seat.digests, known->second.digests), known->second.node));
}

void Census::damaged(NodeId node) {
    damaged_.insert(node);
    any_damaged_ = true;
}

void Census::life_ended(NodeId node) {
    seats_.erase(node);
    stays_.erase(node);
    damaged_.erase(node);
    for (auto& [name, holders] : lock_holders_)
        holders.erase(node);
}

std::optional<RingId> Census::component_of(NodeId node) const {
    const auto seat = seats_.find(node);
    return seat != seats_.end() ? std::optional{seat->second.ring} : std::nullopt;
}

bool Census::together(NodeId one, NodeId other) const {
    const auto ring = component_of(one);
    return ring && ring == component_of(other);
}

// -- named locks

void Census::lock_granted(Surroundings& at, const std::string& name, const std::string& client) {
    lock_holders_[name][at.self().node] = client;
    look_for_second_holder(at, name);
}

void Census::lock_given_back(NodeId node, const std::string& name) {
    lock_holders_[name].erase(node);
}

void Census::look_for_second_holder(Surroundings& at, const std::string& name) {
    const NodeId node = at.self().node;
    for (const auto& [other, client] : lock_holders_.at(name))
        if (other != node && together(node, other))
            at.violated("one queue", fmt::format("lock {} has two holders in ring {}: {} and {}",
                                                 name, ring_name(*component_of(node)),
                                                 lock_holders_.at(name).at(node), client));
}

// Others may be given the lock from now on: whoever had it here was told.
void Census::look_for_lost_locks(Surroundings& at, const HostStatus& status) const {
    if (status.phase != HostPhase::no_quorum && status.phase != HostPhase::syncing) return;
    for (const auto& [name, holders] : lock_holders_)
        if (const auto mine = holders.find(at.self().node); mine != holders.end())
            at.violated("one queue", fmt::format("{} goes on with lock {} though it is cut off",
                                                 mine->second, name));
}

std::optional<std::string> Census::difference() const {
    for (const auto& [node, seat] : seats_)
        for (const auto& [other, its] : seats_) {
            if (seat.ring != its.ring) continue;
            if (seat.applied != its.applied)
                return fmt::format("node {} has applied {} commands, node {} {}", node,
                                   seat.applied, other, its.applied);
            if (seat.digests != its.digests)
                return fmt::format("nodes {} and {} have different {}", node, other,
                                   differing(seat.digests, its.digests));
        }
    return std::nullopt;
}

} // namespace sim::records
