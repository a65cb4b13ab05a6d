// One ring: the packets that were ordered on it, the visits of its token, and what may be delivered
// (totem.md section 4).
//
// A Ring knows nothing of timers, of other rings, or of who else might live; the installed ring and
// the candidate ring of Recovery are both Rings. Where new packets come from at a visit is a
// PacketSource: the application's queue, or the old ring's messages. What must leave the processor
// goes into an Outbox that the caller keeps, so that a visit allocates nothing.
#pragma once

#include "base/mutant.h"
#include "totem/chunks.h"
#include "totem/flow.h"
#include "totem/settings.h"
#include "totem/window.h"

#include <optional>

namespace totem {

// One of our messages got its place: the packet that holds its last chunk.
struct Origination {
    std::uint64_t counter = 0;
    Service service = Service::agreed;
    Position position;
    Bytes message; // of one that lies in several packets: the whole
};

// What a step on the ring produced, in order: packets to multicast, of which the first
// `before_token` precede the token (4.9), and messages to deliver.
struct Outbox {
    std::vector<DataPacket> packets;
    std::size_t before_token = 0;
    std::vector<Origination> originated;
    std::vector<Delivery> deliveries;

    void clear() {
        packets.clear();
        before_token = 0;
        originated.clear();
        deliveries.clear();
    }
};

// Where the new packets of a visit come from.
class PacketSource {
public:
    virtual ~PacketSource() = default;

    // Packets that wait, roughly; zero only if none does.
    [[nodiscard]] virtual std::uint32_t backlog() const = 0;

    // Fills in content and flags of the next packet, whose place is set already.
    virtual void fill(DataPacket& packet, std::vector<Origination>& originated) = 0;
};

class Ring {
public:
    // How a visit treats the ring; Recovery uses the original protocol without acceleration (D8).
    struct Manner {
        bool accelerated = false;
        bool consumer_is_slow = false; // the application lags: hold our part of aru back (8.2)
    };

    Ring(RingId id, std::vector<ProcessorId> members, ProcessorId self, const Settings& settings);

    // -- who is on it
    [[nodiscard]] const RingId& id() const { return id_; }

    [[nodiscard]] const std::vector<ProcessorId>& members() const { return members_; }

    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(members_.size()); }

    [[nodiscard]] bool has_member(ProcessorId id) const;
    // The member of this node, or nobody.
    [[nodiscard]] ProcessorId member_of(NodeId node) const;

    [[nodiscard]] bool we_represent() const { return self_ == members_.front(); }

    [[nodiscard]] ProcessorId successor() const { return successor_; }

    [[nodiscard]] ProcessorId predecessor() const { return predecessor_; }

    // -- messages (4.3)
    // Stores a packet of this ring whose origin is a member.
    Window::Stored receive(DataPacket packet) { return window_.store(std::move(packet)); }

    // Appends what agreed and safe order allow to deliver now, and forgets what everybody has.
    // Returns the number of packets passed; `note` is told the messages each of them completed.
    template <class Note>
    void deliver(std::vector<Delivery>& out, Note note);

    // -- the token (4.2)
    enum class Verdict : std::uint8_t { fresh, duplicate, malformed };
    [[nodiscard]] Verdict judge(const Token& token) const;

    // Steps 1 to 6 and 8 of a fresh visit: answers, originates, requests, settles aru.
    void visit(Token& token, Manner manner, PacketSource& source, Outbox& out, Instant now);
    // More of the same visit: the token was held here, or the ring was installed during it.
    void revisit(Token& token, Manner manner, PacketSource& source, Outbox& out);

    // Step 9. Lemma S counts values of aru as forwarded, one a rotation: a revisit overwrites the
    // value of its visit instead of shifting it, or messages would be called safe too early.
    void settle_visit(const Token& token);
    void settle_revisit(const Token& token);

    // The token as it is to be passed on; a copy stays for retransmission.
    const Token& pass(Token token);

    [[nodiscard]] const Token& last_passed() const { return last_passed_; }

    // -- evidence that our successor has the token (4.6)
    // We passed a token (or commit token) under this number and wait to learn that it arrived.
    void await_evidence(TokenSeq forwarded);
    // A packet of another member was sent in this visit. True if it is the evidence we waited for.
    bool take_evidence(TokenSeq visit);

    [[nodiscard]] bool awaits_evidence() const { return awaits_evidence_; }

    // Packets were missed here or asked for, not long ago: this network loses some.
    [[nodiscard]] bool is_losing() const { return lossy_visits_ > 0; }

    // -- failure to receive (4.7)
    // Who holds aru back beyond all patience, if anybody; asked once a visit.
    [[nodiscard]] std::optional<ProcessorId> failed_to_receive(const Token& token, Instant now);

