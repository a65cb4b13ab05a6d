// The judges of record-service runs see what they are there to see: each is shown the smallest
// story in which its promise is broken.
#include "sim/records/clients.h"
#include "sim/records/queue_watch.h"
#include "tests/sim/bystander.h"

#include <doctest/doctest.h>

using namespace sim;
using namespace sim::records;

namespace {

using Use = RecordJudge::Use;

const RecordName record{7, "k"};
const ProcessorId one{1, 1}, two{2, 1}, three{3, 1};
const RingId first_ring{4, one}, second_ring{8, one};

struct Court {
    Census census;
    RecordJudge judge{census};
    Bystander here{1}, there{2};

    Court() {
        judge.frozen(here, false);
        judge.frozen(there, false);
    }

    // A client on this machine writes what nobody else has.
    void write(Bystander& at, const std::string& text, const Datum& over = {}) {
        judge.locked(at, record, "client", over);
        judge.copy_stored(at, record, judge.stored(record, text), Use::write);
        judge.unlocked(record);
    }
};

std::string broken(const std::function<void()>& what) {
    try {
        what();
    } catch (const Violation& violation) {
        return violation.property;
    }
    return "";
}

} // namespace

TEST_CASE("one owner: two open files may not call a record their own") {
    Court court;
    court.judge.copy_stored(court.here, record, Datum{"1", 1}, Use::write);
    CHECK(broken([&] {
              court.judge.copy_stored(court.there, record, Datum{"1", 1}, Use::write);
          }) == "one owner");

    SUBCASE("a frozen one may, until it opens") {
        Court other;
        other.judge.frozen(other.there, true);
        other.judge.copy_stored(other.there, record, Datum{"1", 1}, Use::write);
        CHECK(broken([&] {
                  other.judge.copy_stored(other.here, record, Datum{"1", 1}, Use::write);
              }) == "");
        CHECK(broken([&] { other.judge.frozen(other.there, false); }) == "one owner");
    }
    SUBCASE("one that stands still may, until it runs again") {
        Court other;
        other.judge.copy_stored(other.there, record, Datum{"1", 1}, Use::write);
        other.judge.stands_still(2);
        CHECK(broken([&] {
                  other.judge.copy_stored(other.here, record, Datum{"1", 1}, Use::write);
              }) == "");
        CHECK(broken([&] { other.judge.runs_again(other.there); }) == "one owner");
    }
}

TEST_CASE(
    "readers: nobody may read a copy of what others may write, and what is read is the latest") {
    Court court;
    court.write(court.here, "1");
    court.judge.copy_stored(court.here, record, Datum{"1", 1}, Use::delegate);
    court.judge.copy_stored(court.there, record, Datum{"1", 1}, Use::read);
    const auto write = [&] {
        court.judge.copy_stored(court.here, record, Datum{"1", 1}, Use::write);
    };
    SUBCASE("as long as it is marked") { CHECK(broken(write) == "readers"); }
    SUBCASE("not when the mark was taken off") {
        court.judge.copy_stored(court.there, record, Datum{"1", 1}, Use::none);
        CHECK(broken(write) == "");
    }
    SUBCASE("not while clients are kept out there, until they come back") {
        court.judge.frozen(court.there, true);
        CHECK(broken(write) == "");
        CHECK(broken([&] { court.judge.frozen(court.there, false); }) == "readers");
    }
    SUBCASE("a copy that is older than the last write is noticed when it is read") {
        court.judge.frozen(court.there, true);
        court.write(court.here, "2", Datum{"1", 1});
        CHECK(broken([&] {
                  court.judge.copy_read(court.there, record, Datum{"1", 1});
              }) == "readers");
    }
}

