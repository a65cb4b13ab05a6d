// Operational: the token turns and messages are ordered (totem.md section 4). What keeps an idle
// ring quiet, HOLD, HURRY and the pace of failing retransmissions, is in hold.cpp.
#include "membership/protocol.h"

namespace membership {

namespace {

// The application's messages as the packets of a visit.
class QueuedMessages final : public PacketSource {
public:
    QueuedMessages(SendQueue& queue, std::size_t payload_max)
        : queue_(queue), payload_max_(payload_max) {}

    [[nodiscard]] std::uint32_t backlog() const override {
        return static_cast<std::uint32_t>(queue_.packets_needed(payload_max_));
    }

    void fill(DataPacket& packet, std::vector<Origination>& originated) override {
        SendQueue::Packed packed = queue_.pack(payload_max_);
        packet.service = packed.service;
        packet.chunk_count = packed.chunk_count;
        packet.chunks = std::move(packed.chunks);
        for (SendQueue::Packed::Completed& message : packed.completed)
            originated.push_back({.counter = message.counter,
                                  .service = packed.service,
                                  .position = {packet.seq, message.index},
                                  .message = std::move(message.message)});
    }

private:
    SendQueue& queue_;
    std::size_t payload_max_;
};

} // namespace

void Protocol::enter_operational() {
    Operational at;
    at.since = now_;
    at.hold_time = settings_.hold_min;
    if (installed_.size() > 1)
        at.token_loss_at = now_ + settings_.token_loss_for(installed_.size());
    if (installed_.we_represent()) at.probe_at = now_ + settings_.probe;
    at.lone_token.ring = installed_.id();
    state_ = std::move(at);
}

// -- messages (4.3)

void Protocol::operational_data(Operational& at, ProcessorId from, DataPacket&& data) {
    // While the token rests here nobody else gives a packet its place.
    if (at.held && data.seq > at.held->token.seq) return malformed();
    if (installed_.take_evidence(data.visit)) {
        at.retransmit_at.reset();
        suspicion_.exonerate(installed_.successor());
    }
    // 4.9, rule 6, the conservative method: our predecessor has sent the token of the next round.
    if (data.post_token && from == installed_.predecessor() &&
        data.visit.value == installed_.last_token_seq().value + installed_.size() - 1)
        prefer_token(at, true);

    switch (installed_.receive(std::move(data))) {
    case Window::Stored::fresh:
        count(1);
        return deliver_due();
    case Window::Stored::duplicate:
        count(2);
        ++statistics_.duplicates;
        return;
    case Window::Stored::out_of_reach:
        return drop(1);
    case Window::Stored::conflicting:
        return break_down("two packets carry one sequence number of our ring");
    }
}

void Protocol::deliver_due() {
    installed_.deliver(outbox_.deliveries, [this](std::size_t messages) {
        consumer_.delivered(static_cast<std::uint32_t>(messages));
    });
    emit_deliveries();
}

// -- the token (4.2)

void Protocol::operational_token(Operational& at, Token&& token) {
    switch (installed_.judge(token)) {
    case Ring::Verdict::duplicate:
        ++statistics_.duplicates;
        return drop(10);
    case Ring::Verdict::malformed:
        return drop_malformed(9);
    case Ring::Verdict::fresh:
        if (at.held) return drop_malformed(9); // the token is here: this is another one
        count(9);
        begin_visit(at, std::move(token));
    }
}

Ring::Manner Protocol::manner() {
    // With hysteresis, so that the held value of aru does not flutter (8.2).
    const std::uint64_t bound =
        std::uint64_t{settings_.consumer_windows} * settings_.window_for(installed_.size());
    const std::uint64_t waiting = consumer_.waiting_packets();
    consumer_is_slow_ = consumer_is_slow_ ? waiting > bound / 2 : waiting > bound;
    return {.accelerated = settings_.accelerated > 0 && installed_.size() > 1,
            .consumer_is_slow = consumer_is_slow_};
}

void Protocol::begin_visit(Operational& at, Token&& token) {
    ++statistics_.tokens_handled;
    at.retransmit_at.reset();
    at.hurry_at.reset();
    at.hurries = 0;
    at.token_loss_at = now_ + settings_.token_loss_for(installed_.size());
    suspicion_.exonerate(installed_.successor());
    prefer_token(at, false);

    outbox_.clear();
    QueuedMessages source(queue_, payload_max());
    installed_.visit(token, manner(), source, outbox_, now_);
    statistics_.retransmissions += installed_.answers_in_visit();
    statistics_.rotation_smoothed = installed_.rotation_smoothed();
    if (const auto silent = installed_.failed_to_receive(token, now_)) {
        // What we originated has its place on the ring; the token itself ends here (4.7).
        send_packets(0, outbox_.packets.size());
        count(29);
        suspicion_.expelled(*silent, now_);
        return shift_to_gather(JoinReason::failure_to_receive, {}, {*silent});
    }
    installed_.settle_visit(token);
    end_visit(at, std::move(token), true);
}

// The visit goes on: the token rested here, or its ring was installed a moment ago. It does not
// rest again.
void Protocol::continue_visit(Operational& at, Token&& token) {
    outbox_.clear();
    QueuedMessages source(queue_, payload_max());
    installed_.revisit(token, manner(), source, outbox_);
    installed_.settle_revisit(token);
    end_visit(at, std::move(token), false);
}

// The token goes before the application's deliveries: those are not in its critical path (4.2).
// Where packets get lost a copy of it follows behind the last of them: a second small packet is
// cheaper than to wait for T_rtx, and whoever has the first drops it by its token_seq.
void Protocol::end_visit(Operational& at, Token&& token, bool may_rest) {
    send_packets(0, outbox_.before_token);
    const bool hurry = std::exchange(at.hurry_pending, false);
    if (hurry) token.idle_hops = 0;
    const bool idle = token.idle_hops >= 3 * installed_.size();
    if (!idle) at.hold_time = settings_.hold_min;
    const bool rests = may_rest && installed_.we_represent() && (idle || installed_.is_stuck());
    if (rests)
        hold(at, std::move(token));
    else
        pass_token(at, std::move(token));
    send_packets(outbox_.before_token, outbox_.packets.size());
    if (!rests && installed_.is_losing())
        emit(Unicast{installed_.successor(), installed_.last_passed()});
    deliver_due();
    offer_room();
    watch_leave();
}

void Protocol::pass_token(Operational& at, Token&& token) {
    const Token& passed = installed_.pass(std::move(token));
    at.retransmit_at = now_ + retransmit_interval(installed_, passed.idle_hops);
    emit(Unicast{installed_.successor(), passed});
}

void Protocol::send_packets(std::size_t first, std::size_t last) {
    if (first == 0) {
        for (const Origination& message : outbox_.originated)
            emit(Originated{.counter = message.counter,
                            .service = message.service,
                            .ring = outbox_.packets.front().ring,
                            .position = message.position});
        outbox_.originated.clear();
    }
    for (std::size_t i = first; i < last; ++i) {
        DataPacket& packet = outbox_.packets[i];
        if (!packet.retransmission) {
            ++statistics_.packets_originated;
            if (!packet.wrapped) last_originated_ = packet.seq;
        }
        emit(Multicast{std::move(packet)});
    }
}

void Protocol::prefer_token(Operational& at, bool token_first) {
    if (at.token_preferred == token_first) return;
    at.token_preferred = token_first;
    emit(PreferToken{token_first});
}

// A ring of one has no token on the wire: its visits are virtual, and two of them make everything
// safe at once (4.8).
void Protocol::visit_alone(Operational& at) {
    QueuedMessages source(queue_, payload_max());
    do {
        for (int rotation = 0; rotation < 2; ++rotation) {
            outbox_.clear();
            at.lone_token.token_seq = next(at.lone_token.token_seq);
            at.lone_token.aru_held = false;
            installed_.visit(at.lone_token, manner(), source, outbox_, now_);
            installed_.settle_visit(at.lone_token);
            statistics_.packets_originated += outbox_.packets.size();
            for (const Origination& message : outbox_.originated)
                emit(Originated{.counter = message.counter,
                                .service = message.service,
                                .ring = installed_.id(),
                                .position = message.position});
            deliver_due();
        }
    } while (!queue_.empty() && !consumer_is_slow_);
    last_originated_ = installed_.high_seq();
    offer_room();
    watch_leave();
}

// -- timers

bool Protocol::fire(Operational& at) {
    if (at.held && at.held->until <= now_) {
        count(30);
        release(at);
        return true;
    }
    if (at.token_loss_at && *at.token_loss_at <= now_) {
        count(24);
        shift_to_gather(JoinReason::token_loss, {}, {});
        return true;
    }
    if (at.retransmit_at && *at.retransmit_at <= now_) {
        count(23);
        ++statistics_.token_retransmissions;
        const Token& token = installed_.last_passed();
        at.retransmit_at = now_ + retransmit_interval(installed_, token.idle_hops);
        emit(Unicast{installed_.successor(), token});
        return true;
    }
    if (at.hurry_at && *at.hurry_at <= now_) {
        at.hurry_at.reset();
        send_hurry(at);
        return true;
    }
    if (at.probe_at && *at.probe_at <= now_) {
        count(32);
        send_probe(at);
        return true;
    }
    return false;
}

} // namespace membership
