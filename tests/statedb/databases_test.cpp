// Attaching and committing with the order in hand: one test a promise.
#include <doctest/doctest.h>

#include "database_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a{1, 1}, b{2, 1}, c{3, 1};
constexpr DatabaseId secrets = 5;
constexpr auto persistent = DatabaseKind::is_persistent;
constexpr auto replicated = DatabaseKind::is_replicated;
constexpr auto is_volatile = DatabaseKind::is_volatile;

DatabaseWorld three(bool direct = false) {
    DatabaseWorld world;
    for (const ProcessorId who : {a, b, c})
        world.add(who, {}, direct);
    world.order.form({a, b, c});
    world.attach(a, secrets, "secrets.tdb", persistent, 1);
    world.settle();
    return world;
}

bool same_on_all_disks(DatabaseWorld& world, DatabaseId id) {
    return std::ranges::all_of(world.order.members, [&](ProcessorId who) {
        return world.machines[who].disk[id].content ==
                   world.machines[world.order.members.front()].disk[id].content &&
               world.machines[who].disk[id].content == *world.databases(who).content(id);
    });
}

} // namespace

TEST_CASE("an attached database is open on every member, of one kind") {
    DatabaseWorld world = three();
    for (const ProcessorId who : {a, b, c}) {
        REQUIRE(world.machines[who].disk.contains(secrets));
        CHECK(world.machines[who].disk[secrets].kind == persistent);
    }
    CHECK(world.machines[a].attached == std::vector<std::uint64_t>{1});
    CHECK(world.machines[b].attached.empty());
    CHECK(world.order.digests_agree());
}

TEST_CASE("what may be attached over what exists") {
    struct Row {
        DatabaseKind exists, wanted;
        bool accepted;
    };

    for (const Row& row :
         {Row{persistent, is_volatile, true}, Row{replicated, is_volatile, true},
          Row{persistent, persistent, true}, Row{is_volatile, persistent, false},
          Row{is_volatile, replicated, false}, Row{persistent, replicated, false}}) {
        DatabaseWorld world = three();
        world.attach(b, 9, "x.tdb", row.exists, 2);
        world.settle();
        world.attach(c, 9, "x.tdb", row.wanted, 3);
        world.settle();
        CHECK(world.machines[c].refused.contains(3) == !row.accepted);
        CHECK(world.databases(a).find(9)->kind == row.exists);
    }
}

TEST_CASE("two names with one id: the second is refused; two attaching at once agree") {
    DatabaseWorld world = three();
    world.attach(a, 9, "x.tdb", is_volatile, 2);
    world.attach(b, 9, "y.tdb", is_volatile, 3);
    world.attach(c, 9, "x.tdb", is_volatile, 4);
    world.settle();
    CHECK(world.databases(c).find(9)->name == "x.tdb");
    CHECK(world.machines[b].refused.contains(3));
    CHECK(world.machines[c].attached == std::vector<std::uint64_t>{4});
}

// Clients of the node have its file open, and go on with it.
TEST_CASE("a volatile database that only a returning node knows is attached again") {
    DatabaseWorld world = three();
    world.attach(a, 9, "locking.tdb", is_volatile, 2);
    world.settle();
    world.order.cut_off(a);
    const ProcessorId b2{2, 2}, c2{3, 2};
    world.add(b2, world.machines[b].disk);
    world.add(c2, world.machines[c].disk);
    world.order.form({b2, c2});
    world.settle();
    CHECK_FALSE(world.databases(b2).find(9).has_value());
    world.order.form({a, b2, c2});
    CHECK(world.machines[a].disk.contains(9));
    world.settle();
    for (const ProcessorId who : {a, b2, c2}) {
        CHECK(world.databases(who).find(9)->name == "locking.tdb");
        CHECK(world.machines[who].disk.contains(9));
    }
    CHECK(world.order.digests_agree());
}

