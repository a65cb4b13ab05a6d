// How packets compare, and how they look in traces and logs: one line each, what decides first.
#include "totem/packets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace totem {

namespace {

// "[3 7-9]"
std::string describe(const SeqRanges& ranges) {
    fmt::memory_buffer text;
    for (const SeqRange& range : ranges) {
        const char* space = text.size() == 0 ? "" : " ";
        if (range.first == range.last)
            fmt::format_to(std::back_inserter(text), "{}{}", space, range.first);
        else
            fmt::format_to(std::back_inserter(text), "{}{}-{}", space, range.first, range.last);
    }
    return fmt::format("[{}]", std::string_view(text.data(), text.size()));
}

std::string_view describe(JoinReason reason) {
    static constexpr auto names = std::to_array<std::string_view>(
        {"start", "token loss", "foreign", "join", "failure to receive", "leave", "pause",
         "commit loss", "recovery loss", "restarted", "call", "answer"});
    const auto index = static_cast<std::size_t>(reason);
    return index < names.size() ? names[index] : "unknown";
}

std::string describe_data(const DataPacket& packet) {
    return fmt::format("#{} {}{} origin={} ring={} chunks={} bytes={}{}", packet.seq,
                       describe(packet.service), packet.wrapped ? " wrapped" : "", packet.origin,
                       packet.ring, packet.chunk_count, packet.chunks.size(),
                       packet.retransmission ? " again" : "");
}

std::string describe_token(const Token& token) {
    std::string text = fmt::format("token seq={} aru={}", token.seq, token.aru);
    const auto out = std::back_inserter(text);
    if (token.aru_id != nobody) fmt::format_to(out, " lowered by {}", token.aru_id);
    if (token.aru_held) fmt::format_to(out, " held");
    if (!token.rtr.empty()) fmt::format_to(out, " rtr={}", describe(token.rtr));
    if (token.recovery_unreported != 0 || token.recovery_backlog != 0)
        fmt::format_to(out, " recovery={}+{}", token.recovery_unreported, token.recovery_backlog);
    return text;
}

std::string describe_join(const Join& join) {
    std::vector<ProcessorId> processors;
    std::vector<ProcessorId> failed;
    for (const JoinView& view : join.processors) {
        processors.push_back(view.id);
        if (view.failed) failed.push_back(view.id);
    }
    return fmt::format("join {} ring_seq={} installed={} processors=[{}] failed=[{}] ({})",
                       join.join_seq, join.ring_seq, join.installed, fmt::join(processors, " "),
                       fmt::join(failed, " "), describe(join.reason));
}

std::string describe_commit(const CommitToken& commit) {
    const auto filled = std::count_if(commit.entries.begin(), commit.entries.end(),
                                      [](const CommitEntry& entry) { return entry.filled; });
    return fmt::format("commit ring={} hop={} members=[{}] filled={}/{}", commit.ring,
                       commit.token_seq, fmt::join(commit.members, " "), filled,
                       commit.entries.size());
}

} // namespace

bool same_message(const DataPacket& a, const DataPacket& b) {
    return a.ring == b.ring && a.seq == b.seq && a.origin == b.origin && a.service == b.service &&
           a.wrapped == b.wrapped && a.chunk_count == b.chunk_count && a.chunks == b.chunks;
}

PacketType type_of(const Packet& packet) {
    return static_cast<PacketType>(packet.index() + static_cast<std::size_t>(PacketType::data));
}

std::string describe(const Packet& packet) {
    return std::visit(
        Match{[](const DataPacket& data) { return describe_data(data); },
              [](const Token& token) { return describe_token(token); },
              [](const Join& join) { return describe_join(join); },
              [](const CommitToken& commit) { return describe_commit(commit); },
              [](const Probe& probe) {
                  return fmt::format("probe ring={} members=[{}] aru={}", probe.ring,
                                     fmt::join(probe.members, " "), probe.aru);
              },
              [](const Hurry& hurry) {
                  return fmt::format("hurry ring={} seen={}", hurry.ring, hurry.token_seq_seen);
              },
              [](const Leave& leave) {
                  return fmt::format("leave ring={} leaver={}", leave.ring, leave.leaver);
              },
              [](const Hold& hold) {
                  return fmt::format("hold ring={} for {} us", hold.ring, hold.hold_us);
              }},
        packet);
}

} // namespace totem
