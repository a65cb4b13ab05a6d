#include "sim/records/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sim::records {

const std::vector<DatabaseSpec>& database_specs() {
    static const std::vector<DatabaseSpec> specs = {
        {0x7a19d84d, "locking.tdb", DatabaseKind::is_volatile, true},
        {0x66f71b8c, "smbXsrv_open_global.tdb", DatabaseKind::is_volatile, false},
        {0x6cf2837d, "registry.tdb", DatabaseKind::is_persistent, false},
        {0x7132c184, "secrets.tdb", DatabaseKind::is_persistent, false},
    };
    return specs;
}

const std::string& name_of(DatabaseId db) {
    return std::ranges::find(database_specs(), db, &DatabaseSpec::id)->name;
}

bool is_delegated(DatabaseId db) {
    return std::ranges::find(database_specs(), db, &DatabaseSpec::id)->delegated;
}

namespace {

DatabaseId some_database(Random& chance, bool is_volatile) {
    const std::size_t first = is_volatile ? 0 : 2;
    return database_specs()[first + chance.below(2)].id;
}

// A record's value on disk: the header of ctdb-wire.md 5.5, and what is behind it.
Bytes value(std::uint64_t rsn, std::string_view text) {
    std::string bytes(24, '\0');
    std::memcpy(bytes.data(), &rsn, sizeof rsn);
    return Bytes::copy_of(bytes.append(text));
}

std::uint64_t rsn_of(const Content& content, const std::string& key) {
    std::uint64_t rsn = 0;
    if (const auto at = content.find(key); at != content.end())
        std::memcpy(&rsn, at->second.data(), sizeof rsn);
    return rsn;
}

} // namespace

// -- one client

class Client {
public:
    Client(Clients& all, std::uint32_t number)
        : all_(all),
          name_(fmt::format("{}.{}.c{}", all.around_.self().node, all.around_.life(), number)) {}

    void think() {
        doing_.clear();
        const double rate = all_.plan_.operations_per_second;
        all_.agenda_.after(chance().exponential(Duration{static_cast<Duration::rep>(1e9 / rate)}),
                           [this] {
                               if (!all_.quiet_) act();
                           });
    }

    void finish_hold() {
        if (inside_) let_go();
        if (peeking_) end_peek();
    }

    [[nodiscard]] std::optional<std::string> waiting() const {
        if (doing_.empty()) return std::nullopt;
        const bool for_record = doing_.find("record") != doing_.npos;
        return fmt::format("{} still waits {}{}", name_, doing_,
                           for_record ? all_.daemon_.whereabouts(record_) : "");
    }

private:
    [[nodiscard]] Random& chance() { return all_.around_.random(); }

    void act();

    // -- a record, held: fetch-lock, hold, write, release
    void fetch();
    void enter();
    void look();
    void hold(const FileRecord& here);
    void let_go();

    void peek();
    void peek_inside();
    void end_peek();
    void use_lock();
    void work_under_lock();
    void leave_lock();
    void transact();
    void add_write(std::vector<statedb::Write>& writes,
                   const Content& content,
                   std::string key,
                   std::uint64_t number) const;
    void answered(const Daemon::CommitResult& result);
    void ask();

    Clients& all_;
    std::string name_;
    std::string doing_; // empty: nothing

    RecordName record_;
    std::uint64_t attempts_ = 0; // counts the requests for it, and their ends
    bool inside_ = false;        // of a chain, with the record
    bool peeking_ = false;       // the same, and only looks
    std::uint64_t holds_ = 0;
    Datum read_;

    std::string lock_;
    std::optional<std::uint64_t> lock_ticket_;
    bool has_lock_ = false;

    DatabaseId database_ = 0;
    std::uint64_t transactions_ = 0;
    std::map<std::string, std::string> writes_; // of the transaction under way
    std::uint64_t sequence_ = 0;                // that it makes
};

void Client::act() {
    const RecordPlan& plan = all_.plan_;
    double choice = chance().fraction();
    const auto chosen = [&](double share) { return (choice -= share) < 0; };
    if (chosen(plan.peek_share)) return peek();
    if (chosen(plan.lock_share)) return use_lock();
    if (chosen(plan.transaction_share)) return transact();
    if (chosen(plan.question_share)) return ask();
    fetch();
}

// -- a record, held