TEST_CASE("what a returning node has open as volatile is closed if it is another kind by now") {
    DatabaseWorld world = three();
    world.attach(a, 9, "x.tdb", is_volatile, 2);
    world.settle();
    world.order.cut_off(a);
    const ProcessorId b2{2, 2}, c2{3, 2};
    world.add(b2, world.machines[b].disk);
    world.add(c2, world.machines[c].disk);
    world.order.form({b2, c2});
    world.attach(b2, 9, "x.tdb", persistent, 3);
    world.settle();
    world.order.form({a, b2, c2});
    world.settle();
    CHECK(world.machines[a].disk[9].kind == persistent);
    CHECK(same_on_all_disks(world, 9));
}

// What the file holds is nothing that members could compare.
TEST_CASE(
    "a file whose name the component has as volatile does not tell its member from the others") {
    for (const bool before_it_joined : {true, false}) {
        CAPTURE(before_it_joined);
        DatabaseWorld world = three();
        world.order.form({a, b});
        if (before_it_joined) world.attach(a, 9, "x.tdb", is_volatile, 2);
        world.settle();
        const ProcessorId c2{3, 2};
        world.add(c2, {{9, {"x.tdb", persistent, {2, 5}, {{"key", value(1, "kept")}}}}});
        world.order.form({a, b, c2});
        // Before c2 has said that it has such a file.
        if (!before_it_joined) world.attach(a, 9, "x.tdb", is_volatile, 2);
        while (world.order.has_submission(a))
            world.order.order_next(a);
        CHECK(world.order.digests_agree());
        world.settle();
        CHECK(world.databases(c2).find(9)->kind == is_volatile);
        CHECK(world.order.digests_agree());
    }
}

TEST_CASE("only volatile databases can be detached") {
    DatabaseWorld world = three();
    world.attach(a, 9, "x.tdb", is_volatile, 2);
    world.settle();
    world.databases(b).detach(9, 3, world.order[b]);
    world.databases(b).detach(secrets, 4, world.order[b]);
    world.databases(b).detach(10, 5, world.order[b]);
    world.settle();
    CHECK_FALSE(world.machines[a].disk.contains(9));
    CHECK(world.machines[b].detached == std::vector<std::uint64_t>{3});
    CHECK(world.machines[b].refused.size() == 2);
    CHECK(world.databases(a).find(secrets));
}

TEST_CASE("a commit is one safe message, applied by all, answered when durable on every member") {
    DatabaseWorld world = three();
    world.machines[c].disk_works = false;
    world.commit(a, secrets, "sid", "S-1", 7);
    CHECK(world.order[a].submissions.back().guarantee == Service::safe);
    world.settle();
    CHECK(data_at(world.machines[b].disk[secrets].content, "sid") == "S-1");
    CHECK(world.machines[a].committed.empty());
    world.machines[c].disk_works = true;
    world.settle();
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{7});
    CHECK(same_on_all_disks(world, secrets));
    CHECK(world.databases(b).find(secrets)->sequence == 1);
}

TEST_CASE("a member that departs does not hold up a commit") {
    DatabaseWorld world = three();
    world.machines[c].disk_works = false;
    world.commit(a, secrets, "sid", "S-1", 7);
    world.settle();
    CHECK(world.machines[a].committed.empty());
    world.order.form({a, b});
    world.settle();
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{7});
}

TEST_CASE("of two transactions that began at the same state one is refused, and its client can see "
          "why in its file") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "k", "from a", 1);
    world.commit(b, secrets, "k", "from b", 2);
    world.order.order_next(a);
    world.order.order_next(b);
    // b's refusal is decided, but b's disk does not show yet what it lost to.
    world.machines[b].disk_works = false;
    world.carry_out(b);
    CHECK(world.machines[b].refused.empty());
    world.machines[b].disk_works = true;
    world.settle();
    CHECK(world.machines[b].refused.contains(2));
    CHECK(data_at(world.machines[b].disk[secrets].content, "k") == "from a");
    CHECK(world.databases(c).find(secrets)->sequence == 1);
}

