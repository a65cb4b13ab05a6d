// Packets in: which socket is read first, and what becomes of a datagram (totem.md 4.9.6, 7.3).
#include "net/driver.h"

#include <fmt/format.h>

namespace net {

void Driver::read_packets(std::size_t packets_max) {
    for (std::size_t i = 0; i < packets_max && !ended_; ++i) {
        Port* port = next_port();
        if (port == nullptr) {
            hear_refused_destinations(data_);
            hear_refused_destinations(token_);
            return;
        }
        constexpr std::size_t burst =
            16; // for data that came together one look at the clock will do
        if (i % burst == 0 || port == &token_) now_ = BootClock::now();
        hear(port->inbox.take());
    }
    more_ = true;
}

// 4.9.6: data first, and once the core prefers it, the token. Both sockets are looked at in one
// glance before either is read: so what was multicast before a token was passed is handled before
// it, although it came another way (pitfall 2).
Driver::Port* Driver::next_port() {
    if (std::exchange(look_at_token_, false) && token_.inbox.empty()) look(false);
    if (token_first_ && token_.refill()) return &token_;
    if (data_.refill()) return &data_;
    return token_.refill() ? &token_ : nullptr;
}

void Driver::hear(const Received& received) {
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
    const auto result = opener_.open(received.bytes, addressed_as, sealer_.boot_nonce(), now_);
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
        refused(*refusal);
        if (*refusal == Refusal::clone)
            end(Broken{fmt::format("the machines {} and {} both run as node {}: give every machine "
                                   "its own node number, "
                                   "and never copy the state file to another machine",
                                   received.from.address().to_string(), plan_.own.to_string(),
                                   identity_.self.node)});
        return;
    }
    const Opened opened = std::get<Opened>(result);
    if (drop_membership_ && (opened.type == PacketType::join || opened.type == PacketType::commit))
        return;
    absorb(membership::PacketArrived{opened.sender, opened.type, received.share(opened.body)});
}

void Driver::hear_refused_destinations(Port& port) {
    if (!std::exchange(port.failed, false)) return;
    for (const Endpoint& destination : take_refused_destinations(port.socket.get())) {
        const auto found = sockets_.node_at.find(destination.address());
        if (found != sockets_.node_at.end()) step(membership::PeerUnreachable{found->second});
    }
}

} // namespace net
