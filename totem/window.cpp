// The bodies of the receive window. A seq's slot is its low bits, so storing and finding are one
// indexing each; the holes are counted only when somebody asks for them.
#include "totem/window.h"

#include "base/mutant.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace totem {

namespace {

constexpr std::size_t slots_min = 64;

// Appends a run that begins behind the others, growing the last one if they touch. False if there
// is no room.
bool extend(SeqRanges& ranges, SeqRange run, std::size_t ranges_max) {
    if (!ranges.empty() && next(ranges.back().last) == run.first) {
        ranges.back().last = run.last;
        return true;
    }
    if (ranges.size() >= ranges_max) return false;
    ranges.push_back(run);
    return true;
}

} // namespace

Window::Window(std::size_t reach)
    : reach_(reach), slots_(std::bit_ceil(std::min(reach, slots_min))) {}

Window::Slot& Window::slot(Seq seq) { return slots_[seq.value & (slots_.size() - 1)]; }

const Window::Slot& Window::slot(Seq seq) const { return slots_[seq.value & (slots_.size() - 1)]; }

Window::Stored Window::store(DataPacket packet) {
    const Seq seq = packet.seq;
    if (seq <= discarded_) return Stored::duplicate;
    if (!reaches(seq)) return Stored::out_of_reach;
    const std::uint64_t ahead = distance(discarded_, seq);
    if (ahead > slots_.size()) grow_to(std::bit_ceil(static_cast<std::size_t>(ahead)));

    Slot& place = slot(seq);
    if (place.occupied)
        return same_message(place.packet, packet) ? Stored::duplicate : Stored::conflicting;
    place.packet = std::move(packet);
    place.occupied = true;
    ++held_;
    high_seq_ = std::max(high_seq_, seq);
    while (aru_ < high_seq_ && slot(next(aru_)).occupied)
        aru_ = next(aru_);
    return Stored::fresh;
}

void Window::grow_to(std::size_t size) {
    std::vector<Slot> grown(size);
    for (Slot& old : slots_)
        if (old.occupied) grown[old.packet.seq.value & (size - 1)] = std::move(old);
    slots_ = std::move(grown);
}

const DataPacket* Window::find(Seq seq) const {
    // Outside of (discarded_, high_seq_] the slot belongs to another seq.
    if (seq <= discarded_ || seq > high_seq_) return nullptr;
    const Slot& place = slot(seq);
    return place.occupied ? &place.packet : nullptr;
}

void Window::discard_up_to(Seq upto) {
    check(upto <= aru_, "only what was received is forgotten");
    while (discarded_ < upto) {
        discarded_ = next(discarded_);
        Slot& place = slot(discarded_);
        place.occupied = false;
        place.packet.chunks = Bytes{}; // the block goes home now, not when the slot is used again
        --held_;
    }
}

SeqRanges Window::missing(Seq upto, std::size_t ranges_max) const {
    SeqRanges holes;
    const Seq known = std::min(upto, high_seq_);
    for (Seq seq = next(aru_); seq <= known; seq = next(seq))
        if (!slot(seq).occupied && !extend(holes, {seq, seq}, ranges_max)) return holes;
    if (upto > high_seq_) extend(holes, {next(high_seq_), upto}, ranges_max);
    return holes;
}

SeqRanges Window::received_above_aru(std::size_t ranges_max, bool& truncated) const {
    SeqRanges received;
    truncated = false;
    for (Seq seq = next(aru_); seq <= high_seq_ && !truncated; seq = next(seq))
        if (slot(seq).occupied || mutated(Mutant::received_ranges_hide_holes))
            truncated = !extend(received, {seq, seq}, ranges_max);
    return received;
}

} // namespace totem