TEST_CASE("a record with an rsn that is not higher is refused if its data differs") {
    DatabaseWorld world = three();
    const auto write = [&](std::uint64_t rsn, std::string_view data, std::uint64_t ticket) {
        world.databases(a).commit(secrets, {{"k", value(rsn, data)}}, ticket, world.order[a]);
        world.settle();
        return world.machines[a].refused.contains(ticket);
    };
    CHECK_FALSE(write(5, "x", 1));
    CHECK(write(5, "y", 2));
    CHECK(write(4, "y", 3));
    CHECK_FALSE(write(5, "x", 4)); // the same again
    CHECK_FALSE(write(6, "", 5));  // a tombstone stays, with its rsn
    CHECK(write(6, "z", 6));
    CHECK(world.databases(b).content(secrets)->contains("k"));
}

TEST_CASE("a content that takes the place of another is the same on every member at once") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "password", "old", 2);
    world.settle();
    const std::vector<Write> backup = {{"password", value(1, "older")},
                                       {sequence_number, number(3, 9)}};
    world.databases(b).replace(secrets, backup, 3, world.order[b]);
    world.settle();
    CHECK(world.machines[b].committed == std::vector<std::uint64_t>{3});
    CHECK(same_on_all_disks(world, secrets));
    CHECK(data_at(*world.databases(c).content(secrets), "password") == "older");
    world.databases(a).replace(secrets, {}, 4, world.order[a]);
    world.settle();
    CHECK(world.databases(c).content(secrets)->empty());
    CHECK(same_on_all_disks(world, secrets));
    world.commit(c, secrets, "password", "new", 5);
    world.settle();
    CHECK(world.machines[c].committed == std::vector<std::uint64_t>{5});
    CHECK(world.order.digests_agree());
}

namespace {

// Some four messages long.
std::vector<Write> large_content(std::uint64_t rsn) {
    std::vector<Write> content;
    for (int number = 0; number < 40; ++number)
        content.push_back({"key " + std::to_string(number),
                           value(rsn, std::string(100'000, static_cast<char>('a' + number % 26)))});
    return content;
}

} // namespace

TEST_CASE("a content that is too large for one message takes the other's place in one step") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "old", "1", 2);
    world.settle();
    world.databases(b).replace(secrets, large_content(1), 3, world.order[b]);
    SUBCASE("undisturbed") {
        while (world.order.has_submission(b)) {
            CHECK(world.databases(c).content(secrets)->contains("old"));
            world.order.order_next(b);
        }
    }
    SUBCASE("somebody joins meanwhile and has what came before") {
        world.order.order_next(b);
        world.order.order_next(b);
        const ProcessorId d{4, 1};
        world.add(d);
        world.order.form({a, b, c, d});
    }
    SUBCASE("what did not count is sent again") {
        world.order.order_next(b);
        for (std::size_t n = world.order[b].submissions.size(); n > 0; --n)
            world.order.refuse_next(b);
        world.order.form({a, b});
    }
    world.settle();
    CHECK(world.machines[b].committed == std::vector<std::uint64_t>{3});
    CHECK(world.databases(a).content(secrets)->size() == 40);
    CHECK(same_on_all_disks(world, secrets));
    CHECK(world.order.digests_agree());
}

TEST_CASE("who departs in the middle of a large content leaves the old one, and nothing else") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "old", "1", 2);
    world.settle();
    world.databases(b).replace(secrets, large_content(1), 3, world.order[b]);
    world.order.order_next(b);
    world.order.form({a, c});
    world.settle();
    CHECK(world.databases(a).content(secrets)->contains("old"));
    CHECK(world.databases(a).content(secrets)->size() == 2);
    CHECK(world.databases(a).save({}).size() < 10'000); // no part of it is kept
    CHECK(world.order.digests_agree());
}

TEST_CASE("malformed transactions are refused at once and never ordered") {
    DatabaseWorld world = three();
    world.databases(a).commit(secrets, {{"k", Bytes::copy_of("short")}}, 1, world.order[a]);
    world.databases(a).commit(secrets, {{sequence_number, value(1, "four")}}, 2, world.order[a]);
    world.databases(a).commit(secrets, {{"k", value(1, std::string(16 << 20, 'x'))}}, 3,
                              world.order[a]);
    CHECK_FALSE(world.order.has_submission(a));
    world.settle();
    CHECK(world.machines[a].refused.size() == 3);
}

TEST_CASE("a commit on a database that is volatile or unknown is refused") {
    DatabaseWorld world = three();
    world.attach(a, 9, "x.tdb", is_volatile, 2);
    world.settle();
    world.databases(a).commit(9, {{"k", value(1, "x")}}, 3, world.order[a]);
    world.databases(a).commit(10, {{"k", value(1, "x")}}, 4, world.order[a]);
    world.settle();
    CHECK(world.machines[a].refused.size() == 2);
}

TEST_CASE("a commit that did not count is made again, and answered once") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "k", "x", 1);
    world.order.refuse_next(a);
    world.settle();
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{1});
    CHECK(world.databases(c).find(secrets)->sequence == 1);
}

