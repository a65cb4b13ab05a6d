// What processes owe each other: causality P14, failure atomicity P17, safe delivery P18 and P19.
#include "sim/checker/property.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

using trace::describe;

// P14: nobody delivers a message before one that it may depend on.
//
// Judged directly, with vectors: a message carries, for every sender of its ring, how many of that
// sender's messages lie in its causal past. That is a prefix, since a sender's own messages depend
// on each other. Causality across rings cannot matter: a process that could carry a dependency back
// into an old ring would have to return to it, which P4 forbids. This is the only property that
// notices a missing discard after a hole, so it is not derived from others (totem.md 2.2).
class Causality : public Judge<Causality> {
public:
    void on(const Life& who, const trace::Originate& originate, const History&) {
        Ring& ring = rings_[originate.ring];
        const std::size_t sender = index_of(ring, who);
        Vector& past = ring.processes[who].past;
        past.resize(std::max(past.size(), sender + 1));
        ring.messages.emplace(originate.position, Message{sender, past[sender], past});
        ++past[sender];
    }

    void on(const Life& who, const trace::Deliver& deliver, const History&) {
        Ring& ring = rings_[deliver.ring];
        const Message& message = ring.messages.at(deliver.position);
        Process& process = ring.processes[who];
        const std::size_t senders = std::max(message.past.size(), message.sender + 1);
        process.past.resize(std::max(process.past.size(), senders));
        process.delivered.resize(std::max(process.delivered.size(), senders));
        for (std::size_t sender = 0; sender < message.past.size(); ++sender)
            if (process.delivered[sender] < message.past[sender])
                throw Violation{"P14",
                                fmt::format("{} delivers {} of ring {} without message number {} "
                                            "of {} there, on which it may depend",
                                            describe(who), describe(deliver.message),
                                            describe(deliver.ring), process.delivered[sender] + 1,
                                            describe(ring.senders[sender]))};
        for (std::size_t sender = 0; sender < message.past.size(); ++sender)
            process.past[sender] = std::max(process.past[sender], message.past[sender]);
        const std::uint32_t upto = message.number + 1;
        process.past[message.sender] = std::max(process.past[message.sender], upto);
        if (process.delivered[message.sender] == message.number)
            process.delivered[message.sender] = upto;
    }

private:
    using Vector = std::vector<std::uint32_t>; // by sender: how many of its messages

    struct Message {
        std::size_t sender;
        std::uint32_t number; // among the sender's messages of this ring, from 0
        Vector past;
    };

    struct Process {
        Vector past;      // what its next message will depend on
        Vector delivered; // without a gap
    };

    struct Ring {
        std::vector<Life> senders;
        std::map<Position, Message> messages;
        std::map<Life, Process> processes;
    };

    static std::size_t index_of(Ring& ring, const Life& who) {
        const auto found = std::ranges::find(ring.senders, who);
        if (found == ring.senders.end()) ring.senders.push_back(who);
        return static_cast<std::size_t>(std::ranges::find(ring.senders, who) -
                                        ring.senders.begin());
    }

    std::map<RingName, Ring> rings_;
};

// P17: those who leave one ring for the next together have delivered the same there.
class FailureAtomicity : public Judge<FailureAtomicity> {
public:
    void on(const Life& who, const trace::Transitional& transitional, const History& past) {
        const TransitionName name{.from = transitional.from, .ring = transitional.ring};
        const std::size_t count = past.stay(who).regular_count;
        for (const auto& [other, stay] : past.ring(name.from)->stays)
            if (stay.transition == name && stay.regular_count != count)
                throw Violation{"P17",
                                fmt::format("{} and {} go from ring {} to {} together, but "
                                            "delivered {} and {} messages in the regular one",
                                            describe(who), describe(other), describe(name.from),
                                            describe(name.ring), count, stay.regular_count)};
    }

    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (!past.process(who)->in_transition) return;
        const Stay& stay = past.stay(who);
        const TransitionPast& transition =
            past.ring(deliver.ring)->transitions.at(*stay.transition);
        const std::size_t index = stay.in_transition.size();
        if (index < transition.order.size() && transition.order[index].message != deliver.message)
            fail(who, *stay.transition, "delivers another message than its companions did there");
        if (transition.closed_count && index >= *transition.closed_count)
            fail(who, *stay.transition, "delivers more than a companion that has gone on");
    }

    void on(const Life& who, const trace::Regular&, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.ring) return;
        const Stay& stay = past.stay(who);
        const TransitionPast& transition =
            past.ring(*process.ring)->transitions.at(*stay.transition);
        if (transition.order.size() > stay.in_transition.size())
            fail(who, *stay.transition, "goes on with less than a companion delivered");
    }

