// Paper tests: the promises of extended virtual synchrony (EVS; totem.md 2), one each.
#include "tests/membership/world.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace membership;
using namespace membership::testing;

namespace {

using Story = std::vector<std::string>;

bool is_data_of(const Packet& packet, const World& world, const std::string& origin, int seq) {
    const auto* data = std::get_if<DataPacket>(&packet);
    return data != nullptr && !data->wrapped && world.name_of(data->origin) == origin &&
           data->seq.value == static_cast<std::uint64_t>(seq);
}

// What `name` was shown after the configuration it started with.
Story tail(World& world, const std::string& name, std::size_t from = 1) {
    const Story& story = world.node(name).shown.story;
    return {story.begin() + static_cast<std::ptrdiff_t>(std::min(from, story.size())), story.end()};
}

} // namespace

TEST_CASE("EVS: all deliver the messages of one ring in one order") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    for (int i = 0; i < 100; ++i)
        for (const char* name : {"A", "B", "C"})
            (void)world.submit(name, std::to_string(i),
                               i % 3 == 0 ? Service::safe : Service::agreed);
    REQUIRE(world.run_until([&] { return world.node("A").shown.messages.size() == 300; }, 1s));
    world.run_for(50ms);
    CHECK(world.node("A").shown.story.size() == 301);
    CHECK(world.node("A").shown.story == world.node("B").shown.story);
    CHECK(world.node("A").shown.story == world.node("C").shown.story);
}

TEST_CASE("EVS: survivors of a crash share a transitional configuration, then a regular one") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    (void)world.submit("C", "last words");
    world.run_for(30ms);
    world.crash("C");
    REQUIRE(world.form("A B"));
    const Story expected{"agreed C: last words", "transitional [A B]", "regular [A B]"};
    CHECK(tail(world, "A") == expected);
    CHECK(tail(world, "B") == expected);
}

TEST_CASE("EVS: the crash of the representative is survived like any other") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.crash("A"); // an idle ring: it most likely held the token
    REQUIRE(world.form("B C"));
    (void)world.submit("B", "we go on", Service::safe);
    world.run_for(50ms);
    CHECK(tail(world, "C") == Story{"transitional [B C]", "regular [B C]", "safe B: we go on"});
}

TEST_CASE("EVS: a packet that only one survivor received is delivered by all (N07)") {
    World world(4);
    world.start_all();
    REQUIRE(world.form("A B C D"));
    world.loses = [&](const Node&, const Node& to, const Packet& packet) {
        return is_data_of(packet, world, "D", 1) && to.name != "B";
    };
    world.crashes_before = [&](const Node& node, const Action& action) { // it passes no token on
        const auto* unicast = std::get_if<Unicast>(&action);
        return node.name == "D" && unicast != nullptr &&
               std::holds_alternative<Token>(unicast->packet) &&
               std::get<Token>(unicast->packet).seq > Seq{};
    };
    // Too few packets to be sent behind the token: D dies between its multicast and its token.
    (void)world.submit("D", "last words");
    REQUIRE(world.form("A B C"));
    for (const char* name : {"A", "B", "C"})
        CHECK(tail(world, name) ==
              Story{"agreed D: last words", "transitional [A B C]", "regular [A B C]"});
}

TEST_CASE("EVS: behind a hole of a crashed sender its messages are lost, the survivors' are not "
          "(N08, N09)") {
    World world(4);
    world.start_all();
    REQUIRE(world.form("A B C D"));
    bool d_spoke = false;
    world.observe = [&](const Node& node, const Action& action) {
        const auto* multicast = std::get_if<Multicast>(&action);
        if (multicast == nullptr || !std::holds_alternative<DataPacket>(multicast->packet)) return;
        if (node.name == "D" && !std::exchange(d_spoke, true)) {
            (void)0;
        }
    };
    // #1 of D reaches nobody, #2 reaches all; then D is silent for ever. A speaks behind it.
    world.loses = [&](const Node& from, const Node&, const Packet& packet) {
        if (is_data_of(packet, world, "D", 1)) return true;
        return from.name == "D" && d_spoke && std::holds_alternative<DataPacket>(packet) &&
               std::get<DataPacket>(packet).retransmission;
    };
    (void)world.submit("D", "depends on nothing", Service::agreed);
    (void)world.submit("D", "another packet", Service::safe);
    REQUIRE(world.run_until([&] { return d_spoke; }, 1s));
    (void)world.submit("A", "behind the hole");
    REQUIRE(world.run_until([&] { return world["A"].view().high_seq >= Seq{3}; }, 1s));
    world.crash("D");
    REQUIRE(world.form("A B C"));
    for (const char* name : {"A", "B", "C"})
        CHECK(tail(world, name) ==
              Story{"transitional [A B C]", "agreed A: behind the hole", "regular [A B C]"});
}

TEST_CASE("EVS: a safe message that not all are known to hold is delivered in the transitional "
          "configuration (N19)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    world.loses = [&](const Node&, const Node& to, const Packet& packet) {
        return to.name == "C" && std::holds_alternative<DataPacket>(packet);
    };
    (void)world.submit("A", "are we all here", Service::safe);
    world.run_for(20ms);
    CHECK(world.node("A").shown.messages.empty()); // C does not have it
    world.crash("C");
    REQUIRE(world.form("A B"));
    const Story expected{"transitional [A B]", "safe A: are we all here", "regular [A B]"};
    CHECK(tail(world, "A") == expected);
    CHECK(tail(world, "B") == expected);
}

