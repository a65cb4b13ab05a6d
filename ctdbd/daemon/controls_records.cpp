// Controls about single records (ctdb-wire.md 3.3.5; ctdb-behaviour.md 3.8).
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/databases.h"
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

// A transaction without a client's lock. A volatile record is its owner's, and no message changes
// it.
ControlOutcome update_record(const ControlCall& call) { return call.daemon.commits.asked(call); }

ControlOutcome db_vacuum(const ControlCall& call) {
    const auto vacuum = protocol::decode<protocol::DbVacuum>(call.control.data);
    if (!vacuum) return refused(fmt::format("{}", vacuum.error()));
    const DatabaseEntry* const entry = call.daemon.databases.find(vacuum->db_id);
    if (entry == nullptr) return refused("no such database");
    if (entry->kind != DatabaseKind::is_volatile) return refused("it is not volatile");
    if (call.daemon.records.frozen()) return refused("this node does not serve now");
    const bool begun = call.daemon.records.vacuum_now(
        vacuum->db_id, vacuum->full, [reply = call.reply] { reply(ReplyControl::done()); });
    if (!begun) return refused("it is being vacuumed");
    return std::nullopt;
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::schedule_for_deletion, schedule_for_deletion},
    {Opcode::update_record, update_record},
    {Opcode::db_vacuum, db_vacuum},
});

} // namespace

std::span<const ControlRow> record_controls() { return rows; }

} // namespace ctdbd::daemon