void Client::fetch() {
    record_ = {some_database(chance(), true),
               fmt::format("file{}", chance().below(all_.plan_.keys))};
    if (all_.daemon_.records().find(record_.db) == nullptr) return think(); // not attached yet
    doing_ = "for record " + record_.key;
    enter();
}

void Client::enter() {
    all_.daemon_.records().find(record_.db)->enter(record_.key, [this] { look(); });
}

// Inside the chain: the header tells whether the record may be used. If not, the daemon gets it,
// and then we look again, for others may have been quicker.
void Client::look() {
    RecordMachine& records = all_.daemon_.records();
    VolatileFile& file = *records.find(record_.db);
    if (const FileRecord* const here = file.writable(record_.key)) return hold(*here);
    file.leave(record_.key);
    const std::uint64_t attempt = ++attempts_;
    const auto call = records.migrate(record_, [this, attempt] {
        if (attempt != attempts_) return;
        ++attempts_;
        enter();
    });
    if (!chance().chance(all_.plan_.give_up_share)) return;
    all_.agenda_.after(chance().exponential(20ms), [this, call, attempt] {
        if (attempt != attempts_) return;
        ++attempts_;
        all_.daemon_.records().give_up(record_, call);
        think();
    });
}

void Client::hold(const FileRecord& here) {
    inside_ = true;
    read_ = read_datum(here.data);
    all_.around_.emit(trace::Lock{name_of(record_.db), record_.key, name_});
    all_.around_.emit(trace::Value{name_of(record_.db), record_.key, name_, read_.text});
    all_.judges_.records.locked(all_.around_, record_, name_, read_);
    all_.agenda_.after(chance().exponential(all_.plan_.hold), [this, hold = ++holds_] {
        if (inside_ && hold == holds_) let_go();
    });
}

void Client::let_go() {
    inside_ = false;
    RecordMachine& records = all_.daemon_.records();
    VolatileFile& file = *records.find(record_.db);
    if (!chance().chance(all_.plan_.look_share)) {
        const bool remove = chance().chance(all_.plan_.delete_share);
        const Datum wrote = all_.judges_.records.stored(
            record_, remove ? "" : std::to_string(counter_of(read_.text) + 1));
        FileRecord changed = *file.ours(record_.key);
        changed.data = written(wrote);
        file.store(record_.key, std::move(changed));
        all_.around_.emit(trace::Store{name_of(record_.db), record_.key, name_, wrote.text});
        if (remove) records.schedule_for_deletion(record_);
    }
    all_.judges_.records.unlocked(record_);
    all_.around_.emit(trace::Unlock{name_of(record_.db), record_.key, name_});
    file.leave(record_.key);
    const RecordName record = record_;
    all_.agenda_.soon([this, record] { all_.daemon_.records().released(record); });
    think();
}

// -- a record, only looked at

void Client::peek() {
    record_ = {some_database(chance(), true),
               fmt::format("file{}", chance().below(all_.plan_.keys))};
    if (all_.daemon_.records().find(record_.db) == nullptr) return think();
    doing_ = "to read record " + record_.key;
    all_.daemon_.records().find(record_.db)->enter(record_.key, [this] { peek_inside(); });
}

// Inside the chain: what may be read here is, until we are done with it, and the daemon is asked
// for all else.
void Client::peek_inside() {
    VolatileFile& file = *all_.daemon_.records().find(record_.db);
    if (file.readable(record_.key) != nullptr) {
        peeking_ = true;
        all_.agenda_.after(chance().exponential(all_.plan_.hold), [this, hold = ++holds_] {
            if (peeking_ && hold == holds_) end_peek();
        });
        return;
    }
    file.leave(record_.key);
    const auto peek = all_.judges_.records.peek_begins(record_);
    all_.daemon_.records().read(record_, [this, peek](const std::string& data) {
        all_.judges_.records.peek_ends(all_.around_, peek, read_datum(data));
        think();
    });
}

void Client::end_peek() {
    peeking_ = false;
    VolatileFile& file = *all_.daemon_.records().find(record_.db);
    const FileRecord* const here = file.readable(record_.key);
    if (here == nullptr)
        all_.around_.violated("readers", "record " + record_.key + " changed while it was read");
    else if (here->readonly)
        all_.judges_.records.copy_read(all_.around_, record_, read_datum(here->data));
    file.leave(record_.key);
    think();
}

// -- a named lock

