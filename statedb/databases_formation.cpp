// Which content the members of a component follow, and how the others get it.
//
// Joiners of a living component load what it has. When a new volatile epoch begins, everybody says
// what its disk holds, and the newest is followed, once it is certain that it is here: acknowledged
// commits are durable on every member of the component that made them, so a content of the last
// component's epoch has them all. Who was in that component but had not received its content yet
// cannot know what it missed; then the others of it are waited for (docs/adr/0003-records.md).
#include "base/mutant.h"
#include "statedb/databases_impl.h"

#include <algorithm>
#include <limits>

namespace statedb {

using namespace database_command;

namespace {

constexpr std::size_t part_size = std::size_t{256} << 10;

} // namespace

// -- what we hold

std::vector<Holding> Databases::State::holdings() const {
    std::vector<Holding> list;
    const auto add = [&](DatabaseId id, const Database& database) {
        list.push_back({id, database.name, database.kind, database.version,
                        database.store.sequence(), database.store.digest()});
    };
    for (const auto& [id, database] : databases)
        add(id, database);
    for (const auto& [id, database] : staged)
        if (!databases.contains(id)) add(id, database);
    return list;
}

Bytes Databases::summary() const { return encode_summary(state_->holdings()); }

// -- a primary component was formed

// Once for every epoch, on those with state; a joiner's state has it done already or not.
void Databases::State::form(const View& view) {
    if (view.epoch == epoch) return;
    epoch = view.epoch;
    if (begun == 0) begun = epoch;
    members = view.members;
    committers.clear();
    heard.clear();
    for (const ProcessorId& who : view.departed) {
        reported.erase(who);
        forget_parts(who, std::numeric_limits<std::uint64_t>::max());
    }
    // A new life of a node does not ask for what its former life had sent.
    for (const ProcessorId& who : view.members)
        std::erase_if(outcomes, [&](const auto& item) {
            return item.first.node == who.node && item.first != who;
        });
    for (auto& [id, database] : databases) {
        for (const ProcessorId& who : view.departed) {
            database.acks.erase(who);
            database.candidates.erase(who);
            if (database.source == who) database.source = nobody;
        }
        database.incoming.clear();
        database.parts = 0;
        if (!is_kept(database.kind) || !database.settled) continue;
        database.version = {epoch, 0};
        emit(Confirm{id, database.version});
    }
}

void Databases::configured(const View& view, Outbox& out) {
    State& state = *state_;
    state.primary = view.primary;
    if (!view.primary) return;
    state.form(view);
    for (const auto& [id, database] : state.databases)
        if (!database.settled && database.source == state.self)
            state.send_content(id, database, out);
    state.choose_all({view.epoch, 0}, false, out);
    state.answer_commits(); // members that departed do not count any more
    if (state.barrier_awaited != 0)
        state.send_barrier(out);
    else
        state.resume(out);
}

// -- choosing

bool Databases::State::newest_is_here(const Database& database) const {
    if (awaited_epoch == 0) return true;
    for (const auto& [who, candidate] : database.candidates)
        if (candidate.version.epoch >= awaited_epoch) return true;
    return std::ranges::all_of(awaited_nodes, [&](NodeId node) {
        return std::ranges::any_of(reported,
                                   [&](const ProcessorId& who) { return who.node == node; });
    });
}

// Whether a database that nobody here knows may exist all the same: nobody has been here yet who
// was as far as the last component, and so would know. Were it created now, it would start empty.
bool Databases::State::may_be_unknown(const Holding& wish) const {
    if (wish.kind != DatabaseKind::is_persistent || databases.contains(wish.id)) return false;
    if (awaited_epoch == 0 || wish.version.epoch >= awaited_epoch) return false;
    return std::ranges::none_of(databases,
                                [&](const auto& item) {
                                    return is_kept(item.second.kind) &&
                                           (item.second.settled || newest_is_here(item.second));
                                }) &&
           !newest_is_here({});
}

void Databases::State::choose(
    DatabaseId id, Database& database, Version version, bool forced, Outbox& out) {
    if (database.settled || database.source != nobody || database.candidates.empty()) return;
    if (!forced && !newest_is_here(database) && !mutated(Mutant::any_content_will_do)) return;
    // The highest version, then the highest sequence number; of equals the lowest processor, which
    // max_element meets first.
    const auto older = [](const auto& a, const auto& b) {
        return std::tie(a.second.version, a.second.sequence) <
               std::tie(b.second.version, b.second.sequence);
    };
    const auto newest = mutated(Mutant::oldest_content_followed)
                            ? std::ranges::min_element(database.candidates, older)
                            : std::ranges::max_element(database.candidates, older);
    const auto has_it = [&](ProcessorId who) {
        const auto at = database.candidates.find(who);
        return at != database.candidates.end() && at->second.digest == newest->second.digest;
    };
    if (std::ranges::all_of(members, has_it)) {
        settle(id, database, version);
        emit(Confirm{id, version});
        return;
    }
    database.source = newest->first;
    if (database.source == self) send_content(id, database, out);
}

void Databases::State::choose_all(Version version, bool forced, Outbox& out) {
    for (auto& [id, database] : databases)
        choose(id, database, version, forced, out);
    send_commits(out); // those that waited for this
}

void Databases::State::settle(DatabaseId, Database& database, Version version) {
    database.settled = true;
    database.version = version;
    database.candidates.clear();
    database.source = nobody;
    database.incoming.clear();
    database.parts = 0;
}

void Databases::settle(Outbox& out) {
    state_->settle_wanted = true;
    state_->resume(out);
}

void Databases::State::on(const Command& command, const Settle&, Outbox& out) {
    choose_all({epoch, command.index}, true, out);
}

// -- the chosen one's content

void Databases::State::send_content(DatabaseId id, const Database& database, Outbox& out) const {
    ContentPart part{.id = id, .epoch = epoch};
    std::size_t size = 0;
    const auto send_part = [&](bool last) {
        part.last = last;
        out.submit(ServiceId::databases, encode(part), Service::safe);
        ++part.part;
        part.entries.clear();
        size = 0;
    };
    for (const auto& [key, value] : database.store.content()) {
        part.entries.push_back({key, value});
        size += key.size() + value.size();
        if (size >= part_size) send_part(false);
    }
    send_part(true);
}

void Databases::State::on(const Command& command, const ContentPart& part, Outbox& out) {
    const auto at = databases.find(part.id);
    if (at == databases.end() || at->second.settled) return;
    Database& database = at->second;
    if (command.sender != database.source || part.epoch != epoch || part.part != database.parts)
        return;
    ++database.parts;
    std::ranges::copy(part.entries, std::back_inserter(database.incoming));
    if (!part.last) return;
    Content content;
    for (Write& entry : database.incoming)
        content.insert_or_assign(std::move(entry.key), std::move(entry.value));
    Store store{std::move(content)};
    const bool same = store.digest() == database.store.digest();
    const Version version{epoch, command.index};
    settle(part.id, database, version);
    database.store = std::move(store);
    if (same || mutated(Mutant::joiner_keeps_its_content))
        emit(Confirm{part.id, version});
    else
        replace_file(part.id, version, database.store.content());
    send_commits(out);
}

// -- a new volatile epoch

void Databases::begin_epoch(std::span<const Summary> summaries, Outbox& out) {
    State& state = *state_;
    std::map<DatabaseId, State::Database> own = std::exchange(state.databases, {});
    own.merge(std::exchange(state.staged, {}));
    state.outcomes.clear();
    state.parts.clear();
    state.reported.clear();
    state.epoch = state.begun = 0;
    state.awaited_epoch = 0;
    for (const Summary& summary : summaries) {
        state.reported.insert(summary.member);
        if (summary.last_primary > state.awaited_epoch) {
            state.awaited_epoch = summary.last_primary;
            state.awaited_nodes = summary.component;
        }
        const auto holdings = decode_summary(summary.content);
        if (!holdings) continue; // a later version's: the same on every member
        for (const Holding& holding : *holdings) {
            State::Database& database = state.databases[holding.id];
            if (database.name.empty()) database.name = holding.name;
            database.kind = std::max(database.kind, holding.kind);
            if (is_kept(holding.kind))
                database.candidates[summary.member] = {holding.version, holding.sequence,
                                                       holding.digest};
        }
    }
    for (auto& [id, database] : state.databases) {
        database.settled = !is_kept(database.kind);
        if (const auto mine = own.find(id); mine != own.end() && is_kept(mine->second.kind)) {
            database.store = std::move(mine->second.store);
            database.version = mine->second.version;
        }
        state.open_as(database.kind, id, own);
        state.emit(Open{id, database.name, database.kind});
    }
    state.probe(out);
}

// -- joining a living component

Bytes Databases::save(const Summary& joiner) const {
    const auto holdings = decode_summary(joiner.content);
    const auto has = [&](DatabaseId id, std::uint64_t digest) {
        return holdings && std::ranges::any_of(*holdings, [&](const Holding& holding) {
                   return holding.id == id && is_kept(holding.kind) && holding.digest == digest;
               });
    };
    SavedState saved{.epoch = state_->epoch,
                     .members = state_->members,
                     .databases = {},
                     .outcomes = state_->outcomes,
                     .awaited_epoch = state_->awaited_epoch,
                     .awaited_nodes = state_->awaited_nodes,
                     .reported = state_->reported,
                     .begun = state_->begun,
                     .parts = state_->parts};
    for (const auto& [id, database] : state_->databases) {
        SavedDatabase item{.id = id,
                           .name = database.name,
                           .kind = database.kind,
                           .settled = database.settled,
                           .version = database.settled ? database.version : Version{},
                           .digest = database.settled ? database.store.digest() : 0,
                           .content = std::nullopt,
                           .candidates = database.candidates,
                           .source = database.source,
                           .acks = database.acks};
        if (is_kept(database.kind) && database.settled && !has(id, database.store.digest()))
            item.content = database.store.content();
        saved.databases.push_back(std::move(item));
    }
    return encode_state(saved);
}

bool Databases::load(const Bytes& bytes, Outbox& out) {
    const std::optional<SavedState> saved = decode_state(bytes);
    if (!saved) return false;
    const auto own = [&](DatabaseId id) -> const State::Database* {
        if (const auto at = state_->databases.find(id); at != state_->databases.end())
            return &at->second;
        const auto at = state_->staged.find(id);
        return at == state_->staged.end() ? nullptr : &at->second;
    };
    for (const SavedDatabase& database : saved->databases) {
        if (!is_kept(database.kind) || !database.settled) continue;
        const State::Database* const mine = own(database.id);
        const std::uint64_t digest = database.content  ? Store{*database.content}.digest()
                                     : mine != nullptr ? mine->store.digest()
                                                       : Store{}.digest();
        if (digest != database.digest) return false;
    }
    state_->adopt(*saved);
    state_->probe(out);
    return true;
}

void Databases::State::adopt(const SavedState& saved) {
    std::map<DatabaseId, Database> own = std::exchange(databases, {});
    own.merge(std::exchange(staged, {}));
    epoch = saved.epoch;
    members = saved.members;
    committers.clear();
    heard.clear();
    outcomes = saved.outcomes;
    awaited_epoch = saved.awaited_epoch;
    awaited_nodes = saved.awaited_nodes;
    reported = saved.reported;
    begun = saved.begun;
    parts = saved.parts;
    offer_sent = false;
    for (const SavedDatabase& item : saved.databases) {
        Database& database = databases[item.id];
        database.name = item.name;
        database.kind = item.kind;
        database.settled = item.settled;
        database.version = item.version;
        database.candidates = item.candidates;
        database.source = item.source;
        database.acks = item.acks;
        open_as(item.kind, item.id, own);
        emit(Open{item.id, item.name, item.kind});
        const auto mine = own.find(item.id);
        if (mine != own.end()) {
            if (is_kept(item.kind)) database.store = std::move(mine->second.store);
            if (!item.settled) database.version = mine->second.version;
            own.erase(mine);
        }
        if (!is_kept(item.kind) || !item.settled) continue;
        if (item.content && !mutated(Mutant::joiner_keeps_its_content)) {
            database.store = Store{*item.content};
            replace_file(item.id, item.version, *item.content);
        } else {
            emit(Confirm{item.id, item.version});
        }
    }
    staged = std::move(own);
    want_attached_what_is_staged();
}

// What is open here as a volatile database is another file than a kept one of that name.
void Databases::State::open_as(DatabaseKind kind,
                               DatabaseId id,
                               const std::map<DatabaseId, Database>& own) {
    const auto mine = own.find(id);
    if (mine != own.end() && is_kept(kind) && !is_kept(mine->second.kind)) emit(Close{id});
}

// Files that we hold and the component does not know: it shall have them. Of volatile ones only the
// name, for clients here have them open and go on when they are attached again.
void Databases::State::want_attached_what_is_staged() {
    std::erase_if(attaches, [](const auto& item) { return !item.second.ticket; });
    for (const auto& [id, database] : staged)
        attaches[++last_serial] = {std::nullopt,
                                   {id, database.name, database.kind, database.version,
                                    database.store.sequence(), database.store.digest()}};
}

// While a database waits for its newest content, a joiner says what it holds.
void Databases::State::send_offer(Outbox& out) {
    if (!active() || offer_sent || reported.contains(self)) return;
    offer_sent = true;
    Offer offer;
    for (const auto& [id, database] : databases)
        if (!database.settled &&
            (database.version != Version{} || !database.store.content().empty()))
            offer.holdings.push_back({id, database.name, database.kind, database.version,
                                      database.store.sequence(), database.store.digest()});
    for (const auto& [id, database] : staged)
        if (is_kept(database.kind))
            offer.holdings.push_back({id, database.name, database.kind, database.version,
                                      database.store.sequence(), database.store.digest()});
    send(offer, out, Service::agreed);
}

void Databases::State::on(const Command& command, const Offer& offer, Outbox& out) {
    for (const Holding& holding : offer.holdings) {
        const bool awaited = may_be_unknown(holding);
        const auto at = databases.find(holding.id);
        if (!awaited && (at == databases.end() || at->second.settled)) continue;
        Database& database = awaited ? open(holding).first : at->second;
        database.settled = false;
        database.candidates[command.sender] = {holding.version, holding.sequence, holding.digest};
    }
    reported.insert(command.sender);
    choose_all({epoch, command.index}, false, out);
    resume(out); // what could not be attached before perhaps can be now
}

} // namespace statedb
