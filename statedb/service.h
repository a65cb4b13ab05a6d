// A replicated state machine: the plug-in of the original proposal. Every member of the primary
// component applies the same commands in the same order and so has the same state; what a member
// does about it on its own machine (a TDB file, a waiting client) are the service's effects, which
// the world above drains.
//
// A service is sans-IO: ordered inputs come from the Host, local ones from the world, both with an
// Outbox for the commands it wants to have ordered. apply(), configured(), load() must be
// deterministic functions of the state and their arguments: no local clock, no local identity may
// leak into replicated state.
#pragma once

#include "totem/delivery.h"

#include <optional>
#include <span>
#include <vector>

namespace statedb {

using namespace totem;

// The first byte of every command says whose it is. Never renumber: rolling upgrades read it.
enum class ServiceId : std::uint8_t {
    host = 0,
    locks = 1,
    databases = 2, // attach, flags, persistent and replicated commits
    records = 3,   // directory of volatile records
    messages = 4,  // srvid messages, remote controls
    nodes = 5,     // flags, run states and abilities of the nodes
};

// One command at its place in the order. `index` counts all commands of all services that the
// replica has applied.
struct Command {
    ProcessorId sender;
    std::uint64_t index = 0;
    Bytes payload; // without the service byte
};

// Stands for the incarnation of a node of which nobody remembers in which life it was last seen.
inline constexpr std::uint32_t some_life = 0;

// The component as services see it, at the same point of the order on every member.
struct View {
    RingId ring;
    std::uint64_t epoch = 0;          // index of the primary component: grows with each one formed
    bool primary = false;             // false: nothing will be applied until a view says otherwise
    std::vector<ProcessorId> members; // sorted
    // Since the last primary view; they hold no state but what load() gave them.
    std::vector<ProcessorId> joined;
    // Since the last primary view. At a fresh start: the nodes that are not here, in some_life.
    std::vector<ProcessorId> departed;
    // Those of `departed` that said goodbye (clean leave): surely silent.
    std::vector<ProcessorId> left;
    bool fresh = false; // nobody had volatile state: this component starts a new volatile epoch
};

// Collects what a service wants ordered. Commands are ordered as one FIFO per processor.
class Outbox {
public:
    virtual ~Outbox() = default;
    [[nodiscard]] virtual Instant
    now() const = 0; // for local decisions only, never for replicated state
    virtual void submit(ServiceId service, Bytes payload, Service guarantee) = 0;
};

// From a service to the same service of another node (arrived()), past the order and by the
// quickest way there is: it may be lost, doubled or late, and nobody is told. Its content says
// which service it is for; the others do not listen.
struct DirectMessage {
    ProcessorId to;
    Bytes content;
    bool question = false; // somebody here waits for what it asks for
};

// What one member's service tells the others before a primary component forms (e.g. database
// sequence numbers).
struct Summary {
    ProcessorId member;
    std::uint64_t last_primary = 0; // epoch of the last primary component it was in, before this
    std::vector<NodeId> component;  // the nodes of that component, sorted
    bool full = false;              // it holds volatile state of that epoch
    Bytes content;                  // what its summary() returned
};

class StateMachine {
public:
    virtual ~StateMachine() = default;

    [[nodiscard]] virtual ServiceId id() const = 0;

    // False: the commands are not part of the replicated order. They are applied where they are
    // delivered, in every configuration with or without quorum, and configured() tells of every
    // regular configuration (primary = false) and of nothing else; `departed` are then those who
    // did not come with us from the last one, even if they are back (and so in `joined` as well).
    // There is no state transfer, digest or refusal.
    [[nodiscard]] virtual bool needs_quorum() const { return true; }

    // -- ordered, the same on every member
    // ---------------------------------------------------------------
    virtual void apply(const Command& command, Outbox& out) = 0;
    // The component changed. Called when a primary component is formed (members with state first
    // apply nothing else in between; joiners after load()), and locally with primary = false when
    // we are cut off from one.
    virtual void configured(const View& view, Outbox& out) = 0;

    // -- state transfer
    // -------------------------------------------------------------------------------------
    [[nodiscard]] virtual Bytes summary() const { return {}; }

    // Donor: the state that `joiner`, which reported `summary`, lacks.
    [[nodiscard]] virtual Bytes save(const Summary& joiner) const = 0;
    // Joiner: replaces the state. Must accept only what save() of this or an older version writes;
    // false = malformed.
    [[nodiscard]] virtual bool load(const Bytes& state, Outbox& out) = 0;
    // Fresh volatile epoch: nobody has state. Forget volatile state; `summaries` are all members',
    // in their order.
    virtual void begin_epoch(std::span<const Summary> summaries, Outbox& out) = 0;

    // After load() or begin_epoch(): we hold all durable state that the component has. Until then
    // our vote does not count in the next component, which else might forget commits.
    [[nodiscard]] virtual bool settled() const { return true; }

    // Over the whole replicated state; equal on equal states. Compared round the ring now and then.
    [[nodiscard]] virtual std::uint64_t digest() const = 0;

    // -- local
    // ------------------------------------------------------------------------------------------------
    // One of our own commands was ordered where it does not count (no primary component, or dropped
    // with the tail of an old one): it had no effect anywhere. Submit again if it is still wanted.
    virtual void refused(const Bytes& payload, Outbox& out) = 0;

    // One of our own commands is part of the state that load() has just given us: it had its
    // effect, but apply() was not called for it here.
    virtual void absorbed(const Bytes& payload, Outbox& out) {
        (void)payload;
        (void)out;
    }

    // The order stands still (membership is being formed) or goes on again.
    virtual void interrupted(Outbox& out) { (void)out; }

    virtual void tick(Outbox& out) { (void)out; }

    [[nodiscard]] virtual std::optional<Instant> deadline() const { return std::nullopt; }
};

} // namespace statedb
