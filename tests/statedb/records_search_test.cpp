// What departed owners had is looked for when somebody wants it, and by and by
// (docs/adr/0023-lost-records-are-looked-for-when-wanted.md).
#include "statedb/directory.h"
#include "statedb/record_commands.h"

#include <doctest/doctest.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a = processor(1), b = processor(2), c = processor(3), d = processor(4);
const RecordName record{7, "counter"}, other{7, "other"};
constexpr Duration notice = 3s;

RecordWorld four() { return component_of({a, b, c, d}, {.notice_period = notice}); }

View component(std::uint64_t epoch, std::vector<ProcessorId> members) {
    return {.epoch = epoch, .primary = true, .members = std::move(members)};
}

View without(std::uint64_t epoch, std::vector<ProcessorId> members, ProcessorId departed) {
    View view = component(epoch, std::move(members));
    view.departed = {departed};
    return view;
}

// d has these two, and departs.
struct AfterDeparture {
    AfterDeparture() {
        (void)directory.configured(component(5, {a, b, c, d}));
        for (const RecordName& name : {record, other})
            (void)directory.claim(name, {.who = d, .create = true});
        const auto outcome = directory.configured(without(6, {a, b, c}, d));
        CHECK(outcome.lost.empty());
    }

    Directory directory;
};

// Commands of this kind that `who` wants ordered now.
template <class Command>
std::vector<Command> submitted(RecordWorld& world, ProcessorId who) {
    std::vector<Command> found;
    for (const auto& submission : world.order[who].submissions)
        if (const auto any = record_command::decode(submission.payload))
            if (const auto* const command = std::get_if<Command>(&*any)) found.push_back(*command);
    return found;
}

} // namespace

TEST_CASE_FIXTURE(
    AfterDeparture,
    "what a departed owner had is lost at once, and looked for when somebody claims it") {
    CHECK(directory.lost() == 2);
    CHECK(directory.unsought() == 2);
    CHECK(directory.find(record)->lost());
    const auto outcome = directory.claim(record, {.who = b});
    CHECK(outcome.lost == std::vector{record});
    CHECK(outcome.granted.empty());
    CHECK(directory.lost() == 2);
    CHECK(directory.some_unsought(9) == std::vector{other});
    CHECK(directory.awaited_from(c) == std::vector{record});
    CHECK(directory.claim(record, {.who = c}).lost.empty()); // once
    CHECK(directory.search(std::vector{record, other}).lost == std::vector{other});
}

TEST_CASE("who waited for a record when its owner departed has it looked for at once") {
    Directory directory;
    (void)directory.configured(component(5, {a, b, c, d}));
    (void)directory.claim(record, {.who = d, .create = true});
    (void)directory.claim(record, {.who = a});
    CHECK(directory.configured(without(6, {a, b, c}, d)).lost == std::vector{record});
}

TEST_CASE_FIXTURE(
    AfterDeparture,
    "a search that begins late asks all who are here by then, and waits for all who went") {
    (void)directory.returned(d); // it certainly uses nothing any more
    View merged = component(7, {a, b, c, d});
    merged.joined = {d};
    (void)directory.configured(merged);
    (void)directory.configured(without(8, {a, b, d}, c));
    CHECK(directory.claim(record, {.who = a}).lost == std::vector{record});
    const Directory::Report report[] = {{record, directory.find(record)->grant()}};
    const Directory::Report none[] = {{record, std::nullopt}};
    CHECK(directory.copies(a, none).granted.empty());
    CHECK(directory.copies(b, none).granted.empty());
    CHECK(directory.copies(d, report).granted.empty()); // c may have seen that d gave it to c
    const auto outcome = directory.notice_over(c, 8);
    REQUIRE(outcome.granted.size() == 1);
    CHECK(outcome.granted[0].owner == d);
}

TEST_CASE_FIXTURE(AfterDeparture,
                  "an owner that comes back does not have what it had before it is asked for it") {
    View merged = component(7, {a, b, c, d});
    merged.joined = {d};
    (void)directory.configured(merged);
    CHECK(directory.find(record)->lost());
    CHECK(directory.owned_by(d).empty());
    CHECK(directory.lost_by(d).size() == 2);
    // Nor does it when it departs once more, with something new.
    (void)directory.claim({7, "new"}, {.who = d, .create = true});
    CHECK(directory.owned_by(d).size() == 1);
    (void)directory.configured(without(8, {a, b, c}, d));
    CHECK(directory.unsought() == 3);
}

