// Log form, configurations and their succession: P1 to P6, P9, P22.
#include "sim/checker/property.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

using trace::describe;

bool contains(const trace::Members& members, NodeId node) {
    return std::ranges::find(members, node) != members.end();
}

// P1: start is first; nothing after the crash; the first configuration is regular, nothing is
// delivered or originated before it; a process is a member of all its configurations.
class LogForm : public Property {
public:
    void judge(const trace::Event& event, const History& past) override {
        if (event.who.node == 0) return; // the simulator's own
        const ProcessPast* process = past.process(event.who);
        if (std::holds_alternative<trace::Start>(event.body)) {
            require(process == nullptr, event, "starts twice");
            if (event.who.life > 0) {
                const ProcessPast* before = past.process({event.who.node, event.who.life - 1});
                require(before == nullptr || !before->alive, event, "starts while it lives");
            }
            return;
        }
        require(process != nullptr, event, "acts before its start");
        require(process->alive, event, "acts after its crash");
        judge_first(event, *process);
    }

private:
    static void require(bool condition, const trace::Event& event, const char* what) {
        if (!condition)
            throw Violation{"P1", fmt::format("process {} {}", describe(event.who), what)};
    }

    static void judge_first(const trace::Event& event, const ProcessPast& process) {
        if (const auto* regular = std::get_if<trace::Regular>(&event.body)) {
            require(contains(regular->members, event.who.node), event,
                    "delivers a regular configuration without itself");
        } else if (const auto* transitional = std::get_if<trace::Transitional>(&event.body)) {
            require(process.ring.has_value(), event, "begins with a transitional configuration");
            require(contains(transitional->members, event.who.node), event,
                    "delivers a transitional configuration without itself");
        } else if (std::holds_alternative<trace::Deliver>(event.body)) {
            require(process.ring.has_value(), event, "delivers before its first configuration");
        } else if (std::holds_alternative<trace::Originate>(event.body)) {
            require(process.ring.has_value(), event, "originates before its first configuration");
        } else if (const auto* submit = std::get_if<trace::Submit>(&event.body)) {
            require(submit->message.sender == event.who &&
                        submit->message.count == process.submitted + 1,
                    event, "does not count its submissions one by one");
        }
    }
};

// P2: a configuration has the same members wherever it is delivered.
class ConfigurationIdentity : public Judge<ConfigurationIdentity> {
public:
    void on(const Life& who, const trace::Regular& regular, const History&) {
        compare(who, {.from = {}, .ring = regular.ring}, regular.members);
    }

    void on(const Life& who, const trace::Transitional& transitional, const History&) {
        compare(who, {.from = transitional.from, .ring = transitional.ring}, transitional.members);
    }

private:
    void compare(const Life& who, const TransitionName& name, const trace::Members& members) {
        const auto [known, fresh] = members_.emplace(name, members);
        if (!fresh && known->second != members)
            throw Violation{"P2",
                            fmt::format("{} delivers ring {} (from {}) with members {}, another "
                                        "process with {}",
                                        describe(who), describe(name.ring), describe(name.from),
                                        describe(members), describe(known->second))};
    }

    std::map<TransitionName, trace::Members> members_; // regular ones come "from" 0.0
};

// P3: no configuration contains two incarnations of one node.
class UniqueIncarnation : public Judge<UniqueIncarnation> {
public:
    void on(const Life& who, const trace::Regular& regular, const History&) {
        judge_members(who, regular.members);
    }

    void on(const Life& who, const trace::Transitional& transitional, const History&) {
        judge_members(who, transitional.members);
    }

private:
    static void judge_members(const Life& who, const trace::Members& members) {
        if (std::ranges::adjacent_find(members, std::greater_equal{}) != members.end())
            throw Violation{"P3",
                            fmt::format("{} delivers a configuration in which a node stands twice "
                                        "or out of order: {}",
                                        describe(who), describe(members))};
    }
};

// P4: the rings of one process have increasing numbers.
class MonotoneRings : public Judge<MonotoneRings> {
public:
    void on(const Life& who, const trace::Regular& regular, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (process.ring && regular.ring.seq <= process.ring->seq)
            throw Violation{"P4", fmt::format("{} goes from ring {} to {}", describe(who),
                                              describe(*process.ring), describe(regular.ring))};
    }
};

