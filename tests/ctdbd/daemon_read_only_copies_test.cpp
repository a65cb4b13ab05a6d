// Read-only copies in a real TDB file: the marks that clients go by, and who is counted
// (ctdb-behaviour.md 1.5, 3.7).
#include "ctdbd/daemon/record_world.h"
#include "statedb/record_commands.h"
#include "tests/ctdbd/chain_holder.h"

#include <doctest/doctest.h>

#include <variant>
#include <vector>

using namespace ctdbd::daemon;
using statedb::RecordName;
using statedb::TakeOver;

namespace {

namespace flag = ctdbd::protocol::record_flag;

constexpr statedb::ProcessorId self{1, 1}, other{2, 1};
constexpr DatabaseId locking = 0x7a19d84d;
const RecordName record{locking, "k1"};

class Discarded final : public statedb::Outbox {
public:
    [[nodiscard]] statedb::Instant now() const override { return {}; }

    void submit(statedb::ServiceId, Bytes, statedb::Service) override {}
};

struct Fixture {
    TestDirectory directory;
    boost::asio::io_context loop;
    statedb::Records service{{.self = self}};
    Discarded outbox;
    std::size_t asked = 0; // the service, for anything
    RecordWorld world{loop, {.pnn = 0, .locks = {}}, [this](const auto& request) {
                          ++asked;
                          request(service, outbox);
                      }};

    Fixture() {
        world.open(locking, "locking.tdb", {.path = directory.path() / "locking.tdb.0"});
        world.make_readonly(locking);
        world.perform(statedb::Thaw{});
    }

    void perform(statedb::RecordEffect effect) {
        world.perform(std::move(effect));
        turn();
    }

    void turn() {
        loop.restart();
        loop.poll();
    }

    ctdbd::protocol::LtdbHeader header() {
        const auto found = world.find(locking)->file().header(bytes("k1").span());
        REQUIRE(found.has_value());
        return *found;
    }

    void own(const std::string& data) {
        perform(TakeOver{record, 7, TakeOver::Source::shipped, bytes(data)});
    }

    ctdbd::protocol::DbStatistics counted() {
        ctdbd::protocol::DbStatistics statistics;
        world.add_statistics(locking, statistics);
        return statistics;
    }
};

} // namespace

TEST_CASE("a record that is delegated says so, until it is taken over anew or given away") {
    Fixture fixture;
    fixture.own("share modes");
    CHECK(fixture.header().flags == flag::migrated_with_data);
    fixture.perform(statedb::Share{record, 7, other, 1});
    CHECK(fixture.header() ==
          ctdbd::protocol::LtdbHeader{7, 0, flag::migrated_with_data | flag::ro_have_delegations});
    CHECK(fixture.counted().ro_delegations == 1);
    CHECK(fixture.counted().ro_revokes == 0);
    SUBCASE("taken over") {
        fixture.perform(TakeOver{record, 8, TakeOver::Source::own_copy, {}});
        CHECK(fixture.header() == ctdbd::protocol::LtdbHeader{8, 0, flag::migrated_with_data});
    }
    SUBCASE("given away") {
        fixture.perform(statedb::GiveAway{record, 7, other});
        CHECK(fixture.header() == ctdbd::protocol::LtdbHeader{7, 1, flag::migrated_with_data});
    }
    SUBCASE("parted with") {
        fixture.perform(statedb::PartWith{{{record, 7}}});
        CHECK(fixture.header().flags == flag::migrated_with_data);
    }
    CHECK(fixture.counted().ro_revokes == 1);
    CHECK(fixture.world.delegation_counts().revoked == 1);
}

