// One processor: the whole protocol of one process, from packets and timers to delivered messages
// and configurations. Events in, actions out; no socket, clock, thread or chance in here (style:
// the driver in net/ and the world in sim/ are the two places that drive it).
//
// A processor is in one of four states (totem.md 5.1), one file each: Operational, Gather, Commit,
// Recovery. What survives the states, the installed ring above all, is Processor's own.
#pragma once

#include "membership/suspicion.h"
#include "totem/packets.h"
#include "totem/send_queue.h"
#include "totem/settings.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace membership {

using namespace totem;

// What stable storage holds (3.6), written before it counts; the driver owns files, CRC and copies.
struct StableRecord {
    std::uint32_t incarnation = 0;
    std::uint64_t ring_seq_lease = 0;

    friend bool operator==(const StableRecord&, const StableRecord&) = default;
};

inline constexpr std::uint64_t ring_seq_lease_step = 4096;

// The record to write before the first packet of a new run may be sent, given the one that was
// read.
[[nodiscard]] StableRecord next_life(const StableRecord& stored);
// The same for a node without any record that was told to take a new identity. `seconds` since
// 2020-01-01; ring numbers start beyond any the lost life can have used.
[[nodiscard]] StableRecord new_identity(std::uint32_t seconds);

// Who we are. challenge and jitter_seed are random, drawn by the driver at start.
struct Identity {
    ProcessorId self;
    std::uint64_t high_ring_seq =
        0; // the lease of the record that was read (new_identity: of the new one)
    std::uint64_t ring_seq_lease = 0; // the lease in force
    std::uint64_t challenge = 1;
    std::uint64_t jitter_seed = 0;
};

// -- events
// ------------------------------------------------------------------------------------------

// An authentic packet, its envelope already opened. The processor decodes the body.
struct PacketArrived {
    ProcessorId from; // the transmitter
    PacketType type = PacketType::data;
    Bytes body;
};

struct DeadlinePassed {}; // deadline() has come

struct Consumed { // the application has taken this many delivered messages (8.2)
    std::uint64_t messages = 0;
};

struct RecordStored {}; // the last StoreRecord is on disk

struct Resumed { // we were not scheduled for this long; the driver has read all sockets before
                 // (5.11)
    Duration gap{};
};

struct HintChanged { // what our next commit entry tells the others; at most hint_size_max bytes
    Bytes hint;
};

struct LeaveRequested {}; // clean leave (5.12); ends with the action Left

// The network says that nothing listens at this node's address: evidence, not proof, that its
// process died.
struct PeerUnreachable {
    NodeId node = 0;
};

using Event = std::variant<PacketArrived,
                           DeadlinePassed,
                           Consumed,
                           RecordStored,
                           Resumed,
                           HintChanged,
                           LeaveRequested,
                           PeerUnreachable>;

// -- actions, to be done in the order given
// ------------------------------------------------------------

struct Multicast { // to all other processors; we never depend on hearing ourselves
    Packet packet;
};

struct Unicast {
    ProcessorId to;
    Packet packet;
};

struct Deliver {
    Delivery message;
};

struct DeliverConfiguration {
    Configuration configuration;
};

struct Originated { // one of our messages got its place: EVS's send, for traces
    std::uint64_t counter = 0;
    Service service = Service::agreed;
    RingId ring;
    Position position;
};

struct Interrupted { // we left Operational: nothing is delivered until the next configuration
    JoinReason why = JoinReason::start;
};

struct RoomAvailable {}; // a refused submission may be tried again

struct StoreRecord { // answer with RecordStored when it is durable
    StableRecord record;
};

struct PreferToken { // which socket to read first (4.9.6); a wrong choice costs only speed
    bool token_first = false;
};

struct Left {}; // the clean leave is complete: stop the processor

struct Broken { // we cannot go on honestly (a clone of us, two packets under one number): stop, say
                // why
    std::string why;
};

