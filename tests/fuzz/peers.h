// The others on the ring, as the fuzzer plays them for one processor. Each packet is first what an
// honest peer would send now, so that the conversation gets somewhere: into commits, recoveries and
// rings that work; then the fuzzer may bend any field of it. All of them are authentic, so this is
// also what a peer gone mad, or with another version of the code, may do to us.
#pragma once

#include "membership/processor.h"
#include "tests/fuzz/input.h"
#include "totem/chunks.h"
#include "totem/wire.h"

#include <map>
#include <set>

namespace fuzz {

using namespace totem;
using namespace membership;

// A number that is nearly always right: as it is, a little off, or anything.
inline void bend(Input& in, std::uint64_t& value, bool bent) {
    if (!bent || in.chance(160)) return;
    if (in.chance(192))
        value += in.number(0, 8) - 4;
    else
        value = in.number(0, ~std::uint64_t{0});
}

inline void bend(Input& in, Seq& seq, bool bent) { bend(in, seq.value, bent); }

inline void bend(Input& in, TokenSeq& seq, bool bent) { bend(in, seq.value, bent); }

inline void bend(Input& in, std::uint32_t& value, bool bent) {
    std::uint64_t wide = value;
    bend(in, wide, bent);
    value = static_cast<std::uint32_t>(wide);
}

class Peers {
public:
    Peers(const Processor& processor, std::uint64_t challenge)
        : processor_(processor), self_(processor.self()), challenge_(challenge) {}

    // What the processor sent is what honest peers answer to.
    void heard(const Packet& packet) {
        if (const auto* join = std::get_if<Join>(&packet)) join_ = *join;
        if (const auto* commit = std::get_if<CommitToken>(&packet)) commit_ = *commit;
        if (const auto* token = std::get_if<Token>(&packet)) token_ = *token;
        if (const auto* data = std::get_if<DataPacket>(&packet)) data_[data->seq] = *data;
        if (data_.size() > 64) data_.erase(data_.begin());
    }

    struct Sent {
        ProcessorId from;
        Packet packet;
    };

    Sent next(Input& in) {
        const bool bent = in.chance(96);
        ProcessorId from = peer(in);
        switch (in.number(0, 9)) {
        case 0:
        case 1:
            return {from, join(in, from, bent)};
        case 2:
        case 3:
            return {from, commit(in, bent)};
        case 4:
        case 5:
            return {from, token(in, bent)};
        case 6:
        case 7:
            return {from, data(in, bent)};
        default:
            return {from, seldom(in, from, bent)};
        }
    }

    // What honest peers, all of them, do next so that a ring forms and turns. `together`: those of
    // our old ring come from there with us.
    std::vector<Sent> honest(std::uint8_t who, bool together) {
        Input nothing({});
        const Processor::View view = processor_.view();
        std::vector<Sent> all;
        if (view.phase == Phase::gather)
            for (std::size_t i = 0; i < everybody.size(); ++i)
                if ((who >> i & 1) != 0 && everybody[i].node != self_.node)
                    all.push_back({everybody[i], join(nothing, everybody[i], false)});
        const auto& members =
            view.phase == Phase::operational
                ? std::vector(processor_.members().begin(), processor_.members().end())
                : view.candidates;
        const auto here = std::find(members.begin(), members.end(), self_);
        if (here == members.end() || members.size() < 2) return all;
        const ProcessorId predecessor = here == members.begin() ? members.back() : *(here - 1);
        const bool commit_due = view.phase == Phase::gather || view.phase == Phase::commit ||
                                (here == members.begin() && token_.ring != view.candidate);
        together_ = together;
        if (view.phase != Phase::operational && commit_due)
            all.push_back({predecessor, commit(nothing, false)});
        else
            all.push_back({predecessor, token(nothing, false)});
        together_ = false;
        return all;
    }

private:
    static constexpr std::array<ProcessorId, 6> everybody = {
        {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {4, 2}, {9, 3}}};

    ProcessorId peer(Input& in) {
        const ProcessorId id = in.one_of(everybody);
        return id.node == self_.node ? ProcessorId{5, 1} : id;
    }

    RingId ring(Input& in, bool bent) {
        const Processor::View view = processor_.view();
        RingId ring = view.candidate.seq != 0 ? view.candidate : view.installed;
        if (bent && in.chance(32)) ring = view.installed;
        bend(in, ring.seq, bent);
        if (bent && in.chance(16)) ring.representative = in.one_of(everybody);
        return ring;
    }

    // -- JOIN

