// Messages: creation, duplicates, places, order, holes, self-delivery, service: P7, P8, P10 to P12,
// P15, P16 and what a trace shows of P20.
#include "sim/checker/property.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace {

using trace::describe;

template <class Placing>
std::string place_of(const Placing& placing) {
    return fmt::format("{} at {} of ring {}", describe(placing.message), describe(placing.position),
                       describe(placing.ring));
}

// P7: what is delivered was originated, exactly so, by a member of its ring; what is originated was
// submitted, by the same process.
class NoCreation : public Judge<NoCreation> {
public:
    void on(const Life& who, const trace::Originate& originate, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (originate.message.sender != who || originate.message.count > process.submitted)
            throw Violation{"P7", fmt::format("{} originates {} that it never submitted",
                                              describe(who), place_of(originate))};
        if (past.origin(originate.message) != nullptr)
            throw Violation{"P7", fmt::format("{} originates {} a second time", describe(who),
                                              place_of(originate))};
    }

    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        const History::Origin* origin = past.origin(deliver.message);
        if (origin == nullptr)
            throw Violation{"P7", fmt::format("{} delivers {} that nobody originated",
                                              describe(who), place_of(deliver))};
        if (origin->ring != deliver.ring || origin->placed.position != deliver.position)
            throw Violation{"P7",
                            fmt::format("{} delivers {}, originated at {} of ring {}",
                                        describe(who), place_of(deliver),
                                        describe(origin->placed.position), describe(origin->ring))};
        const trace::Members& members = past.ring(deliver.ring)->members;
        if (!std::ranges::binary_search(members, deliver.message.sender.node))
            throw Violation{"P7", fmt::format("{} delivers {} whose sender is no member",
                                              describe(who), place_of(deliver))};
    }
};

// P10: one place, one message, at all processes.
class PositionAgreement : public Judge<PositionAgreement> {
public:
    void on(const Life& who, const trace::Originate& originate, const History& past) {
        compare(who, originate, past);
    }

    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        compare(who, deliver, past);
    }

private:
    template <class Placing>
    static void compare(const Life& who, const Placing& placing, const History& past) {
        const RingPast* ring = past.ring(placing.ring);
        const auto found = ring->originated.find(placing.position);
        if (found != ring->originated.end() && found->second.message != placing.message)
            throw Violation{"P10", fmt::format("{} has {} where {} stands", describe(who),
                                               place_of(placing), describe(found->second.message))};
    }
};

// P20, what a trace shows of it: a message is delivered with the service it was submitted and
// originated with. Whether everybody holds it is the white box's question.
class ServiceKept : public Judge<ServiceKept> {
public:
    void on(const Life& who, const trace::Submit& submit, const History&) {
        services_[who].push_back(submit.guarantee);
    }

    void on(const Life& who, const trace::Originate& originate, const History&) {
        const std::vector<Service>& submitted = services_[who];
        if (submitted.at(originate.message.count - 1) != originate.guarantee)
            throw Violation{"P20",
                            fmt::format("{} originates {} with another service than submitted",
                                        describe(who), place_of(originate))};
    }

    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (past.origin(deliver.message)->placed.guarantee != deliver.guarantee)
            throw Violation{"P20",
                            fmt::format("{} delivers {} with another service than originated",
                                        describe(who), place_of(deliver))};
    }

private:
    std::map<Life, std::vector<Service>> services_; // of each submission, by COUNT
};

// P8: no process delivers a message twice.
class NoDuplicates : public Judge<NoDuplicates> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (delivered(*past.ring(deliver.ring), past.stay(who), deliver.position))
            throw Violation{"P8",
                            fmt::format("{} delivers {} twice", describe(who), place_of(deliver))};
    }
};

// P11: inside one ring the places of what a process delivers increase.
class TotalOrder : public Judge<TotalOrder> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        const std::optional<Placed>& last = past.process(who)->last;
        if (last && deliver.position <= last->position)
            throw Violation{"P11", fmt::format("{} delivers {} after {}", describe(who),
                                               place_of(deliver), describe(last->position))};
    }
};

// P12: in a regular configuration all deliver prefixes of one sequence, which has no gaps.
class Prefix : public Judge<Prefix> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        if (past.process(who)->in_transition) return;
        const RingPast& ring = *past.ring(deliver.ring);
        const std::size_t index = past.stay(who).regular_count;
        if (index < ring.order.size()) {
            if (ring.order[index].message != deliver.message)
                fail(who, deliver, ring.order[index].message);
            return;
        }
        // The first to come here: nothing that was originated may lie between the end and this.
        const auto expected = ring.order.empty()
                                  ? ring.originated.begin()
                                  : ring.originated.upper_bound(ring.order.back().position);
        if (expected != ring.originated.end() && expected->second.message != deliver.message)
            fail(who, deliver, expected->second.message);
    }

private:
    [[noreturn]] static void
    fail(const Life& who, const trace::Deliver& deliver, const MessageName& expected) {
        throw Violation{"P12",
                        fmt::format("{} delivers {} in the regular configuration where {} is next",
                                    describe(who), place_of(deliver), describe(expected))};
    }
};

// P15: in a transitional configuration only messages of outsiders may be missing.
class HolesOnlyForOutsiders : public Judge<HolesOnlyForOutsiders> {
public:
    void on(const Life& who, const trace::Deliver& deliver, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.in_transition) return;
        const RingPast& ring = *past.ring(deliver.ring);
        const trace::Members& together = ring.transitions.at(*past.stay(who).transition).members;
        auto skipped = process.last ? ring.originated.upper_bound(process.last->position)
                                    : ring.originated.begin();
        for (; skipped != ring.originated.end() && skipped->first < deliver.position; ++skipped)
            if (std::ranges::binary_search(together, skipped->second.message.sender.node))
                throw Violation{"P15",
                                fmt::format("{} delivers {} in the transitional configuration {} "
                                            "and skips {} of one of its members",
                                            describe(who), place_of(deliver), describe(together),
                                            describe(skipped->second.message))};
    }
};

// P16: a process delivers its own messages before it leaves their ring.
class SelfDelivery : public Judge<SelfDelivery> {
public:
    void on(const Life& who, const trace::Regular& regular, const History& past) {
        const ProcessPast& process = *past.process(who);
        if (!process.own_undelivered.empty())
            throw Violation{"P16", fmt::format("{} enters ring {} and never delivered its own {}",
                                               describe(who), describe(regular.ring),
                                               describe(*process.own_undelivered.begin()))};
    }
};

} // namespace

void add_message_properties(Properties& properties) {
    properties.push_back(std::make_unique<PositionAgreement>());
    properties.push_back(std::make_unique<NoCreation>());
    properties.push_back(std::make_unique<ServiceKept>());
    properties.push_back(std::make_unique<NoDuplicates>());
    properties.push_back(std::make_unique<TotalOrder>());
    properties.push_back(std::make_unique<Prefix>());
    properties.push_back(std::make_unique<HolesOnlyForOutsiders>());
    properties.push_back(std::make_unique<SelfDelivery>());
}

} // namespace sim
