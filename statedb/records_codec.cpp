// The only file that knows records.proto.
#include "statedb/codec.h"
#include "statedb/record_commands.h"
#include "statedb/records.pb.h"

#include <algorithm>
#include <map>

namespace statedb::record_command {

namespace {

using statedb::get;
using statedb::put;

std::string string_of(const Bytes& bytes) { return std::string{bytes.view()}; }

void put(const RecordName& from, records::pb::Record& to) {
    to.set_db(from.db);
    to.set_key(from.key);
}

RecordName get(const records::pb::Record& from) { return {from.db(), from.key()}; }

void put(const HandOff& from, records::pb::HandOff& to) {
    put(from.record, *to.mutable_record());
    to.set_grant(from.grant);
    to.set_data(string_of(from.data));
}

HandOff get(const records::pb::HandOff& from) {
    return {get(from.record()), from.grant(), Bytes::copy_of(from.data())};
}

template <class List>
void put(const std::vector<Owned>& from, List& to) {
    for (const Owned& owned : from) {
        records::pb::Owned& item = *to.Add();
        put(owned.record, *item.mutable_record());
        item.set_grant(owned.grant);
    }
}

template <class List>
std::vector<Owned> get_owned(const List& from) {
    std::vector<Owned> list;
    for (const records::pb::Owned& item : from)
        list.push_back({get(item.record()), item.grant()});
    return list;
}

struct Encoder {
    records::pb::Command& out;

    void operator()(const Claim& claim) const {
        put(claim.record, *out.mutable_claim()->mutable_record());
        out.mutable_claim()->set_create(claim.create);
        out.mutable_claim()->set_given(claim.given);
        out.mutable_claim()->set_held(claim.held);
    }

    void operator()(const HandOff& hand_off) const { put(hand_off, *out.mutable_hand_off()); }

    void operator()(const Bequest& bequest) const {
        out.mutable_bequest();
        for (const HandOff& one : bequest.records)
            put(one, *out.mutable_bequest()->add_records());
    }

    void operator()(const Missing& missing) const {
        put(missing.records, *out.mutable_missing()->mutable_records());
    }

    void operator()(const Vacuum& vacuum) const {
        put(vacuum.records, *out.mutable_vacuum()->mutable_records());
    }

    void operator()(const Drop& drop) const { out.mutable_drop()->set_db(drop.db); }

    void operator()(const Copies& copies) const {
        out.mutable_copies();
        for (const Directory::Report& report : copies.copies) {
            auto& item = *out.mutable_copies()->add_copies();
            put(report.record, *item.mutable_record());
            if (report.rsn) item.set_rsn(*report.rsn);
        }
    }

    void operator()(const NoticeOver& notice) const {
        put(notice.who, *out.mutable_notice_over()->mutable_who());
        out.mutable_notice_over()->set_epoch(notice.epoch);
    }

    void operator()(const Returned& returned) const {
        out.mutable_returned()->set_number(returned.number);
    }

    void operator()(const Search& search) const {
        out.mutable_search();
        for (const RecordName& record : search.records)
            put(record, *out.mutable_search()->add_records());
    }

    void operator()(const Read& read) const {
        put(read.record, *out.mutable_read()->mutable_record());
        out.mutable_read()->set_ticket(read.ticket);
        out.mutable_read()->set_keep(read.keep);
    }

    void operator()(const ReadReply& reply) const {
        put(reply.reader, *out.mutable_read_reply()->mutable_reader());
        out.mutable_read_reply()->set_ticket(reply.ticket);
        out.mutable_read_reply()->set_data(string_of(reply.data));
    }

    void operator()(const Delegate& delegate) const {
        auto& item = *out.mutable_delegate();
        put(delegate.record, *item.mutable_record());
        item.set_grant(delegate.grant);
        put(delegate.reader, *item.mutable_reader());
        item.set_ticket(delegate.ticket);
        item.set_data(string_of(delegate.data));
    }

    void operator()(const CopiesDropped& dropped) const {
        put(dropped.records, *out.mutable_copies_dropped()->mutable_records());
    }

    void operator()(const Moved& moved) const {
        out.mutable_moved();
        for (const Moved::Move& move : moved.moves) {
            auto& item = *out.mutable_moved()->add_moves();
            put(move.record, *item.mutable_record());
            item.set_grant(move.grant);
            put(move.to, *item.mutable_to());
            if (move.data) item.set_data(string_of(*move.data));
        }
    }
};

Copies get(const records::pb::Copies& from) {
    Copies copies;
    for (const auto& item : from.copies())
        copies.copies.push_back(
            {get(item.record()), item.has_rsn() ? std::optional{item.rsn()} : std::nullopt});
    return copies;
}

Delegate get(const records::pb::Delegate& from) {
    return {get(from.record()), from.grant(), get(from.reader()), from.ticket(),
            Bytes::copy_of(from.data())};
}

Moved get(const records::pb::Moved& from) {
    Moved moved;
    for (const auto& item : from.moves())
        moved.moves.push_back(
            {get(item.record()), item.grant(), get(item.to()),
             item.has_data() ? std::optional{Bytes::copy_of(item.data())} : std::nullopt});
    return moved;
}

// Processors, as what has departed or not, <-> their indexes in one table of the state.
class Table {
public:
    explicit Table(records::pb::State& state) : state_(state) {}

