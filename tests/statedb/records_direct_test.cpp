// Records that move past the order: one test a promise (docs/adr/0016-direct-moves.md).
#include <doctest/doctest.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a = processor(1), b = processor(2), c = processor(3);
const RecordName record{7, "counter"};
constexpr Duration notice = 3s;

// a, b and c; the order knows that a has the record.
RecordWorld three(const std::string& data = "x") {
    RecordWorld world;
    for (const ProcessorId who : {a, b, c})
        world.add(who, {.notice_period = notice, .direct = true});
    world.order.form({a, b, c});
    world.settle();
    world.give(a, record, data);
    return world;
}

// Everything but the order goes on.
void go_on(RecordWorld& world) {
    for (bool busy = true; busy;) {
        busy = world.carry_message();
        for (const auto& [who, machine] : world.machines)
            while (world.carry_out(who))
                busy = true;
    }
}

void end_all_turns(RecordWorld& world) {
    for (const auto& [who, machine] : world.machines)
        world.end_turns(who);
}

// Straight to `who`, and nobody else knows of it.
void move(RecordWorld& world, ProcessorId who) {
    world.want(who, record);
    go_on(world);
    end_all_turns(world);
    REQUIRE(world.usable(who, record));
}

ProcessorId owner(RecordWorld& world, ProcessorId seen_by) {
    return world.records(seen_by).find(record)->owner;
}

bool anything_to_order(const RecordWorld& world) {
    return world.order.has_submission(a) || world.order.has_submission(b) ||
           world.order.has_submission(c);
}

} // namespace

TEST_CASE("a record moves with its data without a word in the order") {
    RecordWorld world = three("one");
    move(world, b);
    CHECK(world.machines[b].files[record].data == "one");
    CHECK_FALSE(world.usable(a, record));
    CHECK_FALSE(anything_to_order(world));
    CHECK(owner(world, c) == a);
}

TEST_CASE("the order is told soon, of many moves at once") {
    RecordWorld world = three();
    const RecordName other{7, "other"};
    world.give(a, other, "y");
    move(world, b);
    world.want(b, other);
    go_on(world);
    world.pass(60ms);
    REQUIRE(world.order.has_submission(b));
    CHECK(world.order[b].submissions.size() == 1);
    world.settle();
    CHECK(owner(world, c) == b);
    CHECK(world.records(c).find(other)->owner == b);
    CHECK(world.order.digests_agree());
}

TEST_CASE("a question follows the record to where it went") {
    RecordWorld world = three();
    move(world, b);
    move(world, c); // asked a, which passed the question on to b
    CHECK_FALSE(anything_to_order(world));
    CHECK(world.machines[c].files[record].data == "x");
}

TEST_CASE("who asks is told what is a question, and what its answer") {
    RecordWorld world = three();
    move(world, b);
    world.want(c, record);
    const auto asked = world.records(c).take_messages(); // a, as the order has it
    REQUIRE(asked.size() == 1);
    CHECK(asked.front().question);
    CHECK_FALSE(world.records(a).arrived(c, asked.front().content, world.order[a]));
    const auto passed_on = world.records(a).take_messages();
    REQUIRE(passed_on.size() == 1);
    CHECK_FALSE(passed_on.front().question); // not a's
    CHECK_FALSE(world.records(b).arrived(a, passed_on.front().content, world.order[b]));
    while (world.carry_out(b)) {
    }
    REQUIRE(world.under_way.size() == 1);
    const Bytes answer = world.under_way.front().content;
    CHECK(world.records(c).arrived(b, answer, world.order[c]));
    CHECK_FALSE(world.records(c).arrived(b, answer, world.order[c])); // once
}

TEST_CASE("those who ask get it in the order in which they asked") {
    RecordWorld world = three();
    world.want(b, record);
    world.want(c, record);
    go_on(world);
    CHECK(world.usable(b, record));
    world.end_turns(b);
    go_on(world);
    CHECK(world.usable(c, record));
    CHECK_FALSE(anything_to_order(world));
}

TEST_CASE("who waits in the order comes before those who ask") {
    RecordWorld world = three();
    world.want(a, record); // its turn has to end first
    world.settle();
    world.machines[a].turns.insert(record);
    move(world, b);
    world.want(c, record);
    go_on(world);
    CHECK(world.usable(c, record));
}

