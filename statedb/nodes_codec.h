// Commands of the nodes service (statedb/nodes.proto), as values.
#pragma once

#include "statedb/nodes.h"

namespace statedb {

struct NodeRecover {
    friend bool operator==(const NodeRecover&, const NodeRecover&) = default;
};

using NodeCommand = std::variant<NodeSays, NodeRecover>;

[[nodiscard]] Bytes encode(const NodeCommand& command);
// None: malformed, or a kind that only a later version knows.
[[nodiscard]] std::optional<NodeCommand> decode_node_command(const Bytes& bytes);

} // namespace statedb