TEST_CASE("acknowledgements of many commits share messages: at most one is on its way") {
    DatabaseWorld world = three();
    for (std::uint64_t i = 1; i <= 5; ++i) {
        world.databases(a).commit(secrets, {{"k" + std::to_string(i), value(1, "x")}}, i,
                                  world.order[a]);
        world.order.order_next(a);
    }
    while (world.carry_out(b)) {
    }
    CHECK(world.order[b].submissions.size() == 1);
    world.settle();
    CHECK(world.machines[a].committed.size() == 5);
}

// -- acknowledged past the order

TEST_CASE("a commit is answered when all members say that they have it, and the order learns of it "
          "later") {
    DatabaseWorld world = three(true);
    world.pass(1s);
    world.settle();
    world.machines[a].disk_works = false;
    world.commit(a, secrets, "sid", "S-1", 7);
    world.settle();
    for (const ProcessorId who : {b, c}) {
        CHECK_FALSE(world.order.has_submission(who));
        const auto said = world.said(who);
        REQUIRE(said.size() == 1);
        CHECK(said.front().to == a);
        world.arrive(who, said.front());
    }
    world.carry_out(a);
    CHECK(world.machines[a].committed.empty());
    world.machines[a].disk_works = true; // the last one
    while (world.carry_out(a)) {
    }
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{7});
    CHECK_FALSE(world.order.has_submission(a));
    world.pass(60ms);
    CHECK(world.order.has_submission(b));
    world.settle();
    CHECK(world.order.digests_agree());
    CHECK(world.machines[a].committed.size() == 1);
}

TEST_CASE("a word past the order that is lost costs time") {
    DatabaseWorld world = three(true);
    world.commit(a, secrets, "sid", "S-1", 7);
    world.settle();
    CHECK(world.machines[a].committed.empty());
    world.pass(60ms);
    world.settle();
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{7});
}

TEST_CASE("what a disk had in another epoch, or a stranger's, does not count") {
    DatabaseWorld world = three(true);
    world.commit(a, secrets, "sid", "S-1", 7);
    world.machines[b].disk_works = false;
    world.settle();
    const auto early = world.said(c);
    REQUIRE(early.size() == 1);
    world.order.form({a, b, c});
    world.arrive(c, early.front());
    world.machines[b].disk_works = true;
    while (world.carry_out(b)) {
    }
    for (const DirectMessage& message : world.said(b))
        for (const ProcessorId liar : {b, ProcessorId{9, 1}})
            world.arrive(liar, message);
    while (world.carry_out(a)) {
    }
    CHECK(world.machines[a].committed.empty());
    world.pass(60ms);
    world.settle();
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{7});
}

TEST_CASE("those who commit one after the other are told of each of their commits") {
    DatabaseWorld world = three(true);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        world.databases(a).commit(secrets, {{"k" + std::to_string(i), value(1, "x")}}, i,
                                  world.order[a]);
        world.order.order_next(a);
    }
    for (std::uint64_t i = 1; i <= 3; ++i)
        for (const ProcessorId who : {a, b, c}) {
            REQUIRE(world.carry_out(who));
            for (const DirectMessage& message : world.said(who))
                world.arrive(who, message);
        }
    while (world.carry_out(a)) {
    }
    CHECK(world.machines[a].committed == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(world.said(b).empty());
}

