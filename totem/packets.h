// The packets of the protocol as plain values (totem.md section 3). How they look on the wire is
// totem/wire.h's business; what they do is Ring's and the membership's.
#pragma once

#include "totem/delivery.h"

#include <boost/container/small_vector.hpp>

#include <variant>
#include <vector>

namespace totem {

enum class PacketType : std::uint8_t {
    data = 1,
    token = 2,
    join = 3,
    commit = 4,
    probe = 5,
    hurry = 6,
    leave = 7,
    hold = 8,
    direct = 9, // the application's own, past the ring: never on the ring's sockets
};

// A run of sequence numbers, both ends included.
struct SeqRange {
    Seq first;
    Seq last;

    friend bool operator==(const SeqRange&, const SeqRange&) = default;
};

// Ascending, disjoint, not touching. Small ones, nearly all of them, live without the heap. Moving
// one takes the heap's block or copies into room that is there: it does not throw, although Boost
// does not say so to the linter.
using SeqRanges = boost::container::small_vector<SeqRange, 8>;

// A regular message packet (3.2). `visit`, `retransmission` and `post_token` belong to one
// transmission; everything else is immutable and the same in every copy. `chunks` is the encoded
// run of message chunks (totem/chunks.h); of a wrapped packet it is the old packet's immutable part
// (3.3).
struct DataPacket {
    RingId ring;
    Seq seq;
    ProcessorId origin;
    TokenSeq visit;
    Service service = Service::agreed;
    bool wrapped = false;
    bool retransmission = false;
    bool post_token = false;
    std::uint8_t chunk_count = 0;
    Bytes chunks;

    friend bool operator==(const DataPacket&, const DataPacket&) = default;
};

[[nodiscard]] bool same_message(const DataPacket& a,
                                const DataPacket& b); // equal in all immutable parts

// The regular token (3.4).
struct Token { // NOLINT(bugprone-exception-escape): see SeqRanges
    RingId ring;
    TokenSeq token_seq;
    Seq seq;                     // highest sequence number assigned on the ring
    Seq aru;                     // all-received-up-to (4.4)
    ProcessorId aru_id = nobody; // who lowered aru last
    bool aru_held = false;       // aru is held back by a slow consumer, not by loss
    std::uint32_t fcc = 0;       // packets sent by all in the last rotation
    std::uint32_t backlog = 0;   // packets waiting in all send queues
    std::uint32_t idle_hops = 0; // consecutive hops without activity (4.8)
    std::uint16_t recovery_unreported = 0;
    std::uint32_t recovery_backlog = 0;
    SeqRanges rtr; // requests for retransmission; all above aru; at most rtr_ranges_max

    friend bool operator==(const Token&, const Token&) = default;
};

inline constexpr std::size_t rtr_ranges_max = 256;

enum class JoinReason : std::uint8_t {
    start,
    token_loss,
    foreign,
    join,
    failure_to_receive,
    leave,
    pause,
    commit_loss,
    recovery_loss,
    restarted,
    call,   // no session: a stranger is asked whether it hears us
    answer, // no session either: one whom we doubt is told that we do
};

// What one processor tells about another in a JOIN.
struct JoinView {
    ProcessorId id;
    bool failed = false;         // in fail_set
    bool heard = false;          // a JOIN of it arrived in this gather
    std::uint64_t challenge = 0; // the last challenge seen from it, 0 = none or left out (7.4)
    std::uint64_t latest = 0;    // join_seq of the newest JOIN that came from it, 0 as above

    friend bool operator==(const JoinView&, const JoinView&) = default;
};

// The challenge of a processor that is not in the sender's proc_set (yet): with it echoed the other
// side can verify the sender's stream (7.4), and by its latest JOIN that it is heard now. With
// challenge 0 it only tells that this processor is known to live, so that an older incarnation of
// its node stops.
struct Echo {
    ProcessorId to;
    std::uint64_t challenge = 0;
    std::uint64_t latest = 0;

    friend bool operator==(const Echo&, const Echo&) = default;
};

inline constexpr std::size_t echoes_max = 32;

// JOIN (3.5). proc_set is `processors`, fail_set those of them that are `failed`.
struct Join {
    std::uint64_t join_seq = 0; // + 1 per transmission
    std::uint64_t ring_seq = 0; // high_ring_seq of the sender
    RingId installed;           // ring the sender is (was last) installed in
    JoinReason reason = JoinReason::start;
    std::uint32_t version = 1;        // highest protocol version the sender speaks
    std::vector<JoinView> processors; // sorted by id, contains the sender
    std::vector<Echo> echoes;         // of others, sorted by id; at most echoes_max

    friend bool operator==(const Join&, const Join&) = default;
};

// One member's report on its old ring, in the commit token (3.7).
struct CommitEntry { // NOLINT(bugprone-exception-escape): see SeqRanges
    bool filled = false;
    bool ranges_truncated = false;
    std::uint8_t old_ring_index = 0; // into CommitToken::old_rings
    Seq aru;
    Seq high_seq;
    Seq delivered;
    Seq safe_upto;
    std::vector<ProcessorId> obligation; // sorted; normally empty
    SeqRanges received;                  // above aru
    std::uint32_t version = 1;
    Bytes hint; // see Configuration::hints

    friend bool operator==(const CommitEntry&, const CommitEntry&) = default;
};

struct CommitToken {
    RingId ring; // being formed
    TokenSeq token_seq;
    std::vector<ProcessorId> members; // sorted = ring order
    std::vector<RingId> old_rings;
    std::vector<CommitEntry> entries; // one per member, in order

    friend bool operator==(const CommitToken&, const CommitToken&) = default;
};

// PROBE (3.8): what lets idle partitions find each other.
struct Probe {
    RingId ring;
    std::vector<ProcessorId> members;
    Seq aru;

    friend bool operator==(const Probe&, const Probe&) = default;
};

// HURRY (3.8): asks the representative to release a held token.
struct Hurry {
    RingId ring;
    TokenSeq token_seq_seen;

    friend bool operator==(const Hurry&, const Hurry&) = default;
};

// LEAVE (3.8): the sender goes, cleanly.
struct Leave {
    RingId ring;
    ProcessorId leaver;
    std::uint64_t leave_seq = 0;

    friend bool operator==(const Leave&, const Leave&) = default;
};

// HOLD (3.8): the representative keeps the token of an idle ring for a while.
struct Hold {
    RingId ring;
    TokenSeq token_seq;
    std::uint32_t hold_us = 0;

    friend bool operator==(const Hold&, const Hold&) = default;
};

// In the order of PacketType.
using Packet = std::variant<DataPacket, Token, Join, CommitToken, Probe, Hurry, Leave, Hold>;

[[nodiscard]] PacketType type_of(const Packet& packet);

std::string
describe(const Packet& packet); // one line, as in traces and logs: "token seq=1 aru=0 rtr=[1]"

} // namespace totem
