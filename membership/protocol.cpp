// A step of the processor from outside: events, submissions, what an observer sees, and the
// promises that hold between steps.
#include "membership/protocol.h"

#include "totem/wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace membership {

namespace {

constexpr std::uint64_t lease_margin = 1024; // 3.6: a new lease is written this far ahead

} // namespace

Protocol::Protocol(const Settings& settings, const Identity& identity)
    : settings_(settings), self_(identity.self), challenge_(identity.challenge),
      high_ring_seq_(identity.high_ring_seq), high_ring_seq_checked_(identity.high_ring_seq),
      lease_(identity.ring_seq_lease), jitter_(identity.jitter_seed), pool_(settings.body_max),
      queue_(settings.queue_bytes_max, pool_),
      installed_(
          RingId{identity.high_ring_seq, identity.self}, {identity.self}, identity.self, settings),
      suspicion_(settings, identity.jitter_seed ^ 0x5bd1e995), recent_joins_(settings.consensus),
      state_(Gather{}) {
    check(!settings.validate(), "a processor is given valid settings");
    check(self_.node != 0, "a processor has a node");
}

void Protocol::start(Instant now, Actions& out) {
    now_ = now;
    out_ = &out;
    acquaintances_.saw(self_);
    session_.why = JoinReason::start;
    session_.proc_set.insert(self_);
    open_gather();
    Gather& at = std::get<Gather>(state_);
    at.coalesce_at.reset();
    at.join_at = now_ + settings_.consensus / 4; // a newcomer listens before it speaks (5.12)
    saw_ring_seq(high_ring_seq_);
    out_ = nullptr;
}

void Protocol::step(Instant now, const Event& event, Actions& out) {
    if (stopped()) return;
    now_ = std::max(now_, now); // a clock that goes back is clamped (5.11)
    out_ = &out;
    std::visit([this](const auto& happened) { on(happened); }, event);
    check_invariants();
    out_ = nullptr;
}

Submission Protocol::submit(Instant now, Bytes message, Service service, Actions& out) {
    if (stopped()) return {.counter = {}, .refusal = SendQueue::Refusal::broken};
    if (leaving_) return {.counter = {}, .refusal = SendQueue::Refusal::leaving};
    if (message.size() > message_size_max)
        return {.counter = {}, .refusal = SendQueue::Refusal::too_large};
    now_ = std::max(now_, now);
    out_ = &out;
    count(36);
    const Submission accepted{.counter = queue_.push(std::move(message), service)};
    if (auto* at = std::get_if<Operational>(&state_); at != nullptr && accepted.counter) {
        if (installed_.size() == 1)
            visit_alone(*at);
        else if (at->held && at->held->idle)
            release(*at);
        else
            send_hurry(*at);
    }
    check_invariants();
    out_ = nullptr;
    return accepted;
}

// -- events that are not packets

void Protocol::on(const Consumed& consumed) {
    consumer_.consumed(consumed.messages);
    auto* at = std::get_if<Operational>(&state_);
    if (at == nullptr || installed_.size() > 1) return;
    if (!queue_.empty() || installed_.safe_upto() < installed_.high_seq()) visit_alone(*at);
}

void Protocol::on(const RecordStored&) {
    count(40);
    if (!lease_being_stored_) return;
    lease_ = *std::exchange(lease_being_stored_, std::nullopt);
    check_consensus(); // the representative may have waited for this
}

void Protocol::on(const HintChanged& changed) {
    check(changed.hint.size() <= hint_size_max, "a hint is small");
    hint_ = changed.hint;
}

// 5.11. After a gap longer than T_token_loss the others have formed a ring without us. What waited
// in our sockets tells a story that is over, of a session in which they rightly gave us up: we
// begin a new one, and hold nothing against anybody.
void Protocol::on(const Resumed& resumed) {
    if (leaving_ && leaving_->next_at) return;
    if (resumed.gap <= settings_.token_loss_for(installed_.size())) return;
    count(38);
    if (phase() != Phase::operational) {
        session_ = Session{};
        session_.proc_set.insert(installed_.members().begin(), installed_.members().end());
    }
    shift_to_gather(JoinReason::pause, {}, {});
    check_consensus();
}

void Protocol::on(const PeerUnreachable& unreachable) {
    if (leaving_ && leaving_->next_at) return;
    if (unreachable.node == self_.node) return;
    const auto last = unreachable_at_.find(unreachable.node);
    if (last != unreachable_at_.end() && now_ - last->second < settings_.backoff_base) return;

    const auto of_node = [&](ProcessorId id) { return id.node == unreachable.node; };
    ProcessorId silent = nobody;
    if (phase() == Phase::operational) {
        silent = installed_.member_of(unreachable.node);
    } else {
        for (const ProcessorId id : session_.candidates())
            if (of_node(id) && !session_.heard.contains(id)) silent = id;
    }
    if (silent == nobody) return;
    unreachable_at_[unreachable.node] = now_;
    departed(silent, JoinReason::token_loss);
}