TEST_CASE_FIXTURE(AfterDeparture, "a state says what is lost, be it looked for or not") {
    (void)directory.claim(record, {.who = b});
    (void)directory.claim({7, "living"}, {.who = c, .create = true});
    const auto bytes = record_command::encode_state(directory.save());
    const auto saved = record_command::decode_state(bytes);
    REQUIRE(saved);
    Directory joined;
    REQUIRE(joined.load(*saved));
    CHECK(joined.digest() == directory.digest());
    CHECK(joined.unsought() == 1);
    CHECK(joined.sought() == std::vector{record});
    CHECK_FALSE(joined.find({7, "living"})->lost());
    SUBCASE("but nothing departed in an epoch that is still to come") {
        Directory::Saved wrong = *saved;
        wrong.records[1].standing.departed = wrong.epoch + 1;
        CHECK_FALSE(joined.load(wrong));
    }
}

TEST_CASE_FIXTURE(AfterDeparture, "what is lost can be dropped, and is part of the digest") {
    const std::uint64_t before = directory.digest();
    (void)directory.search(std::vector{other});
    CHECK(directory.digest() != before);
    directory.drop(7);
    CHECK(directory.lost() == 0);
    CHECK(directory.size() == 0);
}

TEST_CASE("a read of a lost record is answered with its newest copy") {
    RecordWorld world = four();
    world.give(c, record, "newest of those that are left");
    world.give(d, record, "gone");
    world.order.form({a, b, c});
    world.records(b).read(record, 1, world.order[b]);
    world.settle();
    CHECK(world.machines[b].answers.empty());
    world.pass(notice);
    world.settle();
    REQUIRE(world.machines[b].answers.size() == 1);
    CHECK(world.machines[b].answers[0].data.view() == "newest of those that are left");
}

TEST_CASE(
    "what nobody wants is looked for piece by piece, with pauses, once all have been noticed") {
    constexpr std::size_t many = 300;
    RecordWorld world = four();
    for (std::size_t i = 0; i < many; ++i)
        world.want(d, {7, std::to_string(i)});
    world.settle();
    world.order.form({a, b, c});
    world.settle();
    CHECK(world.records(b).status().lost == many);
    CHECK(submitted<record_command::Search>(world, a).empty());
    world.pass(notice);
    world.order.order_next(a); // that the notice period is over
    const auto first = submitted<record_command::Search>(world, a);
    REQUIRE(first.size() == 1);
    const std::size_t piece = first[0].records.size();
    CHECK(piece < many);
    CHECK(submitted<record_command::Search>(world, b).empty());
    world.order.order_next(a);
    world.pass(100ms);
    CHECK(submitted<record_command::Search>(world, a).empty()); // the first is not found yet
    world.settle();
    CHECK(world.records(b).status().lost == many - piece); // nobody has a copy
    CHECK(submitted<record_command::Search>(world, a).empty());
    for (int i = 0; i < 10 && world.records(b).status().lost > 0; ++i) {
        world.pass(100ms);
        world.settle();
    }
    CHECK(world.records(b).status().records == 0);
    CHECK(world.order.digests_agree());
}

TEST_CASE("a record that cannot be found does not hold up the others for ever") {
    RecordWorld world = four();
    for (int i = 0; i < 200; ++i)
        world.want(d, {7, std::to_string(i)});
    world.settle();
    world.order.form({a, b, c}, {d});
    world.order.order_next(a);
    for (const ProcessorId who : {a, b}) { // c does not report: its chain is locked
        while (world.carry_out(who)) {
        }
        while (world.order.has_submission(who))
            world.order.order_next(who);
    }
    CHECK(submitted<record_command::Search>(world, a).empty());
    world.pass(500ms);
    world.pass(100ms);
    CHECK(submitted<record_command::Search>(world, a).size() == 1);
}

TEST_CASE("who waits until nothing is lost has it looked for without pauses") {
    RecordWorld world = four();
    for (int i = 0; i < 1000; ++i)
        world.want(d, {7, std::to_string(i)});
    world.settle();
    world.order.form({a, b, c}, {d});
    world.records(c).find_lost(world.order[c]);
    world.settle();
    CHECK(world.records(b).status().lost == 0);
}

TEST_CASE("who leaves while something is lost stays until its copies are not needed") {
    RecordWorld world = four();
    world.give(b, record, "the only copy that is left");
    world.give(d, record, "gone");
    world.order.form({a, b, c});
    world.records(b).retreat(world.order[b]);
    world.settle();
    CHECK_FALSE(world.records(b).retreated());
    world.pass(notice);
    world.settle();
    CHECK(world.records(b).retreated());
    world.order.form({a, c}, {b});
    world.want(c, record);
    world.settle();
    CHECK(world.machines[c].files[record].data == "the only copy that is left");
}

TEST_CASE("an owner that comes back in time brings what it had, though nobody had asked for it") {
    RecordWorld world = four();
    world.give(a, record, "1");
    world.give(d, record, "2");
    world.records(d).interrupted(world.order[d]);
    world.order.form({a, b, c});
    world.pass(1s);
    while (world.carry_out(d)) {
    }
    world.order.form({a, b, c, d});
    world.settle();
    world.want(b, record);
    world.settle();
    world.pass(notice);
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.machines[b].files[record].data == "2");
}