using Action = std::variant<Multicast,
                            Unicast,
                            Deliver,
                            DeliverConfiguration,
                            Originated,
                            Interrupted,
                            RoomAvailable,
                            StoreRecord,
                            PreferToken,
                            Left,
                            Broken>;

// Kept and cleared by the caller, so that its memory is reused: a step on the hot path allocates
// nothing.
using Actions = std::vector<Action>;

std::string describe(const Event& event);
std::string describe(const Action& action);

// -- what an observer may know
// ----------------------------------------------------------------------------

enum class Phase : std::uint8_t { operational, gather, commit, recovery };

std::string describe(Phase phase);

// The cells of the event x state table (5.4): hits[row - 1][phase]. Cells the table excludes stay
// zero.
struct Coverage {
    static constexpr std::size_t rows = 41;
    std::array<std::array<std::uint64_t, 4>, rows> hits{};
};

struct Statistics {
    std::uint64_t tokens_handled = 0;
    std::uint64_t token_retransmissions = 0;
    std::uint64_t packets_originated = 0;
    std::uint64_t retransmissions = 0; // data packets we sent again for others
    std::uint64_t duplicates = 0;
    std::uint64_t malformed = 0;
    std::uint64_t dropped = 0; // refused for any other reason of 5.4
    std::uint64_t messages_delivered = 0;
    std::uint64_t bytes_delivered = 0;
    std::uint64_t rings_installed = 0;
    std::uint64_t gathers = 0;
    Duration rotation_smoothed{}; // of the token, while the ring is active
};

struct Submission {
    std::optional<std::uint64_t> counter; // accepted: the message is (self, counter)
    SendQueue::Refusal refusal =
        SendQueue::Refusal::full; // else why not; after `full`, RoomAvailable will come
};

// -- the processor
// ----------------------------------------------------------------------------------------

class Processor {
public:
    // `settings` must be valid. Starts in Gather; call step or start first, then obey deadline().
    Processor(const Settings& settings, const Identity& identity);
    ~Processor();
    Processor(Processor&&) noexcept;
    Processor& operator=(Processor&&) noexcept;

    // The first call of a life: opens Gather.
    void start(Instant now, Actions& out);

    // Absorbs one event and appends what must now be done. `now` never goes back (it is clamped).
    void step(Instant now, const Event& event, Actions& out);

    // Hands a message over. May act at once (a lone processor, a held token).
    [[nodiscard]] Submission submit(Instant now, Bytes message, Service service, Actions& out);

    // When to step with DeadlinePassed if nothing else happens first.
    [[nodiscard]] std::optional<Instant> deadline() const;

    [[nodiscard]] ProcessorId self() const;
    [[nodiscard]] Phase phase() const;
    [[nodiscard]] RingId ring() const; // the installed one; seq 0 before the first
    [[nodiscard]] std::span<const ProcessorId> members() const; // of the installed ring
    [[nodiscard]] const Statistics& statistics() const;
    [[nodiscard]] const Coverage& coverage() const;

    // White-box view for the simulator's invariants W1 to W10 (9.4).
    struct View {
        Phase phase = Phase::gather;
        RingId installed;
        RingId candidate; // seq 0 outside Commit and Recovery
        Seq my_aru, high_seq, delivered, safe_upto, discarded;
        TokenSeq last_token_seq;
        std::uint64_t high_ring_seq = 0;
        std::vector<ProcessorId> obligation;
        std::vector<ProcessorId> candidates; // whom we would form a ring with; empty in Operational
        std::size_t packets_held = 0;
        std::size_t queue_bytes = 0;
        std::uint32_t window_packets = 0; // by all in a rotation, as it has adapted
    };

    [[nodiscard]] View view() const;
    [[nodiscard]] bool
    holds(Seq seq) const; // in the installed ring's window, or discarded as safe there

    // With whom we would rather not form a ring for a while.
    [[nodiscard]] std::vector<Suspicion::Suspect> suspects(Instant now) const;
    // One line on the state: who is suspected and until when, who was heard.
    [[nodiscard]] std::string explain(Instant now) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace membership
