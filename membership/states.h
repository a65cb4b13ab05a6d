// The four states of a processor (totem.md 5.1) as data. Each owns what only it needs, timers
// included: a timer of Gather cannot be left running in Operational, because it no longer exists
// there. What they do is in operational.cpp, gather.cpp, commit.cpp and recovery.cpp.
#pragma once

#include "membership/acquaintances.h"
#include "totem/ring.h"

#include <optional>
#include <variant>

namespace membership {

using Timer = std::optional<Instant>;

// The token rests here: the ring is idle (4.8), or retransmissions are slowed down (4.7).
struct HeldToken {
    Token token;
    Instant until;
    bool idle = false;
};

struct Operational {
    Timer token_loss_at; // none for a lone processor: it has no token on the wire
    Timer retransmit_at; // runs while we wait for evidence that the token arrived
    Timer probe_at;      // representative only
    Timer hurry_at;
    Duration hurry_interval{};
    std::uint32_t hurries = 0;
    std::optional<HeldToken> held;
    Duration hold_time{}; // of the next idle hold: doubles while the ring stays idle
    bool hurry_pending = false;
    bool token_preferred = false;
    Token lone_token; // of a ring of one
    Instant since{};  // installation
};

// What Gather, Commit and Recovery have in common: one endeavour to form a new ring. proc_set and
// fail_set only grow in it (5.5).
struct Session {
    JoinReason why = JoinReason::start;
    Processors proc_set, fail_set;
    Processors heard;     // who spoke to us in this session
    Processors strangers; // heard in this session before they were verified
    Instant settled_at{}; // nobody new can be expected to speak up after this
    Processors deaf;      // expelled by another member for failure to receive
    Processors departed; // left cleanly, unreachable, outlived, or silent: we wait for none of them
    Timer silence_ends;  // whoever of our ring has not spoken by then is silent
    bool consensus_expired = false;
    std::uint32_t failures = 0; // rings that were agreed on and did not come to last, in a row
    bool lease_awaited = false; // the disk is too slow for the ring's number: go on without it

    // An attempt that died in Commit: our successor's next JOIN tells whether it got the token
    // (5.9).
    struct Doubt {
        ProcessorId successor;
        std::uint64_t ring_seq = 0;
    };

    std::optional<Doubt> doubt;

    [[nodiscard]] Processors candidates() const {
        Processors left;
        for (const ProcessorId id : proc_set)
            if (!fail_set.contains(id)) left.insert(left.end(), id);
        return left;
    }
};

struct Gather {
    Timer join_at;
    Timer coalesce_at;
    Timer consensus_at;
    Timer silence_at;
    Timer commit_wait_at;
    Timer lease_wait_at;  // the representative waits for its disk until then
    Timer settle_at;      // ... and for those who are just introducing themselves
    Processors consensus; // whose JOIN had our very sets
};

struct Commit {
    RingId ring;
    TokenSeq last_token_seq;
    CommitToken passed;
    Instant retransmit_at{};
    Instant lost_at{};
};

struct Recovery {
    Recovery(Ring ring_formed, CommitToken commit)
        : ring(std::move(ring_formed)), table(std::move(commit)) {}

    Ring ring;
    CommitToken table; // complete: all entries filled
    TokenSeq last_commit_seq;

    // Who comes from our old ring, and what of it is exchanged (5.7).
    Processors trans;
    Processors deliver_set; // Dset: trans and everybody they are obliged to
    Seq delivered_by_one;   // H: some member delivered up to here
    Seq known_safe;         // S: every member of the old ring received up to here
    Seq top;                // nobody of trans received beyond
    Seq finished;           // delivered in the old regular configuration, at installation
    std::vector<Seq> queue; // what we send again, ascending
    std::uint32_t reported = 0;
    bool has_reported = false;

    std::uint32_t counting_visits = 0; // with nothing left to exchange
    Seq install_seq;                   // fixed at the first of them

    bool commit_passed_last = true; // the last token we sent on was the commit token
    std::optional<HeldToken> held;
    Timer retransmit_at;
    Instant token_loss_at{};
    Instant stuck_at{};
    Seq progress_aru;
    std::uint32_t progress_backlog = 0;
};

// In the order of Phase.
using ProtocolState = std::variant<Operational, Gather, Commit, Recovery>;

} // namespace membership
