// The simulated TDB file keeps a real one's rules: they are what the record service builds upon.
#include "sim/records/volatile_file.h"
#include "tests/sim/bystander.h"

#include <doctest/doctest.h>

using namespace sim;
using namespace sim::records;

namespace {

struct Desk {
    Census census;
    RecordJudge judge{census};
    bool woken = false;
    Bystander machine{1};
    VolatileFile file{7, machine, judge, [this] { woken = true; }};
    std::string story;

    Desk() { file.shut(false); }

    void client(const std::string& key, char name) {
        file.enter(key, [this, name] { story += name; });
    }

    void daemon(const std::string& key, char name) {
        file.with(key, [this, name] { story += name; });
    }
};

} // namespace

TEST_CASE("one client at a time is inside a chain, and others do not wait for it") {
    Desk desk;
    desk.client("a", '1');
    desk.client("a", '2');
    desk.client("b", '3');
    CHECK(desk.story == "13");
    desk.file.leave("a");
    CHECK(desk.woken);
    desk.file.go_on();
    CHECK(desk.story == "132");
}

TEST_CASE("the daemon's work waits until the client has left the chain, in order") {
    Desk desk;
    desk.client("a", '1');
    desk.daemon("a", 'x');
    desk.daemon("b", 'y');
    desk.daemon("a", 'z');
    CHECK(desk.story == "1y");
    desk.file.leave("a");
    CHECK(desk.story == "1y"); // not within the client
    desk.file.go_on();
    CHECK(desk.story == "1yxz");
}

TEST_CASE("a barrier waits for all before it, and all after it waits for the barrier") {
    Desk desk;
    desk.client("a", '1');
    desk.file.barrier([&] { desk.story += '|'; });
    desk.daemon("b", 'x');
    desk.client("b", '2');
    CHECK(desk.story == "1");
    desk.file.leave("a");
    desk.file.go_on();
    desk.file.go_on();
    CHECK(desk.story == "1|x2");
}

TEST_CASE("a shut file lets those inside finish and nobody in") {
    Desk desk;
    desk.client("a", '1');
    desk.file.shut(true);
    desk.client("b", '2');
    desk.file.leave("a");
    desk.file.go_on();
    CHECK(desk.story == "1");
    CHECK_FALSE(desk.file.occupied());
    desk.file.shut(false);
    desk.file.go_on();
    CHECK(desk.story == "12");
}

TEST_CASE("a datum says which write it is") {
    CHECK(read_datum(written({"17", 402})).text == "17");
    CHECK(read_datum(written({"17", 402})).stamp == 402);
    CHECK(read_datum(written({"", 3})).text.empty());
    CHECK(read_datum(written({"", 3})).stamp == 3);
    CHECK(read_datum("").stamp == 0);
}
