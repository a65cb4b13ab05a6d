// What every node says about itself: flags, run state, abilities; and how often the set of those
// who serve changed in this configuration (design.md, Messages, controls, nodes; ctdb-behaviour.md
// 5.3, 5.11, 5.12).
//
// A node owns its row: nobody else writes it, so there is nothing to agree on but the point in the
// order at which a change counts, for its owner as for the others. It needs no quorum, since
// connected nodes want to know each other's state in every component, and no snapshot: everybody
// says its row again when a configuration begins, so whoever joins hears all of them. What a flag
// means, the world above knows; told here are only those that make a difference to who serves.
#pragma once

#include "statedb/service.h"

#include <map>
#include <set>
#include <variant>

namespace statedb {

struct NodeSays {
    std::uint32_t flags = 0;
    std::uint32_t run_state = 0;
    std::uint32_t capabilities = 0;

    friend bool operator==(const NodeSays&, const NodeSays&) = default;
};

// Nodes that never said anything to us have no row; one that went away keeps its last.
using NodeRows = std::map<NodeId, NodeSays>;

struct NodesSettings {
    ProcessorId self;
    NodeSays first;           // what we say before anything happened
    std::uint32_t banned = 0; // the flag of a node that is banned for a time
    // A change of one of these begins a new turn.
    std::uint32_t flags_of_turns = 0, capabilities_of_turns = 0;
};

// A row is another one than before, or the first of its node in this configuration.
struct NodeChanged {
    NodeId node = 0;
    NodeSays before, now;
};

// Others serve than before, or somebody asked for a recovery: a new turn has begun.
struct TurnBegan {};

// Our ban has lasted as long as it should: end_ban(), or ban() again.
struct BanExpired {};

using NodeEffect = std::variant<NodeChanged, TurnBegan, BanExpired>;

class Nodes final : public StateMachine {
public:
    explicit Nodes(const NodesSettings& settings);

    // -- local requests: what we say from now on. It counts when it is ordered.
    void change_flags(std::uint32_t set, std::uint32_t cleared, Outbox& out);
    void set_run_state(std::uint32_t state, Outbox& out);
    void set_capability(std::uint32_t capability, bool has, Outbox& out);
    // For so long, whatever was said before.
    void ban(Duration length, Outbox& out);
    void end_ban(Outbox& out);
    // Begins a new turn although nothing changed.
    void recover(Outbox& out);

    [[nodiscard]] const NodeRows& rows() const { return rows_; }

    // What we said last; it may still be on its way.
    [[nodiscard]] const NodeSays& said() const { return said_; }

    // How many turns began since the configuration did: the same on all its members.
    [[nodiscard]] std::uint64_t turns() const { return turns_; }

    [[nodiscard]] std::vector<NodeEffect> take_effects();

    // -- StateMachine
    [[nodiscard]] ServiceId id() const override { return ServiceId::nodes; }

    [[nodiscard]] bool needs_quorum() const override { return false; }

    void apply(const Command& command, Outbox& out) override;
    void configured(const View& view, Outbox& out) override;
    void tick(Outbox& out) override;

    [[nodiscard]] std::optional<Instant> deadline() const override { return banned_until_; }

    // Outside of the replicated order there is no state to transfer, to compare or to refuse.
    [[nodiscard]] Bytes save(const Summary&) const override { return {}; }

    [[nodiscard]] bool load(const Bytes&, Outbox&) override { return true; }

    void begin_epoch(std::span<const Summary>, Outbox&) override {}

    [[nodiscard]] std::uint64_t digest() const override { return 0; }

    void refused(const Bytes&, Outbox&) override {}

private:
    void say(const NodeSays& says, Outbox& out);
    void heard(NodeId node, const NodeSays& says);
    [[nodiscard]] bool begins_turn(const NodeSays& before, const NodeSays& now) const;

    NodesSettings settings_;
    NodeRows rows_;          // as ordered
    NodeSays said_;          // ours, as submitted last: rows_ follows
    std::set<NodeId> heard_; // in this configuration
    std::uint64_t turns_ = 0;
    std::optional<Instant> banned_until_;
    std::vector<NodeEffect> effects_;
};

} // namespace statedb
