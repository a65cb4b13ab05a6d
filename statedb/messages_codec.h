// A message between nodes (statedb/messages.proto), as a value. Its content is neither parsed nor
// copied: most receivers of a message to one node only look at its head.
#pragma once

#include "statedb/service.h"

namespace statedb {

struct NodeMessage {
    enum class Form : std::uint8_t { plain, question, answer };

    Form form = Form::plain;
    std::vector<NodeId> targets; // none: all
    std::uint32_t kind = 0;
    std::uint64_t ticket = 0;
    std::uint32_t life = 0;
    Bytes content;

    friend bool operator==(const NodeMessage&, const NodeMessage&) = default;
};

[[nodiscard]] Bytes encode(const NodeMessage& message);
[[nodiscard]] std::optional<NodeMessage> decode_node_message(const Bytes& bytes);

} // namespace statedb
