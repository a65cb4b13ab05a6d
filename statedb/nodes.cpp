#include "statedb/nodes.h"

#include "base/match.h"
#include "statedb/nodes_codec.h"

#include <utility>

namespace statedb {

Nodes::Nodes(const NodesSettings& settings) : settings_(settings), said_(settings.first) {
    rows_[settings.self.node] = said_;
}

// -- local requests -----------------------------------------------------------------------------

// Our rows are ordered as we submit them, so the last one said is the last one heard.
void Nodes::say(const NodeSays& says, Outbox& out) {
    if (std::exchange(said_, says) != says) out.submit(id(), encode(says), Service::agreed);
}

void Nodes::change_flags(std::uint32_t set, std::uint32_t cleared, Outbox& out) {
    NodeSays says = said_;
    says.flags = (says.flags | set) & ~cleared;
    say(says, out);
}

void Nodes::set_run_state(std::uint32_t state, Outbox& out) {
    NodeSays says = said_;
    says.run_state = state;
    say(says, out);
}

void Nodes::set_capability(std::uint32_t capability, bool has, Outbox& out) {
    NodeSays says = said_;
    says.capabilities = has ? says.capabilities | capability : says.capabilities & ~capability;
    say(says, out);
}

void Nodes::ban(Duration length, Outbox& out) {
    banned_until_ = out.now() + length;
    change_flags(settings_.banned, 0, out);
}

void Nodes::end_ban(Outbox& out) {
    banned_until_.reset();
    change_flags(0, settings_.banned, out);
}

void Nodes::recover(Outbox& out) { out.submit(id(), encode(NodeRecover{}), Service::agreed); }

void Nodes::tick(Outbox& out) {
    if (!banned_until_ || out.now() < *banned_until_) return;
    banned_until_.reset();
    effects_.emplace_back(BanExpired{});
}

std::vector<NodeEffect> Nodes::take_effects() { return std::exchange(effects_, {}); }

// -- ordered ------------------------------------------------------------------------------------

void Nodes::apply(const Command& command, Outbox& out) {
    (void)out;
    const auto decoded = decode_node_command(command.payload);
    if (!decoded) return; // no version of ours says that
    std::visit(base::Match{[&](const NodeSays& says) { heard(command.sender.node, says); },
                           [&](const NodeRecover&) {
                               ++turns_;
                               effects_.emplace_back(TurnBegan{});
                           }},
               *decoded);
}

// The first row in a configuration belongs to it: who knows which older ones differs from member to
// member, and all must count the same turns.
void Nodes::heard(NodeId node, const NodeSays& says) {
    const NodeSays before = std::exchange(rows_[node], says);
    const bool first = heard_.insert(node).second;
    if (!first && before == says) return;
    effects_.emplace_back(NodeChanged{.node = node, .before = before, .now = says});
    if (first || !begins_turn(before, says)) return;
    ++turns_;
    effects_.emplace_back(TurnBegan{});
}

bool Nodes::begins_turn(const NodeSays& before, const NodeSays& now) const {
    return ((before.flags ^ now.flags) & settings_.flags_of_turns) != 0 ||
           ((before.capabilities ^ now.capabilities) & settings_.capabilities_of_turns) != 0;
}

void Nodes::configured(const View& view, Outbox& out) {
    (void)view;
    turns_ = 0;
    heard_.clear();
    out.submit(id(), encode(said_), Service::agreed);
}

} // namespace statedb
