// Between Bytes and Protobuf messages: what the codecs of this floor share. Only they include it.
#pragma once

#include "statedb/service.h"

#include <google/protobuf/message_lite.h>

#include <limits>

namespace statedb {

using namespace totem;

inline Bytes bytes_of(const google::protobuf::MessageLite& message) {
    WritableBytes out(message.ByteSizeLong());
    const auto size = static_cast<std::size_t>(message.GetCachedSize());
    check(message.SerializeToArray(out.data(), static_cast<int>(size)), "our own message encodes");
    return out.freeze(size);
}

// Whether the bytes are such a message.
[[nodiscard]] inline bool parsed(google::protobuf::MessageLite& message, const Bytes& bytes) {
    return bytes.size() <= std::numeric_limits<int>::max() &&
           message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// A DirectMessage's content begins with the service that it is for.
inline Bytes bytes_of(const google::protobuf::MessageLite& message, ServiceId service) {
    WritableBytes out(1 + message.ByteSizeLong());
    out.data()[0] = static_cast<std::uint8_t>(service);
    const auto size = static_cast<std::size_t>(message.GetCachedSize());
    check(message.SerializeToArray(out.data() + 1, static_cast<int>(size)),
          "our own message encodes");
    return out.freeze(1 + size);
}

[[nodiscard]] inline bool
parsed(google::protobuf::MessageLite& message, const Bytes& bytes, ServiceId service) {
    return !bytes.empty() && bytes.data()[0] == static_cast<std::uint8_t>(service) &&
           parsed(message, bytes.slice(1, bytes.size() - 1));
}

// Each .proto has its own message for the name of a processor, some with more in it.
template <class Message>

requires requires(Message& message) { message.set_incarnation(0U); }

void put(const ProcessorId& from, Message& to) {
    to.set_node(from.node);
    to.set_incarnation(from.incarnation);
}

template <class Message>

requires requires(const Message& message) { message.incarnation(); }

[[nodiscard]] ProcessorId get(const Message& from) { return {from.node(), from.incarnation()}; }

} // namespace statedb
