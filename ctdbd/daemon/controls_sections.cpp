// Controls of tools that wipe or restore a database (ctdb-wire.md 3.3.9). What they mean:
// sections.h.
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/databases.h"

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

// Calls `step` with what the control says, if it says anything.
template <class Said, class Step>
ControlOutcome said(const ControlCall& call, Step step) {
    const auto said = protocol::decode<Said>(call.control.data);
    if (!said) return refused(fmt::format("{}", said.error()));
    return step(*said);
}

ControlOutcome db_freeze(const ControlCall& call) {
    return said<std::uint32_t>(
        call, [&](std::uint32_t db) { return call.daemon.sections.freeze(call, db); });
}

ControlOutcome db_thaw(const ControlCall& call) {
    return said<std::uint32_t>(call,
                               [&](std::uint32_t db) { return call.daemon.sections.thaw(db); });
}

ControlOutcome db_transaction_start(const ControlCall& call) {
    return said<protocol::TransDb>(call, [&](const protocol::TransDb& transaction) {
        return call.daemon.sections.start(transaction.db_id, transaction.transaction_id);
    });
}

ControlOutcome db_transaction_commit(const ControlCall& call) {
    return said<protocol::TransDb>(call, [&](const protocol::TransDb& transaction) {
        return call.daemon.sections.commit(call, transaction.db_id, transaction.transaction_id);
    });
}

ControlOutcome db_transaction_cancel(const ControlCall& call) {
    return said<std::uint32_t>(call,
                               [&](std::uint32_t db) { return call.daemon.sections.cancel(db); });
}

ControlOutcome wipe_database(const ControlCall& call) {
    return said<protocol::TransDb>(call, [&](const protocol::TransDb& transaction) {
        return call.daemon.sections.wipe(transaction.db_id, transaction.transaction_id);
    });
}

ControlOutcome db_push_start(const ControlCall& call) {
    return said<protocol::PullDb>(call, [&](const protocol::PullDb& push) {
        return call.daemon.sections.push(push.db_id, push.srvid);
    });
}

ControlOutcome db_push_confirm(const ControlCall& call) {
    return said<std::uint32_t>(
        call, [&](std::uint32_t db) { return call.daemon.sections.confirm_push(call, db); });
}

ControlOutcome db_pull(const ControlCall& call) {
    return said<protocol::PullDb>(call, [&](const protocol::PullDb& pull) {
        return call.daemon.sections.pull(call, pull.db_id, pull.srvid);
    });
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::db_freeze, db_freeze},
    {Opcode::db_thaw, db_thaw},
    {Opcode::db_transaction_start, db_transaction_start},
    {Opcode::db_transaction_commit, db_transaction_commit},
    {Opcode::db_transaction_cancel, db_transaction_cancel},
    {Opcode::wipe_database, wipe_database},
    {Opcode::db_pull, db_pull},
    {Opcode::db_push_start, db_push_start},
    {Opcode::db_push_confirm, db_push_confirm},
});

} // namespace

std::span<const ControlRow> section_controls() { return rows; }

} // namespace ctdbd::daemon