// -- joining and starting

TEST_CASE("a joiner gets what it lacks, and what was deleted meanwhile goes") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "old", "1", 1);
    world.settle();
    auto disk = world.machines[c].disk;
    world.order.form({a, b});
    world.commit(a, secrets, "new", "2", 2);
    world.settle();
    disk[secrets].content["never committed"] = value(9, "x");
    const ProcessorId c2{3, 2};
    world.add(c2, disk);
    world.order.form({a, b, c2});
    world.settle();
    CHECK(world.order.loads_ok);
    CHECK(same_on_all_disks(world, secrets));
    CHECK(data_at(world.machines[c2].disk[secrets].content, "new") == "2");
    CHECK(world.order.digests_agree());
}

TEST_CASE("a joiner that has the content already is not sent it") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "k", std::string(10000, 'x'), 1);
    world.settle();
    const Bytes state =
        world.databases(a).save({.member = c, .content = world.databases(c).summary()});
    CHECK(state.size() < 1000);
    CHECK(world.databases(a).save({.member = c}).size() > 10000);
}

namespace {

// The whole cluster goes down; these nodes come back with their disks.
DatabaseWorld restarted(DatabaseWorld& before, const std::vector<ProcessorId>& who) {
    DatabaseWorld world;
    world.order.epoch = before.order.epoch;
    for (const ProcessorId id : who) {
        const ProcessorId next{id.node, id.incarnation + 1};
        world.add(next, before.machines[id].disk);
        world.order[next].last_primary = before.order[id].last_primary;
        world.order[next].component = before.order[id].component;
    }
    return world;
}

} // namespace

TEST_CASE("after a restart of all the newest content is followed") {
    DatabaseWorld before = three();
    before.machines[b].disk_works = before.machines[c].disk_works = false;
    before.commit(a, secrets, "k", "only a wrote it down", 1);
    before.settle();
    DatabaseWorld world = restarted(before, {a, b, c});
    const ProcessorId a2{1, 2}, b2{2, 2}, c2{3, 2};
    world.order.form({a2, b2, c2});
    world.settle();
    CHECK(data_at(world.machines[c2].disk[secrets].content, "k") == "only a wrote it down");
    CHECK(same_on_all_disks(world, secrets));
    CHECK(world.databases(b2).find(secrets)->settled);
    CHECK(world.order.digests_agree());
}

TEST_CASE("an acknowledged commit survives whoever of its component is left") {
    DatabaseWorld before = three();
    before.commit(a, secrets, "k", "acknowledged", 1);
    before.settle();
    REQUIRE(before.machines[a].committed.size() == 1);
    DatabaseWorld world = restarted(before, {b, c});
    const ProcessorId b2{2, 2}, c2{3, 2};
    world.order.form({b2, c2});
    world.settle();
    CHECK(data_at(*world.databases(b2).content(secrets), "k") == "acknowledged");
    CHECK(world.databases(b2).find(secrets)->settled);
}

TEST_CASE("a sequence number from an older component does not win") {
    DatabaseWorld before = three();
    before.commit(a, secrets, "k", "1", 1);
    before.settle();
    auto lonely = before.machines[c].disk; // c wrote more, which nobody else ever had
    lonely[secrets].content[sequence_number] = number(50, 50);
    before.order.form({a, b});
    before.commit(a, secrets, "k", "2", 2);
    before.settle();
    before.machines[c].disk = lonely;
    DatabaseWorld world = restarted(before, {a, b, c});
    const ProcessorId a2{1, 2}, b2{2, 2}, c2{3, 2};
    world.order.form({a2, b2, c2});
    world.settle();
    CHECK(data_at(world.machines[c2].disk[secrets].content, "k") == "2");
    CHECK(world.databases(c2).find(secrets)->sequence == 2);
}

