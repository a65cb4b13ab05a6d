#include "ctdbd/protocol/nodes.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {

void layout(auto& io, Is<Node> auto& node) {
    io.number("pnn", node.pnn);
    io.number("flags", node.flags);
    layout(io, node.address);
}

void layout(auto& io, Is<NodeMap> auto& map) { list(io, "num", map.nodes, 36); }

template <>
inline constexpr Tail tail_of<NodeMap> = Tail::ignored;

void layout(auto& io, Is<VnnMap> auto& map) {
    io.number("generation", map.generation);
    list(io, "size", map.pnns, 4);
}

template <>
inline constexpr Tail tail_of<VnnMap> = Tail::ignored;

void layout(auto& io, Is<NodeFlagChange> auto& change) {
    io.number("pnn", change.pnn);
    io.number("new_flags", change.new_flags);
    io.number("old_flags", change.old_flags);
}

void layout(auto& io, Is<BanState> auto& state) {
    io.number("pnn", state.pnn);
    io.number("time", state.seconds);
}

void layout(auto& io, Is<Uptime> auto& uptime) {
    layout(io, uptime.now);
    layout(io, uptime.started);
    layout(io, uptime.recovery_started);
    layout(io, uptime.recovery_finished);
}

void layout(auto& io, Is<PidSrvid> auto& what) {
    io.number("pid", what.pid);
    io.number("srvid", what.srvid);
}

void layout(auto& io, Is<SrvidMessage> auto& message) {
    io.number("pnn", message.pnn);
    io.pad(4);
    io.number("srvid", message.srvid);
}

void layout(auto& io, Is<DisableMessage> auto& message) {
    io.number("pnn", message.pnn);
    io.pad(4);
    io.number("srvid", message.srvid);
    io.number("timeout", message.timeout);
    io.pad(4);
}

void layout(auto& io, Is<ElectionMessage> auto& message) {
    io.number("num_connected", message.num_connected);
    io.pad(4);
    layout(io, message.priority_time);
    io.number("pnn", message.pnn);
    io.number("node_flags", message.node_flags);
}

void layout(auto& io, Is<NotifyData> auto& notify) {
    io.number("srvid", notify.srvid);
    const std::uint32_t size = io.length("len", notify.data.size());
    io.blob("data", notify.data, size);
}

void layout(auto& io, Is<EchoData> auto& echo) {
    io.number("timeout", echo.timeout);
    const std::uint32_t size = io.length("len", echo.data.size());
    io.blob("data", echo.data, size);
}

template <>
inline constexpr Tail tail_of<EchoData> = Tail::ignored;

template Decoded<Timeval> decode(const Bytes&);
template Decoded<Node> decode(const Bytes&);
template Decoded<NodeMap> decode(const Bytes&);
template Decoded<VnnMap> decode(const Bytes&);
template Decoded<NodeFlagChange> decode(const Bytes&);
template Decoded<BanState> decode(const Bytes&);
template Decoded<Uptime> decode(const Bytes&);
template Decoded<PidSrvid> decode(const Bytes&);
template Decoded<SrvidMessage> decode(const Bytes&);
template Decoded<DisableMessage> decode(const Bytes&);
template Decoded<ElectionMessage> decode(const Bytes&);
template Decoded<ServerId> decode(const Bytes&);
template Decoded<NotifyData> decode(const Bytes&);
template Decoded<EchoData> decode(const Bytes&);

template Bytes encode(const Timeval&);
template Bytes encode(const Node&);
template Bytes encode(const NodeMap&);
template Bytes encode(const VnnMap&);
template Bytes encode(const NodeFlagChange&);
template Bytes encode(const BanState&);
template Bytes encode(const Uptime&);
template Bytes encode(const PidSrvid&);
template Bytes encode(const SrvidMessage&);
template Bytes encode(const DisableMessage&);
template Bytes encode(const ElectionMessage&);
template Bytes encode(const ServerId&);
template Bytes encode(const NotifyData&);
template Bytes encode(const EchoData&);

} // namespace ctdbd::protocol
