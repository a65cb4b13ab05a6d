// Vacuuming: which empty records of ours vanish, and when; and which records move so often that
// they are kept for a moment wherever they come (ctdb-behaviour.md 3.4, 3.8, 3.9).
//
// How a record vanishes everywhere at once is the record service's matter.
#include "ctdbd/daemon/record_bytes.h"
#include "ctdbd/daemon/record_world.h"

#include <algorithm>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t vacuum_batch_max = 1000;
constexpr std::size_t chains_in_a_turn = 4096; // of the loop
constexpr auto vacuum_glance = 2ms;

} // namespace

// Candidates stay in the order in which they are due: all that were due later are due together.
void RecordWorld::tune(std::chrono::seconds vacuum_interval,
                       std::size_t lock_helpers_max,
                       Stickiness stickiness) {
    settings_.vacuum_interval = vacuum_interval;
    settings_.locks.helpers_max = lock_helpers_max;
    settings_.stickiness = stickiness;
    const auto latest = Clock::now() + vacuum_interval;
    for (auto& candidate : candidates_)
        candidate.due = std::min(candidate.due, latest);
    if (!candidates_.empty()) look_at_candidates();
}

void RecordWorld::schedule_for_deletion(const RecordName& record) {
    candidates_.push_back({Clock::now() + settings_.vacuum_interval, record});
    if (candidates_.size() == 1) look_at_candidates();
}

void RecordWorld::look_at_candidates() {
    const auto now = Clock::now();
    std::set<RecordName> due;
    while (!candidates_.empty() && candidates_.front().due <= now &&
           due.size() < vacuum_batch_max) {
        due.insert(std::move(candidates_.front().record));
        candidates_.pop_front();
    }
    std::vector<RecordName> empty;
    for (const RecordName& record : due) {
        VolatileFile* const file = find(record.db);
        if (file == nullptr) continue;
        const auto lock = ChainLock::try_lock(file->file(), key_bytes(record));
        // Somebody is at it: whatever comes of that is seen next time.
        if (!lock) {
            candidates_.push_back({now + settings_.vacuum_interval, record});
            continue;
        }
        const auto here = ours(*file, record);
        if (here && here->data.empty()) empty.push_back(record);
    }
    vacuum(empty);
    if (candidates_.empty()) return;
    vacuum_timer_.expires_at(std::max(candidates_.front().due, now + 10ms));
    vacuum_timer_.async_wait([this, alive = alive_](const auto& error) {
        if (!error && *alive) look_at_candidates();
    });
}

void RecordWorld::vacuum(const std::vector<RecordName>& empty) {
    if (empty.empty()) return;
    ask_([&](statedb::Records& records, statedb::Outbox& out) { records.vacuum(empty, out); });
}

// -- at once

bool RecordWorld::vacuum_now(DatabaseId id, bool full, std::function<void()> done) {
    const auto [at, is_new] = vacuuming_.try_emplace(id);
    if (!is_new) return false;
    Vacuuming& vacuuming = at->second;
    vacuuming.began = Clock::now();
    vacuuming.done = std::move(done);
    if (full) {
        vacuuming.next_chain = 0;
        look_through(id);
        return true;
    }
    for (auto& candidate : candidates_) {
        if (candidate.record.db != id) continue;
        vacuuming.going.insert(candidate.record);
        candidate.due = vacuuming.began;
    }
    std::ranges::stable_sort(candidates_, {}, &Candidate::due);
    if (!vacuuming.going.empty()) look_at_candidates();
    watch_vacuum();
    return true;
}

// A chain that somebody holds is left out: what is in it is not idle.
void RecordWorld::look_through(DatabaseId id) {
    const auto at = vacuuming_.find(id);
    VolatileFile* const file = find(id);
    if (at == vacuuming_.end() || file == nullptr) return;
    std::size_t& next = *at->second.next_chain;
    const std::size_t end = std::min(file->file().chains(), next + chains_in_a_turn);
    std::vector<RecordName> empty;
    for (; next < end; ++next)
        (void)file->file().try_scan_chain(next, [&](ByteSpan key, ByteSpan value) {
            const auto header = protocol::read_ltdb_header(value);
            if (header && header->dmaster == settings_.pnn &&
                value.size() == protocol::ltdb_header_size)
                empty.push_back({id, std::string(key.begin(), key.end())});
        });
    at->second.going.insert(empty.begin(), empty.end());
    const bool over = next == file->file().chains();
    if (over) at->second.next_chain.reset();
    vacuum(empty);
    if (over)
        watch_vacuum();
    else
        later([this, id] { look_through(id); });
}

