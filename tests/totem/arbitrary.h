// Arbitrary packets for the properties: every value that an honest processor may write, small ones
// and those at the limits alike.
#pragma once

#include "totem/chunks.h"
#include "totem/wire.h"

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

namespace arbitrary {

using namespace totem;

// A number in [low, high], often near an end.
inline std::uint64_t number(std::uint64_t low, std::uint64_t high) {
    const std::uint64_t width = high - low;
    switch (*rc::gen::inRange(0, 4)) {
    case 0:
        return low + std::min<std::uint64_t>(width, *rc::gen::inRange(0, 3));
    case 1:
        return high - std::min<std::uint64_t>(width, *rc::gen::inRange(0, 3));
    case 2:
        return low + std::min<std::uint64_t>(width, *rc::gen::inRange(0, 5000));
    default:
        return low + (width == 0 ? 0 : *rc::gen::arbitrary<std::uint64_t>() % width);
    }
}

inline std::uint64_t counter(std::uint64_t low = 0, std::uint64_t high = counter_limit - 1) {
    return number(low, high);
}

inline bool coin() { return *rc::gen::arbitrary<bool>(); }

inline ProcessorId processor() {
    return {.node = static_cast<std::uint32_t>(number(1, ~std::uint32_t{0})),
            .incarnation = static_cast<std::uint32_t>(number(0, ~std::uint32_t{0}))};
}

inline RingId ring() { return {.seq = counter(1), .representative = processor()}; }

inline Bytes bytes(std::size_t size_max) {
    const auto size = static_cast<std::size_t>(number(0, size_max));
    std::string content(size, '\0');
    std::uint8_t byte = *rc::gen::arbitrary<std::uint8_t>();
    for (char& c : content)
        c = static_cast<char>(byte += 37);
    return Bytes::copy_of(content);
}

// Sorted, at most one incarnation of a node.
inline std::vector<ProcessorId> members(std::size_t count_min = 1,
                                        std::size_t count_max = members_max) {
    std::vector<ProcessorId> ids(static_cast<std::size_t>(number(count_min, count_max)));
    std::uint32_t node = 0;
    for (ProcessorId& id : ids) {
        node += static_cast<std::uint32_t>(number(1, 1 << 20));
        id = {.node = node, .incarnation = processor().incarnation};
    }
    return ids;
}

// Ascending runs in (above, upto], not touching.
inline SeqRanges ranges(Seq above, Seq upto, std::size_t count_max) {
    SeqRanges runs;
    std::uint64_t free = above.value + 1;
    for (auto left = number(0, count_max); left > 0 && free <= upto.value; --left) {
        const std::uint64_t first = number(free, std::min(upto.value, free + 100));
        const std::uint64_t last = number(first, std::min(upto.value, first + 100));
        runs.push_back({Seq{first}, Seq{last}});
        free = last + 2;
    }
    return runs;
}

// The encoded chunks of a packet that an honest sender could have packed.
struct Chunks {
    std::uint8_t count = 0;
    Bytes bytes;
};

inline Chunks chunks(std::size_t count_max = chunks_max) {
    const auto count = static_cast<std::size_t>(number(1, count_max));
    std::vector<std::uint8_t> out;
    for (std::size_t index = 0; index < count; ++index) {
        ChunkHead head{.first = index > 0 || coin(), .last = index + 1 < count || coin()};
        const bool whole = head.first && head.last;
        const Bytes content = bytes(40);
        if (head.first) head.counter = counter(1);
        head.size = whole ? content.size() : content.size() + 1;
        out.resize(out.size() + encoded_size(head));
        write(out.data() + out.size() - encoded_size(head), head);
        out.insert(out.end(), content.span().begin(), content.span().end());
        if (!whole) out.push_back('x');
    }
    return {.count = static_cast<std::uint8_t>(count), .bytes = Bytes::copy_of(out)};
}

inline DataPacket plain_data() {
    const Chunks content = chunks();
    return {.ring = ring(),
            .seq = Seq{counter(1)},
            .origin = processor(),
            .visit = TokenSeq{counter()},
            .service = coin() ? Service::safe : Service::agreed,
            .retransmission = coin(),
            .post_token = coin(),
            .chunk_count = content.count,
            .chunks = content.bytes};
}

inline DataPacket data() {
    DataPacket packet = plain_data();
    if (coin()) return packet;
    packet.wrapped = true;
    packet.chunk_count = 1;
    packet.chunks = wrap(plain_data());
    return packet;
}

inline Token token() {
    Token token{.ring = ring(),
                .token_seq = TokenSeq{counter()},
                .seq = Seq{counter()},
                .aru_id = coin() ? nobody : processor(),
                .aru_held = coin(),
                .fcc = static_cast<std::uint32_t>(number(0, ~std::uint32_t{0})),
                .backlog = static_cast<std::uint32_t>(number(0, ~std::uint32_t{0})),
                .idle_hops = static_cast<std::uint32_t>(number(0, 1000000)),
                .recovery_unreported = static_cast<std::uint16_t>(number(0, members_max)),
                .recovery_backlog = static_cast<std::uint32_t>(number(0, ~std::uint32_t{0}))};
    token.aru = Seq{counter(0, token.seq.value)};
    token.rtr = ranges(token.aru, token.seq, rtr_ranges_max);
    return token;
}

inline Join join() {
    Join join{.join_seq = counter(),
              .ring_seq = counter(),
              .installed = {.seq = counter(), .representative = processor()},
              .reason = static_cast<JoinReason>(number(0, 11)),
              .version = static_cast<std::uint32_t>(number(1, ~std::uint32_t{0}))};
    const bool quoted = coin();
    for (const ProcessorId& id : members())
        join.processors.push_back({.id = id,
                                   .failed = coin(),
                                   .heard = coin(),
                                   .challenge = coin() ? 0 : number(1, ~std::uint64_t{0}),
                                   .latest = quoted ? counter() : 0});
    for (const ProcessorId& id : members(0, echoes_max))
        join.echoes.push_back({.to = id,
                               .challenge = number(0, ~std::uint64_t{0}),
                               .latest = quoted ? counter() : 0});
    return join;
}

inline CommitEntry commit_entry(std::size_t old_rings) {
    CommitEntry entry;
    if (old_rings == 0 || *rc::gen::inRange(0, 5) == 0) return entry;
    entry.filled = true;
    entry.ranges_truncated = coin();
    entry.old_ring_index = static_cast<std::uint8_t>(number(0, old_rings - 1));
    entry.high_seq = Seq{counter()};
    entry.aru = Seq{counter(0, entry.high_seq.value)};
    entry.delivered = Seq{counter(0, entry.aru.value)};
    entry.safe_upto = Seq{counter(0, entry.aru.value)};
    for (std::uint32_t node = 1; node < 5; ++node) // few, so that the entries share some
        if (*rc::gen::inRange(0, 4) == 0) entry.obligation.push_back({node, 1});
    entry.received = ranges(entry.aru, entry.high_seq, 20);
    entry.version = static_cast<std::uint32_t>(number(1, ~std::uint32_t{0}));
    entry.hint = coin() ? Bytes{} : bytes(hint_size_max);
    return entry;
}

inline CommitToken commit() {
    CommitToken commit{.token_seq = TokenSeq{counter()}, .members = members()};
    commit.ring = {.seq = counter(1), .representative = commit.members.front()};
    for (const ProcessorId& id : members(0, std::min<std::size_t>(commit.members.size(), 4)))
        commit.old_rings.push_back({.seq = counter(), .representative = id});
    for (std::size_t i = 0; i < commit.members.size(); ++i)
        commit.entries.push_back(commit_entry(commit.old_rings.size()));
    return commit;
}

inline Probe probe() {
    Probe probe{.members = members(), .aru = Seq{counter()}};
    probe.ring = {.seq = counter(1), .representative = probe.members.front()};
    return probe;
}

inline Packet packet() {
    switch (*rc::gen::inRange(1, 9)) {
    case 1:
        return data();
    case 2:
        return token();
    case 3:
        return join();
    case 4:
        return commit();
    case 5:
        return probe();
    case 6:
        return Hurry{.ring = ring(), .token_seq_seen = TokenSeq{counter()}};
    case 7:
        return Leave{.ring = ring(), .leaver = processor(), .leave_seq = counter()};
    default:
        return Hold{.ring = ring(),
                    .token_seq = TokenSeq{counter()},
                    .hold_us = static_cast<std::uint32_t>(number(0, ~std::uint32_t{0}))};
    }
}

} // namespace arbitrary
