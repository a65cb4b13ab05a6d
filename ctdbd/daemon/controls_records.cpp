// Controls about single records (ctdb-wire.md 3.3.5; ctdb-behaviour.md 3.8).
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/records.h"

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

// A hint, sent with the chain of the record still locked by the sender.
ControlOutcome schedule_for_deletion(const ControlCall& call) {
    const auto key = protocol::decode<protocol::KeyData>(call.control.data);
    if (!key) return refused(fmt::format("{}", key.error()));
    const DatabaseEntry* const entry = call.daemon.databases.find(key->db_id);
    if (entry == nullptr) return refused("no such database");
    if (entry->kind == DatabaseKind::is_volatile)
        call.daemon.records.schedule_for_deletion({key->db_id, std::string(key->key.view())});
    return ReplyControl::done();
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::schedule_for_deletion, schedule_for_deletion},
});

} // namespace

std::span<const ControlRow> record_controls() { return rows; }

} // namespace ctdbd::daemon
