// The only file that knows nodes.proto.
#include "statedb/nodes_codec.h"

#include "base/match.h"
#include "statedb/codec.h"
#include "statedb/nodes.pb.h"

namespace statedb {

Bytes encode(const NodeCommand& command) {
    wire::NodeCommand out;
    std::visit(base::Match{[&](const NodeSays& says) {
                               out.mutable_says()->set_flags(says.flags);
                               out.mutable_says()->set_run_state(says.run_state);
                               out.mutable_says()->set_capabilities(says.capabilities);
                           },
                           [&](const NodeRecover&) { out.mutable_recover(); }},
               command);
    return bytes_of(out);
}

std::optional<NodeCommand> decode_node_command(const Bytes& bytes) {
    wire::NodeCommand in;
    if (!parsed(in, bytes)) return std::nullopt;
    switch (in.content_case()) {
    case wire::NodeCommand::kSays:
        return NodeSays{.flags = in.says().flags(),
                        .run_state = in.says().run_state(),
                        .capabilities = in.says().capabilities()};
    case wire::NodeCommand::kRecover:
        return NodeRecover{};
    case wire::NodeCommand::CONTENT_NOT_SET:
        break;
    }
    return std::nullopt;
}

} // namespace statedb