TEST_CASE("a node that was in the last component but never received its content waits for one that "
          "has it") {
    DatabaseWorld before = three();
    before.order.form({a, b});
    before.commit(a, secrets, "k", "acknowledged", 1);
    before.settle();
    // c joins, and everything stops before its disk has anything of it.
    before.machines[c].disk_works = false;
    const ProcessorId c2{3, 2};
    before.add(c2, before.machines[c].disk);
    before.machines[c2].disk_works = false;
    before.order.form({a, b, c2});
    DatabaseWorld world = restarted(before, {a, b, c2});
    const ProcessorId a2{1, 2}, b2{2, 2}, c3{3, 3};
    world.order.form({c3});
    world.commit(c3, secrets, "k", "must wait", 7);
    world.settle();
    CHECK_FALSE(world.databases(c3).find(secrets)->settled);
    CHECK(world.machines[c3].committed.empty());
    CHECK(world.machines[c3].refused.empty());

    SUBCASE("b comes, whose disk has it") {
        world.order.form({b2, c3});
        world.settle();
        CHECK_FALSE(
            world.databases(c3).find(secrets)->settled); // nobody was confirmed in that epoch
        world.order.form({a2, b2, c3});                  // but now all of it are here
        world.settle();
        CHECK(world.databases(c3).find(secrets)->settled);
        CHECK(data_at(world.machines[c3].disk[secrets].content, "k") == "acknowledged");
        CHECK(world.machines[c3].refused.contains(7));
        CHECK(same_on_all_disks(world, secrets));
        CHECK(world.order.digests_agree());
    }
    SUBCASE("the operator says that nobody else will come") {
        world.databases(c3).settle(world.order[c3]);
        world.settle();
        CHECK(world.databases(c3).find(secrets)->settled);
        CHECK(world.machines[c3].committed == std::vector<std::uint64_t>{7});
    }
}

TEST_CASE(
    "a database that nobody here knows is not begun anew while those who would know are away") {
    DatabaseWorld before = three();
    before.commit(a, secrets, "k", "acknowledged", 1);
    before.settle();
    before.machines[c].disk.clear(); // c was in the component, and lost power before it wrote
    DatabaseWorld world = restarted(before, {a, b, c});
    const ProcessorId a2{1, 2}, c2{3, 2};
    world.order.form({c2});
    world.attach(c2, secrets, "secrets.tdb", persistent, 7);
    world.attach(c2, 9, "locking.tdb", is_volatile, 8);
    world.settle();
    CHECK(world.machines[c2].attached == std::vector<std::uint64_t>{8});

    SUBCASE("one comes that would know") {
        world.order.form({a2, c2});
        world.settle();
        CHECK(world.machines[c2].attached == std::vector<std::uint64_t>{8, 7});
        CHECK(data_at(world.machines[c2].disk[secrets].content, "k") == "acknowledged");
        CHECK(world.order.digests_agree());
    }
    SUBCASE("all come, and nobody has it") {
        world.add({1, 3});
        world.add({2, 3});
        world.order.form({{1, 3}, {2, 3}, c2});
        world.settle();
        CHECK(world.machines[c2].attached == std::vector<std::uint64_t>{8, 7});
        CHECK(world.databases({1, 3}).find(secrets)->settled);
    }
}

TEST_CASE("the one whose content is followed departs: it is chosen anew") {
    DatabaseWorld before = three();
    before.machines[b].disk_works = before.machines[c].disk_works = false;
    before.commit(a, secrets, "k", "a", 1);
    before.settle();
    DatabaseWorld world = restarted(before, {a, b, c});
    const ProcessorId a2{1, 2}, b2{2, 2}, c2{3, 2};
    world.order.form({a2, b2, c2});
    world.order.form({b2, c2}); // a2's content was never ordered
    world.settle();
    CHECK(world.databases(b2).find(secrets)->settled);
    CHECK(data_at(*world.databases(b2).content(secrets), "k") == "-");
    CHECK(same_on_all_disks(world, secrets));
    CHECK(world.order.digests_agree());
}

