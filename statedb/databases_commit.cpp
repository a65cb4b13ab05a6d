// Transactions on persistent and replicated databases: what is refused, when a commit counts as
// done, and that its client hears exactly one, decisive answer (ctdb-behaviour.md 1.5.8, 3.10).
#include "base/mutant.h"
#include "statedb/databases_impl.h"
#include "statedb/digest.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace statedb {

using namespace database_command;

namespace {

// Those who wait for it have been told past the order: one message of each member for all commits
// of this time, instead of one for each commit.
constexpr Duration ack_delay = 50ms;

constexpr std::size_t header_size = 24; // rsn u64, dmaster u32, reserved, flags, pad
// A command is one message of the ring (totem.md 3.10: 16 MiB), and has an envelope.
constexpr std::size_t commit_size_max = std::size_t{15} << 20;

// Of a whole content; so many parts are on their way at once, and others' messages between them.
constexpr std::size_t part_size = std::size_t{1} << 20;
constexpr std::uint32_t parts_under_way_max = 4;

std::uint64_t little_endian_u64(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i)
        value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
    return value;
}

std::uint64_t digest_of(const std::string& key, const Bytes& value) {
    return Digest{}.add(key).add(value.view()).value();
}

std::size_t size_of(const std::vector<Write>& writes) {
    std::size_t size = 0;
    for (const Write& write : writes)
        size += write.key.size() + write.value.size() + 16;
    return size;
}

// What is wrong with these writes whatever the database holds.
std::string malformed(const std::vector<Write>& writes) {
    for (const Write& write : writes) {
        if (write.key.size() + write.value.size() > commit_size_max) return "a record is too large";
        if (write.value.size() < header_size) return "a record without a header";
        if (write.key == sequence_key() && data_of(write.value).size() < 8)
            return "a sequence number that is none";
    }
    return {};
}

// A part ends with the write that fills it; the last one goes with the commit.
std::vector<std::size_t> ends_of_parts(const std::vector<Write>& writes) {
    std::vector<std::size_t> ends;
    std::size_t size = 0;
    for (std::size_t i = 0; i + 1 < writes.size(); ++i) {
        size += writes[i].key.size() + writes[i].value.size();
        if (size < part_size) continue;
        ends.push_back(i + 1);
        size = 0;
    }
    return ends;
}

} // namespace

std::uint64_t rsn_of(const Bytes& value) { return little_endian_u64(value.view()); }

std::string_view data_of(const Bytes& value) { return value.view().substr(header_size); }

const std::string& sequence_key() {
    static const std::string key{"__db_sequence_number__", 23}; // with its NUL
    return key;
}

// -- the content

Store::Store(Content content) : content_(std::move(content)) {
    for (const auto& [key, value] : content_)
        digest_ += digest_of(key, value);
}

void Store::write(const std::string& key, const Bytes& value) {
    const auto [at, is_new] = content_.try_emplace(key, value);
    if (!is_new) {
        digest_ -= digest_of(key, at->second);
        at->second = value;
    }
    digest_ += digest_of(key, value);
}

std::uint64_t Store::sequence() const {
    const auto at = content_.find(sequence_key());
    if (at == content_.end() || at->second.size() < header_size + 8) return 0;
    return little_endian_u64(data_of(at->second));
}

// -- commits

void Databases::commit(DatabaseId id,
                       std::vector<Write> writes,
                       std::uint64_t ticket,
                       Outbox& out) {
    std::string why = malformed(writes);
    if (size_of(writes) > commit_size_max) why = "the transaction is too large";
    if (!why.empty()) {
        state_->emit(CommitRefused{ticket, std::move(why)});
        return;
    }
    State::LocalCommit& commit = state_->commits[++state_->last_serial];
    commit = {ticket, id, std::move(writes)};
    commit.overtaken = state_->on_its_way_to_disk(id);
    state_->send_commits(out);
}

void Databases::replace(DatabaseId id,
                        std::vector<Write> content,
                        std::uint64_t ticket,
                        Outbox& out) {
    if (std::string why = malformed(content); !why.empty()) {
        state_->emit(CommitRefused{ticket, std::move(why)});
        return;
    }
    auto part_ends = ends_of_parts(content);
    state_->commits[++state_->last_serial] = {ticket, id, std::move(content), true,
                                              std::move(part_ends)};
    state_->send_commits(out);
}

