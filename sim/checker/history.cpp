#include "sim/checker/history.h"

#include <algorithm>

namespace sim {

const ProcessPast* History::process(const Life& who) const {
    const auto found = processes_.find(who);
    return found != processes_.end() ? &found->second : nullptr;
}

const RingPast* History::ring(const RingName& ring) const {
    const auto found = rings_.find(ring);
    return found != rings_.end() ? &found->second : nullptr;
}

const Stay& History::stay(const Life& who) const {
    const ProcessPast& process = processes_.at(who);
    return rings_.at(*process.ring).stays.at(who);
}

const History::Origin* History::origin(const MessageName& message) const {
    const auto found = origins_.find(message);
    return found != origins_.end() ? &found->second : nullptr;
}

void History::absorb(const trace::Event& event) {
    if (std::holds_alternative<trace::Heal>(event.body)) heal_ = event;
    std::visit([&](const auto& body) { absorb(event.who, body); }, event.body);
}

void History::absorb(const Life& who, const trace::Start&) { processes_[who]; }

void History::absorb(const Life& who, const trace::Crash&) {
    ProcessPast& process = processes_[who];
    process.alive = false;
    if (process.ring) rings_[*process.ring].stays[who].crashed = true;
}

void History::absorb(const Life& who, const trace::Regular& regular) {
    ProcessPast& process = processes_[who];
    if (process.ring) {
        RingPast& left = rings_[*process.ring];
        Stay& stay = left.stays[who];
        stay.closed = true;
        if (stay.transition)
            left.transitions[*stay.transition].closed_count = stay.in_transition.size();
    }
    RingPast& entered = rings_[regular.ring];
    entered.members = regular.members;
    Stay& stay = entered.stays[who];
    stay.who = who;
    stay.previous = process.ring;
    process.ring = regular.ring;
    process.in_transition = false;
    process.last.reset();
    process.own_undelivered.clear();
}

void History::absorb(const Life& who, const trace::Transitional& transitional) {
    ProcessPast& process = processes_[who];
    process.in_transition = true;
    const TransitionName name{.from = transitional.from, .ring = transitional.ring};
    RingPast& ring = rings_[transitional.from];
    ring.stays[who].transition = name;
    ring.transitions[name].members = transitional.members;
}

void History::absorb(const Life& who, const trace::Submit& submit) {
    ProcessPast& process = processes_[who];
    process.submitted = submit.message.count;
    process.waiting.insert(submit.message.count);
}

void History::absorb(const Life& who, const trace::Originate& originate) {
    const Placed placed{originate.message, originate.guarantee, originate.position};
    rings_[originate.ring].originated.emplace(originate.position, placed);
    origins_.emplace(originate.message, Origin{originate.ring, placed});
    processes_[who].own_undelivered.insert(originate.message);
}

void History::absorb(const Life& who, const trace::Deliver& deliver) {
    ProcessPast& process = processes_[who];
    const Placed placed{deliver.message, deliver.guarantee, deliver.position};
    process.last = placed;
    if (deliver.message.sender == who) {
        process.own_undelivered.erase(deliver.message);
        process.waiting.erase(deliver.message.count);
    }
    RingPast& ring = rings_[deliver.ring];
    Stay& stay = ring.stays[who];
    if (!process.in_transition) {
        if (stay.regular_count == ring.order.size()) ring.order.push_back(placed);
        ++stay.regular_count;
        if (deliver.guarantee == Service::safe)
            ring.safe_count = std::max(ring.safe_count, stay.regular_count);
        return;
    }
    std::vector<Placed>& order = ring.transitions[*stay.transition].order;
    if (stay.in_transition.size() == order.size()) order.push_back(placed);
    stay.in_transition.push_back(placed);
}

bool delivered(const RingPast& ring, const Stay& stay, const Position& position) {
    const auto before = [](const Placed& placed, const Position& place) {
        return placed.position < place;
    };
    const auto holds = [&](auto begin, auto end) {
        const auto found = std::lower_bound(begin, end, position, before);
        return found != end && found->position == position;
    };
    const auto regular = ring.order.begin();
    return holds(regular, regular + static_cast<std::ptrdiff_t>(stay.regular_count)) ||
           holds(stay.in_transition.begin(), stay.in_transition.end());
}

} // namespace sim
