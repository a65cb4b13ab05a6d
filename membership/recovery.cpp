// Recovery: on the new ring, before anybody uses it, those who come from the same old ring exchange
// what some of them lack of it (totem.md 5.7). Old packets travel wrapped in new ones, under the
// new ring's own order and retransmission; two counters on the token tell when nothing is left.
//
// What is delivered then, and as what, is install.cpp.
#include "membership/protocol.h"
#include "totem/requests.h"
#include "totem/wire.h"

#include <algorithm>

namespace membership {

namespace {

// The old ring's packets that we send again, as the packets of a visit on the new ring.
class OldPackets final : public PacketSource {
public:
    OldPackets(std::vector<Seq>& queue, const Window& old_window)
        : queue_(queue), old_window_(old_window) {}

    [[nodiscard]] std::uint32_t backlog() const override {
        return static_cast<std::uint32_t>(queue_.size());
    }

    void fill(DataPacket& packet, std::vector<Origination>&) override {
        const DataPacket* old = old_window_.find(queue_.front());
        check(old != nullptr, "we recover what we hold");
        queue_.erase(queue_.begin());
        packet.wrapped = true;
        packet.chunk_count = 1;
        packet.chunks = wrap(*old);
    }

private:
    std::vector<Seq>& queue_;
    const Window& old_window_;
};

bool known_to_have(const CommitEntry& entry, Seq seq) {
    return seq <= entry.aru || contains(entry.received, seq);
}

} // namespace

// -- entering (5.7)

void Protocol::enter_recovery(CommitToken&& commit) {
    Ring ring(commit.ring, commit.members, self_, settings_);
    Recovery at(std::move(ring), std::move(commit));
    at.last_commit_seq = at.table.token_seq;
    for (const ProcessorId id : at.ring.members()) {
        Acquaintance& who = acquaintance(id);
        who.last_common = at.ring.id().seq; // every entry was filled: all accepted this ring
        who.verified = true;                // and nobody replays an answer to our token
        acquaintances_.saw(id);
    }
    plan_exchange(at);
    at.token_loss_at = now_ + settings_.token_loss_for(at.ring.size());
    at.stuck_at = now_ + settings_.recovery_max;
    state_ = std::move(at);
}

// Who comes with us, what is known of the old ring, and which of its packets are ours to send:
// functions of the commit token alone, hence equal at all of trans (W8).
void Protocol::plan_exchange(Recovery& at) {
    const std::vector<ProcessorId>& members = at.ring.members();
    std::vector<std::pair<ProcessorId, const CommitEntry*>> trans;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const CommitEntry& entry = at.table.entries[i];
        if (!installed_.has_member(members[i])) continue; // whatever it says
        if (at.table.old_rings[entry.old_ring_index] == installed_.id() ||
            mutated(Mutant::strangers_come_along))
            trans.emplace_back(members[i], &entry);
    }
    const CommitEntry* ours = nullptr;
    Seq low = trans.front().second->aru;
    for (const auto& [id, entry] : trans) {
        at.trans.insert(id);
        at.deliver_set.insert(id);
        for (const ProcessorId owed : entry->obligation)
            if (installed_.has_member(owed) && !mutated(Mutant::obligation_not_inherited))
                at.deliver_set.insert(owed);
        at.delivered_by_one = std::max(at.delivered_by_one, entry->delivered);
        at.known_safe = std::max({at.known_safe, entry->delivered, entry->safe_upto});
        at.top = std::max(at.top, entry->high_seq);
        low = std::min(low, entry->aru);
        if (id == self_) ours = entry;
    }
    if (mutated(Mutant::recovery_top_of_ones_own)) at.top = ours->high_seq;
    if (mutated(Mutant::known_safe_ignored)) at.known_safe = at.top;

    // The lowest known holder sends what somebody lacks (D19); what nobody is known to hold,
    // because lists were truncated, everybody sends who holds it.
    const Window& window = installed_.window();
    const Seq last = std::min(at.top, window.high_seq());
    for (Seq seq = next(std::max(low, window.discarded())); seq <= last; seq = next(seq)) {
        if (!window.has(seq)) continue;
        bool somebody_lacks = false;
        bool somebody_holds = false;
        bool lower_holds = false;
        for (const auto& [id, entry] : trans) {
            const bool holds = known_to_have(*entry, seq);
            somebody_lacks |= !holds;
            somebody_holds |= holds;
            lower_holds |= holds && id < self_;
        }
        const bool unlisted = !known_to_have(*ours, seq) && !somebody_holds;
        if ((somebody_lacks && !lower_holds) || unlisted) at.queue.push_back(seq);
    }
}

