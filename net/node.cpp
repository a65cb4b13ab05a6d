#include "net/node.h"

#include "net/driver.h"
#include "net/thread.h"

#include <algorithm>
#include <thread>

namespace net {

namespace {

// What may wait between the application and the ring, beside the ring's own queue.
std::size_t submitted_bytes_max(const NodeOptions& options) {
    return std::max<std::size_t>(options.settings.queue_bytes_max / 4, 1);
}

} // namespace

struct Node::State {
    explicit State(const NodeOptions& options)
        : own_thread(options.own_thread),
          bridge({options.events_max, submitted_bytes_max(options)}, !options.own_thread),
          driver(options, bridge), wanted(options) {}

    bool own_thread;
    Bridge bridge;
    Driver driver;
    NodeOptions wanted; // its addresses change
    std::thread ring;
};

Node::Node(NodeOptions options) : state_(std::make_unique<State>(options)) {}

Node::~Node() {
    state_->bridge.stop();
    if (state_->ring.joinable()) state_->ring.join();
}

void Node::start(Bytes first_hint) {
    check(!state_->ring.joinable(), "a node is started once");
    if (!state_->own_thread) return state_->driver.begin(first_hint);
    state_->ring = start_thread<std::thread>(
        "totem-ring",
        [state = state_.get(), hint = std::move(first_hint)] { state->driver.run(hint); });
}

ProcessorId Node::self() const { return state_->driver.self(); }

int Node::event_fd() const {
    return state_->own_thread ? state_->bridge.event_fd() : state_->driver.wake_fd();
}

std::size_t Node::poll(const std::function<void(Event&&)>& handle, std::size_t limit) {
    if (!state_->own_thread) state_->driver.turn_once();
    return state_->bridge.poll(handle, limit);
}

bool Node::submit(const Bytes& message, Service service) {
    check(message.size() <= message_size_max, "a message is not larger than the ring's limit");
    return state_->own_thread ? state_->bridge.submit(message, service)
                              : state_->driver.submit(message, service);
}

void Node::set_hint(Bytes hint) { state_->bridge.set_hint(std::move(hint)); }

void Node::mourn(NodeId node) { state_->bridge.mourn(node); }

void Node::set_addresses(const std::map<NodeId, std::string>& addresses) {
    NodeOptions changed = state_->wanted;
    changed.addresses = addresses;
    state_->bridge.set_others(parse_addresses(changed).others);
    state_->wanted = std::move(changed);
}

void Node::leave() { state_->bridge.leave(); }

NodeReport Node::report() const { return state_->driver.report(); }

} // namespace net
