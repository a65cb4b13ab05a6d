// Paper tests of the membership protocol (totem.md 5): forming, losing, leaving, coming back.
#include "tests/membership/world.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace membership;
using namespace membership::testing;

namespace {

using Story = std::vector<std::string>;

std::size_t count_multicasts(World& world, Duration duration, auto counts) {
    std::size_t total = 0;
    world.observe = [&](const Node&, const Action& action) {
        if (const auto* multicast = std::get_if<Multicast>(&action))
            total += counts(multicast->packet);
        else if (const auto* unicast = std::get_if<Unicast>(&action))
            total += counts(unicast->packet);
    };
    world.run_for(duration);
    world.observe = nullptr;
    return total;
}

} // namespace

TEST_CASE("Totem: a lone processor forms a ring of one and is safe at once (N03)") {
    World world(1);
    world.start_all();
    REQUIRE(world.form("A"));
    (void)world.submit("A", "hello", Service::safe);
    CHECK(world.node("A").shown.story == Story{"regular [A]", "safe A: hello"});
    CHECK(count_multicasts(world, 1s, [](const Packet& packet) {
              return std::holds_alternative<Probe>(packet) ? 1 : 0;
          }) >= 15);
}

TEST_CASE("Totem: processors that start together form one ring, and none a ring of one (N01)") {
    World world(5);
    world.start_all();
    REQUIRE(world.run_until([&] { return world.is_ring("A B C D E"); },
                            Settings::simulated().consensus + 5ms));
    for (const char* name : {"A", "B", "C", "D", "E"})
        CHECK(world.node(name).shown.story == Story{"regular [A B C D E]"});
}

TEST_CASE("Totem: a newcomer joins a ring without ever forming one of its own (N02)") {
    World world(3);
    world.start("A");
    REQUIRE(world.form("A"));
    world.start("B");
    REQUIRE(world.form("A B"));
    world.start("C");
    REQUIRE(world.form("A B C"));
    CHECK(world.node("C").shown.story == Story{"regular [A B C]"});
    CHECK(world.node("A").shown.story == Story{"regular [A]", "transitional [A]", "regular [A B]",
                                               "transitional [A B]", "regular [A B C]"});
}

TEST_CASE("Totem: a lost token is sent again, and nobody notices (N10)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    int lost = 0;
    world.loses = [&](const Node&, const Node&, const Packet& packet) {
        return std::holds_alternative<Token>(packet) && lost < 10 && ++lost > 0;
    };
    (void)world.submit("B", "still here", Service::safe);
    world.run_for(95ms);
    CHECK(lost == 10);
    for (const char* name : {"A", "B", "C"})
        CHECK(world.node(name).shown.story == Story{"regular [A B C]", "safe B: still here"});
}

TEST_CASE("Totem: a token that comes twice is handled once (N11)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    Token old;
    world.observe = [&](const Node&, const Action& action) {
        if (const auto* unicast = std::get_if<Unicast>(&action))
            if (const auto* token = std::get_if<Token>(&unicast->packet)) old = *token;
    };
    (void)world.submit("A", "one");
    world.run_for(20ms);
    world.observe = nullptr;
    const auto handled = world["B"].statistics().tokens_handled;
    std::vector<std::uint8_t> body(2000);
    const auto size = encode(Packet{old}, body);
    for (int i = 0; i < 3; ++i)
        world.tell("B", PacketArrived{world.node("A").id, PacketType::token,
                                      Bytes::copy_of(std::span(body).first(*size))});
    CHECK(world["B"].statistics().tokens_handled <= handled + 1);
    CHECK(world["B"].statistics().duplicates >= 2);
}

TEST_CASE("Totem: a process restarted faster than the token is lost is a new processor (N28)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    const ProcessorId old = world.node("B").id;
    const Instant then = world.now();
    world.crash("B");
    world.run_for(2ms);
    world.start("B");
    REQUIRE(world.form("A B C"));
    CHECK(world.now() - then < Settings::simulated().token_loss);
    const auto& changes = world.node("A").shown.configurations;
    REQUIRE(changes.size() == 3);
    CHECK(changes[1].members == std::vector{world.node("A").id, world.node("C").id});
    CHECK(changes[2].members[1] == ProcessorId{old.node, old.incarnation + 1});
}

TEST_CASE("Totem: who leaves cleanly is not waited for, and its messages are safe first (N46)") {
    for (const std::string leaver : {"A", "C"}) {
        World world(3);
        world.start_all();
        REQUIRE(world.form("A B C"));
        (void)world.submit(leaver, "farewell", Service::safe);
        world.tell(leaver, LeaveRequested{});
        CHECK(world.submit(leaver, "too late").refusal == SendQueue::Refusal::leaving);
        REQUIRE(world.form(leaver == "A" ? "B C" : "A B"));
        CHECK(world.now() < Instant{1s} + Settings::simulated().token_loss);
        world.run_for(20ms);
        CHECK(world.node(leaver).left);
        CHECK(world.node("B").shown.story[1] == "safe " + leaver + ": farewell");
    }
}

