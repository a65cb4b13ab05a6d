#include "statedb/databases_impl.h"
#include "statedb/digest.h"

#include <algorithm>

namespace statedb {

using namespace database_command;

Databases::Databases(ProcessorId self, bool direct)
    : state_(std::make_unique<State>(self, direct)) {}

Databases::~Databases() = default;

void Databases::loaded(
    DatabaseId id, std::string name, DatabaseKind kind, Version version, Content content) {
    State::Database& database = state_->staged[id];
    database.name = std::move(name);
    database.kind = kind;
    database.version = version;
    database.store = Store{std::move(content)};
    state_->on_disk[id] = version;
}

// -- attach and detach

void Databases::attach(
    DatabaseId id, std::string name, DatabaseKind kind, std::uint64_t ticket, Outbox& out) {
    Holding holding{.id = id, .name = std::move(name), .kind = kind};
    state_->attaches[++state_->last_serial] = {ticket, std::move(holding)};
    state_->resume(out);
}

void Databases::detach(DatabaseId id, std::uint64_t ticket, Outbox& out) {
    state_->detaches[++state_->last_serial] = {ticket, id};
    state_->resume(out);
}

// Empty: nothing is against it (ctdb-behaviour.md 2.7).
std::string Databases::State::refuse_attach(const Holding& wish) const {
    const auto at = databases.find(wish.id);
    if (at == databases.end()) return {};
    if (at->second.name != wish.name)
        return "another database, " + at->second.name + ", has the same id";
    if (wish.kind != DatabaseKind::is_volatile && wish.kind != at->second.kind)
        return "it is attached as " + describe(at->second.kind);
    return {};
}

void Databases::State::on(const Command& command, const Attach& attach, Outbox& out) {
    const auto at = command.sender == self ? attaches.find(attach.serial) : attaches.end();
    if (may_be_unknown(attach.holding)) {
        if (at != attaches.end()) at->second.sent = false;
        return;
    }
    const std::string why = refuse_attach(attach.holding);
    if (why.empty()) create(command, attach, out);
    if (attach.has_content) resume(out); // it may be what others waited for
    if (at == attaches.end()) return;
    if (at->second.ticket && why.empty())
        emit(Attached{*at->second.ticket, attach.holding.id});
    else if (at->second.ticket)
        emit(AttachRefused{*at->second.ticket, why});
    attaches.erase(at);
}

std::pair<Databases::State::Database&, bool> Databases::State::open(const Holding& holding) {
    const auto [at, is_new] = databases.try_emplace(holding.id);
    Database& database = at->second;
    if (is_new) {
        database.name = holding.name;
        database.kind = holding.kind;
        if (const auto mine = staged.find(holding.id); mine != staged.end()) {
            open_as(database.kind, holding.id, staged);
            if (is_kept(database.kind)) {
                database.store = std::move(mine->second.store);
                database.version = mine->second.version;
            }
            staged.erase(mine);
        }
        emit(Open{holding.id, database.name, database.kind});
    }
    return {database, is_new};
}

void Databases::State::create(const Command& command, const Attach& attach, Outbox& out) {
    const DatabaseId id = attach.holding.id;
    const auto [database, is_new] = open(attach.holding);
    if (database.kind == DatabaseKind::is_volatile) return;
    const bool nothing_to_lose = database.settled && database.store.content().empty();
    if (attach.has_content && (is_new || nothing_to_lose)) {
        database.settled = false;
        database.candidates = {
            {command.sender,
             {attach.holding.version, attach.holding.sequence, attach.holding.digest}}};
        database.source = command.sender;
        database.incoming.clear();
        database.parts = 0;
        if (command.sender == self) send_content(id, database, out);
    } else if (is_new) {
        // Whatever a file of that name holds here, the component has not known it: it starts empty.
        const bool empty_here = database.store.content().empty();
        database.store = Store{};
        database.version = {epoch, command.index};
        if (empty_here)
            emit(Confirm{id, database.version});
        else
            replace_file(id, database.version, {});
    }
}

void Databases::State::on(const Command& command, const Detach& detach, Outbox&) {
    const auto at = databases.find(detach.id);
    const bool known = at != databases.end();
    const bool possible = known && at->second.kind == DatabaseKind::is_volatile;
    if (possible) {
        databases.erase(at);
        emit(Close{detach.id});
    }
    const auto wish = detaches.find(detach.serial);
    if (command.sender != self || wish == detaches.end()) return;
    if (possible)
        emit(Detached{wish->second.ticket});
    else
        emit(DetachRefused{wish->second.ticket,
                           known ? "only volatile databases can be detached" : "not attached"});
    detaches.erase(wish);
}

// -- commands

void Databases::apply(const Command& command, Outbox& out) {
    const std::optional<Any> decoded = decode(command.payload);
    if (!decoded) return; // of a later version, or nonsense: on every member alike
    std::visit([&](const auto& known) { state_->on(command, known, out); }, *decoded);
}

// One of our own commands did not count: it is to be sent again. Parts of a content are not: they
// belong to an epoch, and the next one starts them anew.
void Databases::refused(const Bytes& payload, Outbox& out) {
    const std::optional<Any> command = decode(payload);
    check(command.has_value(), "our own commands can be read");
    State& state = *state_;
    const auto unsent = [](auto& wishes, std::uint64_t serial) {
        if (const auto at = wishes.find(serial); at != wishes.end()) at->second.sent = false;
    };
    std::visit(Match{[&](const Attach& attach) { unsent(state.attaches, attach.serial); },
                     [&](const Detach& detach) { unsent(state.detaches, detach.serial); },
                     [&](const Commit& commit) { unsent(state.commits, commit.serial); },
                     [&](const CommitPart& part) { unsent(state.commits, part.serial); },
                     [&](const Durable&) {
                         state.ack_sent = false;
                         state.ack_due = out.now();
                     },
                     [&](const Offer&) { state.offer_sent = false; }, [&](const ContentPart&) {},
                     [&](const Settle&) { state.settle_wanted = true; },
                     [&](const Barrier& barrier) {
                         if (barrier.number == state.barrier_awaited) state.barrier_sent = false;
                     }},
               *command);
    if (state.barrier_awaited != 0)
        state.send_barrier(out);
    else
        state.resume(out);
}

// Sends whatever waits to be sent.
void Databases::State::resume(Outbox& out) {
    if (!active()) return;
    for (auto& [serial, attach] : attaches)
        if (!may_be_unknown(attach.holding) && !std::exchange(attach.sent, true))
            send(Attach{serial, attach.holding, !attach.ticket}, out, Service::safe);
    for (auto& [serial, detach] : detaches)
        if (!std::exchange(detach.sent, true)) send(Detach{serial, detach.id}, out, Service::safe);
    if (std::exchange(settle_wanted, false)) send(Settle{}, out, Service::safe);
    send_commits(out);
    send_acks(out);
    send_offer(out);
}

void Databases::State::probe(Outbox& out) {
    barrier_awaited = ++last_barrier;
    barrier_sent = false;
    send_barrier(out);
}

void Databases::State::send_barrier(Outbox& out) {
    if (!primary || barrier_sent) return;
    barrier_sent = true;
    send(Barrier{barrier_awaited}, out, Service::agreed);
}

// Our Barrier is behind all that we sent before we loaded a state: each of those commands has been
// refused (and is unsent again), applied by us, or was ordered within the state we loaded; that one
// tells. A commit that we applied and it does not know has not survived, or a new volatile epoch
// has begun, of which nobody remembers it: it is sent again, and if it is in the content it
// conflicts.
void Databases::State::on(const Command& command, const Barrier& barrier, Outbox& out) {
    if (command.sender != self || barrier.number != barrier_awaited) return;
    barrier_awaited = 0;
    std::vector<std::uint64_t> resolved;
    for (auto& [serial, commit] : commits) {
        const auto mine = outcomes.find(self);
        if (mine != outcomes.end() && mine->second.contains(serial)) {
            resolved.push_back(serial);
        } else {
            commit.version.reset();
            commit.sent = false;
        }
    }
    for (const std::uint64_t serial : resolved)
        resolve(serial, outcomes.at(self).at(serial));
    // Attaching and detaching what already is so does no harm.
    for (auto& [serial, attach] : attaches)
        attach.sent = false;
    for (auto& [serial, detach] : detaches)
        detach.sent = false;
    ack_sent = false;
    ack_due = out.now();
    resume(out);
}

std::vector<DatabaseEffect> Databases::take_effects() { return std::exchange(state_->effects, {}); }

// -- what is known

namespace {

DatabaseStatus status_of(DatabaseId id, const auto& database) {
    return {id,
            database.name,
            database.kind,
            database.version,
            database.store.sequence(),
            database.settled};
}

} // namespace

std::vector<DatabaseStatus> Databases::databases() const {
    std::vector<DatabaseStatus> list;
    for (const auto& [id, database] : state_->databases)
        list.push_back(status_of(id, database));
    return list;
}

std::optional<DatabaseStatus> Databases::find(DatabaseId id) const {
    const auto at = state_->databases.find(id);
    if (at == state_->databases.end()) return std::nullopt;
    return status_of(id, at->second);
}

const Content* Databases::content(DatabaseId id) const {
    const auto at = state_->databases.find(id);
    if (at == state_->databases.end() || at->second.kind == DatabaseKind::is_volatile)
        return nullptr;
    return &at->second.store.content();
}

std::uint64_t Databases::digest() const {
    Digest digest;
    const auto add = [&](ProcessorId who) { digest.add(who.node).add(who.incarnation); };
    digest.add(state_->epoch).add(state_->begun).add(state_->awaited_epoch);
    for (const auto& [id, database] : state_->databases) {
        digest.add(id).add(database.name).add(static_cast<std::uint64_t>(database.kind));
        digest.add(database.settled);
        if (database.settled)
            digest.add(database.version.epoch)
                .add(database.version.index)
                .add(database.store.digest());
        add(database.source);
        for (const auto& [who, candidate] : database.candidates) {
            add(who);
            digest.add(candidate.version.epoch).add(candidate.version.index);
            digest.add(candidate.sequence).add(candidate.digest);
        }
        for (const auto& [who, version] : database.acks) {
            add(who);
            digest.add(version.epoch).add(version.index);
        }
    }
    for (const auto& [who, list] : state_->outcomes)
        for (const auto& [serial, outcome] : list) {
            add(who);
            digest.add(serial).add(outcome.committed);
        }
    for (const ProcessorId& who : state_->reported)
        add(who);
    for (const auto& [name, writes] : state_->parts) {
        add(std::get<0>(name));
        digest.add(std::get<1>(name)).add(std::get<2>(name)).add(writes.size());
    }
    return digest.value();
}

} // namespace statedb