// Those that can be decided: a database that is not settled keeps them waiting, not failing, since
// a client that is refused tries again at once.
void Databases::State::send_commits(Outbox& out) {
    if (!active()) return;
    refuse_overtaken();
    for (auto& [serial, commit] : commits) {
        const auto at = databases.find(commit.id);
        if (commit.sent || (at != databases.end() && !at->second.settled)) continue;
        commit.sent = true;
        if (commit.begun == 0) commit.begun = begun;
        commit.parts_sent = commit.parts_arrived = 0;
        send_parts(serial, commit, out);
    }
}

// Our file is to have another content. What clients of ours read before may be of a history that
// was given up, and have the same sequence number as what is followed: the number does not tell.
void Databases::State::replace_file(DatabaseId id, Version version, const Content& content) {
    replaced[id] = version;
    for (auto& [serial, commit] : commits)
        if (commit.id == id && !commit.whole) commit.overtaken = version;
    emit(Replace{id, version, content});
}

// While it is on its way, clients still read what was there before.
std::optional<Version> Databases::State::on_its_way_to_disk(DatabaseId id) const {
    const auto content = replaced.find(id);
    if (content == replaced.end()) return std::nullopt;
    const auto disk = on_disk.find(id);
    if (disk != on_disk.end() && disk->second >= content->second) return std::nullopt;
    return content->second;
}

// Those that are under way in the order are decided there.
void Databases::State::refuse_overtaken() {
    std::erase_if(commits, [&](const auto& item) {
        const LocalCommit& commit = item.second;
        if (commit.sent || !commit.overtaken) return false;
        const bool unsure = commit.begun != 0 && commit.begun != begun;
        refusals.push_back({commit.ticket, commit.id, *commit.overtaken,
                            "the database has changed since the transaction began", unsure});
        return true;
    });
    answer_refusals();
}

// As many as may be on their way, and the commit itself behind the last one.
void Databases::State::send_parts(std::uint64_t serial, LocalCommit& commit, Outbox& out) {
    const auto part_count = static_cast<std::uint32_t>(commit.part_ends.size());
    const auto writes_of = [&](std::uint32_t part) {
        const auto at = [&](std::size_t end) {
            return commit.writes.begin() + static_cast<std::ptrdiff_t>(end);
        };
        const auto from = part == 0 ? commit.writes.begin() : at(commit.part_ends[part - 1]);
        const auto to = part == part_count ? commit.writes.end() : at(commit.part_ends[part]);
        return std::vector<Write>(from, to);
    };
    while (commit.parts_sent < part_count &&
           commit.parts_sent < commit.parts_arrived + parts_under_way_max) {
        send(CommitPart{serial, commit.parts_sent, writes_of(commit.parts_sent)}, out,
             Service::agreed);
        ++commit.parts_sent;
    }
    if (commit.parts_sent != part_count) return;
    ++commit.parts_sent; // the commit
    const bool safe = !mutated(Mutant::commit_not_safe);
    send(Commit{serial, commits.begin()->first, commit.id, writes_of(part_count), commit.whole,
                part_count},
         out, safe ? Service::safe : Service::agreed);
}

void Databases::State::on(const Command& command, const CommitPart& part, Outbox& out) {
    parts[{command.sender, part.serial, part.part}] = part.writes;
    const auto mine = command.sender == self ? commits.find(part.serial) : commits.end();
    if (mine == commits.end() || !mine->second.sent) return;
    ++mine->second.parts_arrived;
    send_parts(part.serial, mine->second, out);
}

// None: a part is missing, for it was sent in another epoch than this.
std::optional<std::vector<Write>> Databases::State::assembled(ProcessorId sender,
                                                              const Commit& commit) const {
    std::vector<Write> writes;
    for (std::uint32_t part = 0; part < commit.parts; ++part) {
        const auto at = parts.find({sender, commit.serial, part});
        if (at == parts.end()) return std::nullopt;
        writes.insert(writes.end(), at->second.begin(), at->second.end());
    }
    writes.insert(writes.end(), commit.writes.begin(), commit.writes.end());
    return writes;
}

void Databases::State::forget_parts(ProcessorId sender, std::uint64_t below_serial) {
    parts.erase(parts.lower_bound({sender, 0, 0}), parts.lower_bound({sender, below_serial, 0}));
}

