// Datagrams from application to application, past the ring: a socket in the application's own loop,
// so that neither the ring's thread nor any other node is woken (docs/adr/0016-direct-moves.md).
//
// Nothing is promised but that what arrives was sent by the node that it names, and arrives once:
// datagrams may be lost, late, or come in another order. They are sealed like the ring's, with keys
// of their own: what is recorded at one door opens nothing at the other.
#pragma once

#include "net/node.h"
#include "net/seal.h"
#include "net/sockets.h"

namespace net {

class DirectPort {
public:
    // `self`: with the incarnation under which we are on the ring. Throws std::runtime_error
    // naming address, port and remedy.
    DirectPort(const NodeOptions& options, ProcessorId self);

    // All nodes are these from now on, ourselves included: strangers are neither heard nor sent to.
    // Throws std::runtime_error naming the node and the remedy, and nothing has changed.
    void set_addresses(const std::map<NodeId, std::string>& addresses);

    // Becomes readable when receive() has something to do.
    [[nodiscard]] int fd() const { return socket_.get(); }

    // What one datagram holds.
    [[nodiscard]] std::size_t content_max() const { return content_max_; }

    // Lost, without a word, if it is too large or the node unknown.
    void send(NodeId to, const Bytes& content);

    // Hands over a batch of what waits. True: there may be more.
    [[nodiscard]] bool
    receive(const std::function<void(ProcessorId from, const Bytes& content)>& handle);

    [[nodiscard]] const RefusalCounts& refusals() const { return opener_.refusals(); }

private:
    void know(const std::map<NodeId, Address>& others);
    [[nodiscard]] std::optional<Opened> open(const Received& received);

    NodeOptions options_;
    SocketPlan plan_;
    Descriptor socket_;
    bool sealed_;
    Sealer sealer_;
    Opener opener_;
    std::size_t content_max_;
    std::map<Address, NodeId> node_at_;
    std::vector<std::uint8_t> outgoing_; // a datagram
    BlockPool pool_;
    Inbox inbox_;
};

} // namespace net
