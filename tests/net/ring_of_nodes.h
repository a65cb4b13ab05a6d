// Several Nodes in one process, over the loopback network: real sockets, real threads, real files.
// Tests wait on the nodes' descriptors until something is true, with a deadline that is a failure.
#pragma once

#include "tests/net/loopback.h"
#include "tests/net/scratch.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tests {

using namespace net;

// What one application saw: a line for every event.
struct Journal {
    struct Entry {
        ProcessorId origin;
        std::uint64_t counter = 0;
        Service service = Service::agreed;
        RingId ring;
        std::string text;

        friend bool operator==(const Entry&, const Entry&) = default;
    };

    std::vector<Entry> delivered;
    std::vector<Configuration> configurations; // all, transitional ones too
    std::optional<Configuration> regular;      // the last regular one
    std::vector<std::size_t> delivered_before; // how many messages preceded each configuration
    bool interrupted = false;                  // since the last regular configuration
    bool room = true;
    bool left = false;
    std::string broken;

    void note(Event&& event);
    [[nodiscard]] std::vector<NodeId> members() const;
    [[nodiscard]] std::vector<std::string> texts() const;
};

class Cluster {
public:
    // Which options all nodes have in common.
    struct Shape {
        NodeId nodes = 3;
        bool sealed = true;
        Transport transport = Transport::multicast;
        std::size_t mtu = 1500;
        bool offload = true;
        std::size_t events_max = 65536;
        bool trace = false;
    };

    explicit Cluster(const Shape& shape);

    [[nodiscard]] NodeOptions options(NodeId node) const;
    void start(NodeId node);
    void start(NodeId node, const NodeOptions& options);
    void start_all();
    void destroy(NodeId node); // as a crash: no leave

    [[nodiscard]] Node& node(NodeId node) { return *nodes_.at(node); }

    [[nodiscard]] Journal& journal(NodeId node) { return journals_[node]; }

    // Polls all nodes, sleeping on their descriptors, until `done`; false after `limit`.
    [[nodiscard]] bool until(const std::function<bool()>& done,
                             std::chrono::seconds limit = std::chrono::seconds(20));
    // A ring of exactly these, seen by each of them.
    [[nodiscard]] bool ring_of(const std::vector<NodeId>& members);
    // What the nodes say of themselves, for a failure's report.
    [[nodiscard]] std::string explain() const;
    // Submits, waiting for room where there is none.
    [[nodiscard]] bool submit(NodeId node, const std::string& text, Service service);

    void hold_back(NodeId node) { held_back_ = node; } // its application stops taking events

    void let_go() { held_back_.reset(); }

    Scratch scratch;

private:
    Shape shape_;
    std::map<NodeId, std::unique_ptr<Node>> nodes_;
    std::map<NodeId, Journal> journals_;
    std::optional<NodeId> held_back_;
};

} // namespace tests