std::string Databases::State::refuse_commit(const Database& database,
                                            const std::vector<Write>& writes) const {
    if (std::string why = malformed(writes); !why.empty()) return why;
    if (mutated(Mutant::conflicts_committed)) return {};
    for (const Write& write : writes) {
        if (write.key == sequence_key() &&
            little_endian_u64(data_of(write.value)) != database.store.sequence() + 1)
            return "the database has changed since the transaction began";
        const auto stored = database.store.content().find(write.key);
        if (stored == database.store.content().end() || stored->second.size() < header_size)
            continue;
        if (rsn_of(stored->second) >= rsn_of(write.value) &&
            data_of(stored->second) != data_of(write.value))
            return "a record has changed since the transaction began";
    }
    return {};
}

void Databases::State::on(const Command& command, const Commit& sent, Outbox& out) {
    auto& known = outcomes[command.sender];
    known.erase(known.begin(), known.lower_bound(sent.oldest_open));
    forget_parts(command.sender, sent.oldest_open);
    if (known.contains(sent.serial)) return; // sent twice: it is decided
    const bool ours = command.sender == self;
    auto writes = assembled(command.sender, sent);
    if (!writes) {
        if (const auto mine = commits.find(sent.serial); ours && mine != commits.end()) {
            mine->second.sent = false;
            send_commits(out);
        }
        return;
    }
    const Commit commit{sent.serial, sent.oldest_open, sent.id, std::move(*writes), sent.whole, 0};
    const auto at = databases.find(commit.id);
    Outcome outcome{.committed = false, .id = commit.id};
    if (at == databases.end() || at->second.kind == DatabaseKind::is_volatile) {
        outcome.why = "no such persistent or replicated database";
    } else if (!at->second.settled) {
        // No outcome: it is as if it had not been sent yet.
        if (const auto mine = commits.find(commit.serial); ours && mine != commits.end())
            mine->second.sent = false;
        return;
    } else {
        Database& database = at->second;
        outcome.why =
            commit.whole ? malformed(commit.writes) : refuse_commit(database, commit.writes);
        outcome.committed = outcome.why.empty();
        if (outcome.committed) {
            make(database, {epoch, command.index}, commit);
            if (!ours) committers[commit.id][command.sender] = database.version;
            if (mutated(Mutant::told_before_on_disk))
                tell_committers(std::array{OnDisk{commit.id, database.version}});
        }
        outcome.version = database.version;
    }
    known[commit.serial] = outcome;
    for (std::uint32_t part = 0; part < sent.parts; ++part)
        parts.erase({command.sender, sent.serial, part});
    if (ours) resolve(commit.serial, outcome);
}

void Databases::State::make(Database& database, Version version, const Commit& commit) {
    if (commit.whole) database.store = {};
    for (const Write& write : commit.writes)
        database.store.write(write.key, write.value);
    database.version = version;
    if (commit.whole)
        replace_file(commit.id, version, database.store.content());
    else
        emit(Apply{commit.id, version, commit.writes});
}

// -- the one answer

void Databases::State::resolve(std::uint64_t serial, const Outcome& outcome) {
    const auto at = commits.find(serial);
    if (at == commits.end()) return;
    if (outcome.committed) {
        at->second.version = outcome.version;
        answer_commits();
        return;
    }
    const bool unsure = at->second.begun != begun;
    refusals.push_back({at->second.ticket, outcome.id, outcome.version, outcome.why, unsure});
    commits.erase(at);
    answer_refusals();
}

// Not before our Barrier, when a state was loaded: versions of the line before it say nothing about
// the line that is followed now.
void Databases::State::answer_commits() {
    if (barrier_awaited != 0) return;
    std::erase_if(commits, [&](const auto& item) {
        const LocalCommit& commit = item.second;
        if (!commit.version) return false;
        if (!databases.contains(commit.id)) return false;
        const auto is_durable = [&](ProcessorId who) {
            return durable_on(who, commit.id, *commit.version);
        };
        const bool done = mutated(Mutant::committed_when_durable_here)
                              ? on_disk[commit.id] >= *commit.version
                              : std::ranges::all_of(members, is_durable);
        if (done) emit(Committed{commit.ticket});
        return done;
    });
}

