#include "ctdbd/daemon/sections.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/records.h"
#include "net/logs.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

using protocol::Opcode;
using protocol::ReplyControl;

namespace {

// Set for this node's own purposes, and meaningless in a backup.
constexpr std::uint32_t readonly_flags = 0x0F00'0000;

Bytes without_readonly_flags(const Bytes& value) {
    protocol::LtdbHeader header = *protocol::read_ltdb_header(value.span());
    header.flags &= ~readonly_flags;
    return protocol::record_value(header, value.span().subspan(protocol::ltdb_header_size));
}

} // namespace

// -- freeze and thaw

ControlOutcome Sections::freeze(const ControlCall& call, DatabaseId db) {
    const DatabaseEntry* const entry = daemon_.databases.find(db);
    if (entry == nullptr) return refused("no such database");
    if (sections_.contains(db)) return ReplyControl::done();
    sections_[db].tool = call.from;
    // Clients only read a persistent or replicated file, and what they commit is refused meanwhile.
    if (entry->committed != nullptr) return ReplyControl::done();
    daemon_.records.hold(db, [reply = call.reply] { reply(ReplyControl::done()); });
    return std::nullopt;
}

ControlOutcome Sections::thaw(DatabaseId db) {
    if (daemon_.databases.find(db) == nullptr) return refused("no such database");
    const auto section = sections_.find(db);
    if (section == sections_.end()) return ReplyControl::done();
    stop_listening(section->second);
    sections_.erase(section);
    daemon_.records.release(db);
    return ReplyControl::done();
}

void Sections::forget(DatabaseId db) {
    if (const auto section = sections_.find(db); section != sections_.end())
        stop_listening(section->second);
    sections_.erase(db);
}

// -- the transaction

ControlOutcome Sections::start(DatabaseId db, std::uint32_t transaction) {
    const auto section = sections_.find(db);
    if (section == sections_.end()) return refused("the database is not frozen");
    stop_listening(section->second);
    section->second = {.tool = section->second.tool, .transaction = transaction, .pushed = {}};
    return ReplyControl::done();
}

Sections::Section* Sections::in_transaction(DatabaseId db, std::uint32_t transaction) {
    const auto section = sections_.find(db);
    if (section == sections_.end() || section->second.transaction != transaction) return nullptr;
    return &section->second;
}

ControlOutcome Sections::wipe(DatabaseId db, std::uint32_t transaction) {
    Section* const section = in_transaction(db, transaction);
    if (section == nullptr) return refused("no such transaction is running on this database");
    section->wiped = true;
    section->pushed.clear();
    return ReplyControl::done();
}

ControlOutcome Sections::cancel(DatabaseId db) {
    if (daemon_.databases.find(db) == nullptr) return refused("no such database");
    const auto section = sections_.find(db);
    if (section == sections_.end()) return ReplyControl::done();
    stop_listening(section->second);
    section->second = {.tool = section->second.tool, .transaction = {}, .pushed = {}};
    return ReplyControl::done();
}

// -- pushed records

ControlOutcome Sections::push(DatabaseId db, std::uint64_t srvid) {
    const auto section = sections_.find(db);
    if (section == sections_.end()) return refused("the database is not frozen");
    stop_listening(section->second);
    section->second.pushing = srvid;
    section->second.received = 0;
    daemon_.messenger.listen(srvid,
                             [this, db, srvid](const Bytes& data) { take(db, srvid, data); });
    return ReplyControl::done();
}

void Sections::stop_listening(Section& section) {
    if (section.pushing) daemon_.messenger.stop_listening(*section.pushing);
    section.pushing.reset();
}

// The database that the buffer names may be any (ctdb-wire.md 3.3.9).
void Sections::take(DatabaseId db, std::uint64_t srvid, const Bytes& data) {
    const auto section = sections_.find(db);
    if (section == sections_.end() || section->second.pushing != srvid) return;
    const auto buffer = protocol::decode<protocol::MarshallBuffer>(data);
    if (!buffer) {
        logs::databases().warn("records pushed to database 0x{:08x} are malformed: {}", db,
                               buffer.error());
        return;
    }
    for (const protocol::RecordData& record : buffer->records) {
        if (record.data.size() < protocol::ltdb_header_size) continue; // the count will not agree
        section->second.pushed[std::string(record.key.view())] =
            without_readonly_flags(record.data);
        ++section->second.received;
    }
}

// Messages that were sent before it are delivered before it is answered.
ControlOutcome Sections::confirm_push(const ControlCall& call, DatabaseId db) {
    if (!sections_.contains(db) || !sections_.at(db).pushing)
        return refused("nothing is being pushed to this database");
    daemon_.disk.when_idle([this, db, reply = call.reply] {
        const auto section = sections_.find(db);
        if (section == sections_.end() || !section->second.pushing) {
            reply(refused("the section has ended"));
            return;
        }
        stop_listening(section->second);
        reply(ReplyControl::done(protocol::encode(section->second.received)));
    });
    return std::nullopt;
}

