#include "tests/membership/world.h"

#include <doctest/doctest.h>

using namespace membership;
using namespace membership::testing;

TEST_CASE("Totem: a lone processor forms a ring of one and is safe at once") {
    World world(1);
    world.start_all();
    REQUIRE(world.form("A"));
    world.submit("A", "hello", Service::safe);
    CHECK(world.node("A").shown.story == std::vector<std::string>{"regular [A]", "safe A: hello"});
}

TEST_CASE("Totem: processors that start together form one ring, and none a ring of one") {
    World world(5);
    world.start_all();
    REQUIRE(world.form("A B C D E"));
    for (const char* name : {"A", "B", "C", "D", "E"})
        CHECK(world.node(name).shown.story == std::vector<std::string>{"regular [A B C D E]"});
}

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
