// What becomes of records when nodes depart, are cut off and come back.
#include "statedb/directory.h"

#include <doctest/doctest.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a = processor(1), b = processor(2), c = processor(3), d = processor(4);
const RecordName record{7, "counter"};
constexpr Duration notice = 3s;

RecordWorld four() { return component_of({a, b, c, d}, {.notice_period = notice}); }

ProcessorId owner(RecordWorld& world, ProcessorId seen_by) {
    return world.records(seen_by).find(record)->owner;
}

} // namespace

TEST_CASE("the newest surviving copy becomes the record, wherever it is") {
    RecordWorld world = four();
    world.give(c, record, "1");
    world.give(b, record, "2");
    world.give(d, record, "3");
    world.give(a, record, "4");
    world.order.form({b, c, d}, {a});
    world.settle();
    CHECK(owner(world, b) == d);
    CHECK(world.machines[d].files[record].data == "3");
    CHECK(world.usable(d, record));
}

TEST_CASE("a record of which no copy survives is gone, and fresh for who waits") {
    RecordWorld world = four();
    world.give(a, record, "only here");
    world.want(b, record);
    world.order.order_next(b);
    world.order.form({b, c, d}, {a});
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data.empty());
}

TEST_CASE("records of the living stay usable while those of a departed node are recovered") {
    RecordWorld world = four();
    world.give(a, record, "lost");
    world.want(b, {7, "living"});
    world.settle();
    world.order.form({b, c, d});
    CHECK(world.records(b).status().lost == 1);
    CHECK(world.usable(b, {7, "living"}));
    world.want(c, {7, "living"});
    world.settle();
    CHECK(world.usable(c, {7, "living"}));
    CHECK(world.records(b).find(record)->lost);
}

TEST_CASE("who leaves in order leaves what only it had to the others, emptiness included") {
    RecordWorld world = four();
    const RecordName deleted{7, "deleted"}, wanted{7, "wanted"};
    world.give(b, deleted, "old");
    world.give(a, deleted, "");
    world.give(a, record, "only here");
    world.give(a, wanted, "waited for");
    world.machines[a].turns.insert(wanted); // so that it stays here for the moment
    world.records(a).retreat(world.order[a]);
    world.drain(a);
    while (world.carry_out(a)) {
    }
    CHECK(world.machines[a].frozen);
    CHECK_FALSE(world.records(a).retreated());
    world.want(c, wanted);
    world.settle();
    CHECK(world.records(a).retreated());
    CHECK(world.usable(c, wanted));
    CHECK(world.machines[c].files[wanted].data == "waited for");
    world.order.form({b, c, d}, {a});
    world.settle();
    CHECK(world.records(b).status().lost == 0);
    const ProcessorId heir = owner(world, b);
    CHECK(world.usable(heir, record));
    CHECK(world.machines[heir].files[record].data == "only here");
    const ProcessorId heir_of_nothing = world.records(b).find(deleted)->owner;
    CHECK(world.machines[heir_of_nothing].files[deleted].data.empty());
    CHECK(world.order.digests_agree());
}

TEST_CASE("of several that leave at once nobody is another's heir") {
    RecordWorld world = four();
    for (const ProcessorId who : {a, b, c})
        world.give(who, {7, std::to_string(who.node)}, "kept");
    for (const ProcessorId who : {a, b, c})
        world.records(who).retreat(world.order[who]);
    world.settle();
    for (const ProcessorId who : {a, b, c}) {
        CHECK(world.records(who).retreated());
        CHECK(world.usable(d, {7, std::to_string(who.node)}));
    }
}

TEST_CASE("the last one leaves without heirs, and one without a quorum without asking") {
    RecordWorld world = four();
    world.give(a, record, "1");
    for (const ProcessorId who : {a, b, c, d})
        world.records(who).retreat(world.order[who]);
    world.settle();
    for (const ProcessorId who : {a, b, c, d})
        CHECK(world.records(who).retreated());
}

TEST_CASE("what a leaver gives away is given again if the ring changes meanwhile") {
    RecordWorld world = four();
    world.give(a, record, "1");
    world.records(a).retreat(world.order[a]);
    while (world.carry_out(a)) {
    }
    for (std::size_t n = world.order[a].submissions.size(); n > 0; --n)
        world.order.refuse_next(a);
    world.order.form({a, b, c}, {d});
    world.settle();
    CHECK(world.records(a).retreated());
    CHECK(world.machines[owner(world, b)].files[record].data == "1");
    CHECK(owner(world, b) != a);
}

TEST_CASE("a silently departed node's records wait for its notice period, a leaver's do not") {
    RecordWorld world = four();
    world.give(b, record, "2");
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    SUBCASE("silent") {
        world.order.form({b, c, d});
        world.settle();
        CHECK(world.records(c).find(record)->lost);
        world.pass(notice - 1ms);
        world.settle();
        CHECK_FALSE(world.usable(c, record));
        world.pass(1ms);
        world.settle();
        CHECK(world.usable(c, record));
        CHECK(world.machines[c].files[record].data == "2");
    }
    SUBCASE("with a goodbye") {
        world.order.form({b, c, d}, {a});
        world.settle();
        CHECK(world.usable(c, record));
    }
}

