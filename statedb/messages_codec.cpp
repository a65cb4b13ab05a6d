#include "statedb/messages_codec.h"

#include "statedb/messages.pb.h"

namespace statedb {

namespace {

constexpr std::size_t length_size = 2; // of the head, little endian, in front of it

} // namespace

Bytes encode(const NodeMessage& message) {
    wire::MessageHead head;
    head.set_form(static_cast<wire::MessageHead::Form>(message.form));
    for (const NodeId target : message.targets)
        head.add_targets(target);
    head.set_kind(message.kind);
    head.set_ticket(message.ticket);
    head.set_life(message.life);
    const std::size_t size = head.ByteSizeLong();
    check(size <= 0xffff, "a list of all nodes fits the head");

    WritableBytes out(length_size + size + message.content.size());
    out.data()[0] = static_cast<std::uint8_t>(size);
    out.data()[1] = static_cast<std::uint8_t>(size >> 8);
    head.SerializeWithCachedSizesToArray(out.data() + length_size);
    if (!message.content.empty())
        std::memcpy(out.data() + length_size + size, message.content.data(),
                    message.content.size());
    return out.freeze(length_size + size + message.content.size());
}

std::optional<NodeMessage> decode_node_message(const Bytes& bytes) {
    if (bytes.size() < length_size) return std::nullopt;
    const std::size_t size = bytes.data()[0] | std::size_t{bytes.data()[1]} << 8;
    if (bytes.size() - length_size < size) return std::nullopt;
    wire::MessageHead head;
    const bool parsed = head.ParseFromArray(bytes.data() + length_size, static_cast<int>(size));
    if (!parsed || !wire::MessageHead::Form_IsValid(head.form())) return std::nullopt;
    NodeMessage message{.form = static_cast<NodeMessage::Form>(head.form()),
                        .targets = {head.targets().begin(), head.targets().end()},
                        .kind = head.kind(),
                        .ticket = head.ticket(),
                        .life = head.life(),
                        .content = {}};
    const std::size_t start = length_size + size;
    message.content = bytes.slice(start, bytes.size() - start);
    return message;
}

} // namespace statedb