TEST_CASE("a grant that is lost is given again, and the record is still one") {
    RecordWorld world = three("kept");
    world.want(b, record);
    world.carry_message(); // the question
    REQUIRE(world.carry_out(a));
    REQUIRE(world.under_way.size() == 1);
    world.under_way.clear(); // the grant
    CHECK_FALSE(world.usable(a, record));
    world.pass(6ms);
    go_on(world);
    CHECK(world.machines[b].files[record].data == "kept");
    CHECK(world.usable(b, record));
}

TEST_CASE("what never arrives the giver tells in order, with the data") {
    RecordWorld world = three("kept");
    world.want(b, record);
    world.carry_message();
    REQUIRE(world.carry_out(a));
    world.under_way.clear();
    world.records(b).unwant(record); // and nobody asks again
    world.pass(400ms);
    REQUIRE(world.order.has_submission(a));
    world.settle();
    CHECK(owner(world, c) == b);
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data == "kept");
}

TEST_CASE("a record that does not fit into a message moves in the order") {
    const std::string large(3000, 'l');
    RecordWorld world = three(large);
    world.want(b, record);
    go_on(world);
    CHECK_FALSE(world.usable(b, record));
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data == large);
}

TEST_CASE("a grant that arrives twice, or in another configuration, is not taken") {
    RecordWorld world = three("1");
    world.want(b, record);
    world.carry_message();
    REQUIRE(world.carry_out(a));
    const RecordWorld::Carried grant = world.under_way.front();
    go_on(world);
    end_all_turns(world);
    REQUIRE(world.write(b, record, "2"));
    world.arrive(grant);
    go_on(world);
    CHECK(world.machines[b].files[record].data == "2");
    move(world, c);
    world.arrive(grant);
    go_on(world);
    CHECK_FALSE(world.usable(b, record));
    world.order.form({a, b, c});
    world.arrive(grant);
    world.settle();
    CHECK_FALSE(world.usable(b, record));
    CHECK(world.machines[c].files[record].data == "2");
}

TEST_CASE("who asks in vain claims it in the order") {
    RecordWorld world = three();
    world.want(b, record);
    for (int i = 0; i < 100 && !world.order.has_submission(b); ++i) {
        world.under_way.clear();
        world.pass(5ms);
        world.drain(b);
    }
    REQUIRE(world.order.has_submission(b));
    world.settle();
    CHECK(world.usable(b, record));
}

TEST_CASE("who gave it away does not get it back by its own claim while the order does not know") {
    RecordWorld world = three();
    move(world, b);
    world.want(a, record);
    for (int i = 0; i < 100 && !world.order.has_submission(a); ++i) {
        world.under_way.clear();
        world.pass(5ms);
        while (world.order.has_submission(b))
            world.order[b].submissions.pop_front(); // b's message is slow
        world.drain(a);
    }
    REQUIRE(world.order.has_submission(a));
    while (world.order.has_submission(a))
        world.order.order_next(a);
    while (world.carry_out(a)) {
    }
    CHECK_FALSE(world.usable(a, record));
    CHECK(world.usable(b, record));
}

TEST_CASE("the receiver departs silently: what it was given is looked for after its notice") {
    RecordWorld world = three("before");
    move(world, b);
    REQUIRE(world.write(b, record, "cut off"));
    world.records(b).interrupted(world.order[b]);
    world.order.form({a, c});
    world.want(c, record);
    world.settle();
    CHECK(world.records(a).find(record)->lost);
    CHECK_FALSE(world.usable(a, record));
    CHECK_FALSE(world.usable(c, record));
    world.pass(notice + 100ms);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "before");
}

TEST_CASE("a receiver that comes back in time has the newest copy of all") {
    RecordWorld world = three("before");
    move(world, b);
    REQUIRE(world.write(b, record, "newest"));
    world.records(b).interrupted(world.order[b]);
    world.order.form({a, c});
    world.settle();
    world.pass(1s);
    world.order.form({a, b, c});
    world.settle();
    world.want(c, record);
    world.settle();
    CHECK(world.machines[c].files[record].data == "newest");
    CHECK(world.usable(c, record));
}

TEST_CASE("a receiver that comes back before anybody was told goes on with it") {
    RecordWorld world = three("before");
    move(world, b);
    REQUIRE(world.write(b, record, "newest"));
    world.records(b).interrupted(world.order[b]);
    world.order.form({a, c});
    world.order.form({a, b, c}); // a's word of the move is still under way
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data == "newest");
    CHECK(owner(world, c) == b);
}

