// What the record service decides, done to a real TDB file: what readers and tools are told of it.
#include "ctdbd/daemon/record_world.h"
#include "statedb/record_commands.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>
#include <vector>

using namespace ctdbd::daemon;
using statedb::GiveAway;
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
    RecordWorld world{loop, {.pnn = 0, .locks = {}}, [this](const auto& request) {
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
