#include "statedb/directory.h"

#include "base/mutant.h"
#include "statedb/digest.h"

#include <algorithm>

namespace statedb {

namespace {

bool contains(const std::vector<ProcessorId>& list, ProcessorId who) {
    return std::ranges::find(list, who) != list.end();
}

// More than a component can have given out when some of its members never heard of it, for all that
// is under way in a ring is bounded. Who was cut off may have seen them, so they are left out.
constexpr Grant ownerships_unseen_max = Grant{1} << 20;

bool is_in_some_life(const std::pair<const ProcessorId, std::uint64_t>& departed) {
    return departed.first.incarnation == some_life;
}

} // namespace

// -- the entries and what hangs on them

void Directory::erase(const RecordName& record) {
    losses_.erase(record);
    queues_.erase(record);
    delegations_.erase(record);
    entries_.erase(*entries_.find(record));
}

const Directory::Queue& Directory::waiting(const RecordName& record) const {
    static const Queue nobody_waits;
    const auto queue = queues_.find(record);
    return queue == queues_.end() ? nobody_waits : queue->second;
}

// Its claim is fulfilled, or it is gone.
void Directory::leave_queue(const RecordName& record, ProcessorId who) {
    const auto queue = queues_.find(record);
    if (queue == queues_.end()) return;
    std::erase(queue->second, who);
    if (queue->second.empty()) queues_.erase(queue);
}

Directory::Entry* Directory::owned(const RecordName& record, ProcessorId by, Grant grant) {
    Entry* const entry = entries_.find(record);
    if (entry == nullptr || entry->lost() || entry->owner() != by) return nullptr;
    const bool current = entry->grant() == grant || mutated(Mutant::stale_grant_accepted);
    return current ? entry : nullptr;
}

void Directory::grant(
    Entry& entry, ProcessorId owner, TakeOver::Source source, const Bytes& data, Outcome& outcome) {
    RecordName record = entry.name();
    entries_.change(entry, {owner}, ++last_ownership_ * grants_per_ownership);
    leave_queue(record, owner);
    losses_.erase(record);
    outcome.granted.push_back({std::move(record), owner, entry.grant(), source, data});
}

// -- claims and hand-overs

Directory::Outcome Directory::claim(const RecordName& record, const Claimant& claimant) {
    Outcome outcome;
    const ProcessorId who = claimant.who;
    Entry* const found = entries_.find(record);
    if (found == nullptr) {
        if (!claimant.create) return outcome;
        if (std::ranges::any_of(unnoticed_, is_in_some_life))
            create_when_noticed(record, who);
        else
            grant(entries_.create(record, {who}, 0), who, TakeOver::Source::fresh, {}, outcome);
        return outcome;
    }
    Entry& entry = *found;
    if (contains(waiting(record), who)) return outcome;
    // An owner that has given it away outside of the order waits as everybody does. One that became
    // the owner while its claim was on its way may not have heard of that, nor have the record.
    const bool believed = mutated(Mutant::giver_claims_as_owner);
    const bool gave_it = claimant.given > entry.grant() && !believed;
    const bool has_it =
        claimant.held == entry.grant() || mutated(Mutant::claim_says_having) || believed;
    if (!entry.lost() && entry.owner() == who && !gave_it && waiting(record).empty()) {
        if (!has_it) return outcome;
        // Under a new grant, so that a hand-off or vacuum of its own that is on its way is stale.
        if (!delegations_.contains(record) || mutated(Mutant::granted_before_revoked)) {
            grant(entry, who, TakeOver::Source::own_copy, {}, outcome);
            return outcome;
        }
    }
    Queue& queue = queues_[record];
    queue.insert(mutated(Mutant::claim_jumps_the_queue) ? queue.begin() : queue.end(), who);
    if (mutated(Mutant::unsought_is_fresh) && entry.lost() && !losses_.contains(record))
        grant(entry, who, TakeOver::Source::fresh, {}, outcome);
    seek(entry, outcome);
    revoke(record, outcome);
    return outcome;
}

// All was forgotten, so a node that is not here may have the record, and may not know yet that it
// is cut off: as if its record were lost, its notice period is waited for.
void Directory::create_when_noticed(const RecordName& record, ProcessorId who) {
    const ProcessorId absent = std::ranges::find_if(unnoticed_, is_in_some_life)->first;
    entries_.create(record, {absent, being_sought}, ++last_ownership_ * grants_per_ownership);
    queues_[record].push_back(who);
    losses_[record].epoch = epoch_;
}

// Whoever gave it can have told nobody else, and does nothing with it any more: so it is where the
// last move took it, whatever became of those before. Even if its copies were being looked for. If
// the receiver is not here, that is what begins now: it may still use what it was given.
void Directory::move(const RecordName& record, ProcessorId to, Grant grant, Outcome& outcome) {
    Entry* const entry = entries_.find(record);
    if (entry == nullptr) return;
    if (ownership_of(grant) != ownership_of(entry->grant()) || grant <= entry->grant()) return;
    const bool is_here = contains(members_, to);
    const bool was_lost = entry->lost();
    entries_.change(*entry, {to}, grant);
    leave_queue(record, to);
    losses_.erase(record);
    if (!is_here && !mutated(Mutant::moved_to_departed_kept)) lose(*entry, epoch_, outcome);
    outcome.moved.push_back({record, to, grant, was_lost && is_here});
}

Directory::Outcome Directory::moved(const RecordName& record, ProcessorId to, Grant grant) {
    Outcome outcome;
    move(record, to, grant, outcome);
    return outcome;
}

Directory::Outcome
Directory::hand_off(const RecordName& record, ProcessorId from, Grant under, const Bytes& data) {
    Outcome outcome;
    move(record, from, under, outcome);
    Entry* const entry = owned(record, from, under);
    if (entry == nullptr) return outcome;
    if (const Queue& queue = waiting(record); !queue.empty())
        grant(*entry, queue.front(), TakeOver::Source::shipped, data, outcome);
    else // those who waited have departed: it stays where it was
        grant(*entry, from, TakeOver::Source::own_copy, {}, outcome);
    return outcome;
}

std::vector<ProcessorId> Directory::heirs_of(ProcessorId who) const {
    std::vector<ProcessorId> heirs = members_;
    std::erase_if(
        heirs, [&](ProcessorId member) { return member == who || retreating_.contains(member); });
    return heirs;
}

// Records that nobody waits for are spread over those who stay, so that none of them gets all.
Directory::Outcome
Directory::bequeath(const RecordName& record, ProcessorId from, Grant under, const Bytes& data) {
    Outcome outcome;
    move(record, from, under, outcome);
    Entry* const entry = owned(record, from, under);
    const auto heirs = heirs_of(from);
    if (entry == nullptr) return outcome;
    if (!waiting(record).empty() || heirs.empty()) return hand_off(record, from, under, data);
    const ProcessorId heir = heirs[ownership_of(under) % heirs.size()];
    grant(*entry, heir, TakeOver::Source::shipped, data, outcome);
    return outcome;
}

Directory::Outcome Directory::missing(const RecordName& record, ProcessorId from, Grant under) {
    Outcome outcome;
    move(record, from, under, outcome);
    if (Entry* const entry = owned(record, from, under)) lose(*entry, 0, outcome);
    return outcome;
}

bool Directory::vacuum(const RecordName& record, ProcessorId from, Grant under) {
    if (owned(record, from, under) == nullptr) return false;
    if (!waiting(record).empty() && !mutated(Mutant::vacuum_ignores_waiting)) return false;
    erase(record);
    return true;
}

void Directory::drop(DatabaseId db) {
    for (const RecordName& record : entries_.of_database(db))
        erase(record);
}

// -- recovery: only of what departed nodes owned, and when somebody wants it

// Every member is asked, whoever was here when the owner departed: who has come since may be the
// owner itself. And nothing is decided before the notice of all who departed silently until now:
// one of them may have seen a decision that never reached us.
void Directory::seek(Entry& entry, Outcome& outcome) {
    if (entry.lost() && entry.standing().departed != being_sought) lose(entry, epoch_, outcome);
}

Directory::Outcome Directory::search(std::span<const RecordName> records) {
    Outcome outcome;
    for (const RecordName& record : records)
        if (Entry* const entry = entries_.find(record)) seek(*entry, outcome);
    return outcome;
}

void Directory::lose(Entry& entry, std::uint64_t epoch, Outcome& outcome) {
    entries_.change(entry, {entry.owner(), being_sought}, entry.grant());
    // If it was lost already the search begins anew: who told us of the last move has a copy, and
    // may have come too late to be asked for it.
    losses_[entry.name()] = {
        .epoch = epoch, .expected = {members_.begin(), members_.end()}, .held = {}};
    outcome.lost.push_back(entry.name());
    revoke(entry.name(), outcome);
}

bool Directory::may_decide(const Loss& loss) const {
    if (mutated(Mutant::first_report_decides) && !loss.held.empty()) return true;
    if (!loss.expected.empty()) return false;
    if (mutated(Mutant::no_notice_period)) return true;
    return std::ranges::none_of(unnoticed_,
                                [&](const auto& gone) { return gone.second <= loss.epoch; });
}

void Directory::decide(const RecordName& record, Outcome& outcome) {
    const Loss& loss = losses_.at(record);
    if (!may_decide(loss)) return;
    if (delegations_.contains(record)) return; // freed() comes back here
    Entry& entry = *entries_.find(record);
    if (!loss.held.empty() && !mutated(Mutant::recovery_starts_afresh)) {
        // The highest rsn; of equal ones the lowest processor, which max_element meets first.
        const auto newer = [](const auto& a, const auto& b) { return a.second < b.second; };
        const auto winner = mutated(Mutant::oldest_copy_wins)
                                ? std::ranges::min_element(loss.held, newer)
                                : std::ranges::max_element(loss.held, newer);
        grant(entry, winner->first, TakeOver::Source::own_copy, {}, outcome);
    } else if (const Queue& queue = waiting(record); !queue.empty()) {
        grant(entry, queue.front(), TakeOver::Source::fresh, {}, outcome);
    } else {
        outcome.gone.push_back(record);
        erase(outcome.gone.back());
    }
}

void Directory::decide_all(Outcome& outcome) {
    std::vector<RecordName> names;
    for (const auto& [name, loss] : losses_)
        if (may_decide(loss)) names.push_back(name);
    for (const RecordName& name : names)
        decide(name, outcome);
}

Directory::Outcome Directory::copies(ProcessorId who, std::span<const Report> reports) {
    Outcome outcome;
    for (const Report& report : reports) {
        const auto at = losses_.find(report.record);
        if (at == losses_.end() || at->second.expected.erase(who) == 0) continue;
        if (report.rsn) at->second.held[who] = *report.rsn;
        decide(report.record, outcome);
    }
    return outcome;
}

Directory::Outcome Directory::notice_over(ProcessorId who, std::uint64_t epoch) {
    const auto at = unnoticed_.find(who);
    return at != unnoticed_.end() && at->second == epoch ? returned(who) : Outcome{};
}

Directory::Outcome Directory::returned(ProcessorId who) {
    Outcome outcome;
    const bool known = unnoticed_.erase(who) != 0;
    const bool supposed = unnoticed_.erase({who.node, some_life}) != 0;
    if (known) forget_reader(who, outcome);
    if (known || supposed) decide_all(outcome);
    return outcome;
}

// -- configuration changes

void Directory::forget_waiting(const std::vector<ProcessorId>& departed) {
    if (mutated(Mutant::departed_keep_waiting)) return;
    for (auto& [record, queue] : queues_)
        std::erase_if(queue, [&](ProcessorId who) { return contains(departed, who); });
    std::erase_if(queues_, [](const auto& item) { return item.second.empty(); });
}

// What it had is lost from here on, however much that is. If it comes back alive it does not have
// it again without being asked: it may have heard that it gave a record away when nobody else did.
void Directory::bury(ProcessorId who) { entries_.rename({who}, {who, epoch_}); }

Directory::Outcome Directory::configured(const View& view) {
    Outcome outcome;
    if (view.epoch == epoch_) return outcome;
    check(view.epoch > epoch_, "epochs come in their order");
    if (!mutated(Mutant::ownerships_given_again))
        last_ownership_ += (view.epoch - epoch_) * ownerships_unseen_max;
    if (began_ == 0) began_ = view.epoch;
    epoch_ = view.epoch;
    members_ = view.members;
    forget_waiting(view.departed);
    for (const ProcessorId& who : view.departed)
        retreating_.erase(who);
    bool silently = false;
    for (const ProcessorId& who : view.departed)
        if (!contains(view.left, who)) {
            unnoticed_[who] = view.epoch;
            silently = true;
        }
    // A restarted daemon has emptied its volatile files: its former life cannot use them any more.
    // One that comes back alive says itself when it has frozen (notice_over).
    for (const ProcessorId& who : view.members)
        std::erase_if(unnoticed_, [&](const auto& gone) {
            return gone.first.node == who.node && gone.first != who && !is_in_some_life(gone);
        });
    for (auto& [name, loss] : losses_) {
        // Who was cut off just now may have seen a decision that never reached us.
        if (silently) loss.epoch = view.epoch;
        for (const ProcessorId& who : view.departed) {
            loss.expected.erase(who);
            loss.held.erase(who);
        }
        // Who comes back before that is decided may have the newest copy of all: as its owner, or
        // because it was given to it and we have not been told.
        loss.expected.insert(view.joined.begin(), view.joined.end());
    }
    entries_.forget_empty_estates();
    for (const ProcessorId& who : view.departed)
        bury(who);
    for (const auto& [record, queue] : queues_)
        seek(*entries_.find(record), outcome);
    forget_silent_readers(outcome);
    decide_all(outcome);
    return outcome;
}

void Directory::clear() {
    began_ = epoch_ = 0;
    members_.clear();
    last_ownership_ = 0;
    entries_.clear();
    losses_.clear();
    queues_.clear();
    unnoticed_.clear();
    retreating_.clear();
    delegations_.clear();
}

// -- what is known

const Directory::Entry* Directory::find(const RecordName& record) const {
    return entries_.find(record);
}

std::vector<RecordName> Directory::owned_by(ProcessorId who) const {
    std::vector<RecordName> names;
    if (const Estate* const estate = entries_.estate({who}))
        for (const Entry& entry : estate->entries)
            names.push_back(entry.name());
    return names;
}

bool Directory::owns_any(ProcessorId who) const {
    const Estate* const estate = entries_.estate({who});
    return estate != nullptr && !estate->entries.empty();
}

std::vector<RecordName> Directory::lost_by(ProcessorId who) const {
    std::vector<RecordName> names;
    for (const auto& [standing, estate] : entries_.estates()) {
        if (standing.owner != who || standing.departed == 0) continue;
        for (const Entry& entry : estate.entries)
            names.push_back(entry.name());
    }
    return names;
}

std::vector<RecordName> Directory::awaited_from(ProcessorId who) const {
    std::vector<RecordName> names;
    for (const auto& [name, loss] : losses_)
        if (loss.expected.contains(who)) names.push_back(name);
    return names;
}

std::optional<Grant> Directory::reported(const RecordName& record, ProcessorId who) const {
    const auto loss = losses_.find(record);
    if (loss == losses_.end()) return std::nullopt;
    const auto held = loss->second.held.find(who);
    return held == loss->second.held.end() ? std::nullopt : std::optional{held->second};
}

std::vector<RecordName> Directory::sought() const {
    std::vector<RecordName> names;
    for (const auto& [name, loss] : losses_)
        names.push_back(name);
    return names;
}

std::size_t Directory::unsought() const {
    std::size_t sum = 0;
    for (const auto& [standing, estate] : entries_.estates())
        if (standing.departed != 0 && standing.departed != being_sought)
            sum += estate.entries.size();
    return sum;
}

std::vector<RecordName> Directory::some_unsought(std::size_t count_max) const {
    std::vector<RecordName> names;
    for (const auto& [standing, estate] : entries_.estates()) {
        if (standing.departed == 0 || standing.departed == being_sought) continue;
        for (const Entry& entry : estate.entries) {
            if (names.size() >= count_max) return names;
            names.push_back(entry.name());
        }
    }
    return names;
}

std::uint64_t Directory::digest() const {
    Digest digest;
    digest.add(began_).add(epoch_).add(last_ownership_).add(entries_.digest());
    for (const auto& [name, queue] : queues_) {
        digest.add(name.db).add(name.key);
        for (const ProcessorId& who : queue)
            digest.add(who.node).add(who.incarnation);
    }
    for (const auto& [who, epoch] : unnoticed_)
        digest.add(who.node).add(who.incarnation).add(epoch);
    for (const ProcessorId& who : retreating_)
        digest.add(who.node).add(who.incarnation);
    digest.add(delegations_.digest());
    for (const auto& [name, loss] : losses_) {
        digest.add(name.db).add(name.key).add(loss.epoch);
        for (const ProcessorId& who : loss.expected)
            digest.add(who.node).add(who.incarnation);
        for (const auto& [who, rsn] : loss.held)
            digest.add(who.node).add(who.incarnation).add(rsn);
    }
    return digest.value();
}

} // namespace statedb