TEST_CASE("newest copy: nobody reads less than what somebody in his component still has") {
    Court court;
    for (Bystander* const at : {&court.here, &court.there})
        court.census.seen(*at, {.phase = HostPhase::active, .epoch = 1, .ring = first_ring},
                          [] { return ReplicaDigests{}; });
    const auto read_nothing = [&] { court.judge.locked(court.here, record, "reader", Datum{}); };
    court.write(court.there, "1");
    court.write(court.there, "2", Datum{"1", 1});
    court.judge.life_ended(2);
    court.judge.frozen(court.there, false);
    SUBCASE("an older one is a copy, too") {
        court.judge.copy_stored(court.there, record, Datum{"1", 1}, Use::none);
        CHECK(broken(read_nothing) == "newest copy");
    }
    SUBCASE("one that is empty as well says nothing else") {
        court.judge.copy_stored(court.there, record, Datum{"", 1}, Use::none);
        CHECK(broken(read_nothing) == "");
    }
}

TEST_CASE("newest copy: of a record whose newest copy is empty the older ones do not count") {
    Court court;
    for (Bystander* const at : {&court.here, &court.there})
        court.census.seen(*at, {.phase = HostPhase::active, .epoch = 1, .ring = first_ring},
                          [] { return ReplicaDigests{}; });
    court.write(court.there, "1");
    court.write(court.there, "", Datum{"1", 1});
    court.write(court.there, "1", Datum{"", 2});
    court.judge.life_ended(2); // the latest write is lost with it
    court.judge.frozen(court.there, false);
    court.judge.copy_stored(court.there, record, Datum{"1", 1}, Use::none);
    const auto read_nothing = [&] { court.judge.locked(court.here, record, "reader", Datum{}); };
    SUBCASE("nobody found it so") { CHECK(broken(read_nothing) == "newest copy"); }
    SUBCASE("the next owner found it so, and handed on nothing") {
        court.judge.copy_stored(court.here, record, Datum{"", 2}, Use::write);
        CHECK(broken(read_nothing) == "");
    }
}

TEST_CASE("kept copy: a write is lost only with the machines that had it") {
    Court court;
    court.write(court.there, "1");
    const auto read_nothing = [&] { court.judge.locked(court.here, record, "reader", Datum{}); };
    SUBCASE("its machine is here and was never away") {
        CHECK(broken(read_nothing) == "kept copy");
    }
    SUBCASE("its machine died") {
        court.judge.life_ended(2);
        CHECK(broken(read_nothing) == "");
    }
    SUBCASE("a component was tried without it") {
        court.judge.component_tried(second_ring, {one, three});
        CHECK(broken(read_nothing) == "");
    }
    SUBCASE("it was away before, and is back") {
        court.judge.component_tried(first_ring, {one, three});
        court.judge.component_entered(2, second_ring);
        court.judge.locked(court.here, record, "reader", Datum{});
        court.judge.unlocked(record);
        court.write(court.there, "2");
        CHECK(broken(read_nothing) == "kept copy");
    }
}

TEST_CASE("in turn: nobody who came later stands before us") {
    Bystander here{2};
    QueueWatch watch;
    const auto look = [&](const RingId& ring, QueueWatch::Queue queue) {
        return broken([&] { watch.look(here, ring, {{record, std::move(queue)}}); });
    };
    CHECK(look(first_ring, {one, two}) == "");
    CHECK(look(first_ring, {two, three}) == "");
    CHECK(look(first_ring, {three, two}) == "in turn");
    CHECK(look(second_ring, {one, three, two}) == ""); // another component's order
}

TEST_CASE("one line: members of one epoch do not decide on different contents") {
    const Census census;
    DatabaseJudge judge{census};
    Bystander here{1}, there{2};
    const auto content = [](const std::string& text) {
        return Content{{"k", Bytes::copy_of(std::string(24, '\0') + text)}};
    };
    const auto decide = [&](Bystander& at, const std::string& text) {
        return broken([&] { judge.decided(at, 7, {}, content(text), {}); });
    };
    judge.takes_part(1, first_ring, true, true);
    judge.takes_part(2, first_ring, true, false);
    CHECK(decide(here, "a") == "");
    CHECK(decide(there, "a") == "");
    CHECK(decide(there, "b") == "one line");
    judge.takes_part(2, second_ring, true, true); // all was forgotten
    CHECK(decide(there, "b") == "");
}