// They vanish by themselves, or do not because somebody wants them.
void RecordWorld::watch_vacuum() {
    std::vector<DatabaseId> all;
    for (const auto& [id, vacuuming] : vacuuming_)
        all.push_back(id);
    for (const DatabaseId id : all)
        if (vacuum_is_over(id)) end_vacuum(id);
    if (vacuuming_.empty() || std::exchange(vacuum_watch_set_, true)) return;
    vacuum_watch_.expires_after(vacuum_glance);
    vacuum_watch_.async_wait([this, alive = alive_](const auto& error) {
        if (error || !*alive) return;
        vacuum_watch_set_ = false;
        watch_vacuum();
    });
}

// Asking may have consequences, so nothing is held on to meanwhile.
bool RecordWorld::vacuum_is_over(DatabaseId id) {
    std::set<RecordName> going = vacuuming_.at(id).going;
    std::erase_if(going, [this](const RecordName& record) { return !is_going(record); });
    const auto at = vacuuming_.find(id);
    if (at == vacuuming_.end()) return false;
    at->second.going = std::move(going);
    return !at->second.next_chain && at->second.going.empty();
}

// In the file it is nobody's already, in the directory still ours.
bool RecordWorld::is_going(const RecordName& record) {
    bool listed = false;
    ask_([&](statedb::Records& records, statedb::Outbox&) {
        const auto status = records.find(record);
        listed = status && status->owner.node == settings_.pnn + 1;
    });
    VolatileFile* const file = listed ? find(record.db) : nullptr;
    if (file == nullptr) return false;
    const auto lock = ChainLock::try_lock(file->file(), key_bytes(record));
    const auto header = lock ? file->file().header(key_of(record)) : std::nullopt;
    return header && header->dmaster == protocol::pnn::unknown;
}

void RecordWorld::end_vacuum(DatabaseId id) {
    const auto ended = vacuuming_.extract(id);
    if (!ended) return;
    const std::chrono::duration<double> took = Clock::now() - ended.mapped().began;
    if (const auto about = about_.find(id); about != about_.end())
        about->second.vacuum_latency.add(took.count());
    later(ended.mapped().done);
}

// -- records that move often

void RecordWorld::make_sticky(DatabaseId id) { about_[id].sticky = true; }

void RecordWorld::note_move(const RecordName& record) {
    AboutDatabase& about = about_[record.db];
    const auto now = Clock::now();
    const std::uint32_t moves = about.hot_keys.moved(record.key, now);
    if (!about.sticky || moves < settings_.stickiness.moves_a_second) return;
    std::erase_if(about.sticky_until, [&](const auto& item) { return item.second <= now; });
    about.sticky_until[record.key] = now + settings_.stickiness.duration;
}

std::chrono::milliseconds RecordWorld::pindown_of(const RecordName& record) {
    const auto about = about_.find(record.db);
    if (about == about_.end()) return 0ms;
    const auto sticky = about->second.sticky_until.find(record.key);
    const bool is_sticky =
        sticky != about->second.sticky_until.end() && sticky->second > Clock::now();
    return is_sticky ? settings_.stickiness.pindown : 0ms;
}

void RecordWorld::add_statistics(DatabaseId id, protocol::DbStatistics& statistics) const {
    const auto about = about_.find(id);
    if (about == about_.end()) return;
    statistics.vacuum_latency = about->second.vacuum_latency;
    statistics.hottest = about->second.hot_keys.hottest();
    statistics.ro_delegations = about->second.delegations.delegated;
    statistics.ro_revokes = about->second.delegations.revoked;
}

} // namespace ctdbd::daemon