TEST_CASE("Totem: the last of a ring goes on at once when all others have left") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    world.tell("B", LeaveRequested{});
    const Instant then = world.now();
    REQUIRE(world.form("A"));
    CHECK(world.now() - then < 20ms);
}

TEST_CASE("Totem: a node whose address nobody listens at is given up at once") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.crash("C");
    world.tell("B", PeerUnreachable{world.node("C").id.node});
    const Instant then = world.now();
    REQUIRE(world.form("A B"));
    CHECK(world.now() - then < 20ms);
    world.start("C");
    REQUIRE(world.form("A B C"));
}

TEST_CASE("Totem: a paused member is expelled, comes back, and accuses nobody (N31)") {
    for (const Duration pause : {50ms, 115ms, 2000ms}) {
        World world(3);
        world.start_all();
        REQUIRE(world.form("A B C"));
        world.pause("B");
        world.run_for(pause);
        world.resume("B");
        REQUIRE(world.form("A B C"));
        // Shorter than T_token_loss: nothing. Back while the others still gather: one change.
        // Later: expelled and taken back.
        CHECK(world.node("A").shown.story.size() == (pause < 100ms ? 1 : pause < 1s ? 3 : 5));
        world.run_for(1s);
        CHECK(world.is_ring("A B C"));
    }
}

TEST_CASE("Totem: silence after the token was lost is a verdict, disagreement takes longer") {
    const Settings settings = Settings::simulated();
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    const Instant then = world.now();
    world.pause("C");
    REQUIRE(world.run_until([&] { return world.is_ring("A B"); },
                            settings.token_loss_for(3) + settings.silence + 20ms));
    CHECK(world.now() - then < settings.consensus + settings.silence); // not T_consensus on top
}

TEST_CASE("Totem: in a session of a healthy ring a member may stall as long as ever") {
    const Settings settings = Settings::simulated();
    World world(4);
    for (const char* name : {"A", "B", "C"})
        world.start(name);
    REQUIRE(world.form("A B C"));
    world.pause("B"); // and at this moment a newcomer begins a session
    world.start("D");
    world.run_for(settings.token_loss_for(3) - 10ms);
    world.resume("B");
    REQUIRE(world.form("A B C D"));
    CHECK(world.node("A").shown.story ==
          Story{"regular [A B C]", "transitional [A B C]", "regular [A B C D]"});
}

TEST_CASE("Totem: a stale JOIN does not disturb a ring (N26)") {
    World world(3);
    world.start_all();
    Join stale;
    world.observe = [&](const Node& node, const Action& action) {
        const auto* multicast = std::get_if<Multicast>(&action);
        if (multicast == nullptr || node.name != "C") return;
        if (const auto* join = std::get_if<Join>(&multicast->packet)) stale = *join;
    };
    REQUIRE(world.form("A B C"));
    world.observe = nullptr;
    REQUIRE(stale.join_seq > 0);
    std::vector<std::uint8_t> body(2000);
    for (const std::uint64_t later : {0, 1000}) { // as it was; and as if never seen before
        stale.join_seq += later;
        const auto size = encode(Packet{stale}, body);
        world.tell("A", PacketArrived{world.node("C").id, PacketType::join,
                                      Bytes::copy_of(std::span(body).first(*size))});
        CHECK(world["A"].phase() == Phase::operational);
    }
    CHECK(world["A"].coverage().hits[13 - 1][0] == 2);
}

TEST_CASE("Totem: two processes under one node number: the older stops and says why") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    world.tell("A", PacketArrived{{world.node("A").id.node, 99}, PacketType::probe, Bytes{}});
    CHECK(world.node("A").broken.find("node 1") != std::string::npos);
    CHECK(world.submit("A", "x").refusal == SendQueue::Refusal::broken);
}

TEST_CASE("Totem: a process from an old disk image learns that its node lived on (N30)") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    const StableRecord image = world.node("B").record;
    world.crash("B");
    world.start("B");
    REQUIRE(world.form("A B"));
    world.crash("B");
    REQUIRE(world.form("A"));
    world.node("B").record = {.incarnation = image.incarnation - 1,
                              .ring_seq_lease = image.ring_seq_lease};
    world.start("B");
    world.run_for(1s);
    CHECK(world.node("B").broken.find("old state directory") != std::string::npos);
    CHECK(world.is_ring("A"));
}

TEST_CASE("Totem: two singletons that failed each other merge, without oscillation (N56)") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    for (int round = 0; round < 3; ++round) {
        world.cut({"A", "B"});
        REQUIRE(world.run_until([&] { return world.is_ring("A") && world.is_ring("B"); }));
        world.heal();
        REQUIRE(world.run_until([&] { return world.is_ring("A B"); }, 3s));
        const std::size_t shown = world.node("A").shown.configurations.size();
        world.run_for(2s);
        CHECK(world.node("A").shown.configurations.size() == shown);
    }
}

