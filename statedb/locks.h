// Named locks with one agreed queue (the original proposal's lock service): a claim is granted
// where it is delivered, without a round trip, and everybody knows the same queue. A holder whose
// node departs lets go.
#pragma once

#include "statedb/service.h"

#include <functional>
#include <map>
#include <string>
#include <variant>

namespace statedb {

// A claimant: some process on some node, named by the node's own number for it.
struct Claimant {
    ProcessorId processor;
    std::uint64_t ticket = 0; // unique within the processor

    friend auto operator<=>(const Claimant&, const Claimant&) = default;
};

struct LockGranted { // one of our claimants holds the lock now
    std::string name;
    std::uint64_t ticket = 0;
};

// Our component is not primary any more: others may be given the lock, so stop using it. The claim
// stands and will be granted again when it is its turn; release it if it is not wanted any more.
struct LockLost {
    std::string name;
    std::uint64_t ticket = 0;
};

using LockEffect = std::variant<LockGranted, LockLost>;

class Locks final : public StateMachine {
public:
    explicit Locks(ProcessorId self);

    // -- local requests

    // Queues a claim; LockGranted(name, ticket) follows when it is its turn. Names are 1 to 255
    // bytes.
    std::uint64_t claim(std::string name, Outbox& out);
    // Gives the lock back, or withdraws a waiting claim. Unknown tickets are ignored.
    void release(std::uint64_t ticket, Outbox& out);

    [[nodiscard]] std::vector<LockEffect> take_effects();
    // The agreed queue, holder first; empty if nobody wants the lock.
    [[nodiscard]] std::vector<Claimant> queue(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> names() const;

    // -- StateMachine
    // -----------------------------------------------------------------------------------------
    [[nodiscard]] ServiceId id() const override { return ServiceId::locks; }

    void apply(const Command& command, Outbox& out) override;
    void configured(const View& view, Outbox& out) override;
    [[nodiscard]] Bytes save(const Summary& joiner) const override;
    [[nodiscard]] bool load(const Bytes& state, Outbox& out) override;
    void begin_epoch(std::span<const Summary> summaries, Outbox& out) override;
    [[nodiscard]] std::uint64_t digest() const override;
    void refused(const Bytes& payload, Outbox& out) override;
    void absorbed(const Bytes& payload, Outbox& out) override;

private:
    struct Wish { // a local claim that has not been released
        std::string name;
        bool granted = false;
        bool on_its_way = false; // submitted; whether it was ordered we will be told
    };

    void submit_claim(std::uint64_t ticket, Outbox& out);
    void arrived(std::uint64_t ticket);
    void remove_if(const std::string& name, const std::function<bool(const Claimant&)>& gone);
    void grant_to_us(const std::string& name);
    void grant_what_is_ours();
    void reconcile(Outbox& out);

    ProcessorId self_;
    std::map<std::string, std::vector<Claimant>> queues_; // the replicated state
    std::map<std::uint64_t, Wish> wishes_;                // ours alone
    std::uint64_t last_ticket_ = 0;
    bool primary_ = false; // as we were told last
    std::vector<LockEffect> effects_;
};

} // namespace statedb
