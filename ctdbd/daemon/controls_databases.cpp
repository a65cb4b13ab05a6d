// Controls about whole databases: attach, names, paths, flags, health, sequence numbers, commits
// (ctdb-wire.md 3.3.5, 3.3.6).
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/databases.h"
#include "ctdbd/protocol/records.h"

#include <array>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

DatabaseEntry* entry_of(const ControlCall& call) {
    const auto id = protocol::decode<std::uint32_t>(call.control.data);
    return id ? call.daemon.databases.find(*id) : nullptr;
}

ReplyControl unknown_database() { return refused("no such database"); }

ControlOutcome db_attach(const ControlCall& call) {
    return call.daemon.attaching.asked(call, DatabaseKind::is_volatile);
}

ControlOutcome db_attach_persistent(const ControlCall& call) {
    return call.daemon.attaching.asked(call, DatabaseKind::is_persistent);
}

ControlOutcome db_attach_replicated(const ControlCall& call) {
    return call.daemon.attaching.asked(call, DatabaseKind::is_replicated);
}

ControlOutcome db_detach(const ControlCall& call) {
    return call.daemon.attaching.asked_to_detach(call);
}

ControlOutcome getdbpath(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    return ReplyControl::done(protocol::encode_string(entry->path.string()));
}

ControlOutcome get_dbname(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    return ReplyControl::done(protocol::encode_string(entry->name));
}

ControlOutcome get_dbmap(const ControlCall& call) {
    protocol::DbMap map;
    for (const DatabaseEntry* const entry : call.daemon.databases.newest_first())
        map.databases.push_back({entry->id, entry->flags()});
    return ReplyControl::done(protocol::encode(map));
}

ControlOutcome db_open_flags(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    const std::int32_t flags = call.daemon.databases.open_flags(*entry);
    return ReplyControl::done(protocol::encode(flags));
}

ControlOutcome db_get_health(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    const std::string why = call.daemon.databases.sickness(*entry);
    return ReplyControl::done(
        protocol::encode_string(why.empty() ? std::nullopt : std::optional(why)));
}

ControlOutcome db_set_healthy(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    call.daemon.databases.set_healthy(*entry);
    return ReplyControl::done();
}

ControlOutcome set_local_flag(const ControlCall& call, std::uint8_t flag) {
    DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    if (entry->kind != DatabaseKind::is_volatile) return refused("it is not volatile");
    entry->local_flags |= flag;
    if (flag == protocol::db_flag::sticky) call.daemon.records.make_sticky(entry->id);
    if (flag == protocol::db_flag::readonly) call.daemon.records.make_readonly(entry->id);
    return ReplyControl::done();
}

ControlOutcome set_db_readonly(const ControlCall& call) {
    return set_local_flag(call, protocol::db_flag::readonly);
}

ControlOutcome set_db_sticky(const ControlCall& call) {
    return set_local_flag(call, protocol::db_flag::sticky);
}

ControlOutcome enable_seqnum(const ControlCall& call) {
    DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    call.daemon.sequence_numbers.enable(*entry);
    return ReplyControl::done();
}

ControlOutcome update_seqnum(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    if (call.from != call.daemon.nodes.self())
        call.daemon.sequence_numbers.changed_elsewhere(entry->id);
    return ReplyControl::done();
}

std::uint64_t number_in(const Bytes& data) {
    const auto number = protocol::decode<std::uint64_t>(data);
    return number ? *number : 0;
}

ControlOutcome get_db_seqnum(const ControlCall& call) {
    const auto request = protocol::decode<protocol::SeqnumRequest>(call.control.data);
    const DatabaseEntry* const entry =
        request ? call.daemon.databases.find(request->db_id) : nullptr;
    if (entry == nullptr) return unknown_database();
    if (entry->committed != nullptr) {
        const auto status = call.daemon.cluster.databases().find(entry->id);
        const std::uint64_t sequence = status ? status->sequence : 0;
        return ReplyControl::done(protocol::encode(sequence));
    }
    VolatileFile* const file = call.daemon.records.find(entry->id);
    const Bytes key = Bytes::copy_of(protocol::seqnum_key);
    file->with(key, [file, key, reply = call.reply] {
        const auto value = file->file().fetch(key.span());
        const bool whole = value && value->size() == protocol::ltdb_header_size + 8;
        const std::uint64_t sequence =
            whole ? number_in(value->slice(protocol::ltdb_header_size, 8)) : 0;
        reply(ReplyControl::done(protocol::encode(sequence)));
    });
    return std::nullopt;
}

ControlOutcome trans3_commit(const ControlCall& call) { return call.daemon.commits.asked(call); }

// Once said around each commit, which has long been a single step.
ControlOutcome persistent_update(const ControlCall& /*call*/) { return ReplyControl::done(); }

ControlOutcome get_db_statistics(const ControlCall& call) {
    const DatabaseEntry* const entry = entry_of(call);
    if (entry == nullptr) return unknown_database();
    protocol::DbStatistics statistics;
    if (VolatileFile* const file = call.daemon.records.find(entry->id)) {
        statistics.locks = file->lock_statistics();
        call.daemon.records.add_statistics(entry->id, statistics);
    }
    return ReplyControl::done(protocol::encode(statistics));
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::db_attach, db_attach},
    {Opcode::db_attach_persistent, db_attach_persistent},
    {Opcode::db_attach_replicated, db_attach_replicated},
    {Opcode::db_detach, db_detach},
    {Opcode::getdbpath, getdbpath},
    {Opcode::get_dbname, get_dbname},
    {Opcode::get_dbmap, get_dbmap},
    {Opcode::db_open_flags, db_open_flags},
    {Opcode::db_get_health, db_get_health},
    {Opcode::db_set_healthy, db_set_healthy},
    {Opcode::set_db_readonly, set_db_readonly},
    {Opcode::set_db_sticky, set_db_sticky},
    {Opcode::enable_seqnum, enable_seqnum},
    {Opcode::update_seqnum, update_seqnum},
    {Opcode::get_db_seqnum, get_db_seqnum},
    {Opcode::trans3_commit, trans3_commit},
    {Opcode::start_persistent_update, persistent_update},
    {Opcode::cancel_persistent_update, persistent_update},
    {Opcode::get_db_statistics, get_db_statistics},
});

} // namespace

std::span<const ControlRow> database_controls() { return rows; }

} // namespace ctdbd::daemon
