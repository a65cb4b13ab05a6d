// The only file that knows databases.proto.
#include "statedb/codec.h"
#include "statedb/database_commands.h"
#include "statedb/databases.pb.h"

namespace statedb::database_command {

namespace {

using statedb::get;
using statedb::put;

void put(const Version& from, databases::pb::Version& to) {
    to.set_epoch(from.epoch);
    to.set_index(from.index);
}

Version get(const databases::pb::Version& from) { return {from.epoch(), from.index()}; }

std::optional<DatabaseKind> kind_of(std::uint32_t number) {
    if (number > static_cast<std::uint32_t>(DatabaseKind::is_persistent)) return std::nullopt;
    return static_cast<DatabaseKind>(number);
}

void put(const Holding& from, databases::pb::Holding& to) {
    to.set_id(from.id);
    to.set_name(from.name);
    to.set_kind(static_cast<std::uint32_t>(from.kind));
    put(from.version, *to.mutable_version());
    to.set_sequence(from.sequence);
    to.set_digest(from.digest);
}

std::optional<Holding> get(const databases::pb::Holding& from) {
    const std::optional<DatabaseKind> kind = kind_of(from.kind());
    if (!kind) return std::nullopt;
    return Holding{from.id(),           from.name(),     *kind,
                   get(from.version()), from.sequence(), from.digest()};
}

template <class List>
std::optional<std::vector<Holding>> get_holdings(const List& from) {
    std::vector<Holding> list;
    for (const databases::pb::Holding& item : from) {
        std::optional<Holding> holding = get(item);
        if (!holding) return std::nullopt;
        list.push_back(std::move(*holding));
    }
    return list;
}

template <class List>
void put_write(std::string_view key, const Bytes& value, List& to) {
    databases::pb::Write& item = *to.Add();
    item.set_key(std::string{key});
    item.set_value(std::string{value.view()});
}

template <class List>
std::vector<Write> get_writes(const List& from) {
    std::vector<Write> list;
    list.reserve(static_cast<std::size_t>(from.size()));
    for (const databases::pb::Write& item : from)
        list.push_back({item.key(), Bytes::copy_of(item.value())});
    return list;
}

void put(const Durable& from, databases::pb::Durable& to) {
    for (const auto& [id, version] : from.databases) {
        auto& item = *to.add_databases();
        item.set_id(id);
        put(version, *item.mutable_version());
    }
}

void put(const CommitPart& from, databases::pb::CommitPart& to) {
    to.set_serial(from.serial);
    to.set_part(from.part);
    for (const Write& write : from.writes)
        put_write(write.key, write.value, *to.mutable_writes());
}

CommitPart get(const databases::pb::CommitPart& from) {
    return {from.serial(), from.part(), get_writes(from.writes())};
}

struct Encoder {
    databases::pb::Command& out;

    void operator()(const Attach& attach) const {
        out.mutable_attach()->set_serial(attach.serial);
        put(attach.holding, *out.mutable_attach()->mutable_holding());
        out.mutable_attach()->set_has_content(attach.has_content);
    }

    void operator()(const Detach& detach) const {
        out.mutable_detach()->set_serial(detach.serial);
        out.mutable_detach()->set_id(detach.id);
    }

    void operator()(const Commit& commit) const {
        out.mutable_commit()->set_serial(commit.serial);
        out.mutable_commit()->set_oldest_open(commit.oldest_open);
        out.mutable_commit()->set_id(commit.id);
        for (const Write& write : commit.writes)
            put_write(write.key, write.value, *out.mutable_commit()->mutable_writes());
        out.mutable_commit()->set_whole(commit.whole);
        out.mutable_commit()->set_parts(commit.parts);
    }

    void operator()(const CommitPart& part) const { put(part, *out.mutable_commit_part()); }

    void operator()(const Durable& durable) const { put(durable, *out.mutable_durable()); }

    void operator()(const Offer& offer) const {
        out.mutable_offer();
        for (const Holding& holding : offer.holdings)
            put(holding, *out.mutable_offer()->add_holdings());
    }

    void operator()(const ContentPart& part) const {
        auto& content = *out.mutable_content();
        content.set_id(part.id);
        content.set_epoch(part.epoch);
        content.set_part(part.part);
        content.set_last(part.last);
        for (const Write& entry : part.entries)
            put_write(entry.key, entry.value, *content.mutable_entries());
    }

    void operator()(const Settle&) const { out.mutable_settle(); }

