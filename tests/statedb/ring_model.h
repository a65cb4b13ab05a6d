// A ring that a test holds in its hand: extended virtual synchrony as totem.md 2 defines it,
// without tokens or packets. The test decides who receives, delivers, stores, crashes and meets
// whom, and when; the model only sees to it that no host is told what a ring would not tell.
#pragma once

#include "statedb/host.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace statedb::test {

// What runs on a node beside its host; made anew at each start.
class Application {
public:
    virtual ~Application() = default;
    [[nodiscard]] virtual std::vector<StateMachine*> services() = 0;

    virtual void crashed() {}
};

class RingModel {
public:
    using MakeApplication = std::function<std::unique_ptr<Application>(ProcessorId self)>;
    using Adjust = std::function<void(HostSettings&)>;

    RingModel(std::size_t nodes, MakeApplication make, Adjust adjust = {});

    // -- single steps; each returns whether there was anything to do
    bool submit(NodeId node);    // the host's oldest submission enters the ring's queue
    bool originate(NodeId node); // the queue's oldest message gets its place in the order
    bool receive(NodeId node);   // the next message of the order reaches this node
    bool deliver(NodeId node);   // the next message that may be delivered is
    bool store(NodeId node);     // the oldest history waiting for the disk is durable
    bool step(NodeId node);      // any of these, in this order of preference
    void settle();               // steps of everybody until nothing is left to do

    // -- faults
    // These nodes form a new ring, those of them that `stuck` names never notice (they crash or go
    // elsewhere later). Each installer gets the burst: rest of the old ring, transitional and new
    // regular configuration.
    void form_ring(const std::set<NodeId>& nodes, const std::set<NodeId>& stuck = {});
    void partition(const std::vector<std::set<NodeId>>& groups); // form_ring of each
    void interrupt(NodeId node);
    void crash(NodeId node);
    void
    start(NodeId node); // with the history that was durable; a singleton ring comes by form_ring
    void lose_disk(NodeId node);

    // -- looking
    [[nodiscard]] bool alive(NodeId node) const { return processors_.contains(node); }

    [[nodiscard]] std::set<NodeId> living() const;
    [[nodiscard]] Host& host(NodeId node);
    [[nodiscard]] ProcessorId id(NodeId node) const;
    [[nodiscard]] HostStatus status(NodeId node);

    [[nodiscard]] bool active(NodeId node) { return status(node).phase == HostPhase::active; }

    [[nodiscard]] std::set<NodeId> active_nodes();
    [[nodiscard]] const History& disk(NodeId node) const;
    [[nodiscard]] std::vector<std::string>& alarms(NodeId node);

    template <class App>
    [[nodiscard]] App& application(NodeId node) {
        return dynamic_cast<App&>(*processors_.at(node).application);
    }

    [[nodiscard]] Outbox& outbox(NodeId node) { return host(node).outbox(now_); }

    // Called after each step that a host took.
    std::function<void(NodeId)> observe = [](NodeId) {};

    Instant now_{};

private:
    struct Ring {
        RingId id;
        std::vector<ProcessorId> members;
        std::vector<Delivery> order;
        std::map<ProcessorId, std::set<std::size_t>> has; // what reached whom, by place in `order`
        bool broken = false; // somebody is gone: nothing more is originated
    };

    struct Processor {
        ProcessorId id;
        std::unique_ptr<Application> application;
        std::unique_ptr<Host> host;
        std::deque<History> disk_queue;
        Bytes hint;
        std::deque<Host::Pending> ring_queue;
        std::shared_ptr<Ring> ring;
        std::size_t delivered = 0;
        std::uint64_t counter = 0;
        bool interrupted = false;
        std::vector<std::string> alarms;
    };

    struct Survivors; // those who come together from one old ring
    Processor& at(NodeId node);
    void drain(Processor& processor);
    void deliver_next(Processor& processor);
    [[nodiscard]] Survivors survivors_of(const std::shared_ptr<Ring>& ring,
                                         const std::set<NodeId>& nodes);

    std::vector<NodeId> nodes_;
    MakeApplication make_;
    Adjust adjust_;
    std::map<NodeId, Processor> processors_;
    std::map<NodeId, History> disks_;
    std::map<NodeId, std::uint32_t> lives_;
    std::uint64_t last_ring_ = 0;
};

} // namespace statedb::test
