// The surroundings of an application that is alone in the world: for judges and files held in hand.
// Nothing is sent or stored; a broken promise is a Violation, as in a run.
#pragma once

#include "sim/application.h"
#include "sim/checker/violation.h"

namespace sim {

class Bystander final : public Surroundings {
public:
    explicit Bystander(NodeId node) : self_{node, 1} {}

    [[nodiscard]] ProcessorId self() const override { return self_; }

    [[nodiscard]] std::uint32_t life() const override { return 1; }

    [[nodiscard]] const std::vector<NodeId>& nodes() const override { return nodes_; }

    [[nodiscard]] Instant now() const override { return {}; }

    [[nodiscard]] Random& random() override { return chance_; }

    membership::Submission submit(Bytes, Service) override { return {}; }

    void set_hint(Bytes) override {}

    void consumed(std::uint64_t) override {}

    void leave() override {}

    void set_timer(TimerId, Instant) override {}

    void cancel_timer(TimerId) override {}

    Ticket persist(std::vector<Write>) override { return ++last_ticket_; }

    void send_direct(NodeId, const Bytes&) override {}

    void formed() override {}

    void emit(trace::Body) override {}

    void narrate(const std::string&) override {}

    void violated(const std::string& property, const std::string& sentence) override {
        throw Violation{property, sentence};
    }

private:
    ProcessorId self_;
    std::vector<NodeId> nodes_ = {1, 2, 3};
    Random chance_{1};
    Ticket last_ticket_ = 0;
};

} // namespace sim
