// The control packets: their limits, their sizes in a full ring, and everything that is refused.
#include "totem/wire.h"
#include "totem/wire.pb.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

using namespace totem;

namespace {

// Ethernet's 1500 bytes less IPv4, UDP, envelope and tag (totem.md 3.1, 3.5).
constexpr std::size_t body_max = 1414;

constexpr std::uint64_t pid(std::uint64_t node) { return node << 32 | 1; }

void name_ring(wire::RingId* ring) {
    ring->set_seq(8);
    ring->set_representative(pid(1));
}

// One packet of each type that is good, as a stranger may write it.
wire::Token good_token() {
    wire::Token token;
    name_ring(token.mutable_ring());
    token.set_token_seq(41);
    token.set_seq(100);
    token.set_aru(90);
    token.set_aru_id(pid(2));
    for (const std::uint64_t number : {0, 0, 2, 3}) // [91 94-97]
        token.add_rtr(number);
    return token;
}

wire::Join good_join() {
    wire::Join join;
    join.set_join_seq(3);
    join.set_ring_seq(8);
    name_ring(join.mutable_installed());
    join.set_version(1);
    for (const std::uint64_t node : {1, 2, 5})
        join.add_processors(pid(node));
    join.set_failed("\x02");
    join.set_heard("\x05");
    join.set_challenged("\x04");
    join.add_challenges(77);
    join.add_echoed(pid(9));
    join.add_echoes(78);
    return join;
}

// Members 1, 2 and 5; 1 and 5 have filled in their entries, from rings 4.1 and 8.5.
wire::CommitToken good_commit() {
    wire::CommitToken commit;
    name_ring(commit.mutable_ring());
    commit.set_token_seq(2);
    for (const std::uint64_t node : {1, 2, 5})
        commit.add_members(pid(node));
    for (const std::uint64_t node : {1, 5}) {
        auto* old_ring = commit.add_old_rings();
        old_ring->mutable_ring()->set_seq(4);
        old_ring->mutable_ring()->set_representative(pid(node));
    }
    commit.mutable_old_rings(0)->add_obliged(pid(7));
    commit.add_hints("history");
    commit.set_filled("\x05");
    for (const int column : {10, 20}) {
        commit.add_old_ring(column / 20);
        commit.add_aru(column);
        commit.add_high_seq(8);
        commit.add_delivered(1);
        commit.add_safe_upto(2);
        commit.add_range_count(1);
        commit.add_ranges(2); // [13-15], [23-25]
        commit.add_ranges(2);
    }
    commit.set_obligations("\x01");
    return commit;
}

wire::Probe good_probe() {
    wire::Probe probe;
    name_ring(probe.mutable_ring());
    probe.add_members(pid(1));
    probe.add_members(pid(4));
    return probe;
}

wire::Hurry good_hurry() {
    wire::Hurry hurry;
    name_ring(hurry.mutable_ring());
    return hurry;
}

wire::Leave good_leave() {
    wire::Leave leave;
    name_ring(leave.mutable_ring());
    leave.set_leaver(pid(4));
    return leave;
}

wire::Hold good_hold() {
    wire::Hold hold;
    name_ring(hold.mutable_ring());
    return hold;
}

template <class Message>
Decoded<Packet> decoded(PacketType type, const Message& message) {
    return decode(type, Bytes::copy_of(message.SerializeAsString()));
}

template <class Message>
struct Damage {
    const char* what;
    std::function<void(Message&)> apply;
    WireError reason = WireError::bad_field;
};

template <class Message>
void check_refused(PacketType type, const Message& good, const std::vector<Damage<Message>>& rows) {
    REQUIRE(decoded(type, good).has_value());
    for (const Damage<Message>& row : rows) {
        CAPTURE(row.what);
        Message damaged = good;
        row.apply(damaged);
        const auto packet = decoded(type, damaged);
        REQUIRE(packet.has_error());
        CHECK(packet.error() == row.reason);
    }
}

// What is wrong with any packet that names its ring.
template <class Message>
std::vector<Damage<Message>> wrong_rings() {
    return {{"no ring", [](Message& m) { m.clear_ring(); }},
            {"ring.seq 0", [](Message& m) { m.mutable_ring()->set_seq(0); }},
            {"ring.seq 2^63", [](Message& m) { m.mutable_ring()->set_seq(counter_limit); }},
            {"no representative",
             [](Message& m) { m.mutable_ring()->set_representative(counter_limit >> 63); }}};
}

// Sorted members 1, 3, 5, ...
std::vector<ProcessorId> many_members(std::size_t count = members_max) {
    std::vector<ProcessorId> members;
    for (std::uint32_t i = 0; i < count; ++i)
        members.push_back({.node = 2 * i + 1, .incarnation = 180'000'000 + i});
    return members;
}

} // namespace

