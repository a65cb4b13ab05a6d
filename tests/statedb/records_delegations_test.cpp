// Read-only copies with the order in hand: one test a promise
// (docs/adr/0017-read-only-delegations.md).
#include "statedb/record_commands.h"

#include <doctest/doctest.h>

#include "record_world.h"

using namespace statedb;
using namespace statedb::test;

namespace {

constexpr ProcessorId a = processor(1), b = processor(2), c = processor(3);
const RecordName record{7, "counter"};

// Of three nodes the first owns a record, which says "one".
struct Delegating : RecordWorld {
    explicit Delegating(RecordSettings settings = {}) {
        for (const ProcessorId who : {a, b, c})
            add(who, settings);
        order.form({a, b, c});
        settle();
        give(a, record, "one");
    }

    void read(ProcessorId who, std::uint64_t ticket = 1) {
        records(who).read_and_keep(record, ticket, order[who]);
    }

    [[nodiscard]] std::string answer(ProcessorId who) {
        return machines[who].answers.empty()
                   ? std::string{"none"}
                   : std::string{machines[who].answers.back().data.view()};
    }

    [[nodiscard]] std::vector<ProcessorId> readers() const {
        std::vector<ProcessorId> list;
        for (const auto& [who, machine] : machines)
            if (const auto at = machine.files.find(record);
                at != machine.files.end() && at->second.readonly)
                list.push_back(who);
        return list;
    }

    // Everybody but `busy` does what there is to do.
    void settle_without(ProcessorId busy) {
        for (bool on = true; on;) {
            on = order.order_one_round();
            while (carry_message())
                on = true;
            for (const ProcessorId who : order.members)
                if (who != busy) {
                    while (carry_out(who))
                        on = true;
                    end_turns(who);
                }
        }
    }
};

} // namespace

TEST_CASE("who reads a record keeps a copy that its clients may read") {
    Delegating world;
    world.read(b);
    world.settle();
    CHECK(world.answer(b) == "one");
    CHECK(world.readable(b, record));
    CHECK_FALSE(world.usable(b, record));
    CHECK(world.records(b).find(record)->owner == a);
    CHECK(world.order.digests_agree());
}

TEST_CASE("the owner's clients read on, and may not write without asking") {
    Delegating world;
    world.read(b);
    world.settle();
    CHECK(world.readable(a, record));
    CHECK_FALSE(world.usable(a, record));
    world.want(a, record);
    world.settle();
    CHECK(world.write(a, record, "two"));
    CHECK(world.readers().empty());
}

TEST_CASE("the owner's file is marked before a copy is sent, and the copy is ordered safe") {
    Delegating world;
    world.read(b);
    world.order.order_next(b);
    CHECK_FALSE(world.order.has_submission(a));
    REQUIRE(world.carry_out(a));
    CHECK(world.machines[a].files[record].shared);
    REQUIRE(world.order.has_submission(a));
    CHECK(world.order[a].submissions.front().guarantee == Service::safe);
}

TEST_CASE("nothing is kept of what is empty, nor of a database whose records are not delegated") {
    Delegating world;
    SUBCASE("empty") {
        world.write(a, record, "");
        world.read(b);
        world.settle();
        CHECK(world.answer(b) == "");
    }
    SUBCASE("not delegated") {
        world.machines[a].delegates = false;
        world.read(b);
        world.settle();
        CHECK(world.answer(b) == "one");
    }
    CHECK(world.readers().empty());
    CHECK(world.usable(a, record));
}

TEST_CASE("a writer gets the record when every reader has dropped its copy, and not before") {
    Delegating world;
    world.read(b);
    world.read(c);
    world.settle();
    world.read(c, 2); // the second one was answered while the first copy was under way
    world.settle();
    REQUIRE(world.readers() == std::vector{b, c});
    SUBCASE("a third node") {
        world.add(processor(4));
        world.order.form({a, b, c, processor(4)});
        world.settle();
        world.want(processor(4), record);
        world.settle_without(c);
        CHECK(world.readers() == std::vector{c});
        CHECK_FALSE(world.usable(processor(4), record));
        world.settle();
        CHECK(world.usable(processor(4), record));
    }
    SUBCASE("the owner") {
        world.want(a, record);
        world.settle_without(c);
        CHECK_FALSE(world.usable(a, record));
        world.settle();
        CHECK(world.usable(a, record));
    }
    SUBCASE("one of the readers") {
        world.want(b, record);
        world.settle_without(c);
        CHECK_FALSE(world.usable(b, record));
        world.settle();
        CHECK(world.usable(b, record));
    }
    CHECK(world.readers().empty());
    CHECK(world.order.digests_agree());
}

TEST_CASE("while somebody waits to write nobody is given a copy, so readers do not starve him") {
    Delegating world;
    world.read(b);
    world.settle();
    world.want(c, record);
    world.read(b, 2);
    world.settle_without(b);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.readers().empty());
    CHECK(world.machines[b].answers.back().ticket == 2);
}

