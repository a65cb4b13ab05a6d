#include "sim/records/record_machine.h"

#include <algorithm>

namespace sim::records {

namespace {

// How long those who were given a record have it for themselves, at most.
constexpr Duration turn_max = 10ms;
// Until a record that is empty is looked at again, and taken away everywhere if it still is.
constexpr Duration vacuum_delay = 60ms;

} // namespace

RecordMachine::RecordMachine(Surroundings& around,
                             Agenda& agenda,
                             RecordJudge& judge,
                             AskRecords ask)
    : around_(around), node_(around.self().node), agenda_(agenda), judge_(judge),
      ask_(std::move(ask)) {}

// -- files

void RecordMachine::open(DatabaseId db) {
    if (files_.contains(db)) return;
    const auto wake = [this] {
        if (std::exchange(going_on_, true)) return;
        agenda_.soon([this] {
            going_on_ = false;
            for (const auto& [id, file] : files_)
                file->go_on();
        });
    };
    files_[db] = std::make_unique<VolatileFile>(db, around_, judge_, wake);
    shut_files();
}

// The file goes, and what it kept.
void RecordMachine::close(DatabaseId db) {
    if (VolatileFile* const file = find(db)) file->wipe();
    files_.erase(db);
}

VolatileFile* RecordMachine::find(DatabaseId db) {
    const auto found = files_.find(db);
    return found != files_.end() ? found->second.get() : nullptr;
}

void RecordMachine::shut_files() {
    for (const auto& [db, file] : files_)
        file->shut(frozen_ || leaving_);
    // What a file keeps until its barrier has passed is given up already: nobody can get at it.
    judge_.frozen(around_, frozen_ || leaving_ || files_to_reconcile_ > 0);
}

void RecordMachine::shut_for_good() {
    leaving_ = true;
    shut_files();
}

bool RecordMachine::occupied() const {
    return std::ranges::any_of(files_, [](const auto& file) { return file.second->occupied(); });
}

void RecordMachine::each_wanted(const std::function<void(const RecordName&)>& tell) const {
    for (const auto& [record, waiters] : waiters_)
        tell(record);
}

// -- clients' calls

RecordMachine::Call RecordMachine::migrate(const RecordName& record, std::function<void()> answer) {
    waiters_[record].push_back({++last_call_, std::move(answer)});
    const Call call = last_call_;
    if (!frozen_) look(record, false);
    return call;
}

// Answers those who wait for the record if it is ours now. Else asks for it, unless `again`: then
// it has been asked for, and the answer is on its way.
void RecordMachine::look(const RecordName& record, bool again) {
    VolatileFile* const file = find(record.db);
    if (file == nullptr) return;
    file->with(record.key, [this, file, record, again] {
        if (frozen_ || !waiters_.contains(record)) return;
        if (file->writable(record.key) != nullptr)
            answer_waiters(record);
        else if (!again)
            ask_([&](Records& records, Outbox& out) { records.want(record, out); });
    });
}

void RecordMachine::answer_waiters(const RecordName& record) {
    const auto waiters = waiters_.extract(record);
    if (!waiters) return;
    for (const Waiter& waiter : waiters.mapped())
        agenda_.soon(waiter.answer);
}

void RecordMachine::give_up(const RecordName& record, Call call) {
    const auto at = waiters_.find(record);
    if (at == waiters_.end()) return;
    std::erase_if(at->second, [&](const Waiter& waiter) { return waiter.call == call; });
    if (!at->second.empty()) return;
    waiters_.erase(at);
    ask_([&](Records& records, Outbox&) { records.unwant(record); });
}

void RecordMachine::read(const RecordName& record, std::function<void(std::string)> answer) {
    VolatileFile* const file = find(record.db);
    if (file == nullptr) return;
    file->with(record.key, [this, file, record, answer = std::move(answer)] {
        const FileRecord* const here = frozen_ ? nullptr : file->readable(record.key);
        if (here != nullptr) {
            agenda_.soon([answer, data = here->data] { answer(data); });
            return;
        }
        const std::uint64_t ticket = ++last_call_;
        readers_.emplace(ticket, answer);
        ask_([&](Records& records, Outbox& out) {
            if (delegating_.contains(record.db))
                records.read_and_keep(record, ticket, out);
            else
                records.read(record, ticket, out);
        });
    });
}

void RecordMachine::look_again_everywhere() {
    std::vector<RecordName> wanted;
    for (const auto& [record, waiters] : waiters_)
        wanted.push_back(record);
    for (const RecordName& record : wanted)
        look(record, false);
}

// -- decisions

void RecordMachine::perform(RecordEffect effect) {
    std::visit([this](auto&& decided) { on(std::move(decided)); }, std::move(effect));
}

void RecordMachine::on(TakeOver effect) {
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return;
    file->with(effect.record.key, [this, file, effect = std::move(effect)] {
        FileRecord record{.rsn = effect.grant, .dmaster = node_, .data = {}};
        if (effect.source == TakeOver::Source::shipped) record.data = effect.data.view();
        if (effect.source == TakeOver::Source::own_copy)
            if (const FileRecord* const here = file->find(effect.record.key))
                record.data = here->data;
        const bool is_empty = read_datum(record.data).text.empty();
        file->store(effect.record.key, std::move(record));
        const auto waiters = waiters_.find(effect.record);
        begin_turn(effect.record, waiters != waiters_.end() ? waiters->second.size() : 0);
        if (!frozen_) answer_waiters(effect.record);
        if (is_empty) schedule_for_deletion(effect.record);
    });
}

void RecordMachine::on(const GiveAway& effect) {
    turns_.erase(effect.record);
    const auto tell = [this, effect, round = reconciling_](const std::optional<Bytes>& data) {
        agenda_.after(helper_takes, [this, effect, data, round] {
            if (round != reconciling_) return;
            ask_([&](Records& records, Outbox& out) {
                records.handed_off(effect.record, effect.grant, data, out);
            });
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return tell(std::nullopt);
    file->with(effect.record.key, [file, effect, tell] {
        const FileRecord* const here = file->ours(effect.record.key);
        if (here == nullptr) return tell(std::nullopt);
        FileRecord given = *here;
        given.dmaster = effect.to.node;
        given.delegated = false;
        const Bytes data = Bytes::copy_of(std::string_view(given.data));
        file->store(effect.record.key, std::move(given));
        tell(data);
    });
}

void RecordMachine::on(const Retire& effect) {
    const auto tell = [this, effect, round = reconciling_](bool was_empty) {
        agenda_.after(helper_takes, [this, effect, was_empty, round] {
            if (round != reconciling_) return;
            ask_([&](Records& records, Outbox& out) {
                records.retired(effect.record, effect.grant, was_empty, out);
            });
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return tell(true);
    file->with(effect.record.key, [file, effect, tell] {
        const FileRecord* const here = file->ours(effect.record.key);
        if (here == nullptr || !read_datum(here->data).text.empty()) return tell(false);
        FileRecord retired = *here;
        retired.dmaster = 0;
        file->store(effect.record.key, std::move(retired));
        tell(true);
    });
}

void RecordMachine::on(const PartWith& effect) {
    for (const auto& [record, grant] : effect.records) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr) {
            note_parted({record, grant, std::nullopt});
            continue;
        }
        file->with(record.key, [this, file, record, grant, round = reconciling_] {
            if (round != reconciling_) return;
            const FileRecord* const here = file->ours(record.key);
            if (here == nullptr) return note_parted({record, grant, std::nullopt});
            FileRecord given = *here;
            given.dmaster = 0;
            given.delegated = false;
            const Bytes data = Bytes::copy_of(std::string_view(given.data));
            file->store(record.key, std::move(given));
            note_parted({record, grant, data});
        });
    }
}

void RecordMachine::note_parted(Records::Parted parted) {
    parted_.push_back(std::move(parted));
    if (parted_.size() > 1) return;
    agenda_.soon([this] {
        ask_([&, told = std::exchange(parted_, {})](Records& records, Outbox& out) {
            records.parted(told, out);
        });
    });
}

void RecordMachine::on(const Remove& effect) {
    turns_.erase(effect.record);
    if (VolatileFile* const file = find(effect.record.db))
        file->with(effect.record.key, [file, key = effect.record.key] { file->erase(key); });
}

void RecordMachine::on(const Ready& effect) { look(effect.record, true); }

void RecordMachine::on(const ReadLocal& effect) {
    const auto tell = [this, effect](std::optional<Bytes> data) {
        ask_([&](Records& records, Outbox& out) {
            records.read_local(effect, std::move(data), out);
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return tell(std::nullopt);
    file->with(effect.record.key, [file, effect, tell] {
        const FileRecord* const here = file->find(effect.record.key);
        const bool has_it = here != nullptr && here->rsn == effect.grant;
        tell(has_it ? std::optional(Bytes::copy_of(std::string_view(here->data))) : std::nullopt);
    });
}

void RecordMachine::on(const ReadAnswer& effect) {
    if (const auto reader = readers_.extract(effect.ticket))
        agenda_.soon(
            [answer = reader.mapped(), data = std::string(effect.data.view())] { answer(data); });
}

void RecordMachine::on(const Report& effect) {
    for (const RecordName& record : effect.records) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr) {
            note_copy(record, std::nullopt);
            continue;
        }
        file->with(record.key, [this, file, record, round = reconciling_] {
            const FileRecord* const here = file->find(record.key);
            if (round == reconciling_)
                note_copy(record, here != nullptr ? std::optional(here->rsn) : std::nullopt);
        });
    }
}

void RecordMachine::note_copy(const RecordName& record, std::optional<Grant> rsn) {
    copies_.push_back({record, rsn});
    if (copies_.size() > 1) return;
    agenda_.soon([this] {
        const auto copies = std::exchange(copies_, {});
        ask_([&](Records& records, Outbox& out) { records.copies(copies, out); });
    });
}

void RecordMachine::on(const Wipe& effect) {
    for (const auto& [db, file] : files_)
        if (!effect.db || *effect.db == db)
            file->barrier([target = file.get()] { target->wipe(); });
    std::erase_if(turns_, [&](const auto& t) { return !effect.db || t.first.db == *effect.db; });
}

void RecordMachine::on(const Freeze&) {
    frozen_ = true;
    shut_files();
}

void RecordMachine::on(const Thaw&) {
    frozen_ = false;
    shut_files();
    look_again_everywhere();
}

// -- reconciling

void RecordMachine::on(Reconcile effect) {
    const std::uint64_t round = ++reconciling_;
    copies_.clear();
    parted_.clear();
    std::map<DatabaseId, std::vector<Reconcile::Kept>> by_database;
    for (const auto& [db, file] : files_)
        by_database[db];
    for (Reconcile::Kept& kept : effect.kept)
        by_database[kept.record.db].push_back(std::move(kept));
    missing_.clear();
    files_to_reconcile_ = by_database.size();
    for (const auto& [db, kept] : by_database)
        reconcile(db, kept, round);
    if (by_database.empty())
        ask_([](Records& records, Outbox& out) { records.reconciled({}, out); });
}

void RecordMachine::reconcile(DatabaseId db,
                              const std::vector<Reconcile::Kept>& kept,
                              std::uint64_t round) {
    VolatileFile* const file = find(db);
    if (file == nullptr) {
        std::vector<RecordName> all;
        for (const auto& entry : kept)
            all.push_back(entry.record);
        return reconciled(round, all);
    }
    file->barrier([this, file, kept, round] {
        std::map<std::string, FileRecord> survivors;
        std::vector<RecordName> missing;
        for (const auto& [record, grant, is_ours, is_shared] : kept) {
            const FileRecord* const here = file->find(record.key);
            const bool current = here != nullptr && here->rsn == grant;
            if (!current) missing.push_back(record);
            if (here != nullptr)
                survivors[record.key] = {.rsn = here->rsn,
                                         .dmaster = is_ours && current ? node_ : NodeId{0},
                                         .data = here->data,
                                         .delegated = is_shared};
        }
        file->wipe();
        for (auto& [key, record] : survivors)
            file->store(key, std::move(record));
        reconciled(round, missing);
    });
}

void RecordMachine::reconciled(std::uint64_t round, const std::vector<RecordName>& missing) {
    if (round != reconciling_) return; // another state was loaded meanwhile
    missing_.insert(missing_.end(), missing.begin(), missing.end());
    if (--files_to_reconcile_ > 0) return;
    shut_files();
    std::ranges::sort(missing_);
    ask_([&](Records& records, Outbox& out) { records.reconciled(missing_, out); });
    if (!frozen_) look_again_everywhere();
}

// -- turns

void RecordMachine::begin_turn(const RecordName& record, std::size_t clients) {
    const std::uint64_t number = ++last_turn_;
    turns_[record] = {number, clients};
    agenda_.after(clients > 0 ? turn_max : Duration{}, [this, record, number] {
        const auto turn = turns_.find(record);
        if (turn != turns_.end() && turn->second.number == number) end_turn(record);
    });
}

void RecordMachine::released(const RecordName& record) {
    const auto turn = turns_.find(record);
    if (turn != turns_.end() && turn->second.clients > 0 && --turn->second.clients == 0)
        end_turn(record);
}

void RecordMachine::end_turn(const RecordName& record) {
    turns_.erase(record);
    ask_([&](Records& records, Outbox& out) { records.turn_over(record, out); });
}

// -- vacuuming

void RecordMachine::schedule_for_deletion(const RecordName& record) {
    agenda_.after(vacuum_delay, [this, record] { look_at_candidate(record); });
}

void RecordMachine::look_at_candidate(const RecordName& record) {
    VolatileFile* const file = find(record.db);
    if (file == nullptr) return;
    const FileRecord* const here = file->ours(record.key);
    if (here == nullptr || !read_datum(here->data).text.empty()) return;
    ask_([&](Records& records, Outbox& out) { records.vacuum(std::span{&record, 1}, out); });
}

} // namespace sim::records
