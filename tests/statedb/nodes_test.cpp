// The nodes service: everybody counts the same flags at the same place in the order.
#include "base/match.h"
#include "statedb/nodes.h"
#include "tests/statedb/order_in_hand.h"

#include <doctest/doctest.h>

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a{1, 1}, b{2, 1}, c{3, 1};
constexpr std::uint32_t unhealthy = 0x2, banned = 0x8, stopped = 0x20, lmaster = 0x2;

NodesSettings settings_of(ProcessorId self) {
    return {.self = self,
            .first = {.flags = unhealthy, .run_state = 1, .capabilities = lmaster},
            .banned = banned,
            .flags_of_turns = banned | stopped,
            .capabilities_of_turns = lmaster};
}

struct World : Order<Nodes> {
    World() {
        for (const ProcessorId who : {a, b, c})
            add(who, settings_of(who));
    }

    void form_and_settle(std::vector<ProcessorId> who) {
        form(std::move(who));
        settle();
    }

    void settle() {
        while (order_one_round()) {
        }
    }

    Nodes& of(ProcessorId who) { return (*this)[who].machine; }

    template <class Effect>
    std::size_t count(ProcessorId who) {
        std::size_t found = 0;
        for (const NodeEffect& effect : of(who).take_effects())
            found += std::holds_alternative<Effect>(effect) ? 1U : 0U;
        return found;
    }
};

} // namespace

TEST_CASE("what a node says counts where it is ordered, for itself as for the others") {
    World world;
    world.form_and_settle({a, b});
    world.of(a).change_flags(stopped, unhealthy, world[a]);
    CHECK(world.of(a).rows().at(a.node).flags == unhealthy);
    world.order_next(a);
    for (const ProcessorId who : {a, b})
        CHECK(world.of(who).rows().at(a.node).flags == stopped);
}

TEST_CASE("saying what was said already says nothing") {
    World world;
    world.form_and_settle({a, b});
    world.of(a).change_flags(unhealthy, stopped, world[a]);
    CHECK_FALSE(world.has_submission(a));
}

TEST_CASE("who joins hears every row, and all count the same turns") {
    World world;
    world.form_and_settle({a, b});
    world.of(b).change_flags(stopped, 0, world[b]);
    world.settle();
    CHECK(world.of(a).turns() == 1);
    world.form_and_settle({a, b, c});
    CHECK(world.of(c).rows().at(b.node).flags == (stopped | unhealthy));
    for (const ProcessorId who : {a, b, c})
        CHECK(world.of(who).turns() == 0);
    world.of(b).change_flags(0, stopped, world[b]);
    world.settle();
    for (const ProcessorId who : {a, b, c})
        CHECK(world.of(who).turns() == 1);
}

TEST_CASE("a change that is on its way when the configuration begins is counted once, by all") {
    World world;
    world.form_and_settle({a, b});
    world.of(a).change_flags(stopped, 0, world[a]);
    world.form_and_settle({a, b, c});
    for (const ProcessorId who : {a, b, c}) {
        CHECK(world.of(who).turns() == 0);
        CHECK(world.of(who).rows().at(a.node).flags == (stopped | unhealthy));
    }
}

TEST_CASE("only what makes a difference to who serves begins a turn") {
    World world;
    world.form_and_settle({a, b});
    CHECK(world.count<TurnBegan>(b) == 0);
    world.of(a).change_flags(0, unhealthy, world[a]);
    world.of(a).set_run_state(5, world[a]);
    world.settle();
    CHECK(world.count<TurnBegan>(b) == 0);
    world.of(a).set_capability(lmaster, false, world[a]);
    world.settle();
    CHECK(world.count<TurnBegan>(b) == 1);
    world.of(b).recover(world[b]);
    world.settle();
    CHECK(world.count<TurnBegan>(a) == 2);
    CHECK(world.of(a).turns() == world.of(b).turns());
}

TEST_CASE("a ban ends when its time is over and the world says so") {
    World world;
    world.form_and_settle({a, b});
    world.of(a).ban(10s, world[a]);
    world.settle();
    CHECK((world.of(b).rows().at(a.node).flags & banned) != 0);
    CHECK(world.of(a).deadline() == world.now + 10s);
    world.now += 9s;
    world.of(a).tick(world[a]);
    CHECK(world.count<BanExpired>(a) == 0);
    world.now += 1s;
    world.of(a).tick(world[a]);
    CHECK(world.count<BanExpired>(a) == 1);
    CHECK_FALSE(world.of(a).deadline());
    world.of(a).end_ban(world[a]);
    world.settle();
    CHECK((world.of(b).rows().at(a.node).flags & banned) == 0);
}

TEST_CASE("another ban takes the place of the first") {
    World world;
    world.form_and_settle({a, b});
    world.of(a).ban(10s, world[a]);
    world.now += 5s;
    world.of(a).ban(10s, world[a]);
    CHECK(world.of(a).deadline() == world.now + 10s);
}

TEST_CASE("what no version of ours says is ignored") {
    World world;
    world.form_and_settle({a, b});
    const NodeRows before = world.of(b).rows();
    world.of(b).apply({a, 99, Bytes::copy_of("\xff\xff")}, world[b]);
    CHECK(world.of(b).rows() == before);
}
