// The record service with the order in hand: one test a promise.
#include <doctest/doctest.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a = processor(1), b = processor(2), c = processor(3);
const RecordName record{7, "counter"};

RecordWorld three() {
    RecordWorld world;
    for (const ProcessorId who : {a, b, c})
        world.add(who);
    world.order.form({a, b, c});
    world.settle();
    return world;
}

std::vector<ProcessorId> users(const RecordWorld& world) {
    std::vector<ProcessorId> list;
    for (const auto& [who, machine] : world.machines)
        if (world.usable(who, record)) list.push_back(who);
    return list;
}

} // namespace

TEST_CASE("a record that nobody has belongs to the first that claims it, physically, before any "
          "answer") {
    RecordWorld world = three();
    world.want(b, record);
    world.settle();
    CHECK(users(world) == std::vector{b});
    CHECK(world.machines[b].files[record] ==
          FileRecord{world.records(b).find(record)->grant, true, ""});
    CHECK(world.machines[b].waiting.empty());
    CHECK(world.order.digests_agree());
}

TEST_CASE("a claim that may create a record is ordered safe, one for a record that exists is not") {
    RecordWorld world = three();
    world.want(a, record);
    REQUIRE(world.order.has_submission(a));
    CHECK(world.order[a].submissions.front().guarantee == Service::safe);
    world.settle();
    world.want(b, record);
    CHECK(world.order[b].submissions.front().guarantee == Service::agreed);
}

TEST_CASE("a record moves with its data and leaves a stale copy with a lower rsn") {
    RecordWorld world = three();
    world.give(a, record, "one");
    world.want(c, record);
    world.settle();
    CHECK(users(world) == std::vector{c});
    CHECK(world.machines[c].files[record].data == "one");
    CHECK(world.machines[a].files[record].data == "one");
    CHECK(world.machines[a].files[record].rsn < world.machines[c].files[record].rsn);
}

TEST_CASE("nodes get a record in the order of their claims") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(c, record);
    world.order.order_next(c);
    world.want(b, record);
    world.order.order_next(b);
    CHECK(world.records(a).find(record)->waiting == std::vector{c, b});
    std::vector<ProcessorId> turns;
    for (bool busy = true; busy;) {
        busy = world.order.order_one_round();
        for (const ProcessorId who : {a, b, c}) {
            while (world.carry_out(who))
                busy = true;
            if (!world.machines[who].turns.empty()) {
                turns.push_back(who);
                busy = true;
            }
            world.end_turns(who);
        }
    }
    CHECK(turns == std::vector{c, b});
}

TEST_CASE("the owner keeps a record until the clients that waited for it had their turn") {
    RecordWorld world = three();
    world.want(a, record);
    world.order.order_next(a);
    while (world.carry_out(a)) {
    }
    world.want(b, record);
    world.order.order_next(b);
    CHECK_FALSE(world.carry_out(a)); // no GiveAway yet
    world.end_turns(a);
    CHECK(world.carry_out(a));
    CHECK_FALSE(world.usable(a, record));
}

TEST_CASE("a client that comes while the record is leaving queues behind those that wait") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(b, record);
    world.order.order_next(b);
    REQUIRE(world.carry_out(a)); // GiveAway: the HandOff is on its way
    world.want(a, record);
    world.settle();
    CHECK(users(world) == std::vector{a}); // b had it and gave it back
    CHECK(world.machines[b].files[record].data == "x");
}

TEST_CASE("the owner's own claim makes its hand-off that is on its way stale") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(b, record);
    world.order.order_next(b);
    REQUIRE(world.carry_out(a));
    world.order.form({a, c}, {b}); // who waited is gone
    world.want(a, record);
    REQUIRE(world.order[a].submissions.size() == 2); // HandOff, then Claim
    std::swap(world.order[a].submissions[0], world.order[a].submissions[1]);
    world.order.order_next(a);
    while (world.carry_out(a)) {
    }
    world.end_turns(a);
    REQUIRE(world.write(a, record, "y"));
    world.settle();
    CHECK(users(world) == std::vector{a});
    CHECK(world.machines[a].files[record].data == "y");
}

TEST_CASE("a hand-off whose takers have departed leaves the record where it was") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(b, record);
    world.order.order_next(b);
    REQUIRE(world.carry_out(a));
    world.order.form({a, c}, {b});
    world.settle();
    CHECK(users(world) == std::vector{a});
    CHECK(world.records(c).find(record)->owner == a);
}

TEST_CASE("a hand-off that did not count is sent again with the same data") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(b, record);
    world.order.order_next(b);
    REQUIRE(world.carry_out(a));
    world.order.refuse_next(a);
    world.settle();
    CHECK(users(world) == std::vector{b});
    CHECK(world.machines[b].files[record].data == "x");
}

TEST_CASE("a claim that did not count is made again") {
    RecordWorld world = three();
    world.want(b, record);
    world.order.refuse_next(b);
    world.settle();
    CHECK(users(world) == std::vector{b});
}

