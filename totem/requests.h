// The token's list of requests for retransmission as runs of sequence numbers (totem.md 3.4, 4.2):
// what is answered leaves it, what is missing joins it, what everybody has is forgotten.
//
// Nearly always the list is empty or has one run; nothing here touches the heap then.
#pragma once

#include "totem/packets.h"

namespace totem {

// Everything in `a` or `b`, ascending, runs that touch joined; of more than `ranges_max` runs the
// lowest are kept, since they block delivery (3.4).
[[nodiscard]] SeqRanges union_of(const SeqRanges& a, const SeqRanges& b, std::size_t ranges_max);

// Removes all of `requests` at or below `upto`.
void forget_up_to(SeqRanges& requests, Seq upto);

[[nodiscard]] bool contains(const SeqRanges& ranges, Seq seq);

// Offers each requested seq, ascending, to `answer`, which returns whether it has been answered;
// answered ones leave the list. Stops offering after `answers_max` answers, and returns their
// number.
template <class Answer>
std::uint32_t answer_requests(SeqRanges& requests, std::uint32_t answers_max, Answer answer) {
    if (requests.empty()) return 0;
    std::uint32_t answers = 0;
    SeqRanges open;
    const auto keep = [&open](Seq seq) {
        if (!open.empty() && next(open.back().last) == seq)
            open.back().last = seq;
        else
            open.push_back({seq, seq});
    };
    for (const SeqRange& range : requests)
        for (Seq seq = range.first; seq <= range.last; seq = next(seq)) {
            if (answers < answers_max && answer(seq))
                ++answers;
            else
                keep(seq);
        }
    requests = std::move(open);
    return answers;
}

} // namespace totem
