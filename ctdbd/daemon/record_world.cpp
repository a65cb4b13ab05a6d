#include "ctdbd/daemon/record_world.h"

#include "base/check.h"
#include "base/match.h"
#include "ctdbd/daemon/record_bytes.h"
#include "net/logs.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

// When we look whether somebody has had the turn that others wait for: soon after he was woken, and
// then less and less often. Where nobody has waited for a turn lately, not so soon.
constexpr auto turn_glance_min = 30us;
constexpr auto turn_glance_max = 640us;
constexpr auto contention_lasts = 50ms;

} // namespace

RecordWorld::RecordWorld(boost::asio::io_context& loop,
                         RecordWorldSettings settings,
                         AskRecords ask)
    : loop_(loop), settings_(std::move(settings)), ask_(std::move(ask)), turn_timer_(loop),
      vacuum_timer_(loop), vacuum_watch_(loop) {}

RecordWorld::~RecordWorld() { *alive_ = false; }

void RecordWorld::later(std::function<void()> work) {
    boost::asio::post(loop_, [alive = alive_, work = std::move(work)] {
        if (*alive) work();
    });
}

// -- files

void RecordWorld::open(DatabaseId id, const std::string& name, TdbOptions options) {
    if (files_.contains(id)) return;
    if (auto closing = closing_.extract(id)) { // what is done to it waits until it is empty
        files_.emplace(id, std::move(closing.mapped().file));
        shut_as_due(id);
        return;
    }
    auto file = std::make_unique<VolatileFile>(loop_, settings_.locks, std::move(options), name);
    file->shut(frozen_);
    files_.emplace(id, std::move(file));
}

void RecordWorld::close(DatabaseId id) {
    if (auto closed = files_.extract(id)) {
        VolatileFile* const file = closed.mapped().get();
        closing_[id] = {std::move(closed.mapped()), ++closed_};
        file->barrier([this, id, file, number = closed_] {
            file->file().wipe();
            later([this, id, number] {
                const auto closing = closing_.find(id);
                if (closing != closing_.end() && closing->second.number == number)
                    closing_.erase(closing);
            });
        });
    }
    held_.erase(id);
    about_.erase(id);
    end_vacuum(id);
    replacing_.erase(id);
    std::erase_if(waiters_, [&](const auto& entry) { return entry.first.db == id; });
    std::erase_if(turns_, [&](const auto& entry) { return entry.first.db == id; });
}

VolatileFile* RecordWorld::find(DatabaseId id) {
    const auto found = files_.find(id);
    return found != files_.end() ? found->second.get() : nullptr;
}

bool RecordWorld::all_shut() const {
    return std::all_of(files_.begin(), files_.end(),
                       [](const auto& entry) { return entry.second->is_shut(); });
}

// -- clients' calls

std::optional<RecordWorld::Here> RecordWorld::stored(VolatileFile& file, const RecordName& record) {
    const auto value = file.file().fetch(key_of(record));
    const auto header = value ? protocol::read_ltdb_header(value->span()) : std::nullopt;
    return header ? std::optional(Here{*header, data_of(*value)}) : std::nullopt;
}

std::optional<RecordWorld::Here> RecordWorld::ours(VolatileFile& file,
                                                   const RecordName& record) const {
    auto here = stored(file, record);
    return here && here->header.dmaster == settings_.pnn ? here : std::nullopt;
}

void RecordWorld::migrate(const RecordName& record, Caller caller, Answer answer) {
    waiters_[record].push_back({caller, std::move(answer)});
    if (!frozen_) look(record, false);
}

// Answers those who wait for the record if it is ours now. Else asks for it, unless `again`: then
// it has been asked for, and the answer is on its way.
void RecordWorld::look(const RecordName& record, bool again) {
    VolatileFile* const file = find(record.db);
    if (file == nullptr) return;
    file->with(key_bytes(record), [this, file, record, again] {
        if (frozen_ || !waiters_.contains(record)) return;
        if (const auto here = writable(*file, record))
            answer_waiters(record, *here);
        else if (!again)
            ask_([&](statedb::Records& records, statedb::Outbox& out) {
                records.want(record, out);
            });
    });
}

// The answers leave when the chain is unlocked again, so that nobody wakes up to wait for it.
void RecordWorld::answer_waiters(const RecordName& record, const Here& here) {
    auto waiters = waiters_.extract(record);
    if (!waiters) return;
    later([here, answered = std::move(waiters.mapped())] {
        for (const Waiter& waiter : answered)
            waiter.answer(here.header, here.data);
    });
}

