#include "ctdbd/daemon/attaching.h"

#include "ctdbd/daemon/daemon.h"
#include "ctdbd/protocol/hash.h"

#include <fmt/format.h>

#include <utility>

namespace ctdbd::daemon {

using protocol::ReplyControl;

namespace {

ReplyControl done(DatabaseId id) { return ReplyControl::done(protocol::encode(id)); }

} // namespace

Attaching::Attaching(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {}

bool Attaching::must_wait() const {
    return daemon_.recovery_mode() == protocol::RecoveryMode::active ||
           daemon_.run_state() < protocol::RunState::startup;
}

ControlOutcome Attaching::asked(const ControlCall& call, DatabaseKind kind) {
    using config::Tunable;
    const auto decoded = protocol::decode_string(call.control.data);
    if (!decoded || !*decoded || !is_database_name(**decoded))
        return daemon::refused("this is not the name of a database");
    const std::string& name = **decoded;
    if (daemon_.tunables[Tunable::allow_client_db_attach] == 0)
        return daemon::refused("AllowClientDBAttach is 0");
    if (!call.from_client()) return attach(name, kind, call.reply);
    if (!daemon_.nodes.self_active()) return daemon::refused("this node is not active");
    const bool from_recovery = (call.control.flags & protocol::control_flag::attach_recovery) != 0;
    if (from_recovery && daemon_.recovery_mode() == protocol::RecoveryMode::normal)
        return daemon::refused("no recovery is going on");
    if (from_recovery || !must_wait()) return attach(name, kind, call.reply);
    const auto patience = std::chrono::seconds(daemon_.tunables[Tunable::deferred_attach_to]);
    deferred_.push_back({.name = name,
                         .kind = kind,
                         .client = call.client,
                         .reply = call.reply,
                         .deadline = std::chrono::steady_clock::now() + patience});
    watch_deferred();
    return std::nullopt;
}

// One that is there already serves if it is of every kind that is asked for: a volatile one is
// asked for by no kind at all.
ControlOutcome
Attaching::attach(const std::string& name, DatabaseKind kind, const ControlCall::Reply& reply) {
    const DatabaseId id = protocol::database_id(name);
    if (const DatabaseEntry* const entry = daemon_.databases.find(id)) {
        if (entry->name != name)
            return daemon::refused(fmt::format("{} has the same id", entry->name));
        if ((flags_of(kind) & ~entry->flags()) != 0)
            return daemon::refused("it is attached as another kind of database");
        return done(id);
    }
    asked_.emplace(++last_ticket_, reply);
    daemon_.cluster.ask([&](statedb::Databases& databases, statedb::Outbox& out) {
        databases.attach(id, name, kind, last_ticket_, out);
    });
    return std::nullopt;
}

// Its records go first, then the database: who attaches it again begins with nothing.
ControlOutcome Attaching::asked_to_detach(const ControlCall& call) {
    const auto id = protocol::decode<std::uint32_t>(call.control.data);
    const DatabaseEntry* const entry = id ? daemon_.databases.find(*id) : nullptr;
    if (entry == nullptr) return daemon::refused("no such database");
    if (daemon_.tunables[config::Tunable::allow_client_db_attach] != 0)
        return daemon::refused("AllowClientDBAttach is not 0");
    if (entry->kind != DatabaseKind::is_volatile)
        return daemon::refused("only volatile databases can be detached");
    if (must_wait()) return daemon::refused("this node does not serve now");
    asked_.emplace(++last_ticket_, call.reply);
    daemon_.cluster.ask(
        [&](statedb::Records& records, statedb::Outbox& out) { records.drop(*id, out); });
    daemon_.cluster.ask([&](statedb::Databases& databases, statedb::Outbox& out) {
        databases.detach(*id, last_ticket_, out);
    });
    return std::nullopt;
}

void Attaching::attached(std::uint64_t ticket, DatabaseId id) {
    if (const auto asked = asked_.extract(ticket)) asked.mapped()(done(id));
}

void Attaching::detached(std::uint64_t ticket) {
    if (const auto asked = asked_.extract(ticket)) asked.mapped()(ReplyControl::done());
}

void Attaching::refused(std::uint64_t ticket, const std::string& why) {
    if (const auto asked = asked_.extract(ticket)) asked.mapped()(daemon::refused(why));
}

void Attaching::look_at_deferred() {
    const auto now = std::chrono::steady_clock::now();
    const bool active = daemon_.nodes.self_active();
    for (Deferred& one : std::exchange(deferred_, {})) {
        if (!active)
            one.reply(daemon::refused("this node is not active"));
        else if (!must_wait()) {
            if (ControlOutcome outcome = attach(one.name, one.kind, one.reply))
                one.reply(std::move(*outcome));
        } else if (one.deadline <= now)
            one.reply(daemon::refused("the cluster did not serve in time"));
        else
            deferred_.push_back(std::move(one));
    }
    watch_deferred();
}

void Attaching::watch_deferred() {
    if (deferred_.empty() || std::exchange(timer_set_, true)) return;
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        timer_set_ = false;
        look_at_deferred();
    });
}

void Attaching::client_gone(ClientId client) {
    std::erase_if(deferred_, [&](const Deferred& one) { return one.client == client; });
}

} // namespace ctdbd::daemon