// The commit token came a third time to the representative: everybody is in Recovery and has the
// table. It makes the first regular token of the new ring.
void Protocol::commit_completed(Recovery& at, CommitToken&& commit) {
    const bool second_rotation_ends =
        at.ring.we_represent() && commit.token_seq.value == 2 * std::uint64_t{at.ring.size()};
    const bool token_was_here = at.ring.last_token_seq() != TokenSeq{}; // before we made it
    if (!second_rotation_ends || token_was_here) return;
    at.last_commit_seq = commit.token_seq;
    recovery_visit(at, Token{.ring = at.ring.id(),
                             .token_seq = commit.token_seq,
                             .recovery_unreported = static_cast<std::uint16_t>(at.ring.size())});
}

// -- messages: rows 3 and 4

void Protocol::recovery_data(Recovery& at, ProcessorId from, DataPacket&& data) {
    if (!at.ring.has_member(from) || !at.ring.has_member(data.origin)) return malformed();
    // The representative makes the first token: before it, nobody gave a packet its place.
    const bool token_was_here = at.ring.last_token_seq() != TokenSeq{};
    if (at.ring.we_represent() && !token_was_here) return malformed();
    std::optional<DataPacket> old;
    if (data.wrapped) {
        auto unwrapped = unwrap(data);
        if (!unwrapped) return malformed();
        if (unwrapped->ring == installed_.id()) {
            if (!installed_.has_member(unwrapped->origin)) return malformed();
            old = std::move(*unwrapped);
        }
    }
    if (at.ring.take_evidence(data.visit)) {
        at.retransmit_at.reset();
        suspicion_.exonerate(at.ring.successor());
    }
    const int row = data.wrapped ? 3 : 4;
    switch (at.ring.receive(std::move(data))) {
    case Window::Stored::fresh:
        count(row);
        break;
    case Window::Stored::duplicate:
        count(row);
        ++statistics_.duplicates;
        return;
    case Window::Stored::out_of_reach:
        return drop(row);
    case Window::Stored::conflicting:
        return break_down("two packets carry one sequence number of the ring in recovery");
    }
    if (!old) return;
    std::erase(at.queue, old->seq); // somebody else has sent it
    if (installed_.receive(std::move(*old)) == Window::Stored::conflicting)
        break_down("two packets carry one sequence number of our old ring");
}

// -- the token

void Protocol::recovery_token(Recovery& at, Token&& token) {
    switch (at.ring.judge(token)) {
    case Ring::Verdict::duplicate:
        ++statistics_.duplicates;
        return drop(11);
    case Ring::Verdict::malformed:
        return drop_malformed(11);
    case Ring::Verdict::fresh:
        if (at.held) return drop_malformed(11); // the token is here: this is another one
        count(11);
        recovery_visit(at, std::move(token));
    }
}

void Protocol::recovery_visit(Recovery& at, Token&& token) {
    ++statistics_.tokens_handled;
    at.retransmit_at.reset();
    at.token_loss_at = now_ + settings_.token_loss_for(at.ring.size());
    outbox_.clear();
    OldPackets source(at.queue, installed_.window());
    // The original protocol, no acceleration (D8). But once all have reported, members before us
    // may be Operational, and their packets come behind the token: those are not lost (4.9, rule
    // 3).
    const Ring::Manner manner{.accelerated = at.counting_visits > 0};
    at.ring.visit(token, manner, source, outbox_, now_);
    token.idle_hops = 0; // nobody rests before all have installed
    statistics_.retransmissions += at.ring.answers_in_visit();
    count_visit(at, token);
    at.ring.settle_visit(token);
    note_progress(at, token);
    send_packets(0, outbox_.packets.size());

    if (const auto silent = at.ring.failed_to_receive(token, now_)) {
        count(29);
        suspicion_.expelled(*silent, now_);
        shift_to_gather(JoinReason::failure_to_receive, {}, {*silent});
        return check_consensus();
    }
    const std::uint32_t visits_needed = mutated(Mutant::install_after_one_visit) ? 1 : 2;
    if (at.counting_visits >= visits_needed && at.ring.acknowledged_twice() >= at.install_seq) {
        if (installed_.my_aru() < at.delivered_by_one) return expose_liars(at);
        install(at);
        return continue_visit(std::get<Operational>(state_), std::move(token));
    }
    if (at.ring.we_represent() && at.ring.is_stuck() && at.counting_visits == 0)
        at.held = HeldToken{.token = std::move(token), .until = now_ + settings_.rtr_pace};
    else
        pass_token(at, std::move(token));
}