void RecordWorld::read(const RecordName& record, Caller caller, Answer answer) {
    VolatileFile* const file = find(record.db);
    base::check(file != nullptr, "a call is made on a database that is open");
    file->with(key_bytes(record), [this, file, record, caller, answer = std::move(answer)] {
        if (const auto here = frozen_ ? std::nullopt : readable(*file, record)) {
            later([here, answer] { answer(here->header, here->data); });
            return;
        }
        const std::uint64_t ticket = ++last_ticket_;
        readers_.emplace(ticket, Reader{record, {caller, answer}});
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            if (is_readonly(record.db))
                records.read_and_keep(record, ticket, out);
            else
                records.read(record, ticket, out);
        });
    });
}

void RecordWorld::forget(Caller caller) {
    std::erase_if(readers_, [&](const auto& r) { return r.second.waiter.caller == caller; });
    std::vector<RecordName> unwanted;
    for (auto& [record, waiters] : waiters_) {
        std::erase_if(waiters, [&](const Waiter& waiter) { return waiter.caller == caller; });
        if (waiters.empty()) unwanted.push_back(record);
    }
    for (const RecordName& record : unwanted) {
        waiters_.erase(record);
        ask_([&](statedb::Records& records, statedb::Outbox&) { records.unwant(record); });
    }
}

void RecordWorld::look_again_everywhere() {
    std::vector<RecordName> wanted;
    for (const auto& [record, waiters] : waiters_)
        wanted.push_back(record);
    for (const RecordName& record : wanted)
        look(record, false);
}

std::size_t RecordWorld::calls_waiting() const {
    std::size_t sum = readers_.size();
    for (const auto& [record, waiters] : waiters_)
        sum += waiters.size();
    return sum;
}

// -- effects

void RecordWorld::perform(statedb::RecordEffect effect) {
    std::visit([this](auto&& decided) { on(std::move(decided)); }, std::move(effect));
}

void RecordWorld::on(statedb::TakeOver effect) {
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return; // detached meanwhile
    file->with(key_bytes(effect.record), [this, file, effect = std::move(effect)] {
        using Source = statedb::TakeOver::Source;
        Here here{{.rsn = effect.grant, .dmaster = settings_.pnn, .flags = 0}, effect.data};
        if (effect.source == Source::own_copy)
            if (auto before = stored(*file, effect.record)) {
                end_delegation(effect.record, before->header);
                here.data = before->data;
            }
        if (!here.data.empty()) here.header.flags = protocol::record_flag::migrated_with_data;
        file->file().store(key_of(effect.record), here.header, here.data.span());
        note_move(effect.record);
        const auto waiters = waiters_.find(effect.record);
        begin_turn(effect.record, waiters != waiters_.end() ? waiters->second.size() : 0,
                   here.data);
        if (!frozen_) answer_waiters(effect.record, here);
        if (here.data.empty()) schedule_for_deletion(effect.record);
    });
}

void RecordWorld::on(const statedb::GiveAway& effect) {
    if (turn_ending_ == effect.record) contended_until_ = Clock::now() + contention_lasts;
    turns_.erase(effect.record);
    const auto tell = [this, effect, round = reconciling_](std::optional<Bytes> data) {
        if (round != reconciling_) return;
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.handed_off(effect.record, effect.grant, std::move(data), out);
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) {
        tell(std::nullopt);
        return;
    }
    file->with(key_bytes(effect.record), [this, file, effect, tell] {
        auto here = ours(*file, effect.record);
        if (!here) {
            tell(std::nullopt);
            return;
        }
        here->header.dmaster = effect.to.node - 1;
        end_delegation(effect.record, here->header);
        file->file().store(key_of(effect.record), here->header, here->data.span());
        note_move(effect.record);
        tell(here->data);
    });
}

void RecordWorld::on(const statedb::Retire& effect) {
    VolatileFile* const file = find(effect.record.db);
    const auto tell = [this, effect, round = reconciling_](bool was_empty) {
        if (round != reconciling_) return;
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.retired(effect.record, effect.grant, was_empty, out);
        });
    };
    if (file == nullptr) {
        tell(true);
        return;
    }
    file->with(key_bytes(effect.record), [this, file, effect, tell] {
        auto here = ours(*file, effect.record);
        if (!here || !here->data.empty()) {
            tell(false);
            return;
        }
        here->header.dmaster = protocol::pnn::unknown;
        file->file().store(key_of(effect.record), here->header, {});
        tell(true);
    });
}

void RecordWorld::on(const statedb::PartWith& effect) {
    for (const auto& [record, grant] : effect.records) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr) {
            note_parted({record, grant, std::nullopt});
            continue;
        }
        file->with(key_bytes(record), [this, file, record, grant, round = reconciling_] {
            if (round != reconciling_) return;
            auto here = ours(*file, record);
            if (!here) {
                note_parted({record, grant, std::nullopt});
                return;
            }
            here->header.dmaster = protocol::pnn::unknown;
            end_delegation(record, here->header);
            file->file().store(key_of(record), here->header, here->data.span());
            note_parted({record, grant, here->data});
        });
    }
}

