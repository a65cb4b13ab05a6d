// What a trace cannot show: the simulator looks into all processors at once and holds them to the
// invariants of totem.md 9.4 (W1, W3 to W6, W8 to W10), to the agreement of 5.6, to the other half
// P20 (what is delivered safe, all others hold at that very moment), to P24 (bounded memory) and to
// P27 (who has something to say gets to say it).
//
// It only looks, between steps, through Processor::view() and holds(); it throws the first
// Violation.
#pragma once

#include "membership/processor.h"
#include "sim/checker/violation.h"

#include <map>
#include <unordered_map>

namespace sim {

using namespace totem;

// All nodes, as an omniscient observer sees them.
class Population {
public:
    virtual ~Population() = default;
    // The running processor of a node; null while it is down.
    [[nodiscard]] virtual const membership::Processor* processor(NodeId node) const = 0;
};

class WhiteBox {
public:
    // `mistakes`: an operator may start two processes under one name, one after or beside the
    // other, so a name is not one process's.
    WhiteBox(const Population& population,
             const Settings& settings,
             std::size_t nodes,
             bool mistakes = false);

    // After whatever a processor did: its numbers, alone and against the others'.
    void look(const membership::Processor& processor);

    // Around every step of a processor.
    void stepping(const membership::Processor& processor, const membership::Event& event);
    void stepped(const membership::Processor& processor, const membership::Actions& actions);

    void sending(const membership::Processor& processor, const Packet& packet, const Bytes& body);
    void delivering(const membership::Processor& processor, const Configuration& configuration);
    void delivering(const membership::Processor& processor, const Delivery& message);

private:
    using View = membership::Processor::View;

    // What is remembered of one processor, to compare.
    struct Watched {
        Configuration configuration; // the last one delivered
        RingId installed;
        Seq safe_upto;
        std::uint64_t high_ring_seq = 0;
        std::uint64_t recovered = 0; // digest of the old ring's packets before the present step
        std::pair<RingId, TokenSeq> visit; // of the token, that was the last one
        std::uint32_t starved_visits = 0;  // in a row
    };

    void judge_alone(const membership::Processor& processor, const View& view, Watched& watched);
    void judge_turn(const membership::Processor& processor, const membership::Actions& actions);
    void judge_safe_horizon(const membership::Processor& processor, const View& view);
    void judge_agreement(const membership::Processor& processor, const CommitToken& commit);
    void judge_installed(const membership::Processor& processor, const Watched& watched);

    const Population& population_;
    std::size_t packets_max_;
    std::size_t queue_bytes_max_;
    std::uint64_t memory_used_; // seq - aru from which on it is the memory that is too small
    std::map<ProcessorId, Watched> watched_;

    // Who sent what under one name: a digest of the content and the first sender.
    struct Sent {
        std::uint64_t digest;
        ProcessorId sender;
    };

    struct PlaceHash {
        std::size_t operator()(const std::pair<RingId, std::uint64_t>& place) const;
    };

    std::unordered_map<std::pair<RingId, std::uint64_t>, Sent, PlaceHash> tokens_;  // by token_seq
    std::unordered_map<std::pair<RingId, std::uint64_t>, Sent, PlaceHash> packets_; // by seq
    std::map<std::pair<RingId, RingId>, Sent> recovered_; // by (old ring, new ring)
    bool mistakes_;
};

} // namespace sim
