// Commit: the commit token goes round twice (totem.md 5.6). On its first way every member of the
// coming ring writes into it what it holds of its old ring, and from then on freezes that ring; on
// its second way everybody reads what all have written, and enters Recovery.
#include "membership/protocol.h"
#include "totem/wire.h"

#include <algorithm>

namespace membership {

namespace {

std::size_t index_of(const std::vector<ProcessorId>& members, ProcessorId id) {
    return static_cast<std::size_t>(std::lower_bound(members.begin(), members.end(), id) -
                                    members.begin());
}

ProcessorId successor_of(const std::vector<ProcessorId>& members, ProcessorId id) {
    return members[(index_of(members, id) + 1) % members.size()];
}

bool all_filled(const CommitToken& commit) {
    return std::all_of(commit.entries.begin(), commit.entries.end(),
                       [](const CommitEntry& entry) { return entry.filled; });
}

// Whether everything that stood in `before` still stands in `now`: each member writes its own entry
// and nobody else's.
bool keeps(const CommitToken& before, const CommitToken& now) {
    if (now.members != before.members || now.old_rings.size() < before.old_rings.size() ||
        !std::equal(before.old_rings.begin(), before.old_rings.end(), now.old_rings.begin()))
        return false;
    for (std::size_t i = 0; i < before.entries.size(); ++i)
        if (before.entries[i].filled && before.entries[i] != now.entries[i]) return false;
    return true;
}

} // namespace

// -- making and filling it

// Above all that any of us has seen, in steps of four (3.6).
std::uint64_t Protocol::next_ring_seq(const Processors& candidates) const {
    std::uint64_t newest = high_ring_seq_;
    for (const ProcessorId id : candidates)
        if (const Acquaintance* who = acquaintances_.find(id);
            who != nullptr && !mutated(Mutant::ring_seq_of_others_ignored))
            newest = std::max(newest, who->ring_seq);
    if (mutated(Mutant::ring_seq_not_raised)) return std::max<std::uint64_t>(newest, 1);
    return (newest + 4 + 3) / 4 * 4;
}

// A ring that we represent is numbered within our lease, so that no life of this node repeats a
// number of another and names without the incarnation stay unique as well. The disk is seldom
// needed, since leases are far ahead; and a disk that hangs must not keep the ring from forming
// (ADR 0012).
bool Protocol::lease_covers(Gather& at, std::uint64_t ring_seq) {
    if (ring_seq <= lease_ || session_.lease_awaited) return true;
    extend_lease(ring_seq);
    if (!at.lease_wait_at) at.lease_wait_at = now_ + settings_.commit_wait / 2;
    return false;
}

void Protocol::create_commit(const Processors& candidates) {
    const std::uint64_t seq = next_ring_seq(candidates);
    CommitToken commit{.ring = {seq, self_},
                       .members = {candidates.begin(), candidates.end()},
                       .entries = std::vector<CommitEntry>(candidates.size())};
    saw_ring_seq(seq);
    fill_entry(commit);
    if (commit.members.size() > 1) return enter_commit(std::move(commit));
    enter_recovery(std::move(commit)); // alone: nothing to exchange, nobody to wait for
    install(std::get<Recovery>(state_));
}

// From here on nothing but recovered packets enters the installed ring, until the next Gather: what
// the entry says must still be true when the others act on it (pitfall 28).
void Protocol::fill_entry(CommitToken& commit) {
    const auto known = std::find(commit.old_rings.begin(), commit.old_rings.end(), installed_.id());
    CommitEntry& entry = commit.entries[index_of(commit.members, self_)];
    entry = {.filled = true,
             .old_ring_index = static_cast<std::uint8_t>(known - commit.old_rings.begin()),
             .aru = installed_.my_aru(),
             .high_seq = installed_.high_seq(),
             .delivered = installed_.delivered(),
             .safe_upto = installed_.safe_upto(),
             .obligation = {obligation_.begin(), obligation_.end()},
             .hint = hint_};
    if (known == commit.old_rings.end()) commit.old_rings.push_back(installed_.id());
    if (mutated(Mutant::obligation_forgotten)) entry.obligation.clear();
    if (mutated(Mutant::entry_hides_beyond_holes)) entry.high_seq = entry.aru;

    // Ranges take what room is left, fairly: a truncated list costs duplicates, nothing else.
    const std::size_t unfilled = static_cast<std::size_t>(std::count_if(
        commit.entries.begin(), commit.entries.end(), [](const auto& e) { return !e.filled; }));
    const std::size_t used = encoded_size(commit) + 40 * unfilled;
    const std::size_t room = settings_.body_max > used ? settings_.body_max - used : 0;
    const std::size_t ranges_max = std::min(rtr_ranges_max, room / (4 * (unfilled + 1)));
    entry.received = installed_.window().received_above_aru(ranges_max, entry.ranges_truncated);
    while (encoded_size(commit) > settings_.body_max && !entry.received.empty()) {
        entry.received.pop_back();
        entry.ranges_truncated = true;
    }
    // A hint is advice; the packet must go.
    if (encoded_size(commit) > settings_.body_max) entry.hint = {};
}

void Protocol::forward(CommitToken& commit) {
    commit.token_seq = next(commit.token_seq);
    emit(Unicast{successor_of(commit.members, self_), commit});
}

void Protocol::enter_commit(CommitToken&& commit) {
    Commit at{.ring = commit.ring,
              .last_token_seq = commit.token_seq,
              .passed = std::move(commit),
              .retransmit_at = now_ + settings_.token_retransmit_min,
              .lost_at = now_ + settings_.commit};
    forward(at.passed);
    state_ = std::move(at);
}

// -- receiving it

// Whether this is the first pass of a commit token for exactly the ring that we agreed to (5.6).
bool Protocol::acceptable(const CommitToken& commit) const {
    const Processors candidates = session_.candidates();
    const bool ours = std::equal(commit.members.begin(), commit.members.end(), candidates.begin(),
                                 candidates.end());
    if (!ours || !std::binary_search(commit.members.begin(), commit.members.end(), self_))
        return false;
    if (commit.ring.seq <= high_ring_seq_ || commit.ring.representative == self_) return false;
    const std::size_t here = index_of(commit.members, self_);
    if (commit.token_seq.value != here) return false;
    for (std::size_t i = 0; i < commit.entries.size(); ++i)
        if (commit.entries[i].filled != (i < here)) return false;
    return true;
}

// In Gather and Commit.
void Protocol::commit_arrived(CommitToken&& commit) {
    auto* at = std::get_if<Commit>(&state_);
    if (at != nullptr && commit.ring == at->ring) {
        if (commit.token_seq <= at->last_token_seq) return drop(21);
        const std::size_t hops = commit.members.size() + index_of(commit.members, self_);
        const bool second_pass =
            keeps(at->passed, commit) && all_filled(commit) &&
            (commit.ring.representative == self_ ? commit.token_seq.value == commit.members.size()
                                                 : commit.token_seq.value == hops);
        if (!second_pass) return drop(22);
        count(20);
        enter_recovery(std::move(commit));
        Recovery& recovery = std::get<Recovery>(state_);
        forward(recovery.table);
        recovery.ring.await_evidence(recovery.table.token_seq);
        recovery.retransmit_at = now_ + settings_.token_retransmit_min;
        return;
    }
    // In Commit: the representative has begun anew with the same members.
    if (!acceptable(commit))
        return drop(at == nullptr && commit.ring.seq <= high_ring_seq_ ? 20 : 22);
    count(19);
    saw_ring_seq(commit.ring.seq);
    fill_entry(commit);
    enter_commit(std::move(commit));
}

// -- losing it

void Protocol::commit_lost(Commit& at) {
    session_.doubt = Session::Doubt{.successor = successor_of(at.passed.members, self_),
                                    .ring_seq = at.ring.seq};
    ++session_.failures;
    shift_to_gather(JoinReason::commit_loss, {}, {});
    check_consensus();
}

bool Protocol::fire(Commit& at) {
    if (at.lost_at <= now_) {
        count(24);
        commit_lost(at);
        return true;
    }
    if (at.retransmit_at <= now_) {
        count(23);
        ++statistics_.token_retransmissions;
        at.retransmit_at = now_ + settings_.token_retransmit_min;
        emit(Unicast{successor_of(at.passed.members, self_), at.passed});
        return true;
    }
    return false;
}

} // namespace membership
