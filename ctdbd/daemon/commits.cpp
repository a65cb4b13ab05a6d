#include "ctdbd/daemon/commits.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/records.h"
#include "net/logs.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

using protocol::ReplyControl;

namespace {

constexpr auto refusal_delay = std::chrono::milliseconds(100);

// With what a client may leave undefined made plain, so that all members hold the same bytes; none
// if it is no record.
std::optional<statedb::Write> write_of(const protocol::RecordData& record) {
    auto header = protocol::read_ltdb_header(record.data.span());
    if (!header) return std::nullopt;
    header->flags &= ~protocol::record_flag::vacuum_migrated;
    const auto data = record.data.span().subspan(protocol::ltdb_header_size);
    return statedb::Write{std::string(record.key.view()), protocol::record_value(*header, data)};
}

} // namespace

Commits::Commits(boost::asio::io_context& loop, Daemon& daemon) : loop_(loop), daemon_(daemon) {}

ControlOutcome Commits::asked(const ControlCall& call) {
    const auto buffer = protocol::decode<protocol::MarshallBuffer>(call.control.data);
    if (!buffer) return daemon::refused(fmt::format("{}", buffer.error()));
    const DatabaseEntry* const entry = daemon_.databases.find(buffer->db_id);
    if (entry == nullptr) return daemon::refused("no such database");
    if (entry->committed == nullptr) return daemon::refused("volatile databases have no commits");
    if (const std::string why = daemon_.databases.sickness(*entry); !why.empty())
        return daemon::refused(fmt::format("the database is unhealthy: {}", why));
    if (daemon_.recovery_mode() != protocol::RecoveryMode::normal || !daemon_.nodes.self_active())
        return daemon::refused("this node does not serve now");
    if (daemon_.sections.has(buffer->db_id))
        return daemon::refused("the database is being wiped or restored");
    for (const auto& [ticket, other] : running_)
        if (other.client == call.client || other.db == buffer->db_id)
            return daemon::refused("another commit is running");
    std::vector<statedb::Write> writes;
    for (const protocol::RecordData& record : buffer->records) {
        auto write = write_of(record);
        if (!write) return daemon::refused("a record is too short for its header");
        writes.push_back(std::move(*write));
    }
    running_.emplace(++last_ticket_, Running{buffer->db_id, call.client, call.reply});
    daemon_.cluster.ask([&](statedb::Databases& databases, statedb::Outbox& out) {
        databases.commit(buffer->db_id, std::move(writes), last_ticket_, out);
    });
    return std::nullopt;
}

void Commits::replace(DatabaseId db,
                      std::vector<statedb::Write> content,
                      ControlCall::Reply reply) {
    running_.emplace(++last_ticket_, Running{db, 0, std::move(reply)});
    daemon_.cluster.ask([&](statedb::Databases& databases, statedb::Outbox& out) {
        databases.replace(db, std::move(content), last_ticket_, out);
    });
}

void Commits::committed(std::uint64_t ticket) {
    if (const auto running = running_.extract(ticket)) running.mapped().reply(ReplyControl::done());
}

void Commits::refused(std::uint64_t ticket, const std::string& why) {
    const auto running = running_.extract(ticket);
    if (!running) return;
    logs::databases().warn("a commit on database 0x{:08x} was refused: {}", running.mapped().db,
                           why);
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, refusal_delay);
    timer->async_wait([timer, why, reply = std::move(running.mapped().reply)](auto) {
        reply(daemon::refused(why));
    });
}

} // namespace ctdbd::daemon
