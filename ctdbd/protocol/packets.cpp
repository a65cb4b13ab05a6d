#include "ctdbd/protocol/packets.h"

#include "ctdbd/protocol/layout.h"

namespace ctdbd::protocol {
namespace {

constexpr std::size_t alignment = 8;
constexpr std::size_t daemon_size_min = 48; // of what the stock daemon sends as a reply or message

std::size_t padded_size(std::size_t size, Operation operation, Padding padding) {
    if (padding == Padding::none) return size;
    const bool has_minimum = operation == Operation::reply_call ||
                             operation == Operation::reply_control ||
                             operation == Operation::req_message;
    if (padding == Padding::daemon && has_minimum) size = std::max(size, daemon_size_min);
    return (size + alignment - 1) / alignment * alignment;
}

// Present if there is room for it; what a padded packet without it shows then is 0 or nothing.
void layout_record_flags(Reader& io, std::optional<std::uint32_t>& flags) {
    flags.reset();
    if (io.left() >= sizeof(std::uint32_t)) io.number("record_flags", flags.emplace());
}

void layout_record_flags(Writer& io, const std::optional<std::uint32_t>& flags) {
    if (flags) io.number("record_flags", *flags);
}

void check_reply(const auto&) {}

void check_reply(const ReplyControl& reply) {
    base::check(reply.status == 0 || reply.data.empty(),
                "a status other than 0 comes without data");
}

} // namespace

void layout(auto& io, Is<Call> auto& call) {
    io.number("flags", call.flags);
    io.number("db_id", call.db_id);
    io.number("callid", call.callid);
    io.number("hopcount", call.hopcount);
    const std::uint32_t key_size = io.length("keylen", call.key.size());
    const std::uint32_t data_size = io.length("calldatalen", call.data.size());
    io.blob("key", call.key, key_size);
    io.blob("calldata", call.data, data_size);
}

void layout(auto& io, Is<ReplyCall> auto& reply) {
    io.number("status", reply.status);
    const std::uint32_t size = io.length("datalen", reply.data.size());
    io.blob("data", reply.data, size);
}

void layout(auto& io, Is<Dmaster> auto& dmaster) {
    io.number("db_id", dmaster.db_id);
    io.pad(4);
    io.number("rsn", dmaster.rsn);
    io.number("dmaster", dmaster.dmaster);
    const std::uint32_t key_size = io.length("keylen", dmaster.key.size());
    const std::uint32_t data_size = io.length("datalen", dmaster.data.size());
    io.blob("key", dmaster.key, key_size);
    io.blob("data", dmaster.data, data_size);
    layout_record_flags(io, dmaster.record_flags);
}

void layout(auto& io, Is<ReplyDmaster> auto& reply) {
    io.number("db_id", reply.db_id);
    io.pad(4);
    io.number("rsn", reply.rsn);
    const std::uint32_t key_size = io.length("keylen", reply.key.size());
    const std::uint32_t data_size = io.length("datalen", reply.data.size());
    io.blob("key", reply.key, key_size);
    io.blob("data", reply.data, data_size);
    layout_record_flags(io, reply.record_flags);
}

void layout(auto& io, Is<ReplyError> auto& error) {
    io.number("status", error.status);
    length_and_text(io, "message", error.message);
}

void layout(auto& io, Is<Message> auto& message) {
    io.number("srvid", message.srvid);
    const std::uint32_t size = io.length("datalen", message.data.size());
    io.blob("data", message.data, size);
}

void layout(auto& io, Is<Opcode> auto& opcode) {
    auto number = static_cast<std::uint32_t>(opcode);
    io.number("opcode", number);
    if constexpr (!std::is_const_v<std::remove_reference_t<decltype(opcode)>>)
        opcode = Opcode{number};
}

void layout(auto& io, Is<Control> auto& control) {
    layout(io, control.opcode);
    io.pad(4);
    io.number("srvid", control.srvid);
    io.number("client_id", control.client_id);
    io.number("flags", control.flags);
    const std::uint32_t size = io.length("datalen", control.data.size());
    io.blob("data", control.data, size);
}

void layout(auto& io, Is<ReplyControl> auto& reply) {
    io.number("status", reply.status);
    const std::uint32_t data_size = io.length("datalen", reply.data.size());
    const std::uint32_t error_size = io.length("errorlen", reply.error.size());
    io.blob("data", reply.data, data_size);
    io.raw_text("error", reply.error, error_size);
}

void layout(auto& io, Is<Keepalive> auto& keepalive) {
    io.number("version", keepalive.version);
    io.number("uptime", keepalive.uptime);
}

void layout(auto& io, Is<Tunnel> auto& tunnel) {
    io.number("tunnel_id", tunnel.tunnel_id);
    io.number("flags", tunnel.flags);
    const std::uint32_t size = io.length("datalen", tunnel.data.size());
    io.blob("data", tunnel.data, size);
}

// Packets may be padded.
template <class T>
requires requires { T::operation; }
inline constexpr Tail tail_of<T> = Tail::ignored;

template <class Body>
Bytes encode_packet(Header header, const Body& body, Padding padding) {
    check_reply(body);
    Writer io;
    io.number("length", std::uint32_t{0});
    io.number("magic", packet_magic);
    io.number("version", packet_version);
    io.number("generation", header.generation);
    io.number("operation", static_cast<std::uint32_t>(Body::operation));
    io.number("destnode", header.destnode);
    io.number("srcnode", header.srcnode);
    io.number("reqid", header.reqid);
    layout(io, body);
    io.pad(padded_size(io.size(), Body::operation, padding) - io.size());
    base::check(io.size() <= packet_size_max, "a packet keeps within the limit");
    io.patch(0, static_cast<std::uint32_t>(io.size()));
    return io.finish();
}

template Decoded<Call> decode(const Bytes&);
template Decoded<ReplyCall> decode(const Bytes&);
template Decoded<Dmaster> decode(const Bytes&);
template Decoded<ReplyDmaster> decode(const Bytes&);
template Decoded<ReplyError> decode(const Bytes&);
template Decoded<Message> decode(const Bytes&);
template Decoded<Control> decode(const Bytes&);
template Decoded<ReplyControl> decode(const Bytes&);
template Decoded<Keepalive> decode(const Bytes&);
template Decoded<Tunnel> decode(const Bytes&);

template Bytes encode_packet(Header, const Call&, Padding);
template Bytes encode_packet(Header, const ReplyCall&, Padding);
template Bytes encode_packet(Header, const Dmaster&, Padding);
template Bytes encode_packet(Header, const ReplyDmaster&, Padding);
template Bytes encode_packet(Header, const ReplyError&, Padding);
template Bytes encode_packet(Header, const Message&, Padding);
template Bytes encode_packet(Header, const Control&, Padding);
template Bytes encode_packet(Header, const ReplyControl&, Padding);
template Bytes encode_packet(Header, const Keepalive&, Padding);
template Bytes encode_packet(Header, const Tunnel&, Padding);

} // namespace ctdbd::protocol