TEST_CASE("Totem: a process that multicasts but is deaf to unicast is excluded (N35)") {
    World world(3);
    world.loses = [](const Node&, const Node& to, const Packet& packet) {
        return to.name == "C" && (std::holds_alternative<Token>(packet) ||
                                  std::holds_alternative<CommitToken>(packet));
    };
    world.start_all();
    REQUIRE(world.run_until([&] { return world.is_ring("A B"); }, 10s));
    std::size_t sessions = world["A"].statistics().gathers;
    world.run_for(10s);
    CHECK(world["A"].statistics().gathers - sessions < 60);
    world.loses = nullptr;
    REQUIRE(world.run_until([&] { return world.is_ring("A B C"); }, 5s));
}

TEST_CASE("Totem: a process that hears no multicast is expelled by the others (N14)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.loses = [](const Node&, const Node& to, const Packet& packet) {
        return to.name == "C" && !std::holds_alternative<Token>(packet) &&
               !std::holds_alternative<CommitToken>(packet);
    };
    (void)world.submit("A", "can you hear me", Service::safe);
    const Instant then = world.now();
    REQUIRE(world.run_until([&] { return world.is_ring("A B"); }, 5s));
    CHECK(world.now() - then > Settings::simulated().ftr_time);
    CHECK(world.node("A").shown.story.back() == "regular [A B]");
    CHECK(world.node("B").shown.messages.size() == 1);
}

TEST_CASE("Totem: one-way deafness leaves a stable pair, disturbed ever more rarely (N33)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.loses = [](const Node& from, const Node& to, const Packet&) {
        return from.name == "A" && to.name == "B";
    };
    world.run_for(5s);
    const std::size_t before = world["C"].statistics().rings_installed;
    world.run_for(10s);
    CHECK(world["C"].statistics().rings_installed - before <= 12);
    world.loses = nullptr;
    REQUIRE(world.run_until([&] { return world.is_ring("A B C"); }, 6s));
}

TEST_CASE("Totem: who does not answer begins no session, and is taken back as soon as it does") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.loses = [](const Node&, const Node& to, const Packet&) { return to.name == "C"; };
    REQUIRE(world.form("A B"));
    const auto gathers = world["A"].statistics().gathers + world["B"].statistics().gathers;
    world.run_for(5s);
    CHECK(world["A"].statistics().gathers + world["B"].statistics().gathers == gathers);
    world.loses = {};
    const Instant well = world.now();
    REQUIRE(world.form("A B C"));
    CHECK(world.now() - well < 2 * Settings::simulated().probe);
}

TEST_CASE("Totem: a late packet of a life that is over does not disturb the node's next one") {
    World world(3);
    Join late;
    world.observe = [&](const Node& node, const Action& action) {
        const auto* multicast = std::get_if<Multicast>(&action);
        if (multicast == nullptr || node.name != "C") return;
        if (const auto* join = std::get_if<Join>(&multicast->packet)) late = *join;
    };
    world.start_all();
    REQUIRE(world.form("A B C"));
    const ProcessorId old = world.node("C").id;
    world.observe = nullptr;
    world.crash("C");
    world.start("C");
    REQUIRE(world.form("A B C"));
    const RingId ring = world["A"].ring();
    std::vector<std::uint8_t> body(2000);
    const auto size = encode(Packet{late}, body);
    const Bytes bytes = Bytes::copy_of(std::span(body).first(*size));
    for (int copy = 0; copy < 3; ++copy) {
        world.tell("A", PacketArrived{old, PacketType::join, bytes});
        world.run_for(50ms);
    }
    CHECK(world["A"].ring() == ring);
    CHECK(world.is_ring("A B C"));
}

TEST_CASE("Totem: hints travel in the commit token and are shown with the configuration") {
    World world(2);
    world.start_all();
    world.tell("A", HintChanged{Bytes::copy_of(std::string_view("a"))});
    world.tell("B", HintChanged{Bytes::copy_of(std::string_view("b"))});
    REQUIRE(world.form("A B"));
    const Configuration& regular = world.node("B").shown.configurations.back();
    REQUIRE(regular.hints.size() == 2);
    CHECK(regular.hints[0].view() == "a");
    CHECK(regular.hints[1].view() == "b");
}

TEST_CASE("Totem: the lease is renewed in the background before ring numbers reach it") {
    const StableRecord first = new_identity(1000);
    CHECK(first.incarnation == 1000);
    const StableRecord second = next_life(first);
    CHECK(second.incarnation == 1001);
    CHECK(second.ring_seq_lease == first.ring_seq_lease + ring_seq_lease_step);
    World world(2);
    world.node("A").record = {.incarnation = 5, .ring_seq_lease = 400};
    world.node("B").record = {.incarnation = 5, .ring_seq_lease = 1'000'000};
    world.start_all();
    REQUIRE(world.form("A B"));
    CHECK(world["A"].ring().seq > 1'000'000);
    CHECK(world.node("A").record.ring_seq_lease > world["A"].ring().seq + 1024);
}