    // aru has stood still for some rotations without new packets: retransmissions fail, or an
    // application lags. To wait is a matter of time, not of rotations: the representative slows
    // the token down.
    [[nodiscard]] bool is_stuck() const { return quiet_visits_ >= 2; }

    // -- horizons
    [[nodiscard]] Seq my_aru() const { return window_.aru(); }

    [[nodiscard]] Seq high_seq() const { return window_.high_seq(); }

    [[nodiscard]] Seq delivered() const { return delivered_; }

    [[nodiscard]] Seq safe_upto() const { return safe_upto_; }

    [[nodiscard]] std::uint32_t window_packets() const { return window_size_.packets(); }

    // The aru that we forwarded at both of the last two visits: every member has all up to here.
    [[nodiscard]] Seq acknowledged_twice() const {
        return std::min(aru_passed_before_, aru_passed_now_);
    }

    [[nodiscard]] TokenSeq last_token_seq() const { return last_token_seq_; }

    [[nodiscard]] std::uint32_t packets_in_visit() const { return packets_in_visit_; }

    [[nodiscard]] std::uint32_t answers_in_visit() const { return answers_in_visit_; }

    [[nodiscard]] Duration rotation_smoothed() const { return rotation_smoothed_; }

    [[nodiscard]] Window& window() { return window_; }

    [[nodiscard]] const Window& window() const { return window_; }

    [[nodiscard]] Assembly& assembly() { return assembly_; }

    // Everything up to here counts as delivered: wrapped packets of a recovery (5.8).
    void start_delivery_after(Seq upto);

    // What must hold between steps (9.4: W2, W4, W7); `delivering` while Operational.
    void check_invariants(bool delivering) const;

private:
    void originate(Token& token, Manner manner, PacketSource& source, Outbox& out);
    [[nodiscard]] FlowLimits limits() const;
    // Returns how many packets it asked for that it had not missed before.
    std::uint32_t request_missing(Token& token, Seq upto);
    void update_aru(Token& token, bool consumer_is_slow);
    void account(Token& token, const PacketSource& source);
    void limit_requests(Token& token) const;
    void measure_rotation(const Token& token, Instant now);
    void track_stall(const Token& token, Instant now);

    RingId id_;
    std::vector<ProcessorId> members_; // sorted: ring order
    ProcessorId self_, successor_, predecessor_;
    Settings settings_;
    AdaptiveWindow window_size_;
    std::uint64_t span_max_; // no honest token has seq further above aru

    // Invariant, between steps: window_.discarded() <= safe_upto_, delivered_ <= my_aru();
    //   we deliver from the gap-free prefix only, and every member's prefix covers what is safe.
    Window window_;
    Assembly assembly_;
    Seq delivered_, safe_upto_;

    // The visits.
    TokenSeq last_token_seq_; // as received at the last visit
    Token last_passed_;       // as passed on
    Seq seq_at_last_visit_;   // token.seq as received at the visit before (4.9, rule 3)
    Seq missed_up_to_;        // what is missing up to here was counted as lost before
    Seq aru_passed_now_, aru_passed_before_;
    bool awaits_evidence_ = false;
    TokenSeq evidence_from_; // a packet of this visit or a later one proves the token arrived

    // Our parts of the sums on the token, as last reported.
    std::uint32_t share_of_fcc_ = 0;
    std::uint32_t share_of_backlog_ = 0;
    std::uint32_t packets_in_visit_ = 0;
    std::uint32_t answers_in_visit_ = 0;
    std::uint32_t starved_visits_ = 0;
    std::uint32_t lossy_visits_ = 0; // for how many more the last loss counts

    std::optional<Seq> held_aru_; // our part of aru while the application lags

    // The stall of 4.7: how long the same processor has held aru at the same place.
    Seq stalled_aru_, stalled_seq_;
    ProcessorId stalled_by_ = nobody;
    std::uint32_t stalled_visits_ = 0;
    std::uint32_t quiet_visits_ = 0; // of them without a new packet of anybody
    Instant stalled_since_{};

    Instant last_visit_at_{};
    bool visited_ = false;
    Duration rotation_smoothed_{};
};

template <class Note>
void Ring::deliver(std::vector<Delivery>& out, Note note) {
    while (delivered_ < window_.aru()) {
        const Seq seq = next(delivered_);
        const DataPacket& packet = *window_.find(seq);
        if (packet.service == Service::safe && seq > safe_upto_ &&
            !mutated(Mutant::safe_delivered_as_agreed))
            break;
        const std::size_t before = out.size();
        assembly_.take(packet, out);
        delivered_ = seq;
        note(out.size() - before);
    }
    window_.discard_up_to(std::min(safe_upto_, delivered_));
}

} // namespace totem