TEST_CASE(
    "a client that wants to write what is delegated has the service asked, one that reads not") {
    Fixture fixture;
    fixture.own("share modes");
    fixture.perform(statedb::Share{record, 7, other, 1});
    std::size_t answers = 0;
    const auto answer = [&](const auto&, const Bytes&) { ++answers; };
    const std::size_t before = fixture.asked;
    fixture.world.read(record, 1, answer);
    fixture.turn();
    CHECK(answers == 1);
    CHECK(fixture.asked == before);
    fixture.world.migrate(record, 1, answer);
    fixture.turn();
    CHECK(answers == 1);
    CHECK(fixture.asked == before + 1);
    fixture.perform(TakeOver{record, 8, TakeOver::Source::own_copy, {}});
    CHECK(answers == 2);
}

TEST_CASE("neither an empty record nor one of another database is delegated") {
    Fixture fixture;
    SUBCASE("empty") {
        fixture.own("");
        fixture.perform(statedb::Share{record, 7, other, 1});
        CHECK((fixture.header().flags & flag::ro_flags) == 0);
    }
    SUBCASE("of another database") {
        const RecordName elsewhere{locking + 1, "k1"};
        fixture.world.open(elsewhere.db, "b.tdb", {.path = fixture.directory.path() / "b.tdb.0"});
        fixture.perform(TakeOver{elsewhere, 7, TakeOver::Source::shipped, bytes("x")});
        fixture.perform(statedb::Share{elsewhere, 7, other, 1});
        const auto header = fixture.world.find(elsewhere.db)->file().header(bytes("k1").span());
        CHECK((header->flags & flag::ro_flags) == 0);
    }
    CHECK(fixture.world.delegation_counts().delegated == 0);
}

TEST_CASE("a copy is in the file before its reader is answered, and is read there from then on") {
    Fixture fixture;
    std::vector<ctdbd::protocol::LtdbHeader> answers;
    const auto answer = [&](const auto& header, const Bytes& data) {
        CHECK(data == bytes("share modes"));
        answers.push_back(header);
    };
    fixture.world.read(record, 1, answer);
    fixture.turn();
    CHECK(answers.empty());
    const std::size_t asked = fixture.asked;
    fixture.perform(statedb::KeepCopy{record, 7, other, 1, bytes("share modes")});
    const ctdbd::protocol::LtdbHeader copy{7, 1, flag::migrated_with_data | flag::ro_have_readonly};
    CHECK(fixture.header() == copy);
    fixture.world.read(record, 2, answer);
    fixture.turn();
    CHECK(answers == std::vector{copy, copy});
    CHECK(fixture.asked == asked);
    fixture.perform(statedb::DropCopy{record, 7});
    CHECK(fixture.header() == ctdbd::protocol::LtdbHeader{7, 1, flag::migrated_with_data});
}

TEST_CASE("a copy is dropped when the client that is inside its chain has left it") {
    Fixture fixture;
    fixture.perform(statedb::KeepCopy{record, 7, other, 0, bytes("share modes")});
    ChainHolder client(fixture.loop, fixture.world.find(locking)->file(), "6B31");
    const std::size_t asked = fixture.asked;
    fixture.perform(statedb::DropCopy{record, 7});
    CHECK(fixture.asked == asked);
    client.let_go(fixture.loop);
    CHECK(turn_until(fixture.loop, [&] { return fixture.asked > asked; }));
    CHECK((fixture.header().flags & flag::ro_flags) == 0);
}

TEST_CASE(
    "who reconciles its files keeps no read-only copy, and the mark of what others may read") {
    Fixture fixture;
    fixture.own("share modes");
    fixture.perform(statedb::Share{record, 7, other, 1});
    const RecordName read{locking, "k2"};
    fixture.perform(statedb::KeepCopy{read, 6, other, 0, bytes("x")});
    bool shared = true;
    SUBCASE("read by others") {}
    SUBCASE("not any more") { shared = false; }
    fixture.perform(statedb::Reconcile{{{record, 7, true, shared}}});
    CHECK(turn_until(fixture.loop, [&] {
        return !fixture.world.find(locking)->file().header(bytes("k2").span()).has_value();
    }));
    CHECK((fixture.header().flags & flag::ro_flags) == (shared ? flag::ro_have_delegations : 0));
}