void Client::use_lock() {
    lock_ = fmt::format("job{}", chance().below(2));
    doing_ = "for lock " + lock_;
    lock_ticket_ =
        all_.daemon_.claim_lock(lock_, {.granted = [this](std::uint64_t) { work_under_lock(); },
                                        .lost =
                                            [this](std::uint64_t ticket) {
                                                if (lock_ticket_ == ticket) leave_lock();
                                            }});
}

void Client::work_under_lock() {
    has_lock_ = true;
    all_.judges_.census.lock_granted(all_.around_, lock_, name_);
    all_.agenda_.after(chance().exponential(4 * all_.plan_.hold), [this, ticket = lock_ticket_] {
        if (lock_ticket_ == ticket) leave_lock();
    });
}

void Client::leave_lock() {
    if (std::exchange(has_lock_, false))
        all_.judges_.census.lock_given_back(all_.around_.self().node, lock_);
    const std::uint64_t ticket = *lock_ticket_;
    lock_ticket_.reset();
    all_.agenda_.soon([this, ticket] { all_.daemon_.release_lock(ticket); });
    think();
}

// -- a transaction: read, change, commit (ctdb-behaviour.md 1.5.8)

void Client::add_write(std::vector<statedb::Write>& writes,
                       const Content& content,
                       std::string key,
                       std::uint64_t number) const {
    Bytes bytes = value(rsn_of(content, key) + 1, std::to_string(number));
    writes.push_back({std::move(key), std::move(bytes)});
}

void Client::transact() {
    database_ = some_database(chance(), false);
    const Content* const content = all_.daemon_.committed().find(database_);
    if (content == nullptr) return think();
    doing_ = "for a transaction on " + name_of(database_);
    std::vector<statedb::Write> writes;
    for (std::uint64_t left = chance().between(std::uint64_t{1}, 2), key = chance().below(3);
         left > 0; --left, key = (key + 1) % 3) {
        const std::string name = fmt::format("counter{}", key);
        const auto at = content->find(name);
        add_write(writes, *content, name,
                  at != content->end() ? counter_of(text_of(at->second)) + 1 : 1);
    }
    add_write(writes, *content, std::string(client_key) + name_, ++transactions_);
    writes_.clear();
    for (const statedb::Write& write : writes)
        writes_[write.key] = text_of(write.value);
    sequence_ = records::name_of(*content).sequence + 1;
    std::string number(sizeof sequence_, '\0');
    std::memcpy(number.data(), &sequence_, sizeof sequence_);
    writes.push_back({sequence_key(), value(rsn_of(*content, sequence_key()) + 1, number)});
    all_.daemon_.commit(database_, std::move(writes),
                        [this](const Daemon::CommitResult& result) { answered(result); });
}

void Client::answered(const Daemon::CommitResult& result) {
    DatabaseJudge& judge = all_.judges_.databases;
    if (result.committed) {
        all_.around_.emit(trace::Commit{name_of(database_), name_, sequence_, writes_});
        judge.acknowledged(all_.around_, database_, {name_, transactions_}, result.components);
    } else if (!result.unsure) {
        judge.refused(all_.around_, database_, {name_, transactions_});
    }
    think();
}

// -- another node

void Client::ask() {
    const std::vector<NodeId>& nodes = all_.around_.nodes();
    const NodeId node = nodes[chance().below(nodes.size())];
    doing_ = fmt::format("for an answer of node {}", node);
    all_.daemon_.ask(node, name_, [this](const std::optional<std::string>& answer) {
        if (answer && *answer != "hello " + name_)
            all_.around_.violated("answers", fmt::format("{} is told \"{}\"", name_, *answer));
        think();
    });
}

// -- all of them

Clients::Clients(
    Surroundings& around, Agenda& agenda, Daemon& daemon, Judges& judges, const RecordPlan& plan)
    : around_(around), agenda_(agenda), daemon_(daemon), judges_(judges), plan_(plan) {
    for (std::uint32_t number = 1; number <= plan.clients; ++number)
        clients_.push_back(std::make_unique<Client>(*this, number));
}

Clients::~Clients() = default;

void Clients::begin() {
    for (const auto& client : clients_)
        client->think();
}

void Clients::finish_holds() {
    for (const auto& client : clients_)
        client->finish_hold();
}

std::optional<std::string> Clients::waiting() const {
    for (const auto& client : clients_)
        if (auto sentence = client->waiting()) return sentence;
    return std::nullopt;
}

} // namespace sim::records