TEST_CASE("control packets: fields that nobody knows yet are harmless") {
    wire::Token token = good_token();
    const auto known = decoded(PacketType::token, token);
    token.GetReflection()->MutableUnknownFields(&token)->AddVarint(1000, 5);
    token.GetReflection()->MutableUnknownFields(&token)->AddLengthDelimited(1001, "later");
    REQUIRE(known.has_value());
    CHECK(*decoded(PacketType::token, token) == *known);
}

TEST_CASE("control packets: what a stranger wrote is read as it was meant") {
    const auto token = std::get<Token>(*decoded(PacketType::token, good_token()));
    CHECK(token.rtr == SeqRanges{{Seq{91}, Seq{91}}, {Seq{94}, Seq{97}}});

    const auto join = std::get<Join>(*decoded(PacketType::join, good_join()));
    const std::vector<JoinView> views = {{.id = {1, 1}, .heard = true},
                                         {.id = {2, 1}, .failed = true},
                                         {.id = {5, 1}, .heard = true, .challenge = 77}};
    CHECK(join.processors == views);
    CHECK(join.echoes == std::vector<Echo>{{.to = {9, 1}, .challenge = 78}});

    const auto commit = std::get<CommitToken>(*decoded(PacketType::commit, good_commit()));
    CommitEntry first{.filled = true,
                      .aru = Seq{10},
                      .high_seq = Seq{18},
                      .delivered = Seq{9},
                      .safe_upto = Seq{8},
                      .obligation = {{7, 1}},
                      .received = {{Seq{13}, Seq{15}}},
                      .hint = Bytes::copy_of("history")};
    CHECK(commit.entries[0] == first);
    CHECK(commit.entries[1] == CommitEntry{});
    CHECK(commit.entries[2].old_ring_index == 1);
    CHECK(commit.entries[2].aru == Seq{20});
    CHECK(commit.entries[2].hint.view() == "history");
}

TEST_CASE("token: everything that is refused") {
    using M = wire::Token;
    check_refused<M>(PacketType::token, good_token(), wrong_rings<M>());
    check_refused<M>(
        PacketType::token, good_token(),
        {{"token_seq 2^63", [](M& m) { m.set_token_seq(counter_limit); }},
         {"seq 2^63", [](M& m) { m.set_seq(counter_limit); }},
         {"aru beyond seq", [](M& m) { m.set_aru(101); }},
         {"aru 2^64 - 1", [](M& m) { m.set_aru(~std::uint64_t{0}); }},
         {"aru lowered by node 0", [](M& m) { m.set_aru_id(5); }},
         {"more in recovery than a ring has", [](M& m) { m.set_recovery_unreported(65); }},
         {"an unreported count that 16 bits would make 0",
          [](M& m) { m.set_recovery_unreported(1 << 16); }},
         {"half a run", [](M& m) { m.add_rtr(0); }},
         {"runs that touch", [](M& m) { m.set_rtr(2, 0); }},
         {"a run beyond seq", [](M& m) { m.set_rtr(3, 7); }},
         {"a gap that wraps around", [](M& m) { m.set_rtr(2, ~std::uint64_t{0} - 3); }},
         {"a length that wraps around", [](M& m) { m.set_rtr(3, ~std::uint64_t{0} - 90); }},
         {"257 runs",
          [](M& m) {
              m.set_seq(5000);
              m.clear_rtr();
              for (int i = 0; i < 2 * 257; ++i)
                  m.add_rtr(1);
          },
          WireError::too_many}});
}