// -- pulled records

ControlOutcome Sections::pull(const ControlCall& call, DatabaseId db, std::uint64_t srvid) {
    const DatabaseEntry* const entry = daemon_.databases.find(db);
    if (entry == nullptr || !sections_.contains(db)) return refused("the database is not frozen");
    const std::size_t size_max = daemon_.tunables[config::Tunable::rec_buffer_size_limit];
    protocol::MarshallBuffer buffer{.db_id = db, .records = {}};
    std::size_t size = 0;
    std::uint32_t count = 0;
    const auto flush = [&] {
        if (!buffer.records.empty())
            daemon_.messenger.send(call.from, srvid, protocol::encode(buffer));
        buffer.records.clear();
        size = 0;
    };
    const auto add = [&](const Bytes& key, const Bytes& value) {
        if (value.size() < protocol::ltdb_header_size) return;
        buffer.records.push_back({.reqid = 0, .key = key, .data = value});
        size += key.size() + value.size();
        ++count;
        if (size >= size_max) flush();
    };
    if (entry->committed == nullptr) {
        VolatileFile* const file = daemon_.records.find(db);
        if (!file->is_shut()) return refused("a client has not left the database yet");
        file->file().scan(
            [&](ByteSpan key, ByteSpan value) { add(Bytes::copy_of(key), Bytes::copy_of(value)); });
    } else if (const statedb::Content* const content = daemon_.cluster.databases().content(db)) {
        for (const auto& [key, value] : *content)
            add(Bytes::copy_of(std::string_view(key)), value);
    }
    flush();
    daemon_.disk.when_idle(
        [count, reply = call.reply] { reply(ReplyControl::done(protocol::encode(count))); });
    return std::nullopt;
}

// -- the decision

// All active nodes are asked to commit and have the same content; one order is enough.
bool Sections::writes_for_all() const {
    const auto active = daemon_.nodes.destinations(protocol::pnn::broadcast_active);
    return !active.empty() && std::ranges::min(active) == daemon_.nodes.self();
}

ControlOutcome Sections::commit(const ControlCall& call, DatabaseId db, std::uint32_t transaction) {
    Section* const section = in_transaction(db, transaction);
    if (section == nullptr) return refused("no such transaction is running on this database");
    if (!section->wiped && !section->pushed.empty())
        return refused("pushed records take the place of all others: wipe the database first");
    section->transaction.reset();
    const bool changes = std::exchange(section->wiped, false);
    const Content content = std::exchange(section->pushed, {});
    if (!changes || !writes_for_all()) return ReplyControl::done();
    logs::databases().info("database 0x{:08x} is replaced by {} records", db, content.size());
    if (daemon_.databases.find(db)->committed != nullptr)
        replace_committed(db, content, call.reply);
    else
        replace_volatile(db, content, call.reply);
    return std::nullopt;
}

void Sections::replace_committed(DatabaseId db, const Content& content, ControlCall::Reply reply) {
    std::vector<statedb::Write> writes;
    for (const auto& [key, value] : content)
        writes.push_back({key, value});
    daemon_.commits.replace(db, std::move(writes), std::move(reply));
}

// A backup has empty records, too: those do not exist.
void Sections::replace_volatile(DatabaseId db, const Content& content, ControlCall::Reply reply) {
    RecordWorld::Contents records;
    for (const auto& [key, value] : content)
        if (value.size() > protocol::ltdb_header_size)
            records[key] =
                value.slice(protocol::ltdb_header_size, value.size() - protocol::ltdb_header_size);
    daemon_.records.replace(db, std::move(records),
                            [reply = std::move(reply)] { reply(ReplyControl::done()); });
}

// -- the end of tools

void Sections::passed_on(ClientId client, Pnn destnode, const protocol::Control& control) {
    const bool opens = control.opcode == Opcode::db_freeze;
    if (!opens && control.opcode != Opcode::db_thaw) return;
    const auto db = protocol::decode<std::uint32_t>(control.data);
    if (!db) return;
    if (opens)
        opened_[client].emplace(*db, destnode);
    else if (const auto opened = opened_.find(client); opened != opened_.end())
        opened->second.erase({*db, destnode});
}

void Sections::client_gone(ClientId client) {
    const auto opened = opened_.extract(client);
    if (!opened) return;
    for (const auto& [db, destnode] : opened.mapped())
        daemon_.controls.tell(destnode, {.opcode = Opcode::db_thaw,
                                         .srvid = 0,
                                         .client_id = 0,
                                         .flags = protocol::control_flag::noreply,
                                         .data = protocol::encode(db)});
}

void Sections::node_gone(Pnn pnn) {
    std::vector<DatabaseId> ended;
    for (const auto& [db, section] : sections_)
        if (section.tool == pnn) ended.push_back(db);
    for (const DatabaseId db : ended) {
        logs::databases().warn("node {} is gone, whose tool had database 0x{:08x} to itself", pnn,
                               db);
        (void)thaw(db);
    }
}

} // namespace ctdbd::daemon
