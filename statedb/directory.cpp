#include "statedb/directory.h"

#include "base/mutant.h"
#include "statedb/digest.h"

#include <algorithm>

namespace statedb {

namespace {

bool contains(const std::vector<ProcessorId>& list, ProcessorId who) {
    return std::ranges::find(list, who) != list.end();
}

void remove(std::vector<ProcessorId>& list, ProcessorId who) { std::erase(list, who); }

// More than a component can have given out when some of its members never heard of it, for all that
// is under way in a ring is bounded. Who was cut off may have seen them, so they are left out.
constexpr Grant ownerships_unseen_max = Grant{1} << 20;

bool is_in_some_life(const std::pair<const ProcessorId, std::uint64_t>& departed) {
    return departed.first.incarnation == some_life;
}

std::uint64_t digest_of(const Directory::Entry& entry) {
    Digest digest;
    digest.add(entry.name->db).add(entry.name->key).add(entry.grant);
    for (const ProcessorId& who : entry.waiting)
        digest.add(who.node).add(who.incarnation);
    return digest.value();
}

} // namespace

// -- the entries and what hangs on them

void Directory::unlist(Entry& entry) {
    Estate& estate = *entry.estate; // which it may come back to
    estate.digest -= digest_of(entry);
    estate.entries.erase(estate.entries.iterator_to(entry));
}

void Directory::list(Entry& entry, Standing standing) {
    Estate& estate = estates_.try_emplace(standing, Estate{standing}).first->second;
    entry.estate = &estate;
    estate.digest += digest_of(entry);
    estate.entries.push_back(entry);
}

// Every change of an entry goes through here: `how` answers where it stands from now on. The digest
// follows, and so does the list of those that somebody waits for.
template <class How>
void Directory::change(Entry& entry, How how) {
    unlist(entry);
    list(entry, how());
    if (entry.waiting.empty())
        contended_.erase(*entry.name);
    else
        contended_.insert(*entry.name);
}

Directory::Entry& Directory::create(const RecordName& record,
                                    Standing standing,
                                    Grant grant,
                                    std::vector<ProcessorId> waiting) {
    const auto [at, is_new] = entries_.try_emplace(record);
    check(is_new, "a record has one entry");
    Entry& entry = at->second;
    entry.name = &at->first;
    entry.grant = grant;
    entry.waiting = std::move(waiting);
    list(entry, standing);
    if (!entry.waiting.empty()) contended_.insert(record);
    return entry;
}

void Directory::erase(std::map<RecordName, Entry>::iterator at) {
    unlist(at->second);
    contended_.erase(at->first);
    losses_.erase(at->first);
    entries_.erase(at);
}

Directory::Entry* Directory::owned(const RecordName& record, ProcessorId by, Grant grant) {
    const auto at = entries_.find(record);
    if (at == entries_.end() || at->second.lost() || at->second.owner() != by) return nullptr;
    const bool current = at->second.grant == grant || mutated(Mutant::stale_grant_accepted);
    return current ? &at->second : nullptr;
}

void Directory::grant(
    Entry& entry, ProcessorId owner, TakeOver::Source source, const Bytes& data, Outcome& outcome) {
    change(entry, [&] {
        entry.grant = ++last_ownership_ * grants_per_ownership;
        remove(entry.waiting, owner); // its claim is fulfilled
        return Standing{owner};
    });
    losses_.erase(*entry.name);
    outcome.granted.push_back({*entry.name, owner, entry.grant, source, data});
}

// -- claims and hand-overs

Directory::Outcome Directory::claim(const RecordName& record, const Claimant& claimant) {
    Outcome outcome;
    const ProcessorId who = claimant.who;
    const auto at = entries_.find(record);
    if (at == entries_.end()) {
        if (!claimant.create) return outcome;
        if (std::ranges::any_of(unnoticed_, is_in_some_life))
            create_when_noticed(record, who);
        else
            grant(create(record, {who}, 0, {}), who, TakeOver::Source::fresh, {}, outcome);
        return outcome;
    }
    Entry& entry = at->second;
    if (contains(entry.waiting, who)) return outcome;
    // An owner that has given it away outside of the order waits as everybody does. One that became
    // the owner while its claim was on its way may not have heard of that, nor have the record.
    const bool believed = mutated(Mutant::giver_claims_as_owner);
    const bool gave_it = claimant.given > entry.grant && !believed;
    const bool has_it =
        claimant.held == entry.grant || mutated(Mutant::claim_says_having) || believed;
    if (!entry.lost() && entry.owner() == who && !gave_it && entry.waiting.empty()) {
        // Under a new grant, so that a hand-off or vacuum of its own that is on its way is stale.
        if (has_it) grant(entry, who, TakeOver::Source::own_copy, {}, outcome);
        return outcome;
    }
    change(entry, [&] {
        const bool jump = mutated(Mutant::claim_jumps_the_queue);
        entry.waiting.insert(jump ? entry.waiting.begin() : entry.waiting.end(), who);
        return entry.estate->standing;
    });
    if (mutated(Mutant::unsought_is_fresh) && entry.lost() && !losses_.contains(record))
        grant(entry, who, TakeOver::Source::fresh, {}, outcome);
    seek(entry, outcome);
    return outcome;
}

// All was forgotten, so a node that is not here may have the record, and may not know yet that it
// is cut off: as if its record were lost, its notice period is waited for.
void Directory::create_when_noticed(const RecordName& record, ProcessorId who) {
    const ProcessorId absent = std::ranges::find_if(unnoticed_, is_in_some_life)->first;
    create(record, {absent, being_sought}, ++last_ownership_ * grants_per_ownership, {who});
    losses_[record].epoch = epoch_;
}

// Whoever gave it can have told nobody else, and does nothing with it any more: so it is where the
// last move took it, whatever became of those before. Even if its copies were being looked for. If
// the receiver is not here, that is what begins now: it may still use what it was given.
void Directory::move(const RecordName& record, ProcessorId to, Grant grant, Outcome& outcome) {
    const auto at = entries_.find(record);
    if (at == entries_.end()) return;
    Entry& entry = at->second;
    if (ownership_of(grant) != ownership_of(entry.grant) || grant <= entry.grant) return;
    const bool is_here = contains(members_, to);
    const bool was_lost = entry.lost();
    change(entry, [&] {
        entry.grant = grant;
        remove(entry.waiting, to); // its claim is fulfilled
        return Standing{to};
    });
    losses_.erase(record);
    if (!is_here && !mutated(Mutant::moved_to_departed_kept)) lose(entry, epoch_, outcome);
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
    if (entry->waiting.empty()) // those who waited have departed: it stays where it was
        grant(*entry, from, TakeOver::Source::own_copy, {}, outcome);
    else
        grant(*entry, entry->waiting.front(), TakeOver::Source::shipped, data, outcome);
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
    if (!entry->waiting.empty() || heirs.empty()) return hand_off(record, from, under, data);
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
    const Entry* const entry = owned(record, from, under);
    if (entry == nullptr) return false;
    if (!entry->waiting.empty() && !mutated(Mutant::vacuum_ignores_waiting)) return false;
    erase(entries_.find(record));
    return true;
}

void Directory::drop(DatabaseId db) {
    auto at = entries_.lower_bound({db, {}});
    while (at != entries_.end() && at->first.db == db)
        erase(at++);
}

// -- recovery: only of what departed nodes owned, and when somebody wants it

// Every member is asked, whoever was here when the owner departed: who has come since may be the
// owner itself. And nothing is decided before the notice of all who departed silently until now:
// one of them may have seen a decision that never reached us.
void Directory::seek(Entry& entry, Outcome& outcome) {
    const std::uint64_t departed = entry.estate->standing.departed;
    if (departed != 0 && departed != being_sought) lose(entry, epoch_, outcome);
}

Directory::Outcome Directory::search(std::span<const RecordName> records) {
    Outcome outcome;
    for (const RecordName& record : records)
        if (const auto at = entries_.find(record); at != entries_.end()) seek(at->second, outcome);
    return outcome;
}

void Directory::lose(Entry& entry, std::uint64_t epoch, Outcome& outcome) {
    change(entry, [&] { return Standing{entry.owner(), being_sought}; });
    // If it was lost already the search begins anew: who told us of the last move has a copy, and
    // may have come too late to be asked for it.
    losses_[*entry.name] = {
        .epoch = epoch, .expected = {members_.begin(), members_.end()}, .held = {}};
    outcome.lost.push_back(*entry.name);
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
    const auto at = entries_.find(record);
    Entry& entry = at->second;
    if (!loss.held.empty() && !mutated(Mutant::recovery_starts_afresh)) {
        // The highest rsn; of equal ones the lowest processor, which max_element meets first.
        const auto newer = [](const auto& a, const auto& b) { return a.second < b.second; };
        const auto winner = mutated(Mutant::oldest_copy_wins)
                                ? std::ranges::min_element(loss.held, newer)
                                : std::ranges::max_element(loss.held, newer);
        grant(entry, winner->first, TakeOver::Source::own_copy, {}, outcome);
    } else if (!entry.waiting.empty()) {
        grant(entry, entry.waiting.front(), TakeOver::Source::fresh, {}, outcome);
    } else {
        outcome.gone.push_back(record);
        erase(at);
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
    if (known || supposed) decide_all(outcome);
    return outcome;
}

// -- configuration changes

void Directory::forget_waiting(const std::vector<ProcessorId>& departed) {
    if (mutated(Mutant::departed_keep_waiting)) return;
    const std::vector<RecordName> contended{contended_.begin(), contended_.end()};
    for (const RecordName& name : contended) {
        Entry& entry = entries_.at(name);
        change(entry, [&] {
            for (const ProcessorId& who : departed)
                remove(entry.waiting, who);
            return entry.estate->standing;
        });
    }
}

// What it had is lost from here on, however much that is. If it comes back alive it does not have
// it again without being asked: it may have heard that it gave a record away when nobody else did.
void Directory::bury(ProcessorId who) {
    auto estate = estates_.extract({who});
    if (estate.empty()) return;
    estate.key() = estate.mapped().standing = {who, epoch_};
    const bool is_new = estates_.insert(std::move(estate)).inserted;
    check(is_new, "what becomes lost together has departed together");
}

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
    std::erase_if(estates_, [](const auto& estate) { return estate.second.entries.empty(); });
    for (const ProcessorId& who : view.departed)
        bury(who);
    const std::vector<RecordName> wanted{contended_.begin(), contended_.end()};
    for (const RecordName& name : wanted)
        seek(entries_.at(name), outcome);
    decide_all(outcome);
    return outcome;
}

void Directory::clear() {
    began_ = epoch_ = 0;
    members_.clear();
    last_ownership_ = 0;
    estates_.clear();
    entries_.clear();
    losses_.clear();
    contended_.clear();
    unnoticed_.clear();
    retreating_.clear();
}

// -- what is known

const Directory::Entry* Directory::find(const RecordName& record) const {
    const auto at = entries_.find(record);
    return at == entries_.end() ? nullptr : &at->second;
}

std::vector<RecordName> Directory::owned_by(ProcessorId who) const {
    std::vector<RecordName> names;
    if (const auto estate = estates_.find({who}); estate != estates_.end())
        for (const Entry& entry : estate->second.entries)
            names.push_back(*entry.name);
    return names;
}

bool Directory::owns_any(ProcessorId who) const {
    const auto estate = estates_.find({who});
    return estate != estates_.end() && !estate->second.entries.empty();
}

std::vector<RecordName> Directory::lost_by(ProcessorId who) const {
    std::vector<RecordName> names;
    for (auto at = estates_.upper_bound({who}); at != estates_.end(); ++at) {
        if (at->first.owner != who) break;
        for (const Entry& entry : at->second.entries)
            names.push_back(*entry.name);
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
    for (const auto& [standing, estate] : estates_)
        if (standing.departed != 0 && standing.departed != being_sought)
            sum += estate.entries.size();
    return sum;
}

std::vector<RecordName> Directory::some_unsought(std::size_t count_max) const {
    std::vector<RecordName> names;
    for (const auto& [standing, estate] : estates_) {
        if (standing.departed == 0 || standing.departed == being_sought) continue;
        for (const Entry& entry : estate.entries) {
            if (names.size() >= count_max) return names;
            names.push_back(*entry.name);
        }
    }
    return names;
}

std::uint64_t Directory::digest() const {
    Digest digest;
    digest.add(began_).add(epoch_).add(last_ownership_).add(entries_.size());
    for (const auto& [standing, estate] : estates_)
        if (!estate.entries.empty())
            digest.add(standing.owner.node)
                .add(standing.owner.incarnation)
                .add(standing.departed)
                .add(estate.digest);
    for (const auto& [who, epoch] : unnoticed_)
        digest.add(who.node).add(who.incarnation).add(epoch);
    for (const ProcessorId& who : retreating_)
        digest.add(who.node).add(who.incarnation);
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