// -- stable storage

void Protocol::saw_ring_seq(std::uint64_t ring_seq) {
    high_ring_seq_ = std::max(high_ring_seq_, ring_seq);
    extend_lease(high_ring_seq_);
}

// Well before ring numbers reach the lease a new one is written, in the background (pitfall 27).
void Protocol::extend_lease(std::uint64_t ring_seq) {
    if (ring_seq + lease_margin < lease_ || lease_being_stored_) return;
    lease_being_stored_ = std::max(lease_, ring_seq) + ring_seq_lease_step;
    emit(StoreRecord{{.incarnation = self_.incarnation, .ring_seq_lease = *lease_being_stored_}});
}

// -- small things

std::size_t Protocol::payload_max() const {
    return settings_.body_max - data_header_size - wrapper_size;
}

// The timer of 4.6 follows the ring's pace; a token that an idle ring may hold gets more time.
Duration Protocol::retransmit_interval(const Ring& ring, std::uint32_t idle_hops) const {
    const Duration slowest = settings_.hold_max + settings_.token_retransmit_min;
    if (idle_hops >= 2 * ring.size()) return slowest;
    return std::clamp(4 * ring.rotation_smoothed(), settings_.token_retransmit_min, slowest);
}

void Protocol::break_down(std::string why) {
    broken_ = true;
    emit(Broken{std::move(why)});
}

void Protocol::emit_deliveries() {
    for (Delivery& message : outbox_.deliveries) {
        ++statistics_.messages_delivered;
        statistics_.bytes_delivered += message.payload.size();
        emit(Deliver{std::move(message)});
    }
    outbox_.deliveries.clear();
}

void Protocol::offer_room() {
    if (queue_.take_room_signal()) emit(RoomAvailable{});
}

// -- observers

Processor::View Protocol::view() const {
    Processor::View view;
    view.phase = phase();
    view.installed = ring();
    if (const auto* commit = std::get_if<Commit>(&state_)) view.candidate = commit->ring;
    view.last_token_seq = installed_.last_token_seq();
    view.packets_held = installed_.window().held();
    if (const auto* recovery = std::get_if<Recovery>(&state_)) {
        view.candidate = recovery->ring.id();
        view.packets_held += recovery->ring.window().held();
    }
    view.my_aru = installed_.my_aru();
    view.high_seq = installed_.high_seq();
    view.delivered = installed_.delivered();
    view.safe_upto = installed_.safe_upto();
    view.discarded = installed_.window().discarded();
    view.high_ring_seq = high_ring_seq_;
    view.obligation.assign(obligation_.begin(), obligation_.end());
    view.queue_bytes = queue_.bytes();
    view.window_packets = installed_.window_packets();
    if (phase() != Phase::operational) {
        const Processors candidates = session_.candidates();
        view.candidates.assign(candidates.begin(), candidates.end());
    }
    return view;
}

bool Protocol::holds(Seq seq) const {
    return seq <= installed_.window().discarded() || installed_.window().has(seq);
}

std::string Protocol::explain(Instant now) const {
    std::string text = fmt::format("{} ring={} members=[{}]", describe(phase()), ring(),
                                   fmt::join(installed_.members(), " "));
    if (phase() != Phase::operational)
        text +=
            fmt::format(" joining=[{}] failed=[{}] heard=[{}]", fmt::join(session_.proc_set, " "),
                        fmt::join(session_.fail_set, " "), fmt::join(session_.heard, " "));
    for (const Suspicion::Suspect& suspect : suspects(now))
        text += fmt::format(" {} {} for {} ms", suspect.who,
                            suspect.refused ? "refused" : "doubted", suspect.left / 1ms);
    return text;
}

// 9.4, the part that one processor can see. Constant time but for Recovery's few obligations.
void Protocol::check_invariants() {
    if (broken_) return;
    installed_.check_invariants(phase() == Phase::operational);
    if (const auto* recovery = std::get_if<Recovery>(&state_))
        recovery->ring.check_invariants(false);
    check(high_ring_seq_ >= high_ring_seq_checked_, "ring numbers never go back (W9)");
    high_ring_seq_checked_ = high_ring_seq_;
    for (const ProcessorId id : obligation_)
        check(installed_.has_member(id), "we are obliged to members of our ring only (W10)");
    check(phase() != Phase::operational || obligation_.empty(), "an installation settles all");
}

} // namespace membership
