// The packets of one ring that we hold: which arrived, where the holes are, what may be forgotten.
//
// A Window knows sequence numbers and nothing about tokens, timers or members. Ring decides when to
// ask; Window only answers. It forgets a packet when told that it is safe and delivered
// (totem.md 4.4).
#pragma once

#include "totem/packets.h"

namespace totem {

class Window {
public:
    // `reach`: a packet is accepted up to this many places above the discard horizon; memory is
    // bounded by it.
    explicit Window(std::size_t reach);

    enum class Stored : std::uint8_t {
        fresh,
        duplicate,    // held already, or at or below the discard horizon
        conflicting,  // another packet is held under this seq: somebody lies
        out_of_reach, // beyond what an honest sender could have sent
    };

    Stored store(DataPacket packet);

    // Whether a packet with this seq could be stored at all.
    [[nodiscard]] bool reaches(Seq seq) const { return distance(discarded_, seq) <= reach_; }

    [[nodiscard]] const DataPacket* find(Seq seq) const; // null if not held

    [[nodiscard]] bool has(Seq seq) const { return find(seq) != nullptr; }

    [[nodiscard]] Seq aru() const { return aru_; } // end of the gap-free prefix: my_aru

    [[nodiscard]] Seq high_seq() const { return high_seq_; } // highest seq ever stored

    [[nodiscard]] Seq discarded() const { return discarded_; } // everything up to here is forgotten

    // Forgets everything up to `upto`, which must not pass aru().
    void discard_up_to(Seq upto);

    // The holes in (aru(), upto], lowest first, at most `ranges_max` of them.
    [[nodiscard]] SeqRanges missing(Seq upto, std::size_t ranges_max) const;
    // What is held above aru(), lowest first, at most `ranges_max`; `truncated` tells whether there
    // was more.
    [[nodiscard]] SeqRanges received_above_aru(std::size_t ranges_max, bool& truncated) const;

    [[nodiscard]] std::size_t held() const { return held_; } // packets in memory

private:
    // Invariant: discarded_ <= aru_ <= high_seq_ <= discarded_ + reach_; slot of s is s mod
    // slots_.size(), and a slot is occupied only by a seq in (discarded_, high_seq_].
    struct Slot {
        bool occupied = false;
        DataPacket packet;
    };

    [[nodiscard]] Slot& slot(Seq seq);
    [[nodiscard]] const Slot& slot(Seq seq) const;
    void grow_to(std::size_t size);

    std::size_t reach_;
    std::vector<Slot> slots_; // a power of two, grown on demand up to reach_
    Seq discarded_, aru_, high_seq_;
    std::size_t held_ = 0;
};

} // namespace totem