// Told together, like copies.
void RecordWorld::note_parted(statedb::Records::Parted parted) {
    parted_.push_back(std::move(parted));
    if (parted_.size() > 1) return;
    later([this] {
        ask_([told = std::exchange(parted_, {})](statedb::Records& records, statedb::Outbox& out) {
            records.parted(told, out);
        });
    });
}

void RecordWorld::on(const statedb::Remove& effect) {
    turns_.erase(effect.record);
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) return;
    file->with(key_bytes(effect.record),
               [file, effect] { file->file().erase(key_of(effect.record)); });
}

void RecordWorld::on(const statedb::Ready& effect) { look(effect.record, true); }

void RecordWorld::on(const statedb::ReadLocal& effect) {
    const auto tell = [this, effect](std::optional<Bytes> data) {
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.read_local(effect, std::move(data), out);
        });
    };
    VolatileFile* const file = find(effect.record.db);
    if (file == nullptr) {
        tell(std::nullopt);
        return;
    }
    // The header may name somebody else already, if we gave it away while the question was on its
    // way: nobody could change it since, for our hand-off is ordered after the question.
    file->with(key_bytes(effect.record), [file, effect, tell] {
        const auto here = stored(*file, effect.record);
        const bool has_it = here && here->header.rsn == effect.grant;
        tell(has_it ? std::optional(here->data) : std::nullopt);
    });
}

void RecordWorld::on(const statedb::ReadAnswer& effect) {
    const auto reader = readers_.extract(effect.ticket);
    if (!reader) return; // the client is gone
    protocol::LtdbHeader header{.rsn = 0, .dmaster = protocol::pnn::unknown, .flags = 0};
    ask_([&](statedb::Records& records, statedb::Outbox&) {
        if (const auto status = records.find(reader.mapped().record)) {
            header.rsn = status->grant;
            header.dmaster = status->owner.node - 1;
        }
    });
    reader.mapped().waiter.answer(header, effect.data);
}

void RecordWorld::on(const statedb::Report& effect) {
    for (const RecordName& record : effect.records) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr)
            note_copy(record, std::nullopt);
        else
            file->with(key_bytes(record), [this, file, record, round = reconciling_] {
                const auto header = file->file().header(key_of(record));
                if (round == reconciling_)
                    note_copy(record, header ? std::optional(header->rsn) : std::nullopt);
            });
    }
}

// Told together once this turn of the loop has found all that is not locked.
void RecordWorld::note_copy(const RecordName& record, std::optional<statedb::Grant> rsn) {
    copies_.push_back({record, rsn});
    if (copies_.size() > 1) return;
    later([this] {
        const auto copies = std::exchange(copies_, {});
        ask_([&](statedb::Records& records, statedb::Outbox& out) { records.copies(copies, out); });
    });
}

void RecordWorld::on(const statedb::Wipe& effect) {
    for (const auto& [id, file] : files_) {
        if (effect.db && *effect.db != id) continue;
        file->barrier([target = file.get()] { target->file().wipe(); });
    }
    std::erase_if(turns_, [&](const auto& t) { return !effect.db || t.first.db == *effect.db; });
    if (effect.db) begin_replacing(*effect.db);
}

void RecordWorld::on(const statedb::Freeze& effect) {
    if (std::exchange(cut_off_, true)) return;
    if (!effect.for_good)
        logs::databases().warn(
            "cut off from the primary component: clients are kept out of all volatile "
            "databases");
    freeze_as_due();
}

void RecordWorld::on(const statedb::Thaw& /*effect*/) {
    cut_off_ = false;
    freeze_as_due();
}

void RecordWorld::set_inactive(bool inactive) {
    inactive_ = inactive;
    freeze_as_due();
}

void RecordWorld::freeze_as_due() {
    const bool frozen = cut_off_ || inactive_;
    if (std::exchange(frozen_, frozen) == frozen) return;
    for (const auto& [id, file] : files_)
        shut_as_due(id);
    if (!frozen) look_again_everywhere();
}

// -- reconciling

// The files still at work, and what they lacked.
struct RecordWorld::Reconciling {
    std::size_t files = 0;
    std::vector<RecordName> missing;
};

