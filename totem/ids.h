// The names of things on a ring: processors, rings, places in the order. Numbers that must not be
// mixed are not the same type.
#pragma once

#include "base/bytes.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/match.h"

#include <fmt/core.h>

#include <compare>
#include <cstdint>
#include <string>

namespace totem {

using namespace base; // the vocabulary of every floor above

using NodeId = std::uint32_t; // configured, unique in the cluster, never 0

// A running instance of the protocol on a node. A restart is a different processor: the incarnation
// grows, in stable storage, before its first packet (totem.md 1.1, D1).
struct ProcessorId {
    NodeId node = 0;
    std::uint32_t incarnation = 0;

    friend auto operator<=>(const ProcessorId&, const ProcessorId&) = default;
};

inline constexpr ProcessorId nobody{};

// A packet's place in its ring's order: 1, 2, 3, ... and never reused within a ring. 0 is "before
// the first".
struct Seq {
    std::uint64_t value = 0;

    friend auto operator<=>(const Seq&, const Seq&) = default;
};

[[nodiscard]] constexpr Seq next(Seq seq) { return Seq{seq.value + 1}; }

[[nodiscard]] constexpr Seq previous(Seq seq) { return Seq{seq.value - 1}; }

// How many packets lie in (from, to]; zero when `to` is not beyond `from`.
[[nodiscard]] constexpr std::uint64_t distance(Seq from, Seq to) {
    return to > from ? to.value - from.value : 0;
}

// Counts the hops of one ring's token: the name of a visit.
struct TokenSeq {
    std::uint64_t value = 0;

    friend auto operator<=>(const TokenSeq&, const TokenSeq&) = default;
};

[[nodiscard]] constexpr TokenSeq next(TokenSeq seq) { return TokenSeq{seq.value + 1}; }

// Rings are compared by seq, then by representative; the seq of the rings one processor takes part
// in strictly increases, also over restarts (totem.md 1.3, 3.6).
struct RingId {
    std::uint64_t seq = 0;
    ProcessorId representative;

    friend auto operator<=>(const RingId&, const RingId&) = default;
};

// 2^63: no honest counter comes near it, so a larger value in a packet is malformed (totem.md 3.9).
inline constexpr std::uint64_t counter_limit = std::uint64_t{1} << 63;

// At most this many processors on a ring (totem.md 7.6).
inline constexpr std::size_t members_max = 64;

std::string
describe(const ProcessorId& id); // "3" for node 3; the incarnation is for describe_fully
std::string describe_fully(const ProcessorId& id); // "3/17"
std::string describe(const RingId& ring);          // "SEQ.REP", as in traces

} // namespace totem

template <>
struct fmt::formatter<totem::ProcessorId> : fmt::formatter<std::string> {
    auto format(const totem::ProcessorId& id, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(totem::describe(id), context);
    }
};

template <>
struct fmt::formatter<totem::RingId> : fmt::formatter<std::string> {
    auto format(const totem::RingId& ring, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(totem::describe(ring), context);
    }
};

template <>
struct fmt::formatter<totem::Seq> : fmt::formatter<std::uint64_t> {
    auto format(const totem::Seq& seq, fmt::format_context& context) const {
        return fmt::formatter<std::uint64_t>::format(seq.value, context);
    }
};

template <>
struct fmt::formatter<totem::TokenSeq> : fmt::formatter<std::uint64_t> {
    auto format(const totem::TokenSeq& seq, fmt::format_context& context) const {
        return fmt::formatter<std::uint64_t>::format(seq.value, context);
    }
};