    std::uint32_t operator()(Standing standing) {
        const auto [at, is_new] =
            indexes_.try_emplace(standing, static_cast<std::uint32_t>(indexes_.size()));
        if (is_new) {
            auto& processor = *state_.add_processors();
            put(standing.owner, processor);
            processor.set_departed(standing.departed);
        }
        return at->second;
    }

    std::uint32_t operator()(ProcessorId who) { return (*this)(Standing{who}); }

private:
    records::pb::State& state_;
    std::map<Standing, std::uint32_t> indexes_;
};

// Reads indexes; remembers whether one lay outside of the table.
class Names {
public:
    explicit Names(const records::pb::State& state) : state_(state) {}

    ProcessorId operator()(std::uint32_t index) { return standing(index).owner; }

    Standing standing(std::uint32_t index) {
        if (index < static_cast<std::uint32_t>(state_.processors_size())) {
            const auto& processor = state_.processors(static_cast<int>(index));
            return {get(processor), processor.departed()};
        }
        valid_ = false;
        return {nobody};
    }

    template <class List>
    std::vector<ProcessorId> all(const List& indexes) {
        std::vector<ProcessorId> list;
        for (const std::uint32_t index : indexes)
            list.push_back((*this)(index));
        return list;
    }

    [[nodiscard]] bool valid() const { return valid_; }

private:
    const records::pb::State& state_;
    bool valid_ = true;
};

bool get_records(const records::pb::State& from, Names& name, Directory::Saved& to) {
    for (const auto& database : from.databases()) {
        const int count = database.keys_size();
        if (database.owners_size() != count || database.grants_size() != count) return false;
        for (int i = 0; i < count; ++i)
            to.records.push_back({{database.db(), database.keys(i)},
                                  name.standing(database.owners(i)),
                                  database.grants(i),
                                  {}});
    }
    if (!std::ranges::is_sorted(to.records, {}, &Directory::Saved::Record::name)) return false;
    for (const auto& queue : from.queues()) {
        const RecordName record = get(queue.record());
        const auto at =
            std::ranges::lower_bound(to.records, record, {}, &Directory::Saved::Record::name);
        if (at == to.records.end() || at->name != record) return false;
        at->waiting = name.all(queue.waiting());
    }
    return true;
}

} // namespace

Service guarantee_of(const Any& command) {
    const bool safe = std::holds_alternative<Delegate>(command);
    return safe ? Service::safe : Service::agreed;
}

Bytes encode(const Any& command) {
    records::pb::Command message;
    std::visit(Encoder{message}, command);
    return bytes_of(message);
}

std::optional<Any> decode(const Bytes& payload) {
    records::pb::Command in;
    if (!parsed(in, payload)) return std::nullopt;
    using Kind = records::pb::Command;
    switch (in.kind_case()) {
    case Kind::kClaim:
        return Claim{get(in.claim().record()), in.claim().create(), in.claim().given(),
                     in.claim().held()};
    case Kind::kHandOff:
        return get(in.hand_off());
    case Kind::kMissing:
        return Missing{get_owned(in.missing().records())};
    case Kind::kVacuum:
        return Vacuum{get_owned(in.vacuum().records())};
    case Kind::kDrop:
        return Drop{in.drop().db()};
    case Kind::kCopies:
        return get(in.copies());
    case Kind::kNoticeOver:
        return NoticeOver{get(in.notice_over().who()), in.notice_over().epoch()};
    case Kind::kReturned:
        return Returned{in.returned().number()};
    case Kind::kRead:
        return Read{get(in.read().record()), in.read().ticket(), in.read().keep()};
    case Kind::kReadReply:
        return ReadReply{get(in.read_reply().reader()), in.read_reply().ticket(),
                         Bytes::copy_of(in.read_reply().data())};
    case Kind::kBequest: {
        Bequest bequest;
        for (const auto& one : in.bequest().records())
            bequest.records.push_back(get(one));
        return bequest;
    }
    case Kind::kMoved:
        return get(in.moved());
    case Kind::kSearch: {
        Search search;
        for (const auto& record : in.search().records())
            search.records.push_back(get(record));
        return search;
    }
    case Kind::kDelegate:
        return get(in.delegate());
    case Kind::kCopiesDropped:
        return CopiesDropped{get_owned(in.copies_dropped().records())};
    case Kind::KIND_NOT_SET:
        break;
    }
    return std::nullopt;
}

Bytes encode_direct(const Direct& message) {
    records::pb::Direct out;
    out.mutable_ring()->set_seq(message.ring.seq);
    put(message.ring.representative, *out.mutable_ring()->mutable_representative());
    std::visit(Match{[&](const Ask& ask) {
                         put(ask.record, *out.mutable_ask()->mutable_record());
                         put(ask.asking, *out.mutable_ask()->mutable_asking());
                         out.mutable_ask()->set_hops(ask.hops);
                     },
                     [&](const Give& give) {
                         put(give.record, *out.mutable_give()->mutable_record());
                         out.mutable_give()->set_grant(give.grant);
                         out.mutable_give()->set_data(string_of(give.data));
                         for (const ProcessorId& who : give.asking)
                             put(who, *out.mutable_give()->add_asking());
                     },
                     [&](const Decline& decline) {
                         put(decline.record, *out.mutable_decline()->mutable_record());
                     }},
               message.content);
    return bytes_of(out, ServiceId::records);
}

std::optional<Direct> decode_direct(const Bytes& bytes) {
    records::pb::Direct in;
    if (!parsed(in, bytes, ServiceId::records)) return std::nullopt;
    const RingId ring{in.ring().seq(), get(in.ring().representative())};
    using Kind = records::pb::Direct;
    switch (in.kind_case()) {
    case Kind::kAsk:
        return Direct{ring, Ask{get(in.ask().record()), get(in.ask().asking()), in.ask().hops()}};
    case Kind::kGive: {
        Give give{get(in.give().record()), in.give().grant(), Bytes::copy_of(in.give().data()), {}};
        for (const auto& who : in.give().asking())
            give.asking.push_back(get(who));
        return Direct{ring, std::move(give)};
    }
    case Kind::kDecline:
        return Direct{ring, Decline{get(in.decline().record())}};
    case Kind::KIND_NOT_SET:
        break;
    }
    return std::nullopt;
}

Bytes encode_state(const Directory::Saved& from) {
    records::pb::State to;
    Table index{to};
    to.set_epoch(from.epoch);
    to.set_last_ownership(from.last_ownership);
    to.set_began(from.began);
    for (const ProcessorId& who : from.members)
        to.add_members(index(who));
    for (const Directory::Saved::Record& record : from.records) {
        if (to.databases().empty() || to.databases().rbegin()->db() != record.name.db)
            to.add_databases()->set_db(record.name.db);
        auto& database = *to.mutable_databases()->rbegin();
        database.add_keys(record.name.key);
        database.add_owners(index(record.standing));
        database.add_grants(record.grant);
        if (record.waiting.empty()) continue;
        auto& queue = *to.add_queues();
        put(record.name, *queue.mutable_record());
        for (const ProcessorId& who : record.waiting)
            queue.add_waiting(index(who));
    }
    for (const Directory::Saved::Loss& loss : from.losses) {
        auto& item = *to.add_losses();
        put(loss.name, *item.mutable_record());
        item.set_epoch(loss.epoch);
        for (const ProcessorId& who : loss.expected)
            item.add_expected(index(who));
        for (const auto& [who, rsn] : loss.held) {
            item.add_holders(index(who));
            item.add_rsns(rsn);
        }
    }
    for (const auto& [who, epoch] : from.unnoticed) {
        to.add_unnoticed(index(who));
        to.add_unnoticed_epochs(epoch);
    }
    for (const ProcessorId& who : from.retreating)
        to.add_retreating(index(who));
    for (const auto& [record, delegation] : from.delegations) {
        auto& item = *to.add_delegations();
        put(record, *item.mutable_record());
        item.set_revoked(delegation.revoked);
        for (const ProcessorId& who : delegation.readers)
            item.add_readers(index(who));
    }
    return bytes_of(to);
}

std::optional<Directory::Saved> decode_state(const Bytes& bytes) {
    records::pb::State from;
    if (!parsed(from, bytes)) return std::nullopt;
    Directory::Saved to;
    Names name{from};
    to.epoch = from.epoch();
    to.last_ownership = from.last_ownership();
    to.began = from.began();
    to.members = name.all(from.members());
    if (!get_records(from, name, to)) return std::nullopt;
    for (const auto& item : from.losses()) {
        if (item.holders_size() != item.rsns_size()) return std::nullopt;
        Directory::Saved::Loss loss{
            get(item.record()), item.epoch(), name.all(item.expected()), {}};
        for (int i = 0; i < item.holders_size(); ++i)
            loss.held.emplace_back(name(item.holders(i)), item.rsns(i));
        to.losses.push_back(std::move(loss));
    }
    if (from.unnoticed_size() != from.unnoticed_epochs_size()) return std::nullopt;
    for (int i = 0; i < from.unnoticed_size(); ++i)
        to.unnoticed.emplace_back(name(from.unnoticed(i)), from.unnoticed_epochs(i));
    to.retreating = name.all(from.retreating());
    for (const auto& item : from.delegations()) {
        const std::vector<ProcessorId> readers = name.all(item.readers());
        to.delegations.push_back(
            {get(item.record()), {{readers.begin(), readers.end()}, item.revoked()}});
    }
    return name.valid() ? std::optional{std::move(to)} : std::nullopt;
}

} // namespace statedb::record_command