TEST_CASE("a copy that was under way when a writer came is an answer, and is not kept") {
    Delegating world;
    world.read(b);
    world.order.order_next(b);
    REQUIRE(world.carry_out(a)); // its Delegate waits for its place in the order
    world.want(c, record);
    world.order.order_next(c);
    world.settle();
    CHECK(world.answer(b) == "one");
    CHECK(world.readers().empty());
    CHECK(world.usable(c, record));
}

TEST_CASE("a reader that departs silently is waited for until its notice period is over") {
    Delegating world;
    world.read(c);
    world.settle();
    world.order.form({a, b});
    world.want(b, record);
    world.settle();
    CHECK_FALSE(world.usable(b, record));
    world.pass(RecordSettings{}.notice_period + 1s);
    world.settle();
    CHECK(world.usable(b, record));
    CHECK(world.order.digests_agree());
}

TEST_CASE("a reader that said goodbye is not waited for") {
    Delegating world;
    world.read(c);
    world.settle();
    world.order.form({a, b}, {c});
    world.want(b, record);
    world.settle();
    CHECK(world.usable(b, record));
}

TEST_CASE("when the owner dies a copy is the newest that is left, and its readers stop reading") {
    Delegating world;
    world.read(b);
    world.settle();
    world.order.form({b, c});
    world.settle();
    CHECK(world.readable(b, record)); // nobody can write yet
    world.want(c, record);
    world.settle();
    CHECK(world.readers().empty());
    world.pass(RecordSettings{}.notice_period + 1s);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.machines[c].files[record].data == "one");
}

TEST_CASE("an owner that leaves bequeaths what was read when nobody reads it any more") {
    Delegating world;
    world.read(b);
    world.settle();
    world.records(a).retreat(world.order[a]);
    world.settle_without(b);
    CHECK_FALSE(world.records(a).retreated());
    world.settle();
    CHECK(world.records(a).retreated());
    CHECK(world.readers().empty());
    CHECK(world.records(b).find(record)->owner != a);
}

TEST_CASE("a record that is read does not move past the order") {
    Delegating world(RecordSettings{.self = {}, .direct = true});
    world.read(b);
    world.settle();
    world.want(c, record);
    CHECK(world.records(c).take_messages().empty());
    CHECK(world.order.has_submission(c));
    world.settle();
    CHECK(world.usable(c, record));
}

TEST_CASE("a database that is dropped has no readers") {
    Delegating world;
    world.read(b);
    world.settle();
    world.records(c).drop(record.db, world.order[c]);
    world.settle();
    CHECK(world.readers().empty());
    world.want(c, record);
    world.settle();
    CHECK(world.usable(c, record));
    CHECK(world.order.digests_agree());
}

TEST_CASE(
    "a copy is not called dropped that is of a record which was forgotten and is there again") {
    Delegating world;
    world.read(b);
    world.settle();
    world.want(c, record);
    world.settle_without(b); // a client is in the chain of its copy
    world.records(c).drop(record.db, world.order[c]);
    world.settle_without(b);
    world.want(c, record);
    world.settle_without(b);
    REQUIRE(world.write(c, record, "two"));
    world.read(b, 2);
    world.settle_without(b);
    world.want(a, record);
    world.settle_without(b);
    CHECK_FALSE(world.usable(a, record));
    world.settle();
    CHECK(world.usable(a, record));
    CHECK(world.readers().empty());
    CHECK(world.order.digests_agree());
}

TEST_CASE("a lost record is not given out while a departed reader may still read its copy") {
    Directory directory;
    directory.configured({.epoch = 1, .primary = true, .members = {a, b, c}});
    const Grant grant = directory.claim(record, {a, true}).granted.front().grant;
    REQUIRE(directory.delegate(record, a, grant, c).delegated);
    directory.configured({.epoch = 2, .primary = true, .members = {a, b}, .departed = {c}});
    // The owner is here and lacks it: nobody's notice has to be waited for because of that.
    CHECK(directory.missing(record, a, grant).revoked == std::vector{record});
    const std::vector<Directory::Report> lacked{{record, std::nullopt}}, held{{record, Grant{1}}};
    CHECK(directory.copies(a, lacked).granted.empty());
    CHECK(directory.copies(b, held).granted.empty());
    REQUIRE(directory.notice_over(c, 2).granted.size() == 1);
    CHECK(directory.find(record)->owner() == b);
}

TEST_CASE("a joiner is given who reads what") {
    Directory directory;
    directory.configured({.epoch = 1, .primary = true, .members = {a, b}});
    const Grant grant = directory.claim(record, {a, true}).granted.front().grant;
    REQUIRE(directory.delegate(record, a, grant, b).delegated);
    Directory joined;
    const auto state = record_command::decode_state(record_command::encode_state(directory.save()));
    REQUIRE(state.has_value());
    REQUIRE(joined.load(*state));
    CHECK(joined.digest() == directory.digest());
    CHECK(joined.claim(record, {a, false, 0, grant}).revoked == std::vector{record});
    CHECK(joined.copy_dropped(record, b, grant).granted.size() == 1);
}
