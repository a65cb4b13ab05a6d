// Paper tests of what keeps a ring quiet when idle, fair when busy, and bounded always
// (totem.md 4.5 to 4.9, 8.2).
#include "base/jitter.h"
#include "tests/membership/world.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace membership;
using namespace membership::testing;

TEST_CASE("Totem: an idle ring turns slowly and asks for nothing again (N41)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    (void)world.submit("A", "warm");
    world.run_for(200ms);
    const auto tokens = world["B"].statistics().tokens_handled;
    world.run_for(10s);
    const auto rotations = world["B"].statistics().tokens_handled - tokens;
    CHECK(rotations <= 1100); // one per T_hold_max of 10 ms
    CHECK(rotations >= 800);
    for (const char* name : {"A", "B", "C"}) {
        CHECK(world[name].statistics().retransmissions == 0);
        CHECK(world[name].statistics().token_retransmissions <= 3); // of the commit token
    }
}

TEST_CASE("Totem: a message on an idle ring wakes the token up (N40)") {
    for (const std::string sender : {"A", "B", "C", "D"}) {
        World world(4);
        world.start_all();
        REQUIRE(world.form("A B C D"));
        world.run_for(500ms);
        bool rests = false;
        world.observe = [&](const Node&, const Action& action) {
            const auto* multicast = std::get_if<Multicast>(&action);
            rests |= multicast != nullptr && std::holds_alternative<Hold>(multicast->packet);
        };
        REQUIRE(world.run_until([&] { return rests; }));
        const Instant then = world.now();
        (void)world.submit(sender, "wake up");
        REQUIRE(world.run_until([&] { return !world.node("C").shown.messages.empty(); }));
        const auto hops = sender[0] - 'A';
        CHECK(world.now() - then <= (hops + 3) * world.latency);
    }
}

TEST_CASE("Totem: a lost HURRY is repeated") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.run_for(500ms);
    bool lost = false;
    world.loses = [&](const Node&, const Node&, const Packet& packet) {
        return std::holds_alternative<Hurry>(packet) && !std::exchange(lost, true);
    };
    const Instant then = world.now();
    (void)world.submit("C", "wake up");
    REQUIRE(world.run_until([&] { return !world.node("A").shown.messages.empty(); }));
    CHECK(lost);
    CHECK(world.now() - then <= Settings::simulated().hurry + 6 * world.latency);
}

TEST_CASE("Totem: a third of all packets lost, all messages arrive (N12)") {
    for (const std::uint32_t accelerated : {0, 80}) {
        Settings settings = Settings::simulated();
        settings.accelerated = accelerated;
        World world(4, settings);
        world.start_all();
        REQUIRE(world.form("A B C D"));
        Jitter dice(accelerated);
        world.loses = [&](const Node&, const Node&, const Packet& packet) {
            return std::holds_alternative<DataPacket>(packet) && dice.below(100) < 30;
        };
        for (int i = 0; i < 200; ++i)
            for (const char* name : {"A", "B", "C", "D"})
                (void)world.submit(name, std::string(700, 'x') + std::to_string(i),
                                   i % 2 == 0 ? Service::agreed : Service::safe);
        const auto complete = [&] {
            const auto names = World::split("A B C D");
            return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
                return world.node(name).shown.messages.size() == 800;
            });
        };
        REQUIRE(world.run_until(complete, 3s));
        CHECK(world.node("A").shown.configurations.size() == 1);
        CHECK(world.node("A").shown.story == world.node("D").shown.story);
    }
}

TEST_CASE("Totem: without loss nothing is sent twice, accelerated or not (N38)") {
    for (const char* members : {"A B", "A B C D"}) {
        const auto names = World::split(members);
        for (const std::uint32_t accelerated : {0, 50, 100}) {
            Settings settings = Settings::simulated();
            settings.accelerated = accelerated;
            World world(names.size(), settings);
            world.start_all();
            REQUIRE(world.form(members));
            std::size_t behind_the_token = 0;
            world.loses = [&](const Node&, const Node&, const Packet& packet) {
                const auto* data = std::get_if<DataPacket>(&packet);
                behind_the_token += data != nullptr && data->post_token ? 1 : 0;
                return false;
            };
            for (int i = 0; i < 500; ++i)
                for (const std::string& name : names)
                    (void)world.submit(name, std::string(1000, 'x'));
            REQUIRE(world.run_until(
                [&] { return world.node("B").shown.messages.size() == 500 * names.size(); }, 3s));
            CHECK((behind_the_token > 0) == (accelerated > 0));
            for (const std::string& name : names)
                CHECK(world[name].statistics().retransmissions == 0);
        }
    }
}

