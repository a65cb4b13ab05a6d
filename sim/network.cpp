#include "sim/network.h"

#include "sim/seal.h"

#include <algorithm>

namespace sim {

Network::Network(const NetworkPlan& plan, std::vector<NodeId> nodes, const Random& chance)
    : plan_(plan), nodes_(std::move(nodes)), chance_(chance),
      side_(std::ranges::max(nodes_) + std::size_t{1}), links_(side_ * side_),
      transmitter_free_(side_) {
    for (const Condition& condition : plan_.conditions)
        add(condition);
    std::ranges::sort(plan_.lost);
}

std::size_t Network::index_of(NodeId from, NodeId to) const { return from * side_ + to; }

Network::Link& Network::link(NodeId from, NodeId to) { return links_[index_of(from, to)]; }

const Network::Link& Network::link(NodeId from, NodeId to) const {
    return links_[index_of(from, to)];
}

void Network::mend(NodeId from, NodeId to) {
    Link& mended = link(from, to);
    if (mended.cuts > 0) --mended.cuts;
}

Network::ConditionId Network::add(const Condition& condition) {
    conditions_.push_back({++last_condition_, condition, std::vector<bool>(links_.size(), false)});
    return last_condition_;
}

void Network::remove(ConditionId condition) {
    conditions_.remove_if([&](const InForce& one) { return one.id == condition; });
}

void Network::lose_next(const LoseNext& wanted) {
    for (const NodeId to : nodes_) {
        if (to == wanted.from || (wanted.to != 0 && wanted.to != to)) continue;
        LoseNext one = wanted;
        one.to = to;
        lose_.push_back(one);
    }
}

void Network::heal() {
    for (Link& one : links_)
        one.cuts = 0;
    conditions_.clear();
    lose_.clear();
    plan_.lost.clear();
    kept_wanted_.clear();
    kept_.clear();
}

Duration Network::base_delay() {
    const Delay& delay = plan_.delay;
    const auto spread = static_cast<double>(delay.spread.count());
    double extra = 0;
    switch (delay.shape) {
    case DelayShape::uniform:
        extra = chance_.fraction() * 2 * spread;
        break;
    case DelayShape::log_normal: {
        // Sum of uniforms is near enough to normal; sigma 1, mean of the result `spread`.
        double normal = -6;
        for (int i = 0; i < 12; ++i)
            normal += chance_.fraction();
        extra = spread * std::exp(normal - 0.5);
        break;
    }
    case DelayShape::pareto: // alpha 2.5, so mean spread; cut at a hundred times that
        extra = spread * std::min(100.0, std::pow(1.0 - chance_.fraction(), -1 / 2.5) - 1) * 1.5;
        break;
    }
    return delay.least + Duration{static_cast<Duration::rep>(extra)};
}

bool Network::concerns(const Condition& condition, const Datagram& datagram, NodeId to) {
    return (condition.from == 0 || condition.from == datagram.from) &&
           (condition.to == 0 || condition.to == to) &&
           (condition.types & mask_of(datagram.type)) != 0 &&
           datagram.bytes.size() > condition.larger_than;
}

bool Network::lost_in(InForce& trouble, const Datagram& datagram, NodeId to) {
    const Condition& condition = trouble.condition;
    if (condition.burst_begin > 0) {
        auto bursting = trouble.bursting[index_of(datagram.from, to)];
        if (chance_.chance(bursting ? condition.burst_end : condition.burst_begin))
            bursting = !bursting;
        if (bursting) return true;
    }
    return chance_.chance(condition.loss);
}

// What a scenario asked to keep for later, or to lose.
bool Network::swallowed(const Datagram& datagram, NodeId to) {
    for (KeepForEntry& wanted : kept_wanted_) {
        if (datagram.type != PacketType::data || wanted.count == 0 ||
            (wanted.from != 0 && wanted.from != datagram.from) ||
            (wanted.to != 0 && wanted.to != to))
            continue;
        --wanted.count;
        kept_.push_back({to, datagram, true});
        return true;
    }
    for (LoseNext& wanted : lose_) {
        if (wanted.count == 0 || wanted.to != to ||
            (wanted.from != 0 && wanted.from != datagram.from) ||
            (wanted.types & mask_of(datagram.type)) == 0)
            continue;
        --wanted.count;
        return true;
    }
    return false;
}

std::vector<Datagram> Network::release_kept(NodeId to) {
    std::vector<Datagram> released;
    for (const Arrival& one : kept_)
        if (one.to == to) released.push_back(one.datagram);
    std::erase_if(kept_, [&](const Arrival& one) { return one.to == to; });
    return released;
}

// From the same sender, with a good seal, of the same type, and no packet at all.
Datagram Network::meaningless(const Datagram& datagram) {
    return {datagram.from, datagram.type, reseal_without_meaning(datagram.bytes)};
}

Bytes Network::flipped(const Bytes& bytes) {
    WritableBytes damaged(bytes.size());
    std::ranges::copy(bytes.span(), damaged.data());
    for (std::uint64_t flips = chance_.between(std::uint64_t{1}, std::uint64_t{4}); flips > 0;
         --flips)
        damaged.data()[chance_.below(bytes.size())] ^=
            static_cast<std::uint8_t>(1U << chance_.below(8));
    return damaged.freeze(bytes.size());
}

void Network::transmit(Instant now,
                       const Datagram& datagram,
                       std::span<const NodeId> to,
                       std::vector<Scheduled>& arrivals) {
    Instant departs = now;
    if (plan_.bits_per_second > 0) {
        Instant& free = transmitter_free_[datagram.from];
        const double seconds =
            static_cast<double>(datagram.bytes.size() + 28) * 8 / plan_.bits_per_second;
        departs = std::max(now, free) + Duration{static_cast<Duration::rep>(seconds * 1e9)};
        free = departs;
    }
    for (const NodeId receiver : to)
        send_one(departs, datagram, receiver, arrivals);
    loop_back(departs, datagram, arrivals);
}

// A switch that loops, a multicast socket that hears itself: now or much later.
void Network::loop_back(Instant departs,
                        const Datagram& datagram,
                        std::vector<Scheduled>& arrivals) {
    for (const InForce& trouble : conditions_) {
        const Condition& condition = trouble.condition;
        if (condition.looped == 0 || (condition.types & mask_of(datagram.type)) == 0) continue;
        if (condition.from != 0 && condition.from != datagram.from) continue;
        if (!chance_.chance(condition.looped)) continue;
        const bool late = condition.hold_back > 0;
        const Duration after =
            late ? chance_.between(Duration{}, condition.hold_back_for) : base_delay();
        arrivals.push_back({departs + after, {datagram.from, datagram, late}});
    }
}

void Network::send_one(Instant departs,
                       const Datagram& datagram,
                       NodeId to,
                       std::vector<Scheduled>& arrivals) {
    const std::uint64_t number = ++link(datagram.from, to).packets;
    const LostPacket name{datagram.from, to, number};
    if (!connected(datagram.from, to) || swallowed(datagram, to) ||
        std::ranges::binary_search(plan_.lost, name)) {
        ++lost_;
        return;
    }
    Datagram sent = datagram;
    Duration extra{};
    bool in_order = true;
    std::optional<Duration> again; // a second copy, so much later
    bool late = false;
    bool nonsense = false;
    for (InForce& trouble : conditions_) {
        const Condition& condition = trouble.condition;
        if (!concerns(condition, datagram, to)) continue;
        if (lost_in(trouble, datagram, to)) {
            ++lost_;
            lost_by_chance_.push_back(name);
            return;
        }
        extra += condition.slower + chance_.between(Duration{}, condition.slower_by_chance);
        // Only some types are slow (a middlebox, a queue of their own): the others overtake them.
        if (condition.types != every_type && extra > Duration{}) in_order = false;
        if (chance_.chance(condition.reorder)) {
            extra += chance_.between(Duration{}, condition.reorder_by);
            in_order = false;
        }
        if (chance_.chance(condition.duplicate))
            again = chance_.between(Duration{}, condition.reorder_by);
        if (chance_.chance(condition.hold_back)) {
            again = chance_.between(Duration{}, condition.hold_back_for);
            late = true;
        }
        if (chance_.chance(condition.corrupt)) sent.bytes = flipped(sent.bytes);
        if (chance_.chance(condition.truncate))
            sent.bytes = sent.bytes.slice(0, chance_.below(sent.bytes.size()));
        if (chance_.chance(condition.malformed)) nonsense = true;
    }
    Instant at = departs + base_delay() + extra;
    Instant& last = link(datagram.from, to).last_arrival;
    if (in_order) last = at = std::max(at, last + Duration{1});
    // An old packet comes only then, or a second time then.
    if (!late || chance_.chance(0.5)) arrivals.push_back({at, {to, sent, false}});
    if (nonsense) arrivals.push_back({at, {to, meaningless(datagram), false}});
    if (again) arrivals.push_back({at + *again, {to, std::move(sent), late}});
}

} // namespace sim