TEST_CASE("join: everything that is refused") {
    using M = wire::Join;
    check_refused<M>(
        PacketType::join, good_join(),
        {{"join_seq 2^63", [](M& m) { m.set_join_seq(counter_limit); }},
         {"ring_seq 2^63", [](M& m) { m.set_ring_seq(counter_limit); }},
         {"installed in no ring", [](M& m) { m.clear_installed(); }},
         {"version 0", [](M& m) { m.set_version(0); }},
         {"a reason nobody knows", [](M& m) { m.set_reason(12); }},
         {"a reason that 8 bits would make 0", [](M& m) { m.set_reason(256); }},
         {"nobody", [](M& m) { m = good_join(), m.clear_processors(), m.clear_failed(); }},
         {"node 0", [](M& m) { m.set_processors(0, 1); }},
         {"not sorted", [](M& m) { m.set_processors(0, pid(3)); }},
         {"twice", [](M& m) { m.set_processors(0, pid(2)); }},
         {"a failed one that is not listed", [](M& m) { m.set_failed("\x08"); }},
         {"a bitmap that is too long", [](M& m) { m.set_heard(std::string("\x05\x01", 2)); }},
         {"a challenge of somebody not listed", [](M& m) { m.set_challenged("\x0c"); }},
         {"more challenged than challenges", [](M& m) { m.set_challenged("\x06"); }},
         {"more challenges than challenged", [](M& m) { m.add_challenges(1); }},
         {"a challenge of 0", [](M& m) { m.set_challenges(0, 0); }},
         {"an echo to nobody", [](M& m) { m.add_echoes(1); }},
         {"an echo to node 0", [](M& m) { m.set_echoed(0, 1); }},
         {"echoes not sorted", [](M& m) { m.add_echoed(pid(8)), m.add_echoes(1); }},
         {"33 echoes",
          [](M& m) {
              for (std::uint64_t i = 0; i < echoes_max; ++i)
                  m.add_echoed(pid(100 + i)), m.add_echoes(1);
          },
          WireError::too_many},
         {"65 processors",
          [](M& m) {
              for (std::uint64_t i = 0; i < members_max; ++i)
                  m.add_processors(pid(100 + i));
          },
          WireError::too_many}});
}

TEST_CASE("commit token: everything that is refused") {
    using M = wire::CommitToken;
    check_refused<M>(PacketType::commit, good_commit(), wrong_rings<M>());
    check_refused<M>(
        PacketType::commit, good_commit(),
        {{"token_seq 2^63", [](M& m) { m.set_token_seq(counter_limit); }},
         {"a representative that is not the lowest",
          [](M& m) { m.mutable_ring()->set_representative(pid(2)); }},
         {"members not sorted", [](M& m) { m.set_members(1, pid(9)); }},
         {"two incarnations of a node", [](M& m) { m.set_members(1, pid(5) - 1); }},
         {"65 members",
          [](M& m) {
              for (std::uint64_t i = 3; i <= members_max; ++i)
                  m.add_members(pid(100 + i));
          },
          WireError::too_many},
         {"more old rings than members", [](M& m) { m.add_old_rings(), m.add_old_rings(); },
          WireError::too_many},
         {"more hints than members",
          [](M& m) { m.add_hints("a"), m.add_hints("b"), m.add_hints("c"); }, WireError::too_many},
         {"a hint of 65 bytes", [](M& m) { m.set_hints(0, std::string(65, 'h')); },
          WireError::too_many},
         {"an old ring twice",
          [](M& m) { m.mutable_old_rings(1)->CopyFrom(m.old_rings(0)), m.clear_obligations(); }},
         {"an old ring of node 0",
          [](M& m) { m.mutable_old_rings(1)->mutable_ring()->set_representative(1); }},
         {"an entry of somebody not listed", [](M& m) { m.set_filled("\x0d"); }},
         {"truncated, and not listed", [](M& m) { m.set_ranges_truncated("\x08"); }},
         {"a column too short", [](M& m) { m.mutable_high_seq()->RemoveLast(); }},
         {"a column too long", [](M& m) { m.add_version(0); }},
         {"an old ring nobody knows", [](M& m) { m.set_old_ring(1, 2); }},
         {"a hint that is not there", [](M& m) { m.clear_hints(); }},
         {"a version that would wrap around",
          [](M& m) { m.add_version(~std::uint32_t{0}), m.add_version(0); }},
         {"aru below 0", [](M& m) { m.set_aru(0, -1); }},
         {"high_seq 2^63", [](M& m) { m.set_high_seq(0, counter_limit - 10); }},
         {"high_seq below aru", [](M& m) { m.set_high_seq(0, ~std::uint64_t{0}); }},
         {"delivered beyond aru", [](M& m) { m.set_delivered(0, ~std::uint64_t{0}); }},
         {"delivered below 0", [](M& m) { m.set_delivered(0, 11); }},
         {"safe beyond aru", [](M& m) { m.set_safe_upto(0, ~std::uint64_t{0}); }},
         {"a run beyond high_seq", [](M& m) { m.set_ranges(1, 9); }},
         {"half a run", [](M& m) { m.add_ranges(1); }},
         {"more runs counted than there are", [](M& m) { m.set_range_count(1, 2); }},
         {"fewer runs counted than there are", [](M& m) { m.set_range_count(1, 0); },
          WireError::trailing_bytes},
         {"no obligation bitmap", [](M& m) { m.clear_obligations(); }},
         {"an obligation to nobody", [](M& m) { m.set_obligations("\x02"); }},
         {"an obligation to node 0", [](M& m) { m.mutable_old_rings(0)->set_obliged(0, 7); }},
         {"an obligation twice",
          [](M& m) { m.mutable_old_rings(0)->add_obliged(pid(7)), m.set_obligations("\x03"); }},
         {"obligations left over", [](M& m) { m.set_obligations("\x01\x01"); },
          WireError::trailing_bytes},
         {"65 obliged",
          [](M& m) {
              for (std::uint64_t i = 0; i < members_max; ++i)
                  m.mutable_old_rings(0)->add_obliged(pid(100 + i));
          },
          WireError::too_many}});
}

