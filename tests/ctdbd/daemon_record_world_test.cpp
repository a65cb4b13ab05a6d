// What the record service decides, done to a real TDB file: what readers and tools are told of it.
#include "ctdbd/daemon/record_world.h"
#include "statedb/record_commands.h"
#include "tests/ctdbd/chain_holder.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>
#include <vector>

using namespace ctdbd::daemon;
using statedb::GiveAway;
using statedb::Grant;
using statedb::ReadLocal;
using statedb::RecordName;
using statedb::TakeOver;

namespace {

constexpr statedb::ProcessorId self{1, 1}, other{2, 1};
constexpr DatabaseId locking = 0x7a19d84d;
const RecordName record{locking, "k1"};

// Keeps what would be ordered.
class Collected final : public statedb::Outbox {
public:
    [[nodiscard]] statedb::Instant now() const override { return {}; }

    void submit(statedb::ServiceId, Bytes payload, statedb::Service) override {
        commands.push_back(*statedb::record_command::decode(payload));
    }

    std::vector<statedb::record_command::Any> commands;
};

// One database that is open to clients, and what the service is asked.
struct Fixture {
    TestDirectory directory;
    boost::asio::io_context loop;
    statedb::Records service{{.self = self}};
    Collected collected;
    std::size_t requests = 0;
    RecordWorld world{loop, {.pnn = 0, .locks = {}}, [this](const auto& request) {
                          ++requests;
                          request(service, collected);
                      }};

    Fixture() {
        world.open(locking, "locking.tdb", {.path = directory.path() / "locking.tdb.0"});
        world.perform(statedb::Thaw{});
    }

    void perform(statedb::RecordEffect effect) {
        world.perform(std::move(effect));
        loop.restart();
        loop.poll();
    }

    std::vector<std::string> read_replies() {
        std::vector<std::string> replies;
        for (const auto& command : collected.commands)
            if (const auto* const reply = std::get_if<statedb::record_command::ReadReply>(&command))
                replies.emplace_back(reply->data.view());
        return replies;
    }
};

} // namespace

// The question was ordered before the hand-off, but reaches the file after the record was given
// away: nobody can have changed it since. The answer that there is none made smbd start the share
// modes of an open file from nothing.
TEST_CASE("a record on its way to the next owner is read as it was given away") {
    Fixture fixture;
    fixture.perform(TakeOver{record, 7, TakeOver::Source::shipped, bytes("share modes")});
    fixture.perform(GiveAway{record, 7, other});
    fixture.perform(ReadLocal{record, 7, other, 1});
    CHECK(fixture.read_replies() == std::vector<std::string>{"share modes"});
}

TEST_CASE("a database that a tool holds is shut until it is released, whatever the service says") {
    Fixture fixture;
    bool held = false;
    fixture.world.hold(locking, [&] { held = true; });
    CHECK(turn_until(fixture.loop, [&] { return held; }));
    fixture.perform(statedb::Freeze{});
    fixture.perform(statedb::Thaw{});
    CHECK(fixture.world.find(locking)->is_shut());
    fixture.world.release(locking);
    CHECK_FALSE(fixture.world.find(locking)->is_shut());
}

// A client that still has the file open would go on with records that are somebody else's by now.
TEST_CASE("a database that is closed is emptied first, however long a client sits in it") {
    Fixture fixture;
    const auto shows = [&](const char* key) {
        TdbFile& file = fixture.world.find(locking)->file();
        const auto lock = ChainLock::try_lock(file, bytes(key));
        return lock && file.fetch(bytes(key).span()).has_value();
    };
    fixture.perform(TakeOver{record, 7, TakeOver::Source::shipped, bytes("share modes")});
    ChainHolder client(fixture.loop, fixture.world.find(locking)->file(), "6B31");
    fixture.world.close(locking);
    CHECK(fixture.world.find(locking) == nullptr);
    fixture.world.open(locking, "locking.tdb",
                       {.path = fixture.directory.path() / "locking.tdb.0"});
    fixture.perform(TakeOver{{locking, "k2"}, 8, TakeOver::Source::shipped, bytes("new")});
    client.let_go(fixture.loop);
    CHECK(turn_until(fixture.loop, [&] { return shows("k2"); }));
    CHECK_FALSE(shows("k1"));
}

TEST_CASE("a closed file that was empty, or soon is, can be opened anew") {
    Fixture fixture;
    fixture.perform(TakeOver{record, 7, TakeOver::Source::shipped, bytes("share modes")});
    fixture.world.close(locking);
    fixture.loop.restart();
    fixture.loop.poll();
    const TdbFile anew({.path = fixture.directory.path() / "locking.tdb.0"});
    CHECK_FALSE(anew.fetch(bytes("k1").span()).has_value());
}

TEST_CASE("what a leaver parts with stays in its file as nobody's") {
    Fixture fixture;
    fixture.perform(TakeOver{record, 7, TakeOver::Source::shipped, bytes("share modes")});
    fixture.perform(statedb::PartWith{{{record, 7}, {{locking, "absent"}, 8}}});
    const auto header = fixture.world.find(locking)->file().header(bytes("k1").span());
    REQUIRE(header);
    CHECK(header->dmaster == 0xffffffff);
}

TEST_CASE("a record of a sticky database that moves often stays for a while wherever it comes") {
    Fixture fixture;
    const auto asked_after = [&](Grant grant, std::chrono::milliseconds time) {
        fixture.requests = 0;
        fixture.perform(TakeOver{record, grant, TakeOver::Source::shipped, bytes("data")});
        fixture.loop.restart();
        fixture.loop.run_for(time);
        return fixture.requests;
    };
    fixture.world.tune(std::chrono::seconds(10), 1,
                       {.moves_a_second = 3, .pindown = std::chrono::milliseconds(300)});
    CHECK(asked_after(1, std::chrono::milliseconds(20)) > 0); // its turn is over
    fixture.world.make_sticky(locking);
    CHECK(asked_after(2, std::chrono::milliseconds(20)) > 0);
    for (Grant grant = 3; grant < 8; ++grant)
        fixture.perform(TakeOver{record, grant, TakeOver::Source::shipped, bytes("data")});
    CHECK(asked_after(8, std::chrono::milliseconds(100)) == 0);
    CHECK(turn_until(fixture.loop, [&] { return fixture.requests > 0; }));
}

TEST_CASE("how often records moved is told, the hottest first") {
    Fixture fixture;
    fixture.perform(TakeOver{record, 1, TakeOver::Source::shipped, bytes("data")});
    fixture.perform(GiveAway{record, 1, other});
    fixture.perform(TakeOver{{locking, "k2"}, 2, TakeOver::Source::shipped, bytes("data")});
    ctdbd::protocol::DbStatistics statistics;
    fixture.world.add_statistics(locking, statistics);
    CHECK(statistics.hottest[0].key.view() == "k1");
    CHECK(statistics.hottest[0].count == 2);
    CHECK(statistics.hottest[1].key.view() == "k2");
}