// P5: between two regular configurations stands exactly one transitional, that of the pair.
class Alternation : public Judge<Alternation> {
public:
    void on(const Life& who, const trace::Regular& regular, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.ring) return;
        if (!process.in_transition)
            fail(who, "delivers two regular configurations with no transitional between");
        if (past.stay(who).transition->ring != regular.ring)
            fail(who, "delivers another regular configuration than its transitional one announced");
    }

    void on(const Life& who, const trace::Transitional& transitional, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (process.in_transition) fail(who, "delivers two transitional configurations in a row");
        if (transitional.from != *process.ring)
            fail(who,
                 "delivers a transitional configuration that leaves another ring than its own");
    }

private:
    [[noreturn]] static void fail(const Life& who, const char* what) {
        throw Violation{"P5", fmt::format("{} {}", describe(who), what)};
    }
};

// P6: a transitional configuration has exactly those members of the new ring that come from the
// old one.
class TransitionalMembership : public Judge<TransitionalMembership> {
public:
    void on(const Life& who, const trace::Transitional& transitional, const History& past) {
        const TransitionName name{.from = transitional.from, .ring = transitional.ring};
        const RingPast* left = past.ring(name.from);
        if (left == nullptr || !subset(transitional.members, left->members))
            fail(who, name, "has members that were not in the old ring");
        entering_[name.ring].transitions[name.from] = transitional.members;
        const RingPast* entered = past.ring(name.ring);
        if (entered == nullptr) return;
        if (!subset(transitional.members, entered->members))
            fail(who, name, "has members that are not in the new ring");
        for (const auto& [other, stay] : entered->stays)
            judge_installer(other, stay.previous, name, transitional.members);
    }

    void on(const Life& who, const trace::Regular& regular, const History& past) {
        const std::optional<RingName>& previous = past.process(who)->ring;
        for (const auto& [from, members] : entering_[regular.ring].transitions) {
            const TransitionName name{.from = from, .ring = regular.ring};
            if (!subset(members, regular.members))
                fail(who, name, "has members that are not in the new ring");
            judge_installer(who, previous, name, members);
        }
    }

private:
    struct Entering {
        std::map<RingName, trace::Members> transitions; // by the ring they leave
    };

    static bool subset(const trace::Members& part, const trace::Members& whole) {
        return std::ranges::includes(whole, part);
    }

    static void judge_installer(const Life& who,
                                const std::optional<RingName>& previous,
                                const TransitionName& name,
                                const trace::Members& members) {
        const bool comes_from_there = previous == name.from;
        if (contains(members, who.node) == comes_from_there) return;
        fail(who, name,
             comes_from_there ? "lacks this member, which came from there"
                              : "contains this member, which did not come from there");
    }

    [[noreturn]] static void fail(const Life& who, const TransitionName& name, const char* what) {
        throw Violation{"P6",
                        fmt::format("the transitional configuration {} -> {} {} (seen at {})",
                                    describe(name.from), describe(name.ring), what, describe(who))};
    }

    std::map<RingName, Entering> entering_;
};

// P9: messages of a ring are delivered only in it, or in the transitional configuration that leaves
// it.
class RightConfiguration : public Judge<RightConfiguration> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (*past.process(who)->ring != deliver.ring)
            throw Violation{"P9", fmt::format("{} delivers {} of ring {} while its last ring is {}",
                                              describe(who), describe(deliver.message),
                                              describe(deliver.ring),
                                              describe(*past.process(who)->ring))};
    }
};

// P22: a process originates only while its last configuration is that regular one.
class SenderMembership : public Judge<SenderMembership> {
public:
    void on(const Life& who, const trace::Originate& originate, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (process.in_transition || *process.ring != originate.ring)
            throw Violation{"P22",
                            fmt::format("{} originates {} in ring {} while it is not in that "
                                        "regular configuration",
                                        describe(who), describe(originate.message),
                                        describe(originate.ring))};
    }
};

} // namespace

void add_configuration_properties(Properties& properties) {
    properties.push_back(std::make_unique<LogForm>());
    properties.push_back(std::make_unique<UniqueIncarnation>());
    properties.push_back(std::make_unique<ConfigurationIdentity>());
    properties.push_back(std::make_unique<MonotoneRings>());
    properties.push_back(std::make_unique<Alternation>());
    properties.push_back(std::make_unique<TransitionalMembership>());
    properties.push_back(std::make_unique<RightConfiguration>());
    properties.push_back(std::make_unique<SenderMembership>());
}

} // namespace sim