void RecordWorld::on(statedb::Reconcile effect) {
    reconciling_ = std::make_shared<Reconciling>();
    copies_.clear(); // not told yet, and true no more
    parted_.clear();
    std::map<DatabaseId, std::vector<statedb::Reconcile::Kept>> by_database;
    for (const auto& [id, file] : files_)
        by_database[id];
    for (auto& kept : effect.kept)
        by_database[kept.record.db].push_back(std::move(kept));
    reconciling_->files = by_database.size();
    for (const auto& [id, kept] : by_database)
        reconcile(id, kept);
    if (!by_database.empty()) return;
    ask_([](statedb::Records& records, statedb::Outbox& out) { records.reconciled({}, out); });
}

void RecordWorld::reconcile(DatabaseId id, const std::vector<statedb::Reconcile::Kept>& kept) {
    const auto finish = [this, mine = reconciling_](const std::vector<RecordName>& missing) {
        if (mine != reconciling_) return; // another state was loaded meanwhile
        mine->missing.insert(mine->missing.end(), missing.begin(), missing.end());
        if (--mine->files > 0) return;
        std::sort(mine->missing.begin(), mine->missing.end());
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.reconciled(mine->missing, out);
        });
        if (!frozen_) look_again_everywhere();
    };
    VolatileFile* const file = find(id);
    if (file == nullptr) {
        std::vector<RecordName> all;
        for (const auto& entry : kept)
            all.push_back(entry.record);
        finish(all);
        return;
    }
    file->barrier([this, file, kept, finish] { finish(keep_only(*file, kept)); });
}

// Empties the file but for these records, as far as it has them; returns those that it lacks under
// their present grant.
std::vector<RecordName>
RecordWorld::keep_only(VolatileFile& file,
                       const std::vector<statedb::Reconcile::Kept>& kept) const {
    struct Survivor {
        const RecordName& record;
        Here here;
    };

    std::vector<Survivor> survivors;
    std::vector<RecordName> missing;
    for (const auto& [record, grant, is_ours, is_shared] : kept) {
        auto here = stored(file, record);
        const bool current = here && here->header.rsn == grant;
        if (!current) missing.push_back(record);
        if (!here) continue;
        protocol::LtdbHeader& header = here->header;
        header.dmaster = is_ours && current ? settings_.pnn : protocol::pnn::unknown;
        header.flags = (header.flags & ~protocol::record_flag::ro_flags) |
                       (is_shared ? protocol::record_flag::ro_have_delegations : 0);
        survivors.push_back({record, std::move(*here)});
    }
    file.file().wipe();
    for (const Survivor& survivor : survivors)
        file.file().store(key_of(survivor.record), survivor.here.header, survivor.here.data.span());
    return missing;
}

// -- turns

void RecordWorld::begin_turn(const RecordName& record, std::size_t callers, const Bytes& data) {
    const auto now = Clock::now();
    turns_[record] = {.from = now + pindown_of(record),
                      .until = now + (callers > 0 ? settings_.turn_max : 0ms),
                      .data = data,
                      .callers = callers};
    const bool contended = now < contended_until_;
    turn_glance_ = contended ? turn_glance_min : turn_glance_max;
    if (contended) turn_timer_set_ = false; // it may be set for later
    watch_turns();
}

void RecordWorld::watch_turns() {
    if (turns_.empty() || std::exchange(turn_timer_set_, true)) return;
    turn_timer_.expires_after(turn_glance_);
    turn_glance_ = std::min(2 * turn_glance_, std::chrono::microseconds(turn_glance_max));
    turn_timer_.async_wait([this, alive = alive_](const auto& error) {
        if (error || !*alive) return;
        turn_timer_set_ = false;
        look_at_turns();
    });
}

void RecordWorld::look_at_turns() {
    std::vector<RecordName> over;
    for (auto& [record, turn] : turns_)
        if (turn_is_over(record, turn)) over.push_back(record);
    for (const RecordName& record : over) {
        turns_.erase(record);
        turn_ending_ = record;
        ask_([&](statedb::Records& records, statedb::Outbox& out) {
            records.turn_over(record, out);
        });
        turn_ending_.reset();
    }
    watch_turns();
}

// A client does not tell that it is done with a record. A single one that changed it has had its
// turn, and so have several when the record was changed and then left alone for a glance; for those
// that only look, time decides.
bool RecordWorld::turn_is_over(const RecordName& record, Turn& turn) {
    const auto now = Clock::now();
    if (now < turn.from) return false;
    if (now >= turn.until) return true;
    VolatileFile* const file = find(record.db);
    if (file == nullptr) return true;
    if (frozen_) return false;
    const auto lock = ChainLock::try_lock(file->file(), key_bytes(record));
    if (!lock) return false;
    const auto here = ours(*file, record);
    if (!here) return true;
    const bool changed = !(here->data == turn.data);
    turn.changes += changed ? 1 : 0;
    turn.data = here->data;
    return turn.changes >= turn.callers || (turn.changes > 0 && !changed);
}

} // namespace ctdbd::daemon