TEST_CASE("the giver departs: the receiver goes on, and says so") {
    RecordWorld world = three("x");
    move(world, b);
    REQUIRE(world.write(b, record, "y"));
    world.order.form({b, c});
    CHECK(world.usable(b, record));
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(owner(world, c) == b);
    CHECK_FALSE(world.records(c).find(record)->lost);
}

TEST_CASE("who loads a state keeps what it was given, and nothing that it gave away") {
    RecordWorld world = three("x");
    const RecordName other{7, "other"};
    world.give(b, other, "mine");
    move(world, b);
    world.want(a, other);
    go_on(world);
    end_all_turns(world);
    REQUIRE(world.write(b, record, "y"));
    for (const ProcessorId who : {a, b}) {
        const Bytes state = world.records(c).save({.member = who});
        REQUIRE(world.records(who).load(state, world.order[who]));
        world.order.order_one_round();
        go_on(world);
    }
    CHECK_FALSE((world.usable(a, record) && world.usable(b, record)));
    CHECK_FALSE((world.usable(a, other) && world.usable(b, other)));
    world.settle();
    world.pass(400ms);
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data == "y");
    CHECK(world.usable(a, other));
    CHECK(world.order.digests_agree());
}

TEST_CASE("what only the receiver heard the order say is found when it comes back in time") {
    RecordWorld world = three("before");
    move(world, b);
    REQUIRE(world.write(b, record, "newest"));
    world.pass(60ms);
    REQUIRE(world.order.has_submission(b));
    const Bytes told = std::exchange(world.order[b].submissions, {}).front().payload;
    world.records(b).apply({b, world.order.applied + 1, told}, world.order[b]);
    REQUIRE(owner(world, b) == b);
    world.records(b).interrupted(world.order[b]);
    world.order.form({a, c});
    SUBCASE("the giver has told what it gave") { world.settle(); }
    SUBCASE("the giver has not told yet") {}
    world.order.form({a, b, c});
    world.settle();
    world.want(c, record);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "newest");
    CHECK(world.order.digests_agree());
}

TEST_CASE("what moved before all was forgotten did not happen") {
    RecordWorld world = three("old");
    move(world, b);
    world.records(b).interrupted(world.order[b]);
    for (const ProcessorId who : {a, c})
        world.order[who].full = false;
    world.order.form({a, c});
    world.settle();
    world.give(c, record, "new");
    world.order.form({a, b, c});
    world.settle();
    CHECK(world.usable(c, record));
    CHECK_FALSE(world.usable(b, record));
    CHECK(owner(world, a) == c);
    CHECK(world.order.digests_agree());
}

TEST_CASE("a record that has just moved and is empty vanishes like any other") {
    RecordWorld world = three("x");
    move(world, b);
    REQUIRE(world.write(b, record, ""));
    world.records(b).vacuum(std::vector{record}, world.order[b]);
    world.settle();
    CHECK_FALSE(world.records(c).find(record));
    CHECK(world.machines[a].files.empty());
    CHECK(world.machines[b].files.empty());
}

TEST_CASE("a read is never answered from what was given away") {
    RecordWorld world = three("old");
    move(world, b);
    REQUIRE(world.write(b, record, "new"));
    world.records(c).read(record, 1, world.order[c]);
    world.order.order_next(c);
    go_on(world);
    CHECK(world.machines[c].answers.empty());
    REQUIRE(world.order.has_submission(b)); // who has it says so at once
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.view() == "new");
}

TEST_CASE("a read ends with its database, though who was asked had given the record away") {
    RecordWorld world = three("old");
    world.want(b, record);
    REQUIRE(world.carry_message());
    REQUIRE(world.carry_out(a));
    world.drain(a);
    world.under_way.clear(); // what a gave never arrives
    world.records(b).unwant(record);
    world.records(c).read(record, 1, world.order[c]);
    world.order.order_next(c);
    go_on(world);
    REQUIRE(world.machines[c].answers.empty());
    world.records(a).drop(record.db, world.order[a]);
    world.settle();
    REQUIRE(world.machines[c].answers.size() == 1);
    CHECK(world.machines[c].answers[0].data.empty());
}

TEST_CASE("what is no message of ours changes nothing") {
    RecordWorld world = three("x");
    for (const std::string& text :
         {std::string{}, std::string{"\x07\x07"}, std::string(40, '\xff')})
        world.arrive({b, a, Bytes::copy_of(std::string_view(text))});
    world.arrive({processor(9), a, Bytes::copy_of(std::string_view("x"))});
    world.settle();
    CHECK(world.usable(a, record));
}