// By the order, or by his own word past it: that counts only for the epoch in which the commit was
// made, within which all have the same commits in the same order, so that a later one includes it.
bool Databases::State::durable_on(ProcessorId who, DatabaseId id, Version version) const {
    const auto at_least = [&](const auto& known, const auto& key) {
        const auto found = known.find(key);
        return found != known.end() && found->second >= version;
    };
    const auto in_its_epoch = [&](const auto& known, const auto& key) {
        const auto found = known.find(key);
        return found != known.end() && found->second.epoch == version.epoch &&
               found->second >= version;
    };
    return at_least(databases.at(id).acks, who) || in_its_epoch(heard, std::pair(who, id)) ||
           (who == self && in_its_epoch(on_disk, id));
}

void Databases::State::answer_refusals() {
    std::erase_if(refusals, [&](const HeldRefusal& refusal) {
        const auto disk = on_disk.find(refusal.id);
        const bool as_far = refusal.version == Version{} ||
                            (disk != on_disk.end() && disk->second >= refusal.version);
        if (as_far) emit(CommitRefused{refusal.ticket, refusal.why, refusal.unsure});
        return as_far;
    });
}

// -- durability

void Databases::durable(std::span<const OnDisk> files, Outbox& out) {
    bool news = false;
    for (const OnDisk& file : files) {
        Version& known = state_->on_disk[file.id];
        news = news || file.version > known;
        known = std::max(known, file.version);
    }
    if (!news) return;
    const Instant due = state_->direct ? out.now() + ack_delay : out.now();
    state_->ack_due = std::min(due, state_->ack_due.value_or(due));
    state_->answer_refusals();
    state_->answer_commits();
    state_->tell_committers(files);
    state_->send_acks(out);
}

// Who made a commit hears of our disk at once (docs/adr/0024-acknowledged-past-the-order.md).
void Databases::State::tell_committers(std::span<const OnDisk> files) {
    if (!direct) return;
    std::map<ProcessorId, Durable> news;
    for (const OnDisk& file : files) {
        const auto waiting = committers.find(file.id);
        if (waiting == committers.end() || file.version.epoch != epoch) continue;
        std::erase_if(waiting->second, [&](const auto& commit) {
            news[commit.first].databases.emplace_back(file.id, file.version);
            return commit.second <= file.version;
        });
        if (waiting->second.empty()) committers.erase(waiting);
    }
    for (const auto& [who, durable] : news)
        messages.push_back({who, encode_direct(durable)});
}

void Databases::tick(Outbox& out) { state_->send_acks(out); }

std::optional<Instant> Databases::deadline() const {
    return state_->active() && !state_->ack_sent ? state_->ack_due : std::nullopt;
}

void Databases::arrived(ProcessorId from, const Bytes& message) {
    const std::optional<Durable> durable = decode_direct(message);
    if (!durable || !std::ranges::binary_search(state_->members, from)) return;
    for (const auto& [id, version] : durable->databases) {
        if (version.epoch != state_->epoch || !state_->databases.contains(id)) continue;
        Version& known = state_->heard[{from, id}];
        known = std::max(known, version);
    }
    state_->answer_commits();
}

std::vector<DirectMessage> Databases::take_messages() {
    return std::exchange(state_->messages, {});
}

void Databases::State::send_acks(Outbox& out) {
    if (!active() || ack_sent || !ack_due || *ack_due > out.now()) return;
    Durable durable;
    for (const auto& [id, version] : on_disk) {
        const auto at = databases.find(id);
        if (at == databases.end()) continue;
        const auto acked = at->second.acks.find(self);
        if (acked == at->second.acks.end() || acked->second < version)
            durable.databases.emplace_back(id, version);
    }
    ack_due.reset();
    if (durable.databases.empty()) return;
    ack_sent = true;
    send(durable, out, Service::agreed);
}

void Databases::State::on(const Command& command, const Durable& durable, Outbox& out) {
    for (const auto& [id, version] : durable.databases) {
        const auto at = databases.find(id);
        if (at == databases.end()) continue;
        Version& known = at->second.acks[command.sender];
        known = std::max(known, version);
    }
    answer_commits();
    if (command.sender != self) return;
    ack_sent = false;
    send_acks(out);
}

} // namespace statedb
