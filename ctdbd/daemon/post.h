// The post between daemons: letters that travel in the ring's order to the nodes they name
// (service `messages`; design.md, Messages, controls, nodes).
//
// A state machine without state: a letter is delivered wherever its addressee sees it ordered, with
// or without quorum, and is lost if the addressee does not. Whoever waits for an answer learns from
// the configuration that none will come.
#pragma once

#include "base/bytes.h"
#include "statedb/service.h"

#include <span>
#include <vector>

namespace ctdbd::daemon {

class Post final : public statedb::StateMachine {
public:
    explicit Post(totem::NodeId self) : self_(self) {}

    void send(std::span<const totem::NodeId> to, const base::Bytes& letter, statedb::Outbox& out);

    struct Arrived {
        totem::ProcessorId from;
        base::Bytes letter;
    };

    [[nodiscard]] std::vector<Arrived> take_arrived();

    // -- StateMachine
    [[nodiscard]] statedb::ServiceId id() const override { return statedb::ServiceId::messages; }

    [[nodiscard]] bool needs_quorum() const override { return false; }

    void apply(const statedb::Command& command, statedb::Outbox& out) override;

    void configured(const statedb::View&, statedb::Outbox&) override {}

    [[nodiscard]] base::Bytes save(const statedb::Summary&) const override { return {}; }

    [[nodiscard]] bool load(const base::Bytes&, statedb::Outbox&) override { return true; }

    void begin_epoch(std::span<const statedb::Summary>, statedb::Outbox&) override {}

    [[nodiscard]] std::uint64_t digest() const override { return 0; }

    void refused(const base::Bytes&, statedb::Outbox&) override {}

private:
    totem::NodeId self_;
    std::vector<Arrived> arrived_;
};

} // namespace ctdbd::daemon