TEST_CASE("EVS: what one member saw safe, the others deliver when they part from it (N18)") {
    World world(4);
    world.start_all();
    REQUIRE(world.form("A B C D"));
    (void)world.submit("A", "signed", Service::safe);
    const auto names = World::split("A B C D");
    const auto saw_it = [&](const std::string& name) {
        return !world.node(name).shown.messages.empty();
    };
    REQUIRE(world.run_until([&] { return std::any_of(names.begin(), names.end(), saw_it); }, 1s));
    std::string first;
    std::string others;
    for (const char* name : {"A", "B", "C", "D"})
        if (!world.node(name).shown.messages.empty() && first.empty())
            first = name;
        else
            others += (others.empty() ? "" : " ") + std::string(name);
    world.cut({first, others});
    REQUIRE(world.run_until([&] { return world.is_ring(first) && world.is_ring(others); }, 5s));
    for (const std::string& name : World::split(others)) {
        CHECK(world.node(name).shown.messages.size() == 1);
    }
}

TEST_CASE("EVS: partition and merge: each side has its story, then they share one") {
    World world(5);
    world.start_all();
    REQUIRE(world.form("A B C D E"));
    world.cut({"A B C", "D E"});
    REQUIRE(world.run_until([&] { return world.is_ring("A B C") && world.is_ring("D E"); }));
    (void)world.submit("A", "left", Service::safe);
    (void)world.submit("E", "right", Service::safe);
    world.run_for(100ms);
    world.heal();
    REQUIRE(world.form("A B C D E"));
    (void)world.submit("C", "together");
    world.run_for(50ms);
    CHECK(tail(world, "A") == Story{"transitional [A B C]", "regular [A B C]", "safe A: left",
                                    "transitional [A B C]", "regular [A B C D E]",
                                    "agreed C: together"});
    CHECK(tail(world, "D") == Story{"transitional [D E]", "regular [D E]", "safe E: right",
                                    "transitional [D E]", "regular [A B C D E]",
                                    "agreed C: together"});
}

TEST_CASE("EVS: obligations outlive failed attempts (N20)") {
    // D's #1 is lost to all, then D dies; C's #2 lies beyond the hole. In the attempt {A B C} C
    // installs first and may deliver its own #2; the last token never reaches the others and C is
    // gone. They must deliver #2 although its sender does not come with them.
    World world(4);
    world.start_all();
    REQUIRE(world.form("A B C D"));
    bool attempt = false;
    world.loses = [&](const Node&, const Node&, const Packet& packet) {
        return is_data_of(packet, world, "D", 1);
    };
    (void)world.submit("D", "lost");
    REQUIRE(world.run_until([&] { return world["D"].view().high_seq >= Seq{1}; }, 1s));
    (void)world.submit("C", "beyond the hole", Service::safe);
    REQUIRE(world.run_until([&] { return world["A"].view().high_seq >= Seq{2}; }, 1s));
    world.crash("D");
    // The first to install vanishes right after; its token is lost with it.
    std::string installer;
    world.observe = [&](const Node& node, const Action& action) {
        const auto* change = std::get_if<DeliverConfiguration>(&action);
        if (change == nullptr || change->configuration.kind != Configuration::Kind::regular) return;
        if (installer.empty()) installer = node.name;
        attempt = true;
    };
    REQUIRE(world.run_until([&] { return attempt; }, 2s));
    std::string others;
    for (const char* name : {"A", "B", "C"})
        if (name != installer) others += (others.empty() ? "" : " ") + std::string(name);
    // Everything that the installer sent after it installed is lost.
    world.cut({installer, others});
    world.loses = [&](const Node& from, const Node&, const Packet&) {
        return from.name == installer;
    };
    REQUIRE(world.form(others));
    for (const std::string& name : World::split(others)) {
        const auto& messages = world.node(name).shown.messages;
        REQUIRE(messages.size() == 1);
        CHECK(messages.front().payload.view() == "beyond the hole");
    }
}

TEST_CASE("EVS: a large message is delivered whole or not at all, over a partition as well (N43)") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    std::string large(1 << 20, 'x');
    for (std::size_t i = 0; i < large.size(); i += 997)
        large[i] = static_cast<char>('a' + i % 26);
    (void)world.submit("B", large);
    (void)world.submit("B", "small");
    world.run_for(2ms); // in the middle of it
    CHECK(world.node("A").shown.messages.empty());
    world.cut({"A", "B C"});
    REQUIRE(world.run_until([&] { return world.is_ring("A") && world.is_ring("B C"); }));
    world.run_for(500ms);
    CHECK(world.node("A").shown.messages.empty());
    for (const char* name : {"B", "C"}) {
        const auto& messages = world.node(name).shown.messages;
        REQUIRE(messages.size() == 2);
        CHECK(messages[0].payload.view() == large);
        CHECK(messages[0].ring == world["C"].ring()); // from its first byte on the new ring
        CHECK(messages[1].payload.view() == "small");
    }
}

TEST_CASE("EVS: what a processor sent it delivers, unless it crashes") {
    World world(3);
    world.start_all();
    REQUIRE(world.form("A B C"));
    int tokens = 0;
    world.loses = [&](const Node& from, const Node&, const Packet& packet) {
        return from.name == "B" && std::holds_alternative<DataPacket>(packet) && ++tokens > 0;
    };
    (void)world.submit("B", "nobody hears this", Service::safe);
    world.run_for(10ms);
    CHECK(tokens > 0);
    world.cut({"A C", "B"});
    REQUIRE(world.run_until([&] { return world.is_ring("A C") && world.is_ring("B"); }));
    CHECK(tail(world, "B") ==
          Story{"transitional [B]", "safe B: nobody hears this", "regular [B]"});
    CHECK(tail(world, "A") == Story{"transitional [A C]", "regular [A C]"});
}
