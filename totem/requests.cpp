// Merging and trimming of request lists.
#include "totem/requests.h"

#include <algorithm>

namespace totem {

SeqRanges union_of(const SeqRanges& a, const SeqRanges& b, std::size_t ranges_max) {
    if (b.empty()) return a;
    if (a.empty() && b.size() <= ranges_max) return b;
    SeqRanges merged;
    auto from_a = a.begin();
    auto from_b = b.begin();
    while (from_a != a.end() || from_b != b.end()) {
        const bool take_a =
            from_b == b.end() || (from_a != a.end() && from_a->first <= from_b->first);
        const SeqRange& range = take_a ? *from_a++ : *from_b++;
        if (!merged.empty() && range.first <= next(merged.back().last)) {
            merged.back().last = std::max(merged.back().last, range.last);
        } else {
            if (merged.size() == ranges_max) break;
            merged.push_back(range);
        }
    }
    return merged;
}

void forget_up_to(SeqRanges& requests, Seq upto) {
    const auto first_kept = std::find_if(requests.begin(), requests.end(),
                                         [&](const SeqRange& range) { return range.last > upto; });
    requests.erase(requests.begin(), first_kept);
    if (!requests.empty()) requests.front().first = std::max(requests.front().first, next(upto));
}

bool contains(const SeqRanges& ranges, Seq seq) {
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), seq,
                         [](Seq wanted, const SeqRange& range) { return wanted < range.first; });
    return after != ranges.begin() && seq <= std::prev(after)->last;
}

} // namespace totem