    Join join(Input& in, ProcessorId from, bool bent) {
        Join join = join_;
        join.join_seq = ++join_seq_[from];
        join.ring_seq = processor_.view().high_ring_seq;
        join.installed = {.seq = 1, .representative = from};
        std::map<ProcessorId, JoinView> views;
        for (const JoinView& view : join.processors)
            views[view.id] = view;
        views[from].failed = false;
        views[self_] = {.id = self_, .failed = false, .heard = true, .challenge = challenge_};
        if (bent && in.chance(64)) views[in.one_of(everybody)].failed = in.coin();
        if (bent && in.chance(16)) views[self_].failed = in.coin();
        if (bent && in.chance(16)) views[self_].challenge = in.byte();
        join.processors.clear();
        for (auto& [id, view] : views) {
            view.id = id;
            if (id == from) view.challenge = from.node + 100;
            view.heard = !bent || in.coin();
            join.processors.push_back(view);
        }
        join.echoes.clear();
        if (bent && in.chance(64)) join.echoes.push_back({in.one_of(everybody), in.byte()});
        join.reason = static_cast<JoinReason>(bent ? in.number(0, 11) : 0);
        bend(in, join.join_seq, bent);
        bend(in, join.ring_seq, bent);
        return join;
    }

    // -- COMMIT

    void fill(Input& in, CommitToken& commit, std::size_t index, bool bent) {
        const Processor::View view = processor_.view();
        CommitEntry& entry = commit.entries[index];
        if (entry.filled && !(bent && in.chance(64))) return;
        entry = {.filled = true};
        const bool together = view.installed.seq != 0 && (together_ || in.coin());
        const RingId old = together ? view.installed : RingId{1, commit.members[index]};
        const auto known = std::find(commit.old_rings.begin(), commit.old_rings.end(), old);
        entry.old_ring_index = static_cast<std::uint8_t>(known - commit.old_rings.begin());
        if (known == commit.old_rings.end()) commit.old_rings.push_back(old);
        if (together) {
            entry.aru = view.my_aru;
            entry.high_seq = std::max(view.high_seq, Seq{view.my_aru.value + in.number(0, 4)});
            entry.delivered = std::min(entry.aru, view.delivered);
            entry.safe_upto = std::min(entry.aru, view.safe_upto);
            if (in.chance(32) && entry.high_seq.value > entry.aru.value + 1)
                entry.received.push_back({entry.high_seq, entry.high_seq});
            bend(in, entry.high_seq, bent);
            bend(in, entry.aru, bent);
            bend(in, entry.delivered, bent);
            bend(in, entry.safe_upto, bent);
            if (bent && in.chance(64)) entry.obligation.push_back(in.one_of(everybody));
        }
        if (bent && in.chance(16)) entry.hint = in.some_bytes(hint_size_max);
    }

    CommitToken commit(Input& in, bool bent) {
        const Processor::View view = processor_.view();
        CommitToken commit = commit_;
        const bool answered = commit.ring.seq != 0 && commit.ring == view.candidate;
        if (!answered || (bent && in.chance(32))) {
            commit = {.members = view.candidates};
            if (commit.members.empty()) commit.members = {self_};
            commit.ring = {.seq = view.high_ring_seq + 4, .representative = commit.members.front()};
            commit.entries.resize(commit.members.size());
        }
        const auto& members = commit.members;
        const auto here = static_cast<std::size_t>(
            std::find(members.begin(), members.end(), self_) - members.begin());
        const std::size_t size = members.size();
        // Where an honest ring's token is when it comes back to this processor.
        const bool first_pass = !answered;
        for (std::size_t i = 0; i < size; ++i)
            if (i != here && (i < here || !first_pass)) fill(in, commit, i, bent);
        if (first_pass)
            commit.token_seq = TokenSeq{here};
        else if (view.phase == Phase::recovery)
            commit.token_seq = TokenSeq{2 * size + here};
        else
            commit.token_seq = TokenSeq{size + here};
        bend(in, commit.token_seq, bent);
        bend(in, commit.ring.seq, bent);
        return commit;
    }

    // -- TOKEN

