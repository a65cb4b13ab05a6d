// One member's copy of the replicated state: the services, and the place in the order that they
// stand at. It applies, holds, promotes, saves and loads; which of it is due, and why, is the
// Host's question.
//
// Colours (totem.md 6.2): green commands are applied. Yellow ones were delivered in a transitional
// configuration and are held in order: somebody else may have applied them, or nobody. Undecided
// ones are our own that we can neither apply nor call refused until we load a state that has them
// or has not.
#pragma once

#include "statedb/formation.h"

#include <deque>
#include <functional>
#include <variant>

namespace statedb {

struct OrderedCommand {
    ProcessorId sender;
    std::uint64_t number = 0;
    ServiceId service = ServiceId::host;
    Bytes payload;
    Position at; // after it
};

class Replica {
public:
    Replica(ProcessorId self, std::span<StateMachine* const> services);

    // We have the state up to green(), and all commands from there to total().
    [[nodiscard]] bool full() const { return full_; }

    [[nodiscard]] const Position& green() const { return green_; }

    [[nodiscard]] const Position& total() const { return total_; }

    // What a STATE says about us.
    [[nodiscard]] StateReport report() const;

    // -- commands
    void apply(const OrderedCommand& command, Outbox& out);
    void hold(const OrderedCommand& command);
    void leave_undecided(const OrderedCommand& command); // ours, and we do not have the state
    void refuse(const OrderedCommand& command, Outbox& out);

    // -- formations. One that completed in a transitional configuration is held like a command:
    // somebody may have acted on it.
    void enter(const Formation& formation, Outbox& out); // we have its base, or are fresh
    void hold_formation(const Formation& formation);
    // The same component under a new index, because its voters changed.
    void hold_renumbering(const RingId& ring, std::uint64_t epoch);
    // Held commands and formations were decided: they count. A fresh formation needs no call.
    void promote(Outbox& out);

    // -- state transfer
    void lose_state(); // we will load: what we hold is void
    [[nodiscard]] Bytes save(const std::function<Summary(ServiceId)>& joiner) const;
    [[nodiscard]] bool load(const Bytes& content, Outbox& out);

    void arrive(const Position& at) {
        green_ = total_ = at;
    } // nothing applied between here and there

    [[nodiscard]] bool settled() const;
    [[nodiscard]] DigestMap digests() const;
    void tell(const View& view, Outbox& out);

private:
    struct HeldRenumbering {
        RingId ring;
        std::uint64_t epoch = 0;
    };

    using Held = std::variant<OrderedCommand, Formation, HeldRenumbering>;

    [[nodiscard]] StateMachine* service(ServiceId id) const;
    void begin(const Formation& formation, Outbox& out);
    void settle_undecided(Outbox& out);
    void void_held();

    ProcessorId self_;
    std::vector<StateMachine*> services_; // of the replicated order, by id

    bool full_ = false;
    // Invariant: total_ is green_ and then held_; equal when held_ is empty.
    Position green_, total_;
    std::deque<Held> held_;                 // as much as one ring can hold at most
    AppliedNumbers applied_;                // at green_
    std::vector<ProcessorId> view_;         // members of the last primary component, at green_
    std::vector<OrderedCommand> undecided_; // ours alone
};

} // namespace statedb
