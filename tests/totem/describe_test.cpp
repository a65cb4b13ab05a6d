// The one spelling of everything, in traces, logs and scenarios.
#include "totem/packets.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace totem;

namespace {

const ProcessorId a{.node = 1, .incarnation = 17};
const ProcessorId b{.node = 2, .incarnation = 3};
const RingId ring{.seq = 8, .representative = a};

} // namespace

TEST_CASE("describe: names") {
    CHECK(describe(a) == "1");
    CHECK(describe_fully(a) == "1/17");
    CHECK(describe(ring) == "8.1");
    CHECK(fmt::format("{} {} {} {}", a, ring, Seq{7}, TokenSeq{9}) == "1 8.1 7 9");
}

TEST_CASE("describe: what the application is told") {
    CHECK(describe(Service::agreed) == "agreed");
    CHECK(describe(Service::safe) == "safe");
    CHECK(describe(Delivery{.origin = b,
                            .counter = 5,
                            .service = Service::safe,
                            .ring = ring,
                            .position = {Seq{41}, 2},
                            .payload = Bytes::copy_of("deposit")}) == "#41.2 safe 2/3.5 7 bytes");
    Configuration configuration{.ring = {12, a}, .previous = ring, .members = {a, b}};
    CHECK(describe(configuration) == "regular 12.1 members=[1 2]");
    configuration.kind = Configuration::Kind::transitional;
    CHECK(describe(configuration) == "transitional 8.1 -> 12.1 members=[1 2]");
}

TEST_CASE("describe: packets") {
    struct Row {
        Packet packet;
        const char* line;
    };

    DataPacket data{.ring = ring,
                    .seq = Seq{40},
                    .origin = b,
                    .chunk_count = 1,
                    .chunks = Bytes::copy_of("12345678")};
    DataPacket again = data;
    again.service = Service::safe;
    again.wrapped = again.retransmission = true;
    Token token{.ring = ring, .seq = Seq{9}, .aru = Seq{2}};
    Token lowered = token;
    lowered.aru_id = b;
    lowered.aru_held = true;
    lowered.rtr = {{Seq{3}, Seq{3}}, {Seq{5}, Seq{8}}};
    lowered.recovery_unreported = 2;
    lowered.recovery_backlog = 30;
    const std::vector<Row> rows = {
        {data, "#40 agreed origin=2 ring=8.1 chunks=1 bytes=8"},
        {again, "#40 safe wrapped origin=2 ring=8.1 chunks=1 bytes=8 again"},
        {token, "token seq=9 aru=2"},
        {lowered, "token seq=9 aru=2 lowered by 2 held rtr=[3 5-8] recovery=2+30"},
        {Join{.join_seq = 4,
              .ring_seq = 8,
              .installed = ring,
              .reason = JoinReason::failure_to_receive,
              .processors = {{.id = a}, {.id = b, .failed = true}}},
         "join 4 ring_seq=8 installed=8.1 processors=[1 2] failed=[2] (failure to receive)"},
        {CommitToken{.ring = ring,
                     .token_seq = TokenSeq{3},
                     .members = {a, b},
                     .entries = {{.filled = true}, {}}},
         "commit ring=8.1 hop=3 members=[1 2] filled=1/2"},
        {Probe{.ring = ring, .members = {a, b}, .aru = Seq{7}},
         "probe ring=8.1 members=[1 2] aru=7"},
        {Hurry{.ring = ring, .token_seq_seen = TokenSeq{6}}, "hurry ring=8.1 seen=6"},
        {Leave{.ring = ring, .leaver = b}, "leave ring=8.1 leaver=2"},
        {Hold{.ring = ring, .hold_us = 20000}, "hold ring=8.1 for 20000 us"},
    };
    int type = 0;
    for (const Row& row : rows)
        CHECK(describe(row.packet) == row.line);
    for (const Packet& packet :
         {Packet{DataPacket{}}, Packet{Token{}}, Packet{Join{}}, Packet{CommitToken{}},
          Packet{Probe{}}, Packet{Hurry{}}, Packet{Leave{}}, Packet{Hold{}}})
        CHECK(static_cast<int>(type_of(packet)) == ++type);
}
