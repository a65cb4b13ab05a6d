// The visit of the token, step by step as totem.md 4.2 lists them, and the rules it rests on.
#include "totem/ring.h"

#include "base/mutant.h"
#include "totem/requests.h"
#include "totem/wire.h"

#include <algorithm>

namespace totem {

namespace {

// A packet may lie this far above the discard horizon. The floor leaves room for members with
// larger windows than ours.
std::size_t reach_for(const Settings& settings, std::size_t members) {
    return std::max<std::size_t>(4096, 2 * settings.held_max_for(members));
}

constexpr std::uint64_t token_seq_jump_max = std::uint64_t{1} << 32; // 7.6
constexpr std::uint32_t idle_hops_max = 1'000'000;
constexpr std::uint32_t loss_remembered = 64; // visits

std::uint32_t less(std::uint32_t sum, std::uint32_t part) { return sum > part ? sum - part : 0; }

} // namespace

Ring::Ring(RingId id, std::vector<ProcessorId> members, ProcessorId self, const Settings& settings)
    : id_(id), members_(std::move(members)), self_(self), settings_(settings),
      window_size_({.least = settings.window_least_for(members_.size()),
                    .most = settings.window_for(members_.size())}),
      span_max_(2 * reach_for(settings, members_.size())),
      window_(reach_for(settings, members_.size())), assembly_(self) {
    const auto here = std::lower_bound(members_.begin(), members_.end(), self_);
    check(here != members_.end() && *here == self_, "a processor is a member of its ring");
    successor_ = std::next(here) == members_.end() ? members_.front() : *std::next(here);
    predecessor_ = here == members_.begin() ? members_.back() : *std::prev(here);
}

bool Ring::has_member(ProcessorId id) const {
    return std::binary_search(members_.begin(), members_.end(), id);
}

ProcessorId Ring::member_of(NodeId node) const {
    const auto found = std::lower_bound(members_.begin(), members_.end(), ProcessorId{node, 0});
    return found != members_.end() && found->node == node ? *found : nobody;
}

Ring::Verdict Ring::judge(const Token& token) const {
    if (token.token_seq <= last_token_seq_ &&
        !(mutated(Mutant::token_accepted_twice) && token.token_seq == last_token_seq_))
        return Verdict::duplicate;
    // Below: what no member sends. A token that knows less than our window would assign a seq
    // twice, one that knows of packets beyond its reach has outrun flow control.
    const bool sane = token.token_seq.value - last_token_seq_.value <= token_seq_jump_max &&
                      token.aru <= token.seq && token.seq >= window_.high_seq() &&
                      window_.reaches(token.seq) && distance(token.aru, token.seq) <= span_max_ &&
                      (token.aru_id == nobody || has_member(token.aru_id));
    return sane ? Verdict::fresh : Verdict::malformed;
}

// -- the visit

FlowLimits Ring::limits() const {
    const std::uint32_t window = window_size_.packets();
    return {.window = window,
            .part = window / size(),
            .visit_max = settings_.visit_max_for(members_.size(), window),
            .outstanding_max = settings_.outstanding_windows * window};
}

void Ring::visit(Token& token, Manner manner, PacketSource& source, Outbox& out, Instant now) {
    measure_rotation(token, now);
    last_token_seq_ = token.token_seq;
    awaits_evidence_ = false; // the token itself came back
    const Seq received_seq = token.seq;
    const std::uint32_t sent_in_rotation = token.fcc;
    token.fcc = less(token.fcc, share_of_fcc_);
    share_of_fcc_ = packets_in_visit_ = 0;

    answers_in_visit_ =
        answer_requests(token.rtr, std::max<std::uint32_t>(1, limits().window / 2), [&](Seq seq) {
            const DataPacket* packet = window_.find(seq);
            if (packet == nullptr) return false;
            DataPacket& copy = out.packets.emplace_back(*packet);
            copy.visit = token.token_seq;
            copy.retransmission = true;
            if (mutated(Mutant::retransmission_claimed)) copy.origin = self_;
            copy.post_token = false;
            return true;
        });
    token.fcc += answers_in_visit_;
    share_of_fcc_ += answers_in_visit_;

    originate(token, manner, source, out);
    // Accelerated: a packet assigned since our last visit may still be under way behind the token;
    // one assigned before it is lost (4.9, rule 3).
    const std::uint32_t missing =
        request_missing(token, manner.accelerated ? seq_at_last_visit_ : received_seq);
    seq_at_last_visit_ = received_seq;
    if (answers_in_visit_ + missing > 0)
        lossy_visits_ = loss_remembered;
    else if (lossy_visits_ > 0)
        --lossy_visits_;
    window_size_.turned({.sent = sent_in_rotation,
                         .lost = answers_in_visit_ + missing,
                         .too_small = source.backlog() > 0});
    update_aru(token, manner.consumer_is_slow);
    account(token, source);
    track_stall(token, now);
    check(token.seq >= window_.high_seq(), "the token knows every seq that was assigned (W2)");
}

void Ring::revisit(Token& token, Manner manner, PacketSource& source, Outbox& out) {
    originate(token, manner, source, out);
    update_aru(token, manner.consumer_is_slow);
    account(token, source);
}

void Ring::originate(Token& token, Manner manner, PacketSource& source, Outbox& out) {
    const std::uint32_t backlog = source.backlog();
    const std::uint32_t allowed =
        allowance(limits(), {.sent_in_rotation = token.fcc,
                             .sent_in_visit = packets_in_visit_,
                             .outstanding = distance(token.aru, token.seq),
                             .backlog = backlog,
                             .backlog_elsewhere = less(token.backlog, share_of_backlog_),
                             .starved_visits = starved_visits_});
    const std::size_t first = out.packets.size();
    std::uint32_t sent = 0;
    while (sent < allowed && source.backlog() > 0 && window_.reaches(next(token.seq))) {
        token.seq = next(token.seq);
        DataPacket packet{.ring = id_, .seq = token.seq, .origin = self_, .visit = token.token_seq};
        const std::size_t before = out.originated.size();
        source.fill(packet, out.originated);
        for (Origination& message : std::span(out.originated).subspan(before))
            if (!message.message.empty())
                assembly_.keep(message.counter, std::move(message.message));
        // We never hear ourselves: our own copy goes in here, before the token leaves (4.1, 4.9).
        const Window::Stored stored = window_.store(packet);
        check(stored == Window::Stored::fresh, "a seq is assigned once, by the token's holder");
        out.packets.push_back(std::move(packet));
        ++sent;
    }
    const std::uint32_t after_token = manner.accelerated ? sent * settings_.accelerated / 100 : 0;
    out.before_token = out.packets.size() - after_token;
    for (std::size_t i = std::max(first, out.before_token); i < out.packets.size(); ++i)
        out.packets[i].post_token = true;

    starved_visits_ = backlog > 0 && sent == 0 ? starved_visits_ + 1 : 0;
    packets_in_visit_ += sent;
    token.fcc += sent;
    share_of_fcc_ += sent;
}

std::uint32_t Ring::request_missing(Token& token, Seq upto) {
    forget_up_to(token.rtr, token.aru); // everybody has these by now
    if (window_.aru() >= upto) return 0;
    const SeqRanges missing = window_.missing(upto, rtr_ranges_max);
    token.rtr = union_of(token.rtr, missing, rtr_ranges_max);
    std::uint32_t packets = 0;
    for (const SeqRange& range : missing) {
        const Seq first = std::max(range.first, next(missed_up_to_));
        if (first <= range.last)
            packets += static_cast<std::uint32_t>(distance(first, range.last) + 1);
    }
    missed_up_to_ = std::max(missed_up_to_, upto);
    return packets;
}

// 4.4. Whoever misses something lowers aru and signs; only the signer raises it again; if nobody
// has signed, aru follows seq.
void Ring::update_aru(Token& token, bool consumer_is_slow) {
    if (!consumer_is_slow)
        held_aru_.reset();
    else if (!held_aru_)
        held_aru_ = window_.aru();
    const Seq ours = held_aru_ ? std::min(window_.aru(), *held_aru_) : window_.aru();

    const bool we_may_raise =
        token.aru_id == self_ || token.aru_id == nobody || mutated(Mutant::anybody_raises_aru);
    if (ours < token.aru || we_may_raise) {
        token.aru = mutated(Mutant::aru_follows_seq) ? token.seq : ours;
        token.aru_id = token.aru == token.seq ? nobody : self_;
        token.aru_held = ours < window_.aru();
    }
    // Another's request may lie below the value that we just raised aru to; it asks again.
    forget_up_to(token.rtr, token.aru);
}

void Ring::account(Token& token, const PacketSource& source) {
    const std::uint32_t backlog = source.backlog();
    token.backlog = less(token.backlog, share_of_backlog_) + backlog;
    share_of_backlog_ = backlog;

    const bool active = packets_in_visit_ > 0 || answers_in_visit_ > 0 || !token.rtr.empty() ||
                        token.aru != token.seq || backlog > 0;
    token.idle_hops = active ? 0 : std::min(token.idle_hops + 1, idle_hops_max);
}

void Ring::measure_rotation(const Token& token, Instant now) {
    // An idle token rests at the representative: its rotations say nothing about the ring.
    if (visited_ && token.idle_hops < size()) {
        const Duration rotation = now - last_visit_at_;
        // One that had to wait for a lost token must not make us wait longer for the next.
        rotation_smoothed_ =
            rotation_smoothed_ == Duration::zero()
                ? rotation
                : (7 * rotation_smoothed_ + std::min(rotation, 2 * rotation_smoothed_)) / 8;
    }
    visited_ = true;
    last_visit_at_ = now;
}

void Ring::settle_visit(const Token& token) {
    aru_passed_before_ = aru_passed_now_;
    settle_revisit(token);
}

void Ring::settle_revisit(const Token& token) {
    aru_passed_now_ = token.aru;
    safe_upto_ = std::max(safe_upto_, mutated(Mutant::safe_after_one_visit) ? aru_passed_now_
                                                                            : acknowledged_twice());
}

// What is left of answered requests may be in more pieces than they were, and a token is one
// packet: the lowest ones block delivery and go first, the others are asked for again at the next
// visit.
void Ring::limit_requests(Token& token) const {
    constexpr std::size_t range_size_max = 20; // two vu of 10 bytes
    constexpr std::size_t other_size_max = 160;
    if (token.rtr.size() * range_size_max + other_size_max <= settings_.body_max) return;
    if (token.rtr.size() > rtr_ranges_max) token.rtr.resize(rtr_ranges_max);
    while (!token.rtr.empty() && encoded_size(token) > settings_.body_max)
        token.rtr.pop_back();
}

const Token& Ring::pass(Token token) {
    limit_requests(token);
    token.token_seq = next(token.token_seq);
    last_passed_ = std::move(token);
    await_evidence(last_passed_.token_seq);
    return last_passed_;
}

// -- evidence (4.6)

void Ring::await_evidence(TokenSeq forwarded) {
    evidence_from_ = forwarded;
    awaits_evidence_ = true;
}

bool Ring::take_evidence(TokenSeq visit) {
    if (!awaits_evidence_ || visit < evidence_from_) return false;
    awaits_evidence_ = false;
    return true;
}

// -- failure to receive (4.7)

void Ring::track_stall(const Token& token, Instant now) {
    const bool stalled = token.aru == stalled_aru_ && token.aru_id == stalled_by_ &&
                         token.aru_id != nobody && token.aru < token.seq;
    if (!stalled) {
        stalled_visits_ = quiet_visits_ = 0;
        stalled_since_ = now;
    } else {
        ++stalled_visits_;
        quiet_visits_ = token.seq == stalled_seq_ ? quiet_visits_ + 1 : 0;
    }
    stalled_aru_ = token.aru;
    stalled_by_ = token.aru_id;
    stalled_seq_ = token.seq;
}

// A fast ring makes a thousand rotations in a scheduling hiccup: the verdict counts time as well.
std::optional<ProcessorId> Ring::failed_to_receive(const Token& token, Instant now) {
    if (stalled_visits_ <= settings_.ftr_rotations || stalled_by_ == self_) return std::nullopt;
    const Duration patience = token.aru_held ? settings_.slow_consumer : settings_.ftr_time;
    if (now - stalled_since_ < patience) return std::nullopt;
    return stalled_by_;
}

// -- horizons

void Ring::start_delivery_after(Seq upto) {
    check(delivered_ == Seq{} && upto <= window_.aru(),
          "a ring's delivery begins behind the recovery that all members completed");
    delivered_ = upto;
}

void Ring::check_invariants(bool delivering) const {
    check(window_.discarded() <= safe_upto_ && window_.discarded() <= delivered_,
          "only what is safe and delivered is forgotten (W4)");
    check(delivered_ <= window_.aru(), "delivery stays within the gap-free prefix");
    check(safe_upto_ <= window_.aru(), "what every member has, we have (W4)");
    check(!delivering || safe_upto_ <= delivered_, "what is safe is delivered at once");
}

} // namespace totem
