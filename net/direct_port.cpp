#include "net/direct_port.h"

#include "net/clock.h"
#include "net/logs.h"

#include <algorithm>
#include <sys/socket.h>

namespace net {

namespace {

SealContext direct_context(const NodeOptions& options, ProcessorId self) {
    std::vector<Key> keys;
    if (!options.key_file.empty()) keys = read_key_file(options.key_file).keys;
    return {options.cluster, self, std::move(keys), "direct"};
}

Descriptor opened(const SocketPlan& plan, std::uint16_t port) {
    std::vector<std::string> warnings;
    Descriptor socket = open_unicast(plan, port, warnings);
    for (const std::string& warning : warnings)
        logs::ring().debug("{}", warning); // what does not fit is repeated or comes by the ring
    return socket;
}

} // namespace

DirectPort::DirectPort(const NodeOptions& options, ProcessorId self)
    : options_(options), plan_(plan_sockets(options)), socket_(opened(plan_, options.direct_port)),
      sealed_(!options.key_file.empty()), sealer_(direct_context(options, self)),
      opener_(direct_context(options, self), {}),
      content_max_(plan_.mtu - header_size(plan_.own) - sealer_.overhead()),
      outgoing_(content_max_ + sealer_.overhead()), pool_(outgoing_.size()), inbox_(pool_, false) {
    know(plan_.others);
}

void DirectPort::set_addresses(const std::map<NodeId, std::string>& addresses) {
    NodeOptions changed = options_;
    changed.addresses = addresses;
    know(parse_addresses(changed).others);
    options_ = std::move(changed);
}

void DirectPort::know(const std::map<NodeId, Address>& others) {
    std::vector<NodeId> nodes = {options_.self};
    node_at_.clear();
    for (const auto& [node, address] : others) {
        nodes.push_back(node);
        node_at_[address] = node;
    }
    plan_.others = others;
    opener_.hear_only(nodes);
}

void DirectPort::send(NodeId to, const Bytes& content) {
    const auto address = plan_.others.find(to);
    if (address == plan_.others.end() || content.size() > content_max_) return;
    std::ranges::copy(content.span(), outgoing_.begin() + envelope_size);
    const std::size_t size = sealer_.seal(PacketType::direct, outgoing_, content.size());
    const Endpoint destination(address->second, options_.direct_port);
    // A first failure may be an earlier datagram's.
    for (int attempt = 0; attempt < 2; ++attempt)
        if (::sendto(socket_.get(), outgoing_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL,
                     destination.data(), static_cast<socklen_t>(destination.size())) >= 0)
            return;
}

bool DirectPort::receive(const std::function<void(ProcessorId, const Bytes&)>& handle) {
    // Also of those that nobody listened to we are told here: that is no news, they are just lost.
    if (!inbox_.receive(socket_.get())) take_refused_destinations(socket_.get()).clear();
    while (!inbox_.empty()) {
        const Received received = inbox_.take();
        if (const auto packet = open(received))
            handle(packet->sender, received.share(packet->body));
    }
    return !inbox_.drained();
}

std::optional<Opened> DirectPort::open(const Received& received) {
    if (received.truncated) {
        opener_.count(Refusal::truncated);
        return std::nullopt;
    }
    std::optional<NodeId> addressed_as;
    if (!sealed_)
        if (const auto found = node_at_.find(received.from.address()); found != node_at_.end())
            addressed_as = found->second;
    const auto result =
        opener_.open(received.bytes, addressed_as, sealer_.boot_nonce(), BootClock::now());
    const Opened* const packet = std::get_if<Opened>(&result);
    if (packet == nullptr || packet->type != PacketType::direct) return std::nullopt;
    return *packet;
}

} // namespace net