TEST_CASE("probe, hurry, leave, hold: everything that is refused") {
    check_refused<wire::Probe>(PacketType::probe, good_probe(), wrong_rings<wire::Probe>());
    check_refused<wire::Probe>(
        PacketType::probe, good_probe(),
        {{"no members", [](wire::Probe& m) { m.clear_members(); }},
         {"aru 2^63", [](wire::Probe& m) { m.set_aru(counter_limit); }},
         {"members not sorted", [](wire::Probe& m) { m.add_members(pid(3)); }}});
    check_refused<wire::Hurry>(PacketType::hurry, good_hurry(), wrong_rings<wire::Hurry>());
    check_refused<wire::Hurry>(
        PacketType::hurry, good_hurry(),
        {{"seen 2^63", [](wire::Hurry& m) { m.set_token_seq_seen(counter_limit); }}});
    check_refused<wire::Leave>(
        PacketType::leave, good_leave(),
        {{"nobody leaves", [](wire::Leave& m) { m.clear_leaver(); }},
         {"no ring", [](wire::Leave& m) { m.clear_ring(); }},
         {"leave_seq 2^63", [](wire::Leave& m) { m.set_leave_seq(counter_limit); }}});
    check_refused<wire::Hold>(PacketType::hold, good_hold(), wrong_rings<wire::Hold>());
    check_refused<wire::Hold>(PacketType::hold, good_hold(), {{"token_seq 2^63", [](wire::Hold& m) {
                                                                   m.set_token_seq(counter_limit);
                                                               }}});
}

TEST_CASE("control packets: a type nobody knows, and bytes that are no Protobuf") {
    const Bytes body = Bytes::copy_of(good_hold().SerializeAsString());
    CHECK(decode(static_cast<PacketType>(0), body).error() == WireError::unknown_type);
    CHECK(decode(static_cast<PacketType>(9), body).error() == WireError::unknown_type);
    for (int type = 2; type <= 8; ++type)
        CHECK(decode(static_cast<PacketType>(type), Bytes::copy_of("\xff\xff\xff")).error() ==
              WireError::not_parsable);
    CHECK(make_error_code(WireError::not_parsable).message() ==
          "not a Protobuf message of its type");
}

TEST_CASE("control packets: what would be refused is not sent") {
    std::vector<std::uint8_t> out(2000);
    Token token = std::get<Token>(*decoded(PacketType::token, good_token()));
    token.rtr.insert(token.rtr.begin(), SeqRange{Seq{89}, Seq{89}}); // not above aru
    CHECK(encode(token, out).error() == WireError::bad_field);
    token.rtr = {{Seq{94}, Seq{93}}};
    CHECK(encode(token, out).error() == WireError::bad_field);
    CommitToken commit = std::get<CommitToken>(*decoded(PacketType::commit, good_commit()));
    commit.entries[0].old_ring_index = 9;
    CHECK(encode(commit, out).error() == WireError::bad_field);
    CHECK(encode(Probe{}, out).error() == WireError::bad_field);
    const Hurry hurry{.ring = {8, {1, 1}}, .token_seq_seen = TokenSeq{7}};
    const std::size_t size = encoded_size(hurry);
    CHECK(encode(hurry, std::span(out).first(size - 1)).error() == WireError::does_not_fit);
    CHECK(encode(hurry, std::span(out).first(size)).value() == size);
}