TEST_CASE("an owner whose copy is older than the state it loads offers it: it may be the newest") {
    RecordWorld world = four();
    world.give(a, record, "1");
    world.want(b, record);
    world.order.order_next(b);
    while (world.carry_out(a)) {
    }
    world.order.form({a, c, d}); // nobody waits any more
    // Its hand-off, which leaves the record where it was, is ordered without a.
    world.order.members = {c, d};
    world.order[a].full = false;
    world.order.order_next(a);
    world.order.form({a, c, d});
    world.settle();
    world.want(c, record);
    world.settle();
    world.pass(notice);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "1");
}

TEST_CASE("who stood still asks in a way that only others can answer whether it is in the ring") {
    RecordWorld world = four();
    world.give(a, record, "1");
    world.order.now += 2s;
    world.records(a).tick(world.order[a]);
    while (world.carry_out(a)) {
    }
    CHECK_FALSE(world.usable(a, record));
    REQUIRE(world.order.has_submission(a));
    CHECK(world.order[a].submissions.front().guarantee == Service::safe);
    world.settle();
    CHECK(world.usable(a, record));
}

TEST_CASE("a number of an ownership that only a departed node has seen is not given again") {
    const View first{.epoch = 5, .primary = true, .members = {a, b, c}, .fresh = true};
    Directory seen_by_all;
    (void)seen_by_all.configured(first);
    (void)seen_by_all.claim({7, "old"}, {.who = a, .create = true});
    Directory departed;
    REQUIRE(departed.load(seen_by_all.save()));
    const Grant unheard = departed.claim(record, {.who = c, .create = true}).granted[0].grant;
    (void)seen_by_all.configured({.epoch = 6, .primary = true, .members = {a, b}, .departed = {c}});
    CHECK(seen_by_all.claim(record, {.who = b, .create = true}).granted[0].grant > unheard);
    Directory anew;
    (void)anew.configured({.epoch = 7, .primary = true, .members = {a, b}, .fresh = true});
    CHECK(anew.began() != seen_by_all.began());
}

TEST_CASE("where all was forgotten, records wait for the notice period of who is not here") {
    const ProcessorId absent{4, some_life};
    Directory directory;
    (void)directory.configured({.epoch = 5,
                                .primary = true,
                                .members = {a, b, c},
                                .joined = {},
                                .departed = {absent},
                                .left = {},
                                .fresh = true});
    CHECK(directory.claim(record, {.who = a, .create = true}).granted.empty());
    CHECK(directory.claim(record, {.who = b, .create = true}).granted.empty());
    Directory joined;
    REQUIRE(joined.load(directory.save()));
    CHECK(joined.digest() == directory.digest());

    SUBCASE("it is over") {
        const auto outcome = directory.notice_over(absent, 5);
        REQUIRE(outcome.granted.size() == 1);
        CHECK(outcome.granted[0].owner == a);
        CHECK(outcome.granted[0].source == TakeOver::Source::fresh);
        CHECK(directory.waiting(record) == std::vector{b});
    }
    SUBCASE("the node comes, in whatever life, and has frozen") {
        CHECK(directory.returned(d).granted.size() == 1);
    }
    SUBCASE("the node only comes") {
        CHECK(directory
                  .configured({.epoch = 6,
                               .primary = true,
                               .members = {a, b, c, d},
                               .joined = {d},
                               .departed = {},
                               .left = {}})
                  .granted.empty());
    }
}

TEST_CASE("a restarted node needs no notice: its former life's files are empty") {
    RecordWorld world = four();
    world.give(b, record, "2");
    world.give(a, record, "3");
    const ProcessorId a2 = processor(1, 2);
    world.add(a2);
    world.order.form({a2, b, c, d});
    world.settle();
    CHECK(owner(world, a2) == b);
    CHECK(world.usable(b, record));
    CHECK(world.order.loads_ok);
    CHECK(world.order.digests_agree());
}

TEST_CASE("a node that is cut off freezes at once when told, else after freeze_after") {
    RecordWorld world = four();
    SUBCASE("told") {
        world.order.cut_off(a);
        world.carry_out(a);
        CHECK(world.machines[a].frozen);
    }
    SUBCASE("not told") {
        world.records(a).interrupted(world.order[a]);
        CHECK(world.records(a).deadline() <= world.order.now + 500ms);
        world.pass(499ms);
        world.carry_out(a);
        CHECK_FALSE(world.machines[a].frozen);
        world.pass(1ms);
        world.carry_out(a);
        CHECK(world.machines[a].frozen);
        world.order.form({a, b, c, d}); // it was nothing
        world.settle();
        CHECK_FALSE(world.machines[a].frozen);
    }
}

