// Gather: who is there, and whom of them does everybody agree to form a ring with (totem.md 5.5,
// 5.6)? Two sets only grow, everybody tells everybody both in JOINs, and the lowest of those who
// agree makes the commit token.
//
// Reading a JOIN off the wire, and judging whether its sender is fresh and welcome, is join.cpp.
#include "membership/protocol.h"

#include <algorithm>

namespace membership {

namespace {

bool is_subset(const Processors& part, const Processors& whole) {
    return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

} // namespace

// -- entering (5.5)

void Protocol::shift_to_gather(JoinReason why,
                               const Processors& add_proc,
                               const Processors& add_fail) {
    if (auto* at = std::get_if<Operational>(&state_)) {
        const bool lasted = suspicion_.lasted(installed_.members(), now_ - at->since);
        const bool by_itself = add_proc.empty() && add_fail.empty() && why != JoinReason::pause;
        const std::uint32_t failures = by_itself && !lasted ? session_.failures + 1 : 0;
        session_ = Session{};
        session_.failures = failures;
        session_.proc_set.insert(installed_.members().begin(), installed_.members().end());
        // Their silence counts from when the token should have come: on a ring that turned a
        // moment ago a member may stall for as long as at any other time.
        if (at->token_loss_at)
            session_.silence_ends = std::max(now_, *at->token_loss_at) + settings_.silence;
        emit(Interrupted{why});
    }
    // From Commit or Recovery the sets stay as they were; the candidate ring goes with its state,
    // while recovered packets stay in the installed ring's window, and so does the obligation.
    session_.why = why;
    session_.proc_set.insert(self_);
    for (const ProcessorId id : add_proc)
        (void)add_processor(id);
    for (const ProcessorId id : add_fail)
        (void)add_failed(id);
    (void)fail_outlived();
    open_gather();
}

void Protocol::open_gather() {
    ++statistics_.gathers;
    state_ = Gather{};
    std::get<Gather>(state_).silence_at = session_.silence_ends;
    sets_changed(std::get<Gather>(state_));
}

// After every change of the sets: what was agreed is void, all must hear of it.
void Protocol::sets_changed(Gather& at) {
    at.consensus = {self_};
    at.commit_wait_at.reset();
    at.consensus_at = now_ + std::max(settings_.consensus,
                                      settings_.token_loss_for(session_.candidates().size()));
    schedule_join(at);
    for (const ProcessorId id : session_.proc_set)
        if (id != self_ && !installed_.has_member(id)) return newcomers_speak();
}

// Whoever hears of new processors answers within T_join_coalesce; a stranger must be answered once
// more. A representative that does not wait for that forms a ring of the first two who met, and
// the rest of a cold start takes a second one (N01; ADR 0013).
void Protocol::newcomers_speak() { session_.settled_at = now_ + 2 * settings_.join_coalesce_max; }

// A JOIN collects all changes of the next moment (join storms, 5.10).
void Protocol::schedule_join(Gather& at) {
    if (at.coalesce_at) return;
    const auto spread = static_cast<std::uint64_t>(settings_.join_coalesce_max.count());
    at.coalesce_at = now_ + Duration(static_cast<std::int64_t>(jitter_.below(spread + 1)));
}

// T_join, give or take 30 %; half of it while silence is about to be judged.
void Protocol::send_join(Gather& at) {
    const auto per_mille = static_cast<std::int64_t>(700 + jitter_.below(601));
    const Duration pause = at.silence_at ? settings_.join / 2 : settings_.join;
    at.coalesce_at.reset();
    at.join_at = now_ + pause * per_mille / 1000;
    emit(Multicast{compose_join(session_.proc_set, session_.fail_set)});
}

// -- the sets

bool Protocol::add_processor(ProcessorId id) {
    if (session_.proc_set.contains(id) || session_.proc_set.size() >= members_max) return false;
    session_.proc_set.insert(id);
    (void)fail_outlived();
    return true;
}

bool Protocol::add_failed(ProcessorId id) {
    if (id == self_ || !session_.proc_set.contains(id)) return false;
    return session_.fail_set.insert(id).second;
}

// No two incarnations of one node can live: the older has failed (5.3). True if that was news.
bool Protocol::fail_outlived() {
    bool news = false;
    for (const ProcessorId id : session_.proc_set)
        if (acquaintances_.outlived(id) && add_failed(id)) {
            session_.departed.insert(id);
            news = true;
        }
    return news;
}

// -- a JOIN that counts (5.6)

void Protocol::gather_join(ProcessorId from, const Join& join) {
    session_.heard.insert(from);
    Processors proc_set;
    Processors fail_set;
    for (const JoinView& view : join.processors) {
        proc_set.insert(proc_set.end(), view.id);
        if (view.failed) fail_set.insert(fail_set.end(), view.id);
    }
    const auto agrees = [&] {
        return proc_set == session_.proc_set && fail_set == session_.fail_set;
    };
    Gather& at = std::get<Gather>(state_);
    judge_doubt(from, join, agrees());
    if (!agrees()) {
        const bool knows_nothing_new =
            is_subset(proc_set, session_.proc_set) && is_subset(fail_set, session_.fail_set);
        if (knows_nothing_new || session_.fail_set.contains(from)) return check_consensus();
        if (merge(from, join)) sets_changed(at);
    }
    if (agrees() && answers_in_time(join)) at.consensus.insert(from);
    check_consensus();
}

bool Protocol::merge(ProcessorId from, const Join& join) {
    bool changed = false;
    bool refuses_us = false;
    for (const JoinView& view : join.processors) {
        changed |= add_processor(view.id); // suspects too: refusing one makes sets differ for ever
        refuses_us |= view.failed && view.id == self_;
    }
    if (refuses_us) return add_failed(from) || changed; // its other opinions are not taken over
    for (const JoinView& view : join.processors) {
        if (!view.failed) continue;
        changed |= add_failed(view.id);
        if (join.reason == JoinReason::failure_to_receive && installed_.has_member(view.id))
            session_.deaf.insert(view.id);
    }
    return changed;
}

// An attempt died in Commit after we had passed its token on. Our successor, if it agrees with us,
// now shows by its ring_seq whether the token ever reached it. One that agrees and is deaf to
// unicast would make us try for ever (5.9, D12; ADR 0011).
void Protocol::judge_doubt(ProcessorId from, const Join& join, bool agrees) {
    if (!session_.doubt || session_.doubt->successor != from) return;
    const std::uint64_t attempt = session_.doubt->ring_seq;
    session_.doubt.reset();
    if (join.ring_seq >= attempt) return suspicion_.exonerate(from);
    if (!agrees || !suspicion_.blame(from)) return;
    suspicion_.expelled(from, now_);
    if (add_failed(from)) sets_changed(std::get<Gather>(state_));
}

// -- agreement (5.6)

bool Protocol::others_are_gone() const {
    return session_.proc_set.size() > 1 &&
           std::all_of(session_.proc_set.begin(), session_.proc_set.end(), [&](ProcessorId id) {
               return id == self_ || session_.departed.contains(id);
           });
}

void Protocol::check_consensus() {
    auto* at = std::get_if<Gather>(&state_);
    if (at == nullptr || stopped()) return;
    const Processors candidates = session_.candidates();
    if (!is_subset(candidates, at->consensus)) return;
    // No hasty ring of one: the others may be about to answer.
    if (candidates.size() == 1 && !session_.consensus_expired && !others_are_gone()) return;
    if (*candidates.begin() == self_) {
        if (now_ < session_.settled_at) {
            at->settle_at = session_.settled_at;
            return;
        }
        if (lease_covers(*at, next_ring_seq(candidates))) create_commit(candidates);
        return;
    }
    if (at->commit_wait_at) return;
    at->commit_wait_at = now_ + settings_.commit_wait;
    at->consensus_at.reset();
}

void Protocol::consensus_timeout(Gather& at) {
    at.consensus_at.reset();
    session_.consensus_expired = true;
    bool changed = false;
    for (const ProcessorId id : session_.candidates())
        if (!at.consensus.contains(id)) changed |= add_failed(id);
    if (changed) sets_changed(at);
    check_consensus();
}

// A living member answers a JOIN within milliseconds, whatever it thinks of our sets. Who has said
// nothing at all since the token was lost is not waited for as those are who do not agree yet.
void Protocol::silence_timeout(Gather& at) {
    session_.silence_ends.reset();
    at.silence_at.reset();
    bool changed = false;
    for (const ProcessorId id : session_.candidates())
        if (id != self_ && installed_.has_member(id) && !session_.heard.contains(id)) {
            changed |= add_failed(id);
            session_.departed.insert(id);
        }
    if (changed) sets_changed(at);
    check_consensus();
}

// All agree, but the representative makes no commit token: ask again.
void Protocol::commit_wait_timeout(Gather& at) {
    sets_changed(at);
    at.coalesce_at = now_;
    check_consensus();
}

// -- timers

bool Protocol::fire(Gather& at) {
    const auto due = [this](const Timer& timer) { return timer && *timer <= now_; };
    if (due(at.coalesce_at) || due(at.join_at)) {
        count(25);
        send_join(at);
        return true;
    }
    if (due(at.consensus_at)) {
        count(26);
        consensus_timeout(at);
        return true;
    }
    if (due(at.silence_at)) {
        count(26);
        silence_timeout(at);
        return true;
    }
    if (due(at.settle_at)) {
        at.settle_at.reset();
        check_consensus();
        return true;
    }
    if (due(at.lease_wait_at)) {
        at.lease_wait_at.reset();
        session_.lease_awaited = true;
        check_consensus();
        return true;
    }
    if (due(at.commit_wait_at)) {
        count(27);
        commit_wait_timeout(at);
        return true;
    }
    return false;
}

} // namespace membership
