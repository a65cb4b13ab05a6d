// Numbers of one run, for the story and for what scenarios expect of it. Each has a name:
//
//   rings                 regular configurations that anybody installed
//   rings_after_formed    of them, after the first one of all nodes
//   rings_while_broken    of them, before the heal
//   singletons            of them, with one member
//   formed_ms             until the first ring of all nodes, from the beginning; -1: never
//   recovered_ms          from the first fault to the last regular configuration before the heal
//   healed_ms             from the heal to the last regular configuration; 0: none came
//   interruptions         most often that one process left Operational
//   interruption_max_ms   longest time from then to the next regular configuration, before the heal
//   joins_per_node        most JOINs that one node sent
//   joins, tokens, data, hurries, probes, leaves, holds, commits     packets sent by all
//   tokens_per_second     sent by all, over the whole run
//   retransmissions       data packets sent again
//   delivered_least       messages delivered by the process that delivered fewest, of those alive
//                         at the end
//   delivered             messages delivered by all
//   latency_max_ms        longest time from submission to delivery at the sender
//   overruns              packets lost at full sockets
//   refused               packets that were damaged
//   broken                processors that refused to go on, in a scenario that allows it
#pragma once

#include "sim/scenario.h"

#include <array>
#include <map>
#include <set>

namespace sim {

class Measures {
public:
    explicit Measures(std::size_t nodes) : nodes_(nodes) {}

    void on_event(const trace::Event& event);
    void on_sent(NodeId node, const Packet& packet);
    void on_fault(Instant at);

    void on_interrupted(const trace::Life& who, Instant at);

    void on_overrun() { ++overruns_; }

    void on_refused() { ++refused_; }

    void on_broken() { ++broken_; }

    [[nodiscard]] std::map<std::string, double> all() const;
    [[nodiscard]] static const std::vector<std::string>& names();

    // The first expectation that was not met, as a sentence.
    [[nodiscard]] std::optional<std::string> unmet(const Expectation& expect) const;

    // The rings of the living now: sorted members of each.
    void note_components();

    [[nodiscard]] const std::vector<trace::Members>& components() const { return components_; }

private:
    std::size_t nodes_;
    Instant last_{};
    std::set<trace::RingName> rings_, rings_after_formed_, rings_while_broken_, singletons_;
    std::map<trace::RingName, std::set<NodeId>> whole_; // who installed a ring of all nodes
    std::optional<Instant> formed_, first_fault_, healed_, last_regular_, last_regular_broken_;
    std::map<NodeId, std::uint64_t> interruptions_;
    std::map<trace::Life, Instant> interrupted_; // those who are just now
    Duration interruption_max_{};
    std::array<std::uint64_t, 16> sent_{}; // by PacketType
    std::map<NodeId, std::uint64_t> joins_;
    std::uint64_t retransmissions_ = 0, overruns_ = 0, refused_ = 0, delivered_ = 0, broken_ = 0;
    std::map<trace::Life, std::uint64_t> delivered_by_; // of those who live
    std::map<trace::Life, trace::Members> ring_of_;
    std::map<trace::MessageName, Instant> submitted_;
    Duration latency_max_{};
    std::vector<trace::Members> components_;
};

} // namespace sim