TEST_CASE("sizes: with 64 members a JOIN of all, failed, heard and challenging, fits one packet") {
    Join join{.join_seq = 1'000'000, .ring_seq = 4'000'000, .reason = JoinReason::token_loss};
    join.installed = {.seq = 4'000'000, .representative = many_members().front()};
    for (const ProcessorId& id : many_members())
        join.processors.push_back({.id = id, .failed = true, .heard = true});
    for (std::size_t i = 0; i < 32; ++i)
        join.processors[i].challenge = 0x1122334455667788;
    CHECK(encoded_size(join) <= 860);
    for (std::uint32_t i = 0; i < echoes_max; ++i)
        join.echoes.push_back({.to = {.node = 1000 + i}, .challenge = 0x1122334455667788});
    MESSAGE(
        fmt::format("JOIN, 64 members, 32 challenges, 32 echoes: {} bytes", encoded_size(join)));
    CHECK(encoded_size(join) <= body_max);
}

TEST_CASE(
    "sizes: with 64 members of four old rings and four histories a commit token fits one packet") {
    CommitToken commit{.token_seq = TokenSeq{128}, .members = many_members()};
    commit.ring = {.seq = 4'000'000, .representative = commit.members.front()};
    for (std::uint32_t ring = 0; ring < 4; ++ring)
        commit.old_rings.push_back({.seq = 3'999'996, .representative = commit.members[ring]});
    for (std::uint32_t i = 0; i < members_max; ++i) {
        const std::uint64_t aru = 20'000'000'000 + 1'000'000'000 * (i % 4) + i;
        CommitEntry entry{.filled = true,
                          .old_ring_index = static_cast<std::uint8_t>(i % 4),
                          .aru = Seq{aru},
                          .high_seq = Seq{aru + 600},
                          .delivered = Seq{aru - i},
                          .safe_upto = Seq{aru - 700 + i},
                          .hint = Bytes::copy_of(std::string(40, static_cast<char>('a' + i % 4)))};
        commit.entries.push_back(entry);
    }
    MESSAGE(fmt::format("COMMIT, 64 members of 4 old rings: {} bytes", encoded_size(commit)));
    CHECK(encoded_size(commit) <= body_max);
}

TEST_CASE("sizes: a commit token of one old ring leaves room for many ranges") {
    CommitToken commit{.token_seq = TokenSeq{128}, .members = many_members()};
    commit.ring = {.seq = 4'000'000, .representative = commit.members.front()};
    commit.old_rings = {{.seq = 3'999'996, .representative = commit.members.front()}};
    for (std::uint32_t i = 0; i < members_max; ++i) {
        CommitEntry entry{
            .filled = true, .aru = Seq{20'000'000'000}, .high_seq = Seq{20'000'000'500}};
        entry.delivered = entry.safe_upto = Seq{19'999'999'990};
        commit.entries.push_back(entry);
    }
    const std::size_t bare = encoded_size(commit);
    MESSAGE(fmt::format("COMMIT, 64 members of one old ring: {} bytes", bare));
    CHECK(bare <= 960);
    // Half of the members with four runs each.
    for (std::uint64_t i = 0; i < members_max; i += 2)
        for (std::uint64_t run = 0; run < 4; ++run)
            commit.entries[i].received.push_back(
                {Seq{20'000'000'010 + 20 * run}, Seq{20'000'000'015 + 20 * run}});
    CHECK(encoded_size(commit) <= body_max);
}

TEST_CASE("sizes: a token with 256 requests fits one packet") {
    Token token{.ring = {4'000'000, {1, 180'000'000}},
                .token_seq = TokenSeq{40'000'000'000},
                .seq = Seq{20'000'100'000},
                .aru = Seq{20'000'000'000},
                .aru_id = {64, 180'000'000},
                .fcc = 320,
                .backlog = 100'000,
                .recovery_unreported = 64,
                .recovery_backlog = 1280};
    MESSAGE(fmt::format("TOKEN without requests: {} bytes", encoded_size(token)));
    CHECK(encoded_size(token) <= 80);
    for (std::uint64_t i = 0; i < rtr_ranges_max; ++i)
        token.rtr.push_back(
            {Seq{token.aru.value + 1 + 200 * i}, Seq{token.aru.value + 50 + 200 * i}});
    MESSAGE(fmt::format("TOKEN with 256 runs: {} bytes", encoded_size(token)));
    CHECK(encoded_size(token) <= body_max);
}