TEST_CASE("an agreed claim that finds the record vacuumed asks again, safe") {
    RecordWorld world = three();
    world.give(a, record, "");
    world.want(b, record); // sees an entry: agreed
    world.order[a].machine.vacuum(std::vector{record}, world.order[a]);
    while (world.carry_out(a)) {
    }
    world.order.order_next(a); // Vacuum first
    CHECK_FALSE(world.records(b).find(record));
    world.order.order_next(b);
    REQUIRE(world.order.has_submission(b));
    CHECK(world.order[b].submissions.front().guarantee == Service::safe);
    world.settle();
    CHECK(users(world) == std::vector{b});
}

// -- reading

TEST_CASE("reading does not move the record") {
    RecordWorld world = three();
    world.give(a, record, "seen");
    world.records(c).read(record, 5, world.order[c]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].ticket == 5);
    CHECK(world.machines[c].answers[0].data.view() == "seen");
    CHECK(users(world) == std::vector{a});
}

TEST_CASE("reading a record that is nowhere finds nothing and creates nothing") {
    RecordWorld world = three();
    world.records(c).read(record, 5, world.order[c]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.empty());
    CHECK_FALSE(world.records(a).find(record));
}

TEST_CASE("a read whose owner departs before it answers is asked again of the next owner") {
    RecordWorld world = three();
    world.give(b, record, "old");
    world.give(a, record, "new");
    world.records(c).read(record, 5, world.order[c]);
    world.order.order_next(c);
    world.order.form({b, c}, {a});
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "old"); // the newest copy that is left
}

TEST_CASE("a read is asked again of an owner that has loaded a state in its place") {
    RecordWorld world = three();
    world.give(a, record, "seen");
    world.records(c).read(record, 5, world.order[c]);
    world.order.order_next(c);
    // The question and what came of it are forgotten with the order that they were part of.
    (void)world.records(a).take_effects();
    const View view{
        .epoch = ++world.order.epoch, .primary = true, .members = {a, b, c}, .joined = {a}};
    for (const ProcessorId who : {a, b, c})
        world.records(who).configured(view, world.order[who]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "seen");
}

TEST_CASE("an owner whose file lacks the record does not say that there is none") {
    RecordWorld world = three();
    world.give(b, record, "old");
    world.give(a, record, "new");
    world.machines[a].files.erase(record); // granted within a state that it loaded
    world.records(c).read(record, 5, world.order[c]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "old");
    CHECK(users(world) == std::vector{b});
}

TEST_CASE("a record that is being given away can still be read where it is") {
    RecordWorld world = three();
    world.give(a, record, "seen");
    world.want(b, record);
    world.order.order_next(b);
    while (world.carry_out(a)) {
    } // the hand-off waits for its place
    world.records(c).read(record, 5, world.order[c]);
    world.order.order_next(c);
    while (world.carry_out(a)) {
    }
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "seen");
}

TEST_CASE("a read is asked again when the owner comes to look only after a new grant") {
    RecordWorld world = three();
    world.give(a, record, "seen");
    world.records(c).read(record, 5, world.order[c]);
    world.order.order_next(c);
    // A client of a holds the chain, so a cannot look yet; meanwhile the record goes to b.
    const std::vector<RecordEffect> waiting = world.records(a).take_effects();
    REQUIRE(waiting.size() == 1);
    world.want(b, record);
    world.settle();
    CHECK(users(world) == std::vector{b});
    world.records(a).read_local(std::get<ReadLocal>(waiting[0]), std::nullopt, world.order[a]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "seen");
}

// -- vacuum

TEST_CASE("vacuuming removes an empty record everywhere, and what comes after is fresh") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.give(b, record, "");
    world.records(b).vacuum(std::vector{record}, world.order[b]);
    world.settle();
    for (const ProcessorId who : {a, b, c})
        CHECK(world.machines[who].files.empty());
    CHECK_FALSE(world.records(c).find(record));
    world.give(c, record, "");
    CHECK(world.machines[c].files[record].data.empty());
}

TEST_CASE("a record that is not empty, or that somebody waits for, is not vacuumed") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.records(a).vacuum(std::vector{record}, world.order[a]);
    world.settle();
    CHECK(users(world) == std::vector{a});
    REQUIRE(world.write(a, record, ""));
    world.records(a).vacuum(std::vector{record}, world.order[a]);
    REQUIRE(world.carry_out(a)); // retired; Vacuum on its way
    world.want(b, record);
    world.order.order_next(b); // but the claim comes first
    world.settle();
    CHECK(users(world) == std::vector{b});
}

TEST_CASE("a local client that comes while its record is being vacuumed keeps it") {
    RecordWorld world = three();
    world.give(a, record, "");
    world.records(a).vacuum(std::vector{record}, world.order[a]);
    REQUIRE(world.carry_out(a));
    CHECK_FALSE(world.usable(a, record)); // nobody can write what is about to vanish
    world.want(a, record);
    std::swap(world.order[a].submissions[0], world.order[a].submissions[1]);
    world.settle();
    CHECK(users(world) == std::vector{a});
}

TEST_CASE("dropping a database forgets its records everywhere and nothing else") {
    RecordWorld world = three();
    world.give(a, record, "x");
    world.want(b, {8, "other"});
    world.settle();
    world.records(c).drop(7, world.order[c]);
    world.settle();
    CHECK(world.machines[a].files.empty());
    CHECK_FALSE(world.records(b).find(record));
    CHECK(world.records(b).find({8, "other"})->owner == b);
}