TEST_CASE("a content larger than one part arrives whole") {
    DatabaseWorld before = three();
    for (int i = 0; i < 20; ++i)
        before.machines[a].disk[secrets].content["key " + std::to_string(i)] =
            value(1, std::string(60000, static_cast<char>('a' + i)));
    before.machines[a].disk[secrets].version.index += 100;
    DatabaseWorld world = restarted(before, {a, b});
    const ProcessorId a2{1, 2}, b2{2, 2};
    world.order.form({a2, b2});
    world.settle();
    CHECK(world.machines[b2].disk[secrets].content.size() == 20);
    CHECK(same_on_all_disks(world, secrets));
}

TEST_CASE("a file that the component does not know is brought in by its node") {
    DatabaseWorld world = three();
    const ProcessorId c2{3, 2};
    world.add(c2, {{9, {"found.tdb", persistent, {}, {{"k", value(1, "kept")}}}}});
    world.order.form({a, b, c2});
    world.settle();
    REQUIRE(world.databases(a).find(9));
    CHECK(data_at(world.machines[a].disk[9].content, "k") == "kept");
    CHECK(same_on_all_disks(world, 9));
    CHECK(world.order.digests_agree());
}

TEST_CASE("a commit whose fate was decided within a state that its node then loaded is answered by "
          "that state") {
    DatabaseWorld world = three();
    world.commit(c, secrets, "k", "x", 1);
    // The commit is ordered where c does not see it; c is given the state instead.
    world.order.members = {a, b};
    auto submission = world.order[c].submissions.front();
    world.order[c].submissions.pop_front();
    const Command commit{c, ++world.order.applied, submission.payload};
    for (const ProcessorId who : {a, b})
        world.databases(who).apply(commit, world.order[who]);
    world.order.members = {a, b, c};
    REQUIRE(world.databases(c).load(world.databases(a).save({.member = c}), world.order[c]));
    world.settle();
    CHECK(world.machines[c].committed == std::vector<std::uint64_t>{1});
    CHECK(world.databases(c).find(secrets)->sequence == 1);
    CHECK(world.order.digests_agree());
}

// The sequence numbers are the same, so they cannot tell that it was another content.
TEST_CASE("a transaction that read what was given up is refused, though its number would fit") {
    DatabaseWorld before = three();
    before.commit(a, secrets, "k", "1", 1);
    before.settle();
    auto alone = before.machines[c].disk; // c wrote one down that nobody was told of
    alone[secrets].content["k"] = value(2, "given up");
    alone[secrets].content[sequence_number] = number(2, 2);
    DatabaseWorld world = restarted(before, {a, b});
    const ProcessorId a2{1, 2}, b2{2, 2}, c2{3, 2};
    world.order.form({a2, b2});
    world.settle();
    world.commit(a2, secrets, "other", "kept", 2);
    world.settle();
    world.add(c2, alone);
    SUBCASE("that waits for the component") {
        world.commit(c2, secrets, "k", "made of what was given up", 3);
        world.order.form({a2, b2, c2});
    }
    SUBCASE("that comes while the other content is on its way to the disk") {
        world.machines[c2].disk_works = false;
        world.order.form({a2, b2, c2});
        world.settle();
        world.commit(c2, secrets, "k", "made of what was given up", 3);
        world.settle();
        CHECK(world.machines[c2].refused.empty()); // until its client can see why
        world.machines[c2].disk_works = true;
    }
    world.settle();
    CHECK(world.machines[c2].refused.contains(3));
    CHECK(world.machines[c2].committed.empty());
    CHECK(data_at(*world.databases(a2).content(secrets), "k") == "1");
    CHECK(same_on_all_disks(world, secrets));
    world.commit(c2, secrets, "k", "2", 4);
    world.settle();
    CHECK(world.machines[c2].committed == std::vector<std::uint64_t>{4});
    CHECK(data_at(*world.databases(a2).content(secrets), "k") == "2");
    CHECK(world.order.digests_agree());
}

TEST_CASE("a state whose content is not what it says is not loaded") {
    DatabaseWorld world = three();
    world.commit(a, secrets, "k", "payload", 1);
    world.settle();
    std::string state{world.databases(a).save({.member = c}).view()};
    state[state.find("payload")] = 'P';
    CHECK_FALSE(world.databases(c).load(Bytes::copy_of(state), world.order[c]));
}
