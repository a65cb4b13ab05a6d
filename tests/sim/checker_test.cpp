// The checker is checked: for every property a trace that violates it is caught under its name, and
// its correct sibling passes (totem.md 2.2, the "Violation" examples).
#include "tests/sim/trace_text.h"

#include <doctest/doctest.h>

using sim::test::violated;

namespace {

// Two processes on ring 4.1.
const std::string pair = R"(
    1 start
    2 start
    1 regular 4.1 of 1,2
    2 regular 4.1 of 1,2
)";

// Three of them.
const std::string trio = R"(
    1 start
    2 start
    3 start
    1 regular 4.1 of 1,2,3
    2 regular 4.1 of 1,2,3
    3 regular 4.1 of 1,2,3
)";

} // namespace

TEST_CASE("a run that keeps all promises passes") {
    CHECK(violated(trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 hears 1.0.1 agreed at 4.1 1:0
        2 says 2.0.1 safe at 4.1 2:0
        2 hears 1.0.1 agreed at 4.1 1:0
        2 hears 2.0.1 safe at 4.1 2:0
        1 hears 2.0.1 safe at 4.1 2:0
        3 hears 1.0.1 agreed at 4.1 1:0
        3 crash
        1 transitional 4.1 -> 8.1 of 1,2
        1 regular 8.1 of 1,2
        2 transitional 4.1 -> 8.1 of 1,2
        2 regular 8.1 of 1,2
        3.1 start
        heal 1,2,3
        1 transitional 8.1 -> 12.1 of 1,2
        1 regular 12.1 of 1,2,3
        3.1 regular 12.1 of 1,2,3
        2 transitional 8.1 -> 12.1 of 1,2
        2 regular 12.1 of 1,2,3
        3.1 says 3.1.1 agreed at 12.1 1:0
        1 hears 3.1.1 agreed at 12.1 1:0
        2 hears 3.1.1 agreed at 12.1 1:0
        3.1 hears 3.1.1 agreed at 12.1 1:0
        wait 2000
        end
    )") == "");
}

TEST_CASE("P1: a life begins with start, ends with crash, and lists itself") {
    CHECK(violated("1 start\n 1 submits 1.0.1 safe") == "");
    CHECK(violated("1 submits 1.0.1 safe") == "P1");
    CHECK(violated("1 start\n 1 start") == "P1");
    CHECK(violated("1 start\n 1.1 start") == "P1"); // while life 0 lives
    CHECK(violated("1 start\n 1 crash\n 1.1 start") == "");
    CHECK(violated("1 start\n 1 crash\n 1 submits 1.0.1 safe") == "P1");
    CHECK(violated("1 start\n 1 regular 4.2 of 2,3") == "P1");
    CHECK(violated("1 start\n 1 transitional 4.1 -> 8.1 of 1") == "P1");
    CHECK(violated("1 start\n 1 hears 2.0.1 agreed at 4.1 1:0") == "P1");
    CHECK(violated("1 start\n 1 says 1.0.1 agreed at 4.1 1:0") == "P1");
    CHECK(violated("1 start\n 1 submits 1.0.2 safe") == "P1"); // COUNT rises by one
}

TEST_CASE("P2: one configuration, one set of members") {
    CHECK(violated("1 start\n 2 start\n 1 regular 4.1 of 1,2\n 2 regular 4.1 of 1,2,3") == "P2");
    CHECK(violated(pair + R"(
        1 transitional 4.1 -> 8.1 of 1,2
        2 transitional 4.1 -> 8.1 of 2
    )") == "P2");
}

TEST_CASE("P3: no configuration contains two lives of one node") {
    CHECK(violated("1 start\n 1 regular 4.1 of 1,1") == "P3");
}

TEST_CASE("P4: the rings of one process have rising numbers") {
    const std::string first = "1 start\n 1 regular 8.1 of 1\n";
    CHECK(violated(first + "1 transitional 8.1 -> 4.1 of 1\n 1 regular 4.1 of 1") == "P4");
    CHECK(violated(first + "1 transitional 8.1 -> 8.2 of 1\n 1 regular 8.2 of 1") == "P4");
}

TEST_CASE("P5: between two regular configurations stands their transitional one") {
    CHECK(violated("1 start\n 1 regular 4.1 of 1\n 1 regular 8.1 of 1") == "P5");
    CHECK(violated(pair + "1 transitional 4.1 -> 8.1 of 1\n 1 transitional 4.1 -> 12.1 of 1") ==
          "P5");
    CHECK(violated(pair + "1 transitional 4.1 -> 8.1 of 1\n 1 regular 12.1 of 1") == "P5");
    CHECK(violated("1 start\n 1 regular 4.1 of 1\n 1 transitional 2.1 -> 8.1 of 1") == "P5");
}

TEST_CASE("P6: a transitional configuration has exactly those who come together") {
    SUBCASE("both come, one is left out") {
        CHECK(violated(pair + R"(
            1 transitional 4.1 -> 8.1 of 1
            1 regular 8.1 of 1,2
            2 transitional 4.1 -> 8.1 of 1
        )") == "P1"); // who is left out sees it itself
        CHECK(violated(trio + R"(
            1 transitional 4.1 -> 8.1 of 1,2
            1 regular 8.1 of 1,2,3
            3 transitional 4.1 -> 8.1 of 1,3
        )") == "P2");
        CHECK(violated(R"(
            1 start
            2 start
            1 regular 4.1 of 1,2
            2 regular 4.1 of 1,2
            2 crash
            2.1 start
            1 transitional 4.1 -> 8.1 of 1,2
            1 regular 8.1 of 1,2
            2.1 regular 8.1 of 1,2
        )") == "P6");
    }
    SUBCASE("a member that was in neither ring") {
        CHECK(violated(pair + "1 transitional 4.1 -> 8.1 of 1,3") == "P6");
        CHECK(violated(trio + "1 transitional 4.1 -> 8.1 of 1,2,3\n 1 regular 8.1 of 1,2") == "P6");
    }
    SUBCASE("it stayed a ring longer than the others") {
        CHECK(violated(trio + R"(
            2 transitional 4.1 -> 8.2 of 2
            2 regular 8.2 of 2
            1 transitional 4.1 -> 12.1 of 1,2
            1 regular 12.1 of 1,2
            2 transitional 8.2 -> 12.1 of 2
            2 regular 12.1 of 1,2
        )") == "P6");
    }
}

TEST_CASE("P7: what is delivered was said, exactly so") {
    CHECK(violated(pair + "1 hears 2.0.1 agreed at 4.1 1:0") == "P7");
    CHECK(violated(pair + "2 says 2.0.1 agreed at 4.1 1:0\n 1 hears 2.0.1 agreed at 4.1 2:0") ==
          "P7");
    CHECK(violated(pair + "2 places 2.0.1 agreed at 4.1 1:0") == "P7"); // never submitted
    CHECK(violated(pair + "2 says 2.0.1 agreed at 4.1 1:0\n 2 places 2.0.1 agreed at 4.1 2:0") ==
          "P7");
    CHECK(violated(pair + "2 submits 2.0.1 agreed\n 1 places 2.0.1 agreed at 4.1 1:0") == "P7");
}

TEST_CASE("P8: nobody delivers a message twice") {
    CHECK(violated(pair + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 hears 1.0.1 agreed at 4.1 1:0
        1 hears 1.0.1 agreed at 4.1 1:0
    )") == "P8");
    CHECK(violated(pair + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 hears 1.0.1 agreed at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1
        1 hears 1.0.1 agreed at 4.1 1:0
    )") == "P8");
}

TEST_CASE("P9: messages of a ring are delivered in it or in the configuration that leaves it") {
    CHECK(violated(pair + R"(
        2 says 2.0.1 agreed at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1
        1 regular 8.1 of 1
        1 hears 2.0.1 agreed at 4.1 1:0
    )") == "P9");
}

TEST_CASE("P10: one place, one message") {
    CHECK(violated(pair + "1 says 1.0.1 agreed at 4.1 5:0\n 2 says 2.0.1 agreed at 4.1 5:0") ==
          "P10");
    CHECK(violated(pair + R"(
        1 says 1.0.1 agreed at 4.1 5:0
        2 says 2.0.1 agreed at 4.1 6:0
        2 hears 2.0.1 agreed at 4.1 5:0
    )") == "P10");
}

TEST_CASE("P11: places rise") {
    CHECK(violated(trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        3 says 3.0.1 agreed at 4.1 1:1
        2 transitional 4.1 -> 8.1 of 2
        2 hears 3.0.1 agreed at 4.1 1:1
        2 hears 1.0.1 agreed at 4.1 1:0
    )") == "P11");
}

TEST_CASE("P12: in a regular configuration there are no gaps") {
    const std::string said = pair + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 says 1.0.2 agreed at 4.1 2:0
        1 says 1.0.3 agreed at 4.1 3:0
        1 hears 1.0.1 agreed at 4.1 1:0
        1 hears 1.0.2 agreed at 4.1 2:0
        2 hears 1.0.1 agreed at 4.1 1:0
    )";
    CHECK(violated(said + "2 hears 1.0.2 agreed at 4.1 2:0") == "");
    CHECK(violated(said + "2 hears 1.0.3 agreed at 4.1 3:0") == "P12");
    CHECK(violated(pair + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 says 1.0.2 agreed at 4.1 2:0
        2 hears 1.0.2 agreed at 4.1 2:0
    )") == "P12"); // nobody has delivered the first one yet, but it is there
}

// In a whole checker other properties notice every cycle first; so this one is asked alone.
TEST_CASE("P13: all deliveries fit into one order") {
    const auto cyclic = [](const std::string& text) {
        sim::Properties properties;
        sim::add_closing_properties(properties);
        sim::Property& global_order = *properties.front();
        try {
            for (const sim::trace::Event& event : sim::test::parse(text))
                global_order.judge(event, sim::History{});
            global_order.conclude(sim::History{});
        } catch (const sim::Violation& violation) {
            return violation.property == "P13";
        }
        return false;
    };
    const std::string first = R"(
        1 hears 1.0.1 agreed at 4.1 1:0
        1 regular 8.1 of 1,2
        1 hears 1.0.2 agreed at 8.1 1:0
    )";
    CHECK(cyclic(first + "2 hears 1.0.2 agreed at 8.1 1:0\n 2 regular 8.1 of 1,2"));
    CHECK_FALSE(cyclic(first + "2 regular 8.1 of 1,2\n 2 hears 1.0.2 agreed at 8.1 1:0"));
    CHECK(cyclic(R"(
        1 transitional 4.1 -> 8.1 of 1,2
        1 hears 1.0.1 agreed at 4.1 1:0
        2 hears 1.0.1 agreed at 4.1 1:0
        2 transitional 4.1 -> 8.1 of 1,2
    )"));
}

TEST_CASE("P14: nothing is delivered before what it may depend on") {
    // 2 heard 1's message before it spoke. 3 leaves ring 4.1 alone, with a hole where 1's was.
    const std::string dependent = trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        2 hears 1.0.1 agreed at 4.1 1:0
        2 says 2.0.1 agreed at 4.1 2:0
        3 transitional 4.1 -> 8.3 of 3
    )";
    CHECK(violated(dependent + "3 regular 8.3 of 3\n end") == "");
    CHECK(violated(dependent + "3 hears 2.0.1 agreed at 4.1 2:0") == "P14");
    // Independent: 2 spoke before it heard 1. Behind the hole, but no harm done.
    CHECK(violated(trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        2 says 2.0.1 agreed at 4.1 2:0
        3 transitional 4.1 -> 8.3 of 3
        3 hears 2.0.1 agreed at 4.1 2:0
    )") == "");
    // A sender's own messages depend on each other.
    CHECK(violated(trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 says 1.0.2 agreed at 4.1 2:0
        3 transitional 4.1 -> 8.3 of 3
        3 hears 1.0.2 agreed at 4.1 2:0
    )") == "P14");
    // Through a third process.
    CHECK(violated(trio + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        2 hears 1.0.1 agreed at 4.1 1:0
        2 says 2.0.1 agreed at 4.1 2:0
        1 hears 1.0.1 agreed at 4.1 1:0
        1 hears 2.0.1 agreed at 4.1 2:0
        1 says 1.0.2 agreed at 4.1 3:0
        3 hears 1.0.1 agreed at 4.1 1:0
        3 transitional 4.1 -> 8.3 of 3
        3 hears 1.0.2 agreed at 4.1 3:0
    )") == "P14");
}

TEST_CASE("P15: only messages of outsiders may be missing") {
    CHECK(violated(trio + R"(
        2 says 2.0.1 agreed at 4.1 7:0
        1 says 1.0.1 agreed at 4.1 8:0
        1 transitional 4.1 -> 8.1 of 1,2
        1 hears 1.0.1 agreed at 4.1 8:0
    )") == "P15");
    CHECK(violated(trio + R"(
        3 says 3.0.1 agreed at 4.1 7:0
        1 says 1.0.1 agreed at 4.1 8:0
        1 transitional 4.1 -> 8.1 of 1,2
        1 hears 1.0.1 agreed at 4.1 8:0
    )") == "");
}

TEST_CASE("P16: a process delivers its own messages") {
    const std::string said = pair + R"(
        1 says 1.0.1 agreed at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1
    )";
    CHECK(violated(said + "1 hears 1.0.1 agreed at 4.1 1:0\n 1 regular 8.1 of 1") == "");
    CHECK(violated(said + "1 regular 8.1 of 1") == "P16");
    CHECK(violated(said + "1 crash") == "");
}

TEST_CASE("P17: those who go together have delivered the same") {
    const std::string said = trio + R"(
        3 says 3.0.1 agreed at 4.1 1:0
        3 says 3.0.2 agreed at 4.1 2:0
        1 hears 3.0.1 agreed at 4.1 1:0
        2 hears 3.0.1 agreed at 4.1 1:0
        1 hears 3.0.2 agreed at 4.1 2:0
        1 transitional 4.1 -> 8.1 of 1,2
    )";
    CHECK(violated(said + "2 transitional 4.1 -> 8.1 of 1,2") == "P17");
    CHECK(violated(said + "2 hears 3.0.2 agreed at 4.1 2:0\n 2 transitional 4.1 -> 8.1 of 1,2") ==
          "");
    const std::string between = trio + R"(
        3 says 3.0.1 agreed at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1,2
        2 transitional 4.1 -> 8.1 of 1,2
        1 hears 3.0.1 agreed at 4.1 1:0
    )";
    CHECK(violated(between + "2 regular 8.1 of 1,2") == "P17");
    CHECK(violated(between + "2 crash") == ""); // a prefix is all that is asked of the dead
    CHECK(violated(trio + R"(
        3 says 3.0.1 agreed at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1,2
        1 regular 8.1 of 1,2
        2 transitional 4.1 -> 8.1 of 1,2
        2 hears 3.0.1 agreed at 4.1 1:0
    )") == "P17");
}

TEST_CASE("P18: safe in a regular configuration speaks of all its members") {
    CHECK(violated(R"(
        1 start
        1 regular 4.1 of 1,2
        1 says 1.0.1 safe at 4.1 1:0
        1 hears 1.0.1 safe at 4.1 1:0
    )") == "P18"); // 2 never installed it
    const std::string said = pair + R"(
        1 says 1.0.1 safe at 4.1 1:0
        1 hears 1.0.1 safe at 4.1 1:0
        2 transitional 4.1 -> 8.2 of 2
    )";
    CHECK(violated(said + "2 regular 8.2 of 2") == "P18");
    CHECK(violated(said + "2 hears 1.0.1 safe at 4.1 1:0\n 2 regular 8.2 of 2") == "");
    CHECK(violated(said + "2 crash") == "");
    CHECK(violated(pair + R"(
        1 says 1.0.1 safe at 4.1 1:0
        2 transitional 4.1 -> 8.2 of 2
        2 regular 8.2 of 2
        1 hears 1.0.1 safe at 4.1 1:0
    )") == "P18"); // the other one had gone before
}

TEST_CASE("P19: safe in a transitional configuration speaks of its members, wherever they go") {
    const std::string said = trio + R"(
        1 says 1.0.1 safe at 4.1 1:0
        1 transitional 4.1 -> 8.1 of 1,2
        1 hears 1.0.1 safe at 4.1 1:0
        1 regular 8.1 of 1,2
        2 transitional 4.1 -> 12.2 of 2
    )";
    CHECK(violated(said + "2 regular 12.2 of 2") == "P19");
    CHECK(violated(said + "2 hears 1.0.1 safe at 4.1 1:0\n 2 regular 12.2 of 2") == "");
    CHECK(violated(said + "2 crash") == "");
    CHECK(violated(trio + R"(
        1 says 1.0.1 safe at 4.1 1:0
        2 transitional 4.1 -> 12.2 of 2
        2 regular 12.2 of 2
        1 transitional 4.1 -> 8.1 of 1,2
        1 hears 1.0.1 safe at 4.1 1:0
    )") == "P19"); // the other one had gone before
}

TEST_CASE("P20: the service is kept") {
    CHECK(violated(pair + "1 submits 1.0.1 safe\n 1 places 1.0.1 agreed at 4.1 1:0") == "P20");
    CHECK(violated(pair + "1 says 1.0.1 safe at 4.1 1:0\n 1 hears 1.0.1 agreed at 4.1 1:0") ==
          "P20");
}

TEST_CASE("P21: nobody stays on a ring that a member never installed") {
    CHECK(violated(R"(
        1 start
        2 start
        1 regular 4.1 of 1,2
        2 regular 8.2 of 2
        heal 1
        wait 2000
        end
    )") == "P21");
}

TEST_CASE("P22: a process originates only in its regular configuration") {
    CHECK(violated(pair + "1 transitional 4.1 -> 8.1 of 1\n 1 says 1.0.1 agreed at 4.1 1:0") ==
          "P22");
    CHECK(violated(pair + "1 says 1.0.1 agreed at 8.1 1:0") == "P22");
}

TEST_CASE("P25: after the heal one ring forms and stays") {
    CHECK(violated(pair + "heal 1,2\n wait 2000\n end") == "");
    const std::string apart = R"(
        1 start
        2 start
        1 regular 4.1 of 1
        2 regular 4.2 of 2
        heal 1,2
    )";
    CHECK(violated(apart + "wait 2000\n end") == "P25");
    CHECK(violated(apart + "wait 100\n end") == ""); // too short to judge
    CHECK(violated(pair + "heal 1,2\n wait 2000\n 1 transitional 4.1 -> 8.1 of 1,2") == "P25");
}

TEST_CASE("P26: after the heal everything that was submitted is delivered") {
    const std::string said = pair + "1 says 1.0.1 agreed at 4.1 1:0\n heal 1,2\n";
    CHECK(violated(said + "wait 2000\n end") == "P26");
    CHECK(violated(said + "1 hears 1.0.1 agreed at 4.1 1:0\n wait 2000\n end") == "");
}