private:
    [[noreturn]] static void fail(const Life& who, const TransitionName& name, const char* what) {
        throw Violation{"P17",
                        fmt::format("in the transitional configuration {} -> {}, {} {}",
                                    describe(name.from), describe(name.ring), describe(who), what)};
    }
};

// P18: what is delivered safe in a regular configuration, every member of it installed that
// configuration for, and delivers before it goes on.
class SafeInRegular : public Judge<SafeInRegular> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (deliver.guarantee != Service::safe || past.process(who)->in_transition) return;
        const RingPast& ring = *past.ring(deliver.ring);
        for (const NodeId node : ring.members) {
            const auto stay = ring.stays.lower_bound(Life{node, 0});
            if (stay == ring.stays.end() || stay->first.node != node)
                fail(deliver, who, fmt::format("member {} never installed that ring", node));
            if (stay->second.closed && !delivered(ring, stay->second, deliver.position))
                fail(deliver, who, fmt::format("{} went on without it", describe(stay->first)));
        }
    }

    void on(const Life& who, const trace::Regular&, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.ring) return;
        const RingPast& ring = *past.ring(*process.ring);
        const Stay& stay = past.stay(who);
        for (std::size_t index = stay.regular_count; index < ring.safe_count; ++index) {
            const Placed& placed = ring.order[index];
            if (placed.guarantee == Service::safe && !delivered(ring, stay, placed.position))
                throw Violation{"P18",
                                fmt::format("{} leaves ring {} without {}, which another process "
                                            "delivered safe there",
                                            describe(who), describe(*process.ring),
                                            describe(placed.message))};
        }
    }

private:
    [[noreturn]] static void
    fail(const trace::Deliver& deliver, const Life& who, const std::string& what) {
        throw Violation{"P18",
                        fmt::format("{} delivers {} safe in ring {}, but {}", describe(who),
                                    describe(deliver.message), describe(deliver.ring), what)};
    }
};

// P19: what is delivered safe in a transitional configuration, every member of that one delivers
// before it leaves the old ring, whichever way it goes. Obligation sets exist for this (5.8).
class SafeInTransitional : public Judge<SafeInTransitional> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (deliver.guarantee != Service::safe || !past.process(who)->in_transition) return;
        const RingPast& ring = *past.ring(deliver.ring);
        const TransitionPast& transition = ring.transitions.at(*past.stay(who).transition);
        for (const auto& [other, stay] : ring.stays)
            if (stay.closed && std::ranges::binary_search(transition.members, other.node) &&
                !delivered(ring, stay, deliver.position))
                fail(other, deliver.message, deliver.ring, who);
    }

    void on(const Life& who, const trace::Regular&, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.ring) return;
        const RingPast& ring = *past.ring(*process.ring);
        const Stay& stay = past.stay(who);
        for (const auto& [name, transition] : ring.transitions) {
            if (!std::ranges::binary_search(transition.members, who.node)) continue;
            for (const Placed& placed : transition.order)
                if (placed.guarantee == Service::safe && !delivered(ring, stay, placed.position))
                    fail(who, placed.message, name.from, std::nullopt);
        }
    }

private:
    [[noreturn]] static void fail(const Life& who,
                                  const MessageName& message,
                                  const RingName& ring,
                                  const std::optional<Life>& deliverer) {
        throw Violation{"P19",
                        fmt::format("{} leaves ring {} without {}, which {} delivered safe in a "
                                    "transitional configuration with it",
                                    describe(who), describe(ring), describe(message),
                                    deliverer ? describe(*deliverer) : "another process")};
    }
};

} // namespace

void add_agreement_properties(Properties& properties) {
    properties.push_back(std::make_unique<Causality>());
    properties.push_back(std::make_unique<FailureAtomicity>());
    properties.push_back(std::make_unique<SafeInRegular>());
    properties.push_back(std::make_unique<SafeInTransitional>());
}

} // namespace sim