// Both sums on the token are zero for ever once they are (lemma R): the first visit that sees it
// fixes how far the old messages reach, and whoever holds all of them by then acknowledges.
void Protocol::count_visit(Recovery& at, Token& token) {
    if (!std::exchange(at.has_reported, true) && token.recovery_unreported > 0)
        --token.recovery_unreported;
    const auto left = static_cast<std::uint32_t>(at.queue.size());
    token.recovery_backlog += left - at.reported;
    at.reported = left;
    const bool unreported =
        token.recovery_unreported != 0 && !mutated(Mutant::recovery_unreported_ignored);
    if (unreported || token.recovery_backlog != 0) return;

    if (at.counting_visits++ == 0) at.install_seq = token.seq;
    if (at.ring.my_aru() < at.install_seq) return;
    // Acknowledged: from now on another member may install, and deliver more than we would on our
    // own. We owe the deliver set its messages until we install ourselves (5.8).
    obligation_ = at.deliver_set;
}

// Somebody said that it has delivered what none of us holds, though all have sent what they hold.
// No honest processor does; we go on without it, since nobody can ever make its story true.
void Protocol::expose_liars(Recovery& at) {
    Processors liars;
    for (std::size_t i = 0; i < at.table.entries.size(); ++i) {
        const ProcessorId id = at.table.members[i];
        if (at.trans.contains(id) && at.table.entries[i].delivered > installed_.my_aru())
            liars.insert(id);
    }
    drop_malformed(28);
    for (const ProcessorId id : liars)
        suspicion_.expelled(id, now_);
    shift_to_gather(JoinReason::recovery_loss, {}, liars);
    check_consensus();
}

void Protocol::note_progress(Recovery& at, const Token& token) {
    if (at.ring.my_aru() == at.progress_aru && token.recovery_backlog == at.progress_backlog)
        return;
    at.progress_aru = at.ring.my_aru();
    at.progress_backlog = token.recovery_backlog;
    at.stuck_at = now_ + settings_.recovery_max;
}

void Protocol::pass_token(Recovery& at, Token&& token) {
    at.commit_passed_last = false;
    emit(Unicast{at.ring.successor(), at.ring.pass(std::move(token))});
    at.retransmit_at = now_ + retransmit_interval(at.ring, 0);
}

// -- timers

bool Protocol::fire(Recovery& at) {
    if (at.held && at.held->until <= now_) {
        Token token = std::move(at.held->token);
        at.held.reset();
        pass_token(at, std::move(token));
        return true;
    }
    if (at.token_loss_at <= now_) {
        count(24);
        ++session_.failures;
        shift_to_gather(JoinReason::recovery_loss, {}, {});
        check_consensus();
        return true;
    }
    if (at.stuck_at <= now_) {
        count(28);
        const ProcessorId silent = at.ring.last_passed().aru_id;
        if (silent != nobody && silent != self_) suspicion_.expelled(silent, now_);
        shift_to_gather(JoinReason::recovery_loss, {},
                        silent == nobody ? Processors{} : Processors{silent});
        check_consensus();
        return true;
    }
    if (at.retransmit_at && *at.retransmit_at <= now_) {
        count(23);
        ++statistics_.token_retransmissions;
        at.retransmit_at = now_ + retransmit_interval(at.ring, 0);
        if (at.commit_passed_last)
            emit(Unicast{at.ring.successor(), at.table});
        else
            emit(Unicast{at.ring.successor(), at.ring.last_passed()});
        return true;
    }
    return false;
}

} // namespace membership
