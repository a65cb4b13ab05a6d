#include "statedb/replica.h"

#include "base/mutant.h"

#include <algorithm>

namespace statedb {

Replica::Replica(ProcessorId self, std::span<StateMachine* const> services) : self_(self) {
    std::ranges::copy_if(services, std::back_inserter(services_), &StateMachine::needs_quorum);
    std::ranges::sort(services_, {}, &StateMachine::id);
}

StateMachine* Replica::service(ServiceId id) const {
    const auto it = std::ranges::find(services_, id, &StateMachine::id);
    return it != services_.end() ? *it : nullptr;
}

StateReport Replica::report() const {
    StateReport report{.full = full_,
                       .green = green_,
                       .total = total_,
                       .history = {},
                       .summaries = {},
                       .view = view_,
                       .left = {}};
    for (const Held& held : held_)
        if (const auto* formation = std::get_if<Formation>(&held))
            report.view = formation->view.members;
    for (const StateMachine* machine : services_)
        report.summaries[machine->id()] = machine->summary();
    return report;
}

// -- commands -----------------------------------------------------------------------------------

void Replica::apply(const OrderedCommand& command, Outbox& out) {
    check(full_ && held_.empty(), "a command is applied to the state before it");
    green_ = total_ = command.at;
    applied_[command.sender.node] = {command.sender.incarnation, command.number};
    // A service that we do not have: of a newer version, which the others do not have either.
    if (StateMachine* machine = service(command.service))
        machine->apply(
            {.sender = command.sender, .index = command.at.index, .payload = command.payload}, out);
}

void Replica::hold(const OrderedCommand& command) {
    if (mutated(Mutant::yellow_dropped)) return;
    total_ = command.at;
    held_.emplace_back(command);
}

void Replica::leave_undecided(const OrderedCommand& command) { undecided_.push_back(command); }

void Replica::refuse(const OrderedCommand& command, Outbox& out) {
    StateMachine* machine = service(command.service);
    if (machine != nullptr && !mutated(Mutant::refuse_forgotten))
        machine->refused(command.payload, out);
}

// Exactly those of our commands up to the last one applied are part of the state: they are applied
// in the order of their numbers, and a component that has one has all before it (P14).
void Replica::settle_undecided(Outbox& out) {
    const auto last = applied_.find(self_.node);
    const bool ours = last != applied_.end() && last->second.incarnation == self_.incarnation;
    const std::uint64_t applied = ours ? last->second.number : 0;
    for (const OrderedCommand& command : std::exchange(undecided_, {})) {
        StateMachine* machine = service(command.service);
        if (command.number > applied || mutated(Mutant::absorbed_refused))
            refuse(command, out);
        else if (machine != nullptr)
            machine->absorbed(command.payload, out);
    }
}

// -- formations ---------------------------------------------------------------------------------

void Replica::begin(const Formation& formation, Outbox& out) {
    void_held();
    applied_.clear();
    full_ = true;
    for (StateMachine* machine : services_)
        machine->begin_epoch(formation.summaries(machine->id()), out);
    settle_undecided(out);
}

void Replica::enter(const Formation& formation, Outbox& out) {
    if (formation.fresh) begin(formation, out);
    check(full_ && held_.empty(), "a component is entered with its state");
    arrive(formation.base);
    view_ = formation.view.members;
    tell(formation.view, out);
}

void Replica::hold_formation(const Formation& formation) {
    if (formation.fresh) {
        void_held();
        green_ = {};
        full_ = true;
    }
    total_ = formation.base;
    held_.emplace_back(formation);
}

void Replica::hold_renumbering(const RingId& ring, std::uint64_t epoch) {
    total_ = after_formation(total_, ring, epoch);
    held_.emplace_back(HeldRenumbering{ring, epoch});
}

void Replica::promote(Outbox& out) {
    const Position end = total_;
    for (const Held& held : std::exchange(held_, {})) {
        if (const auto* command = std::get_if<OrderedCommand>(&held)) apply(*command, out);
        if (const auto* formation = std::get_if<Formation>(&held)) enter(*formation, out);
        if (const auto* renumbering = std::get_if<HeldRenumbering>(&held))
            arrive(after_formation(green_, renumbering->ring, renumbering->epoch));
    }
    check(green_ == end, "the held tail ends where it was said to end");
}

// -- state transfer -----------------------------------------------------------------------------

void Replica::void_held() {
    for (const Held& held : held_)
        if (const auto* command = std::get_if<OrderedCommand>(&held);
            command && command->sender == self_)
            undecided_.push_back(*command);
    held_.clear();
    total_ = green_;
}

void Replica::lose_state() {
    void_held();
    full_ = false;
}

Bytes Replica::save(const std::function<Summary(ServiceId)>& joiner) const {
    check(full_ && held_.empty(), "only a state that we have is saved");
    Snapshot snapshot{.position = green_, .applied = applied_, .services = {}};
    for (const StateMachine* machine : services_)
        snapshot.services[machine->id()] = machine->save(joiner(machine->id()));
    return encode(snapshot);
}

bool Replica::load(const Bytes& content, Outbox& out) {
    const std::optional<Snapshot> snapshot = decode_snapshot(content);
    if (!snapshot) return false;
    for (const auto& [id, state] : snapshot->services) {
        StateMachine* machine = service(id);
        if (machine != nullptr && !machine->load(state, out)) return false;
    }
    full_ = true;
    arrive(snapshot->position);
    applied_ = snapshot->applied;
    settle_undecided(out);
    return true;
}

bool Replica::settled() const {
    return full_ && std::ranges::all_of(services_, &StateMachine::settled);
}

DigestMap Replica::digests() const {
    DigestMap digests;
    for (const StateMachine* machine : services_)
        digests[machine->id()] = machine->digest();
    return digests;
}

void Replica::tell(const View& view, Outbox& out) {
    for (StateMachine* machine : services_)
        machine->configured(view, out);
}

} // namespace statedb
