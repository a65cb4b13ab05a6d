// Messages between nodes in one order: what the daemon sends for its clients (srvid messages), and
// questions to a remote daemon and their answers (controls). What each node says about itself is
// statedb/nodes.h.
//
// None of it needs quorum: connected nodes talk with each other in every component. A message
// reaches its targets at most once, in the order of sending, and is lost only with a node that goes
// away; whoever waits for an answer from such a node is told at once. Who is a leader, what flags
// mean, which client gets a message: the world above knows.
#pragma once

#include "statedb/service.h"

#include <map>
#include <variant>

namespace statedb {

struct MessageArrived {
    ProcessorId from;
    std::uint32_t kind = 0;
    Bytes content;
    std::uint64_t ticket = 0; // not 0: a question; answer(from, ticket, ...) once
};

struct AnswerArrived { // to our question
    std::uint64_t ticket = 0;
    Bytes content;
};

// The node that we asked is not there, or went away before we had its answer. It may still have
// done what we asked for.
struct NodeGone {
    std::uint64_t ticket = 0;
    NodeId node = 0;
};

using MessageEffect = std::variant<MessageArrived, AnswerArrived, NodeGone>;

class Messages final : public StateMachine {
public:
    explicit Messages(ProcessorId self);

    // -- local requests

    // To these nodes, or to all of our configuration (no targets), ourselves included where named.
    void send(std::vector<NodeId> targets, std::uint32_t kind, Bytes content, Outbox& out);
    // Returns a ticket, never 0; AnswerArrived or NodeGone follows.
    std::uint64_t ask(NodeId target, std::uint32_t kind, Bytes content, Outbox& out);
    void answer(ProcessorId asker, std::uint64_t ticket, Bytes content, Outbox& out);
    // Nobody waits for the answer any more.
    void forget(std::uint64_t ticket);

    // The processors that we are connected with, ourselves included.
    [[nodiscard]] const std::vector<ProcessorId>& members() const { return members_; }

    [[nodiscard]] std::vector<MessageEffect> take_effects();

    // Messages of other versions that could not be read; they were ignored.
    [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

    // -- StateMachine
    [[nodiscard]] ServiceId id() const override { return ServiceId::messages; }

    [[nodiscard]] bool needs_quorum() const override { return false; }

    void apply(const Command& command, Outbox& out) override;
    void configured(const View& view, Outbox& out) override;

    // Outside of the replicated order there is no state to transfer, to compare or to refuse.
    [[nodiscard]] Bytes save(const Summary&) const override { return {}; }

    [[nodiscard]] bool load(const Bytes&, Outbox&) override { return true; }

    void begin_epoch(std::span<const Summary>, Outbox&) override {}

    [[nodiscard]] std::uint64_t digest() const override { return 0; }

    void refused(const Bytes&, Outbox&) override {}

private:
    ProcessorId self_;
    std::vector<ProcessorId> members_;
    std::map<std::uint64_t, ProcessorId> asked_;
    std::uint64_t last_ticket_ = 0;
    std::uint64_t malformed_ = 0;
    std::vector<MessageEffect> effects_;
};

} // namespace statedb
