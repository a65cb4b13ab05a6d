// The virtual network: what becomes of a datagram between two nodes.
//
// Network decides fates (when it arrives, how often, how damaged) and keeps who is cut off from
// whom. It has no clock and no queue: the world asks it, and puts the arrivals into its own.
// Links keep order, as local networks do, unless a condition reorders on purpose.
#pragma once

#include "sim/random.h"
#include "sim/scenario.h"

#include <list>
#include <vector>

namespace sim {

struct Datagram {
    NodeId from = 0;
    PacketType type = PacketType::data;
    Bytes bytes;
};

struct Arrival {
    NodeId to = 0;
    Datagram datagram;
    bool late = false; // held back on purpose: the heal forgets it
};

class Network {
public:
    Network(const NetworkPlan& plan, std::vector<NodeId> nodes, const Random& chance);

    struct Scheduled {
        Instant at;
        Arrival arrival;
    };

    // What arrives of a datagram that `from` transmits now to each of `to`; one transmission even
    // if there are many receivers.
    void transmit(Instant now,
                  const Datagram& datagram,
                  std::span<const NodeId> to,
                  std::vector<Scheduled>& arrivals);

    // Asked again when it arrives: a cut also swallows what is under way.
    [[nodiscard]] bool connected(NodeId from, NodeId to) const { return link(from, to).cuts == 0; }

    // -- trouble; cuts count, so that overlapping ones end one by one
    void cut(NodeId from, NodeId to) { ++link(from, to).cuts; }

    void mend(NodeId from, NodeId to);

    using ConditionId = std::uint64_t;
    ConditionId add(const Condition& condition);
    void remove(ConditionId condition);

    void lose_next(const LoseNext& wanted);

    void keep_for_entry(const KeepForEntry& wanted) { kept_wanted_.push_back(wanted); }

    // The packets that were kept until `to` filled its entry.
    [[nodiscard]] std::vector<Datagram> release_kept(NodeId to);

    // From now on only the base delay of the plan.
    void heal();

    [[nodiscard]] std::uint64_t lost() const { return lost_; }

    // What conditions have lost, by their place on their links: enough to lose the same again.
    [[nodiscard]] const std::vector<LostPacket>& lost_by_chance() const { return lost_by_chance_; }

private:
    struct Link {
        std::uint32_t cuts = 0;
        std::uint64_t packets = 0; // so far
        Instant last_arrival{};    // keeps order
    };

    struct InForce {
        ConditionId id;
        Condition condition;
        std::vector<bool> bursting; // by link
    };

    [[nodiscard]] Link& link(NodeId from, NodeId to);
    [[nodiscard]] const Link& link(NodeId from, NodeId to) const;
    [[nodiscard]] std::size_t index_of(NodeId from, NodeId to) const;
    [[nodiscard]] Duration base_delay();
    [[nodiscard]] bool swallowed(const Datagram& datagram, NodeId to);
    void send_one(Instant departs,
                  const Datagram& datagram,
                  NodeId to,
                  std::vector<Scheduled>& arrivals);
    [[nodiscard]] bool lost_in(InForce& trouble, const Datagram& datagram, NodeId to);
    [[nodiscard]] static bool
    concerns(const Condition& condition, const Datagram& datagram, NodeId to);
    [[nodiscard]] Bytes flipped(const Bytes& bytes);
    [[nodiscard]] static Datagram meaningless(const Datagram& datagram);
    void loop_back(Instant departs, const Datagram& datagram, std::vector<Scheduled>& arrivals);

    NetworkPlan plan_;
    std::vector<NodeId> nodes_;
    Random chance_;
    std::size_t side_; // links_ is a square of this side, by node number
    std::vector<Link> links_;
    std::vector<Instant> transmitter_free_;
    std::list<InForce> conditions_;
    ConditionId last_condition_ = 0;
    std::vector<LoseNext> lose_; // count: what is left of it, one receiver each
    std::vector<KeepForEntry> kept_wanted_;
    std::vector<Arrival> kept_;
    std::uint64_t lost_ = 0;
    std::vector<LostPacket> lost_by_chance_;
};

} // namespace sim