TEST_CASE("Totem: nobody starves and nobody takes the whole window") {
    World world(4);
    world.start_all();
    REQUIRE(world.form("A B C D"));
    for (int i = 0; i < 5000; ++i)
        (void)world.submit("B", std::string(1000, 'x'));
    world.run_for(20ms);
    const Instant then = world.now();
    (void)world.submit("D", "let me through");
    const auto is_d = [&](const Delivery& message) { return world.name_of(message.origin) == "D"; };
    REQUIRE(world.run_until([&] {
        const auto& messages = world.node("A").shown.messages;
        return std::any_of(messages.begin(), messages.end(), is_d);
    }));
    CHECK(world.now() - then < 3 * 4 * world.latency);
}

TEST_CASE("Totem: a full queue refuses, and says when there is room") {
    Settings settings = Settings::simulated();
    settings.queue_bytes_max = 10'000;
    World world(2, settings);
    world.start_all();
    REQUIRE(world.form("A B"));
    world.loses = [](const Node&, const Node&, const Packet&) { return true; };
    int accepted = 0;
    Submission last;
    while ((last = world.submit("A", std::string(1000, 'x'))).counter)
        ++accepted;
    CHECK(last.refusal == SendQueue::Refusal::full);
    CHECK(accepted >= 5);
    CHECK(world.node("A").rooms == 0);
    world.loses = nullptr;
    REQUIRE(world.run_until([&] { return world.node("A").rooms == 1; }));
    CHECK(world.submit("A", std::string(1000, 'x')).counter.has_value());
    CHECK(world.submit("A", std::string(message_size_max + 1, 'x')).refusal ==
          SendQueue::Refusal::too_large);
}

TEST_CASE("Totem: a slow application throttles the ring, is named, and at last expelled (N42)") {
    Settings settings = Settings::simulated();
    settings.slow_consumer = 2s;
    World world(3, settings);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.node("C").consumes = false;
    bool held = false;
    world.observe = [&](const Node&, const Action& action) {
        if (const auto* unicast = std::get_if<Unicast>(&action))
            if (const auto* token = std::get_if<Token>(&unicast->packet))
                held |= token->aru_held && token->aru_id == world.node("C").id;
    };
    for (int i = 0; i < 4000; ++i)
        (void)world.submit("A", std::string(1000, 'x'));
    world.run_for(1s);
    CHECK(held);
    CHECK(world.is_ring("A B C"));
    const std::size_t window = settings.window_for(3);
    CHECK(world.node("C").shown.messages.size() <= 12 * window);
    CHECK(world["C"].view().packets_held <= settings.outstanding_max_for(3) + window);
    // It wakes up in time: the ring goes on as if nothing had been.
    world.node("C").consumes = true;
    world.tell("C", Consumed{world.node("C").shown.messages.size()});
    REQUIRE(world.run_until([&] { return world.node("C").shown.messages.size() == 4000; }, 2s));
    world.node("C").consumes = false;
    for (int i = 0; i < 4000; ++i)
        (void)world.submit("A", std::string(1000, 'x'));
    REQUIRE(world.run_until([&] { return world.is_ring("A B"); }, 4s));
}

TEST_CASE("Totem: a lone processor with a slow application stops, and goes on") {
    World world(1);
    world.start_all();
    REQUIRE(world.form("A"));
    world.node("A").consumes = false;
    for (int i = 0; i < 2000; ++i)
        (void)world.submit("A", std::string(1000, 'x'), Service::safe);
    const std::size_t shown = world.node("A").shown.messages.size();
    CHECK(shown < 1000);
    world.node("A").consumes = true;
    world.tell("A", Consumed{shown});
    CHECK(world.node("A").shown.messages.size() == 2000);
}
