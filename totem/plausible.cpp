// The checks, one packet after the other. Each is a sentence about an honest sender; a comment
// stands where the reason is not plain.
#include "totem/plausible.h"

#include "totem/chunks.h"

#include <algorithm>

namespace totem {

namespace {

bool counts(std::uint64_t value) { return value < counter_limit; }

bool counts(Seq seq) { return counts(seq.value); }

bool counts(TokenSeq seq) { return counts(seq.value); }

bool names_somebody(const ProcessorId& id) { return id.node != 0; }

// A ring that was formed: its representative exists and its seq is past the beginning.
bool names_ring(const RingId& ring) {
    return ring.seq != 0 && counts(ring.seq) && names_somebody(ring.representative);
}

// A ring somebody comes from: also the pseudo ring of a first start, whose seq may be 0 (5.8).
bool names_origin_ring(const RingId& ring) {
    return counts(ring.seq) && names_somebody(ring.representative);
}

// Ascending, without repetition; `identity` says what is compared.
template <class Range, class Identity = std::identity>
bool strictly_sorted(const Range& range, Identity identity = {}) {
    return std::ranges::adjacent_find(range, std::ranges::greater_equal{}, identity) ==
           std::ranges::end(range);
}

bool is_set(const std::vector<ProcessorId>& ids) {
    return std::ranges::all_of(ids, names_somebody) && strictly_sorted(ids);
}

// The members of one ring: their lowest is its representative, and no node is there twice (P3).
std::optional<WireError> implausible_members(const RingId& ring,
                                             const std::vector<ProcessorId>& members) {
    if (members.size() > members_max) return WireError::too_many;
    if (members.empty() || members.front() != ring.representative) return WireError::bad_field;
    if (!is_set(members) || !strictly_sorted(members, &ProcessorId::node))
        return WireError::bad_field;
    return std::nullopt;
}

// Runs within (above, upto], ascending, with a gap between each and the next.
std::optional<WireError> implausible_ranges(const SeqRanges& ranges, Seq above, Seq upto) {
    if (ranges.size() > rtr_ranges_max) return WireError::too_many;
    Seq free = next(above); // the lowest seq that the next run may begin with
    for (const SeqRange& range : ranges) {
        if (range.first < free || range.last < range.first || range.last > upto)
            return WireError::bad_field;
        free = next(next(range.last));
    }
    return std::nullopt;
}

std::optional<WireError> implausible_entry(const CommitEntry& entry, std::size_t old_rings) {
    if (!entry.filled) return std::nullopt; // says nothing yet
    if (entry.old_ring_index >= old_rings || entry.version == 0) return WireError::bad_field;
    // What a processor delivered, or knows to be safe, it has received; and all that it has
    // received lies at or below high_seq.
    if (!counts(entry.high_seq) || entry.aru > entry.high_seq || entry.delivered > entry.aru ||
        entry.safe_upto > entry.aru)
        return WireError::bad_field;
    if (entry.obligation.size() > members_max) return WireError::too_many;
    if (!is_set(entry.obligation)) return WireError::bad_field;
    if (entry.hint.size() > hint_size_max) return WireError::too_many;
    return implausible_ranges(entry.received, entry.aru, entry.high_seq);
}

} // namespace

std::optional<WireError> implausible(const DataPacket& packet) {
    if (!names_ring(packet.ring) || !names_somebody(packet.origin)) return WireError::bad_field;
    if (packet.seq == Seq{} || !counts(packet.seq) || !counts(packet.visit))
        return WireError::bad_field;
    if (packet.chunk_count > chunks_max) return WireError::too_many;
    if (!well_formed(packet)) return WireError::bad_field;
    return std::nullopt;
}

std::optional<WireError> implausible(const Token& token) {
    if (!names_ring(token.ring) || !counts(token.token_seq)) return WireError::bad_field;
    if (!counts(token.seq) || token.aru > token.seq) return WireError::bad_field;
    if (token.aru_id != nobody && !names_somebody(token.aru_id)) return WireError::bad_field;
    if (token.recovery_unreported > members_max) return WireError::bad_field;
    return implausible_ranges(token.rtr, token.aru, token.seq);
}

std::optional<WireError> implausible(const Join& join) {
    if (!counts(join.join_seq) || !counts(join.ring_seq)) return WireError::bad_field;
    if (!names_origin_ring(join.installed) || join.version == 0) return WireError::bad_field;
    if (join.reason > JoinReason::answer) return WireError::bad_field;
    if (join.processors.size() > members_max || join.echoes.size() > echoes_max)
        return WireError::too_many;
    // Two incarnations of one node may be listed: the older one is in fail_set then.
    if (join.processors.empty() || !strictly_sorted(join.processors, &JoinView::id))
        return WireError::bad_field;
    if (!names_somebody(join.processors.front().id)) return WireError::bad_field;
    if (!strictly_sorted(join.echoes, &Echo::to)) return WireError::bad_field;
    if (!join.echoes.empty() && !names_somebody(join.echoes.front().to))
        return WireError::bad_field;
    const auto quotes = [](const auto& one) { return counts(one.latest); };
    if (!std::all_of(join.processors.begin(), join.processors.end(), quotes) ||
        !std::all_of(join.echoes.begin(), join.echoes.end(), quotes))
        return WireError::bad_field;
    return std::nullopt;
}

std::optional<WireError> implausible(const CommitToken& commit) {
    if (!names_ring(commit.ring) || !counts(commit.token_seq)) return WireError::bad_field;
    if (const auto wrong = implausible_members(commit.ring, commit.members)) return wrong;
    if (commit.entries.size() != commit.members.size()) return WireError::bad_field;
    if (commit.old_rings.size() > commit.members.size()) return WireError::too_many;
    for (auto ring = commit.old_rings.begin(); ring != commit.old_rings.end(); ++ring)
        if (!names_origin_ring(*ring) || std::find(commit.old_rings.begin(), ring, *ring) != ring)
            return WireError::bad_field;
    for (const CommitEntry& entry : commit.entries)
        if (const auto wrong = implausible_entry(entry, commit.old_rings.size())) return wrong;
    return std::nullopt;
}

std::optional<WireError> implausible(const Probe& probe) {
    if (!names_ring(probe.ring) || !counts(probe.aru)) return WireError::bad_field;
    return implausible_members(probe.ring, probe.members);
}

std::optional<WireError> implausible(const Hurry& hurry) {
    if (!names_ring(hurry.ring) || !counts(hurry.token_seq_seen)) return WireError::bad_field;
    return std::nullopt;
}

std::optional<WireError> implausible(const Leave& leave) {
    if (!names_origin_ring(leave.ring) || !names_somebody(leave.leaver) || !counts(leave.leave_seq))
        return WireError::bad_field;
    return std::nullopt;
}

std::optional<WireError> implausible(const Hold& hold) {
    if (!names_ring(hold.ring) || !counts(hold.token_seq)) return WireError::bad_field;
    return std::nullopt;
}

} // namespace totem