TEST_CASE("a node that was not called for longer than freeze_after freezes until the order says "
          "that it is still in it") {
    RecordWorld world = four();
    world.pass(10ms);
    world.order.now += 2s;
    world.records(a).tick(world.order[a]);
    world.carry_out(a);
    CHECK(world.machines[a].frozen);
    world.settle();
    CHECK_FALSE(world.machines[a].frozen);
}

TEST_CASE("a cut-off owner that returns before its notice is over has the newest copy of all") {
    RecordWorld world = four();
    world.give(b, record, "2");
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    world.order.form({b, c, d});
    world.settle();
    world.order.cut_off(a);
    world.order.form({a, b, c, d});
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "3");
    CHECK(world.order.digests_agree());
}

TEST_CASE("a node that returns too late loses what it had, and only that") {
    RecordWorld world = four();
    world.give(b, record, "2");
    world.give(a, record, "3");
    world.order.form({b, c, d});
    world.settle();
    world.pass(notice);
    world.settle();
    CHECK(owner(world, b) == b);
    world.write(b, record, "2b");
    world.order.cut_off(a);
    world.order.form({a, b, c, d});
    world.settle();
    CHECK_FALSE(world.machines[a].files.contains(record));
    world.give(a, record, "4");
    CHECK(world.order.digests_agree());
}

TEST_CASE("the owner crashed before its hand-off was ordered: the copy it came from is recovered") {
    RecordWorld world = four();
    world.give(b, record, "2");
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    REQUIRE(world.carry_out(a)); // HandOff submitted, never ordered
    world.order.form({b, c, d}, {a});
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "2");
}

TEST_CASE("the owner crashed after its hand-off was ordered: nothing is lost") {
    RecordWorld world = four();
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    REQUIRE(world.carry_out(a));
    world.order.order_next(a);
    world.order.form({b, c, d}, {a});
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "3");
}

TEST_CASE("the new owner crashed: the old one's stale copy has what was shipped") {
    RecordWorld world = four();
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    REQUIRE(world.carry_out(a));
    world.order.order_next(a);
    world.order.form({a, b, d}, {c});
    world.settle();
    CHECK(owner(world, a) == a);
    CHECK(world.usable(a, record));
    CHECK(world.machines[a].files[record].data == "3");
}

TEST_CASE("a member that reports departs too: the search goes on with what is left") {
    RecordWorld world = four();
    world.give(b, record, "1");
    world.give(c, record, "2");
    world.give(a, record, "3");
    world.want(d, record);
    world.order.order_next(d);
    world.order.form({b, c, d}, {a});
    while (world.carry_out(c)) {
    }
    world.order.order_next(c); // c has reported the newest copy
    world.order.form({b, d}, {c});
    world.settle();
    CHECK(world.usable(d, record));
    CHECK(world.machines[b].files[record].data == "1");
    CHECK(world.machines[d].files[record].data == "1");
}

TEST_CASE("an owner that loads a state which says so, but lacks the data, has it recovered") {
    RecordWorld world = four();
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    REQUIRE(world.carry_out(a));
    // The hand-off is ordered where c does not see it; c is given the state instead.
    world.order.members = {a, b, d};
    world.order.order_next(a);
    world.order.members = {a, b, c, d};
    Order<Records>::Node& node = world.order[c];
    REQUIRE(node.machine.load(world.records(a).save({}), node));
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "3");
    CHECK(world.order.digests_agree());
}

TEST_CASE("commands of ours from before we loaded a state cannot take a record from our clients") {
    RecordWorld world = four();
    world.give(a, record, "3");
    world.want(c, record);
    world.order.order_next(c);
    REQUIRE(world.carry_out(a)); // HandOff on its way, with "3"
    Order<Records>::Node& node = world.order[a];
    REQUIRE(node.machine.load(world.records(b).save({}), node));
    while (world.carry_out(a)) {
    }
    CHECK_FALSE(world.usable(a, record)); // until what we said before has had its place
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "3");
}

TEST_CASE("a fresh epoch empties every volatile file") {
    RecordWorld world = four();
    world.give(a, record, "3");
    for (const ProcessorId who : {a, b, c, d})
        world.order[who].full = false;
    world.order.form({a, b});
    world.settle();
    CHECK(world.machines[a].files.empty());
    CHECK_FALSE(world.machines[a].frozen);
    CHECK_FALSE(world.records(a).find(record));
}

TEST_CASE("a state that no directory could have is not loaded") {
    RecordWorld world = four();
    world.give(a, record, "3");
    const Bytes state = world.records(a).save({});
    const std::uint64_t before = world.records(b).digest();
    int refused = 0;
    for (std::size_t i = 0; i < state.size(); ++i) {
        std::string broken{state.view()};
        broken[i] = static_cast<char>(broken[i] ^ 0x55);
        RecordWorld other = four();
        if (!other.records(b).load(Bytes::copy_of(broken), other.order[b])) ++refused;
    }
    CHECK(refused > 0);
    CHECK(world.records(b).digest() == before);
}
