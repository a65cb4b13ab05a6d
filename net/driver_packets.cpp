// Packets in: which socket is read first, and what becomes of a datagram (totem.md 4.9.6, 7.3).
#include "net/driver.h"

namespace net {

void Driver::read_packets(std::size_t packets_max) {
    for (std::size_t i = 0; i < packets_max && !ended_; ++i) {
        Port* port = next_port();
        if (port == nullptr) {
            hear_refused_destinations(data_);
            hear_refused_destinations(token_);
            return;
        }
        hear(port->inbox.take());
    }
    more_ = true;
}

// 4.9.6: data first, and once the core prefers it, the token. The token's socket is emptied before
// data's is asked for the last time: so what was multicast before a token was passed is handled
// before it, although it came another way (pitfall 2).
Driver::Port* Driver::next_port() {
    const bool ask = std::exchange(look_at_token_, false);
    if (token_.inbox.empty() && (data_.inbox.empty() || ask)) token_.refill();
    if (token_first_ && !token_.inbox.empty()) return &token_;
    if (data_.refill()) return &data_;
    return token_.inbox.empty() ? nullptr : &token_;
}

void Driver::hear(Received received) {
    ++packets_received_;
    const auto refused = [&](Refusal refusal) {
        refused_from_[static_cast<std::size_t>(refusal)] = received.from;
    };
    if (received.truncated) {
        refused(Refusal::truncated);
        return opener_.count(Refusal::truncated);
    }
    std::optional<NodeId> addressed_as;
    if (seal_context_.keys.empty()) {
        const auto found = sockets_.node_at.find(received.from.address());
        if (found != sockets_.node_at.end()) addressed_as = found->second;
    }
    const auto result = opener_.open({received.block.data(), received.size}, addressed_as,
                                     sealer_.boot_nonce(), now_);
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
        refused(*refusal);
        if (*refusal == Refusal::clone)
            end(Broken{"another processor runs with our identity: give every machine its own node "
                       "number, and never copy the state file to another machine"});
        return;
    }
    const Opened opened = std::get<Opened>(result);
    if (drop_membership_ && (opened.type == PacketType::join || opened.type == PacketType::commit))
        return;
    const Bytes datagram = received.block.freeze(received.size);
    step(membership::PacketArrived{opened.sender, opened.type,
                                   datagram.slice(envelope_size, opened.body.size())});
}

void Driver::hear_refused_destinations(Port& port) {
    for (const Endpoint& destination : take_refused_destinations(port.socket.native_handle())) {
        const auto found = sockets_.node_at.find(destination.address());
        if (found != sockets_.node_at.end()) step(membership::PeerUnreachable{found->second});
    }
}

} // namespace net
