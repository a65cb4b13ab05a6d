#include "tests/net/ring_of_nodes.h"

#include "base/match.h"
#include "net/key_file.h"

#include <doctest/doctest.h>
#include <spdlog/cfg/env.h>

#include <algorithm>

namespace tests {

void Journal::note(Event&& event) {
    std::visit(Match{
                   [&](Delivery& delivery) {
                       delivered.push_back({delivery.origin, delivery.counter, delivery.service,
                                            delivery.ring, std::string(delivery.payload.view())});
                   },
                   [&](Configuration& configuration) {
                       if (configuration.kind == Configuration::Kind::regular) {
                           regular = configuration;
                           interrupted = false;
                       }
                       delivered_before.push_back(delivered.size());
                       configurations.push_back(std::move(configuration));
                   },
                   [&](net::Interrupted&) { interrupted = true; },
                   [&](net::RoomAvailable&) { room = true; },
                   [&](net::Left&) { left = true; },
                   [&](net::Broken& news) { broken = news.why; },
               },
               event);
}

std::vector<NodeId> Journal::members() const {
    std::vector<NodeId> nodes;
    if (regular && !interrupted)
        for (const ProcessorId& member : regular->members)
            nodes.push_back(member.node);
    return nodes;
}

std::vector<std::string> Journal::texts() const {
    std::vector<std::string> texts;
    for (const Entry& entry : delivered)
        texts.push_back(entry.text);
    return texts;
}

Cluster::Cluster(const Shape& shape) : shape_(shape) {
    spdlog::cfg::load_env_levels(); // SPDLOG_LEVEL=debug tells the whole story
    if (shape.sealed)
        create_key_file(scratch / "key", {1, Cipher::chacha20_poly1305, Secret::random()});
}

NodeOptions Cluster::options(NodeId node) const {
    NodeOptions options = loopback_options(node, shape_.nodes);
    options.transport = shape_.transport;
    options.mtu = shape_.mtu;
    options.offload = shape_.offload;
    options.events_max = shape_.events_max;
    if (shape_.sealed) options.key_file = scratch / "key";
    options.state_file = scratch / fmt::format("state-{}", node);
    options.new_identity = true;
    if (shape_.trace) options.trace_file = scratch / fmt::format("trace-{}", node);
    // Tests share a loaded machine: a missed slot of the scheduler is not to look like a crash.
    options.settings.token_loss = 1s;
    options.settings.consensus = 1200ms;
    return options;
}

void Cluster::start(NodeId node) { start(node, options(node)); }

void Cluster::start(NodeId node, const NodeOptions& options) {
    journals_[node] = {};
    nodes_[node] = std::make_unique<Node>(options);
    nodes_[node]->start(Bytes::copy_of(fmt::format("hint of {}", node)));
}

void Cluster::start_all() {
    for (NodeId node = 1; node <= shape_.nodes; ++node)
        start(node);
}

void Cluster::destroy(NodeId node) { nodes_.erase(node); }

bool Cluster::until(const std::function<bool()>& done, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        std::vector<pollfd> waiting;
        for (auto& [number, node] : nodes_) {
            if (number == held_back_) continue;
            node->poll(
                [&, number = number](Event&& event) { journals_[number].note(std::move(event)); });
            waiting.push_back({node->event_fd(), POLLIN, 0});
        }
        if (done()) return true;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        // A tenth of a second: some conditions are about reports, which announce nothing.
        ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long>(left.count(), 100)));
    }
}

bool Cluster::ring_of(const std::vector<NodeId>& members) {
    const bool formed = until([&] {
        return std::ranges::all_of(members, [&](NodeId node) {
            return journals_[node].members() == members &&
                   journals_[node].regular->ring == journals_[members.front()].regular->ring;
        });
    });
    if (!formed) MESSAGE(explain());
    return formed;
}

std::string Cluster::explain() const {
    std::string text;
    for (const auto& [number, node] : nodes_) {
        const NodeReport report = node->report();
        text += fmt::format(
            "\nnode {} delivered {}: {}; sent {} received {} refused {} overruns {}", number,
            journals_.at(number).delivered.size(), report.explanation, report.packets_sent,
            report.packets_received, report.packets_refused, report.socket_overruns);
    }
    return text;
}

bool Cluster::submit(NodeId number, const std::string& text, Service service) {
    const Bytes message = Bytes::copy_of(text);
    Journal& journal = journals_[number];
    return until([&] {
        if (journal.room && !nodes_.at(number)->submit(message, service)) {
            journal.room = false;
            return false;
        }
        return journal.room;
    });
}

} // namespace tests