    void operator()(const Barrier& barrier) const {
        out.mutable_barrier()->set_number(barrier.number);
    }
};

Durable get(const databases::pb::Durable& from) {
    Durable durable;
    for (const auto& item : from.databases())
        durable.databases.emplace_back(item.id(), get(item.version()));
    return durable;
}

void put(const SavedDatabase& from, databases::pb::State::Database& to) {
    to.set_id(from.id);
    to.set_name(from.name);
    to.set_kind(static_cast<std::uint32_t>(from.kind));
    to.set_settled(from.settled);
    put(from.version, *to.mutable_version());
    to.set_digest(from.digest);
    to.set_has_content(from.content.has_value());
    if (from.content)
        for (const auto& [key, value] : *from.content)
            put_write(key, value, *to.mutable_content());
    for (const auto& [who, candidate] : from.candidates) {
        auto& item = *to.add_candidates();
        put(who, *item.mutable_who());
        put(candidate.version, *item.mutable_version());
        item.set_sequence(candidate.sequence);
        item.set_digest(candidate.digest);
    }
    put(from.source, *to.mutable_source());
    for (const auto& [who, version] : from.acks) {
        auto& item = *to.add_acks();
        put(who, *item.mutable_who());
        put(version, *item.mutable_version());
    }
}

std::optional<SavedDatabase> get(const databases::pb::State::Database& from) {
    const std::optional<DatabaseKind> kind = kind_of(from.kind());
    if (!kind) return std::nullopt;
    SavedDatabase to{.id = from.id(),
                     .name = from.name(),
                     .kind = *kind,
                     .settled = from.settled(),
                     .version = get(from.version()),
                     .digest = from.digest(),
                     .content = std::nullopt,
                     .candidates = {},
                     .source = get(from.source()),
                     .acks = {}};
    if (from.has_content()) {
        to.content.emplace();
        for (const auto& item : from.content())
            to.content->emplace(item.key(), Bytes::copy_of(item.value()));
    }
    for (const auto& item : from.candidates())
        to.candidates[get(item.who())] = {get(item.version()), item.sequence(), item.digest()};
    for (const auto& item : from.acks())
        to.acks[get(item.who())] = get(item.version());
    return to;
}

} // namespace

Bytes encode(const Any& command) {
    databases::pb::Command message;
    std::visit(Encoder{message}, command);
    return bytes_of(message);
}

std::optional<Any> decode(const Bytes& payload) {
    databases::pb::Command in;
    if (!parsed(in, payload)) return std::nullopt;
    using Kind = databases::pb::Command;
    switch (in.kind_case()) {
    case Kind::kAttach: {
        std::optional<Holding> holding = get(in.attach().holding());
        if (!holding) return std::nullopt;
        return Attach{in.attach().serial(), std::move(*holding), in.attach().has_content()};
    }
    case Kind::kDetach:
        return Detach{in.detach().serial(), in.detach().id()};
    case Kind::kCommit:
        return Commit{in.commit().serial(), in.commit().oldest_open(),
                      in.commit().id(),     get_writes(in.commit().writes()),
                      in.commit().whole(),  in.commit().parts()};
    case Kind::kCommitPart:
        return get(in.commit_part());
    case Kind::kDurable:
        return get(in.durable());
    case Kind::kOffer: {
        std::optional<std::vector<Holding>> holdings = get_holdings(in.offer().holdings());
        if (!holdings) return std::nullopt;
        return Offer{std::move(*holdings)};
    }
    case Kind::kContent:
        return ContentPart{in.content().id(), in.content().epoch(), in.content().part(),
                           in.content().last(), get_writes(in.content().entries())};
    case Kind::kSettle:
        return Settle{};
    case Kind::kBarrier:
        return Barrier{in.barrier().number()};
    case Kind::KIND_NOT_SET:
        break;
    }
    return std::nullopt;
}

Bytes encode_direct(const Durable& durable) {
    databases::pb::Durable message;
    put(durable, message);
    return bytes_of(message, ServiceId::databases);
}

std::optional<Durable> decode_direct(const Bytes& bytes) {
    databases::pb::Durable message;
    if (!parsed(message, bytes, ServiceId::databases)) return std::nullopt;
    return get(message);
}

Bytes encode_summary(const std::vector<Holding>& holdings) {
    databases::pb::Summary message;
    for (const Holding& holding : holdings)
        put(holding, *message.add_holdings());
    return bytes_of(message);
}

std::optional<std::vector<Holding>> decode_summary(const Bytes& bytes) {
    databases::pb::Summary message;
    if (!parsed(message, bytes)) return std::nullopt;
    return get_holdings(message.holdings());
}

Bytes encode_state(const SavedState& from) {
    databases::pb::State to;
    to.set_epoch(from.epoch);
    for (const ProcessorId& who : from.members)
        put(who, *to.add_members());
    for (const SavedDatabase& database : from.databases)
        put(database, *to.add_databases());
    for (const auto& [who, outcomes] : from.outcomes)
        for (const auto& [serial, outcome] : outcomes) {
            auto& item = *to.add_outcomes();
            put(who, *item.mutable_who());
            item.set_serial(serial);
            item.set_committed(outcome.committed);
            item.set_id(outcome.id);
            put(outcome.version, *item.mutable_version());
            item.set_why(outcome.why);
        }
    to.set_awaited_epoch(from.awaited_epoch);
    to.set_begun(from.begun);
    for (const NodeId node : from.awaited_nodes)
        to.add_awaited_nodes(node);
    for (const ProcessorId& who : from.reported)
        put(who, *to.add_reported());
    for (const auto& [name, writes] : from.parts) {
        auto& item = *to.add_parts();
        put(std::get<0>(name), *item.mutable_who());
        put(CommitPart{std::get<1>(name), std::get<2>(name), writes}, *item.mutable_part());
    }
    return bytes_of(to);
}

std::optional<SavedState> decode_state(const Bytes& bytes) {
    databases::pb::State from;
    if (!parsed(from, bytes)) return std::nullopt;
    SavedState to;
    to.epoch = from.epoch();
    for (const auto& who : from.members())
        to.members.push_back(get(who));
    for (const auto& item : from.databases()) {
        std::optional<SavedDatabase> database = get(item);
        if (!database) return std::nullopt;
        to.databases.push_back(std::move(*database));
    }
    for (const auto& item : from.outcomes())
        to.outcomes[get(item.who())][item.serial()] = {item.committed(), item.id(),
                                                       get(item.version()), item.why()};
    to.awaited_epoch = from.awaited_epoch();
    to.begun = from.begun();
    to.awaited_nodes = {from.awaited_nodes().begin(), from.awaited_nodes().end()};
    for (const auto& who : from.reported())
        to.reported.insert(get(who));
    for (const auto& item : from.parts()) {
        CommitPart part = get(item.part());
        to.parts[{get(item.who()), part.serial, part.part}] = std::move(part.writes);
    }
    return to;
}

} // namespace statedb::database_command
