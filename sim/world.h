// The world of one run: virtual time, the nodes, the network between them, and what is written
// down. One seed decides everything; the same plan and seed give the same world, byte for byte.
#pragma once

#include "sim/checker/checker.h"
#include "sim/checker/white_box.h"
#include "sim/event_queue.h"
#include "sim/measures.h"
#include "sim/network.h"
#include "sim/node.h"

#include <functional>

namespace sim {

class Faults;

// A fault of the plan that strikes now, for pictures.
struct Fault {
    std::string kind; // one word: "crash", "partition", ...
    std::vector<NodeId> nodes;
    std::string text;
    Duration lasting{}; // 0: nobody knows yet, at most until the heal
};

// Who listens: a trace file, a story, both or nobody.
class Listener {
public:
    virtual ~Listener() = default;

    virtual void on_event(const trace::Event& event) { (void)event; }

    virtual void on_note(Instant at, const std::string& line) { (void)at, (void)line; }

    // `to`: 0 for a multicast.
    virtual void on_packet(Instant at, NodeId from, NodeId to, const Packet& packet) {
        (void)at, (void)from, (void)to, (void)packet;
    }

    // What becomes of the packet of the last on_packet; who is not among the arrivals never gets
    // it.
    virtual void on_transmitted(Instant at,
                                const Datagram& datagram,
                                std::span<const NodeId> to,
                                const std::vector<Network::Scheduled>& arrivals) {
        (void)at, (void)datagram, (void)to, (void)arrivals;
    }

    virtual void on_fault(Instant at, const Fault& fault) { (void)at, (void)fault; }

    virtual void on_interrupted(Instant at, NodeId node) { (void)at, (void)node; }
};

class World final : public Population {
public:
    // `plan` is complete: no swarm left to draw, all nodes given by its nodes_max.
    World(const Scenario& plan,
          std::uint64_t seed,
          Applications& applications,
          std::span<Listener* const> listeners);
    ~World() override;

    // Plays the whole plan. Throws the first Violation.
    void play();

    // -- what nodes, faults and applications need of it

    [[nodiscard]] Instant now() const { return queue_.now(); }

    [[nodiscard]] const Scenario& plan() const { return plan_; }

    [[nodiscard]] const std::vector<NodeId>& node_ids() const { return node_ids_; }

    [[nodiscard]] Node& node(NodeId id) { return *nodes_[id]; }

    [[nodiscard]] Network& network() { return network_; }

    [[nodiscard]] Applications& applications() { return applications_; }

    [[nodiscard]] BlockPool& packets() { return packets_; }

    void transmit(const Datagram& datagram, std::span<const NodeId> to);
    void transmit_direct(const Datagram& datagram, NodeId to); // nobody listens to that
    void wake_at(Instant at, NodeId node);
    void disk_done_at(Instant at, NodeId node, std::uint32_t generation);
    void call_at(Instant at, std::function<void()> action);
    void deliver_now(NodeId to, const Datagram& datagram);

    void emit(const trace::Life& who, trace::Body body);
    // `line` is called only if somebody listens.
    void note(const std::function<std::string()>& line);

    void mark(const Fault& fault);

    // -- what nodes report: the white box, the hunters and the measures listen

    void stepping(const Node& node, const membership::Event& event);
    void stepped(Node& node, const membership::Event& event, const membership::Actions& actions);
    void submitted(const Node& node);
    void formed(const Node& node);
    void
    sending(const Node& node, std::span<const NodeId> to, const Packet& packet, const Bytes& body);
    void delivering(const Node& node, const Delivery& message);
    void delivering(const Node& node, const Configuration& configuration);
    void interrupted(const Node& node);

    [[nodiscard]] trace::Life life_of(const ProcessorId& processor) const;

    // -- Population: what the white box may look into

    [[nodiscard]] const membership::Processor* processor(NodeId node) const override;

    // -- what came of it

    [[nodiscard]] const Checker& checker() const { return checker_; }

    [[nodiscard]] const Network& network() const { return network_; }

    [[nodiscard]] Measures& measures() { return measures_; }

    // Over every packet that was sent and every event that was written: two runs that differ
    // anywhere differ here.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

    [[nodiscard]] const membership::Coverage& coverage() const { return coverage_; }

    void retire(const membership::Processor& processor); // its coverage counts

    // The bound B_form of totem.md 2.3 for a plan.
    [[nodiscard]] static Duration stabilisation_bound(const Scenario& plan);

private:
    struct Wake {
        NodeId node;
    };

    struct DiskDone {
        NodeId node;
        std::uint32_t generation;
    };

    struct Unreachable {
        NodeId sender;
        NodeId node;
    };

    using Happening = std::variant<Wake, Arrival, DiskDone, Unreachable, std::function<void()>>;

    void make_nodes();
    void run_until(Instant end);
    void happen(Wake& wake);
    void happen(Arrival& arrival);
    void happen(DiskDone& done);
    void happen(Unreachable& unreachable);
    void happen(std::function<void()>& action);
    void calm();
    void heal();
    void drain();
    void finish();
    void mix(std::uint64_t value);

    Scenario plan_;
    Random root_;
    Applications& applications_;
    std::vector<Listener*> listeners_;
    BlockPool packets_; // before everything that holds packets
    EventQueue<Happening> queue_;
    std::vector<NodeId> node_ids_;
    Network network_;
    std::vector<std::unique_ptr<Node>> nodes_; // by number; 0 does not exist
    std::unique_ptr<Faults> faults_;
    std::vector<Network::Scheduled> arrivals_; // scratch
    Checker checker_;
    WhiteBox white_box_;
    Measures measures_;
    membership::Coverage coverage_;
    std::string json_; // scratch
    std::uint64_t fingerprint_ = 0xcbf29ce484222325;
    bool healed_ = false;
};

} // namespace sim