    Token token(Input& in, bool bent) {
        const Processor::View view = processor_.view();
        const RingId on = ring(in, bent);
        Token token = token_;
        if (token.ring != on) token = {.ring = on, .token_seq = view.last_token_seq};
        if (view.phase == Phase::recovery) {
            const bool first = token_.ring != on;
            if (first) token.token_seq = TokenSeq{2 * commit_.members.size()};
            token.recovery_unreported = first && !bent ? 1 : 0; // we are the last to report
            if (bent) token.recovery_unreported = static_cast<std::uint16_t>(in.number(0, 9));
        }
        token.token_seq.value += std::max<std::size_t>(1, processor_.members().size()) - 1;
        token.token_seq.value = std::max(token.token_seq.value, view.last_token_seq.value + 1);
        token.seq.value += in.number(0, 3);
        if (in.coin()) token.aru = token.seq;
        token.aru_id = token.aru == token.seq ? nobody : peer(in);
        bend(in, token.token_seq, bent);
        bend(in, token.seq, bent);
        bend(in, token.aru, bent);
        bend(in, token.fcc, bent);
        bend(in, token.backlog, bent);
        bend(in, token.idle_hops, bent);
        bend(in, token.recovery_backlog, bent);
        if (bent) token.aru_held = in.coin();
        if (bent && in.chance(64)) requests(in, token);
        return token;
    }

    static void requests(Input& in, Token& token) {
        token.rtr.clear();
        Seq free = totem::next(token.aru);
        const std::uint64_t step_max = in.coin() ? 3 : std::uint64_t{1} << 40;
        for (auto left = in.number(0, rtr_ranges_max); left > 0; --left) {
            const Seq first{free.value + in.number(0, step_max)};
            const Seq last{first.value + in.number(0, step_max)};
            if (last > token.seq) return;
            token.rtr.push_back({first, last});
            free = {last.value + 2};
        }
    }

    // -- DATA

    static Bytes chunks(Input& in, std::uint8_t& count) {
        ChunkHead head{.first = !in.chance(48),
                       .last = !in.chance(48),
                       .counter = in.number(1, 9),
                       .size = in.number(1, 40)};
        if (!head.first) head.counter = 0;
        const Bytes payload = in.bytes(head.size);
        head.size = payload.size();
        std::vector<std::uint8_t> out(encoded_size(head) + head.size);
        std::copy(payload.data(), payload.data() + payload.size(), write(out.data(), head));
        count = 1;
        return Bytes::copy_of(std::span<const std::uint8_t>(out));
    }

    DataPacket plain(Input& in, const RingId& on, Seq seq) {
        DataPacket packet{.ring = on, .seq = seq, .origin = peer(in)};
        packet.service = in.coin() ? Service::safe : Service::agreed;
        packet.visit = token_.token_seq;
        packet.post_token = in.coin();
        packet.chunks = chunks(in, packet.chunk_count);
        return packet;
    }

    DataPacket data(Input& in, bool bent) {
        const Processor::View view = processor_.view();
        if (!data_.empty() && in.chance(24)) { // a copy of one that the processor sent
            DataPacket copy = data_.begin()->second;
            copy.retransmission = true;
            return copy;
        }
        const bool recovering = view.phase == Phase::recovery;
        Seq seq{recovering ? in.number(1, 6) : view.high_seq.value + in.number(0, 3)};
        if (!recovering && in.coin()) seq = totem::next(view.my_aru);
        bend(in, seq, bent);
        DataPacket packet = plain(in, ring(in, bent), seq);
        if (recovering && !in.chance(48)) {
            packet.wrapped = true;
            packet.service = Service::agreed;
            packet.chunk_count = 1;
            Seq old{view.my_aru.value + in.number(0, 4)};
            bend(in, old, bent);
            packet.chunks = wrap(plain(in, view.installed, old));
        }
        return packet;
    }

    // -- the small ones, and what cannot be read

    Packet seldom(Input& in, ProcessorId& from, bool bent) {
        const RingId on = ring(in, bent);
        switch (in.number(0, 3)) {
        case 0: {
            Probe probe{.ring = on, .members = {on.representative}, .aru = Seq{in.byte()}};
            return probe;
        }
        case 1:
            return Hurry{.ring = on, .token_seq_seen = processor_.view().last_token_seq};
        case 2:
            if (bent) from = self_;
            return Leave{.ring = on, .leaver = from, .leave_seq = in.byte()};
        default:
            return Hold{.ring = on,
                        .token_seq = processor_.view().last_token_seq,
                        .hold_us = in.any<std::uint32_t>()};
        }
    }

    const Processor& processor_;
    ProcessorId self_;
    std::uint64_t challenge_;
    bool together_ = false;
    std::map<ProcessorId, std::uint64_t> join_seq_;
    Join join_;
    CommitToken commit_;
    Token token_;
    std::map<Seq, DataPacket> data_;
};

} // namespace fuzz
