// TDB files as clients will find them: flags, records, chains one by one, transactions.
#include "ctdbd/daemon/tdb_file.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>
#include <string>

using namespace ctdbd::daemon;
using ctdbd::protocol::LtdbHeader;

namespace {

TdbOptions in(const TestDirectory& directory, DatabaseKind kind, int hash_size = 101) {
    return {.path = directory.path() / "t.tdb.0", .kind = kind, .hash_size = hash_size};
}

const LtdbHeader header{.rsn = 7, .dmaster = 2, .flags = 0};

} // namespace

TEST_CASE("each kind of database is opened with the flags that clients are told") {
    const TestDirectory directory;
    CHECK(TdbFile(in(directory, DatabaseKind::is_volatile)).open_flags() == 0x1c41);
    const TestDirectory other;
    TdbOptions without = in(other, DatabaseKind::is_volatile);
    without.mutexes = false;
    CHECK(TdbFile(without).open_flags() == 0xc41);
    const TestDirectory third;
    CHECK(TdbFile(in(third, DatabaseKind::is_replicated)).open_flags() == 0xc41);
    const TestDirectory fourth;
    TdbFile persistent(in(fourth, DatabaseKind::is_persistent));
    CHECK(persistent.open_flags() == 0x400);
    persistent.enable_seqnum();
    CHECK(persistent.open_flags() == 0x480);
}

TEST_CASE("a record is its header and its data") {
    const TestDirectory directory;
    TdbFile file(in(directory, DatabaseKind::is_volatile));
    CHECK_FALSE(file.fetch(bytes("k").span()));
    CHECK_FALSE(file.header(bytes("k").span()));
    file.store(bytes("k").span(), header, bytes("value").span());
    CHECK(file.header(bytes("k").span()) == header);
    CHECK(file.fetch(bytes("k").span())->size() == 29);
    CHECK(file.fetch(bytes("k").span())->slice(24, 5) == bytes("value"));
    file.erase(bytes("k").span());
    file.erase(bytes("k").span());
    CHECK_FALSE(file.fetch(bytes("k").span()));
}

TEST_CASE(
    "what an earlier life left in a volatile file is gone, what a persistent one holds stays") {
    for (const auto kind : {DatabaseKind::is_volatile, DatabaseKind::is_persistent}) {
        const TestDirectory directory;
        { TdbFile(in(directory, kind)).store(bytes("k").span(), header, {}); }
        const TdbFile again(in(directory, kind));
        CHECK(again.header(bytes("k").span()).has_value() == (kind == DatabaseKind::is_persistent));
    }
}

TEST_CASE("going through the chains shows every record once, in any hash size") {
    CHECK(rc::check([](const std::set<std::string>& keys) {
        const TestDirectory directory;
        const int hash_size = *rc::gen::inRange(1, 60);
        TdbFile file(in(directory, DatabaseKind::is_volatile, hash_size));
        for (const std::string& key : keys)
            file.store(bytes(key).span(), header, bytes(key).span());
        std::multiset<std::string> shown;
        for (std::size_t chain = 0; chain < file.chains(); ++chain)
            RC_ASSERT(file.try_scan_chain(chain, [&](ByteSpan key, ByteSpan value) {
                RC_ASSERT(value.size() == 24 + key.size());
                shown.emplace(reinterpret_cast<const char*>(key.data()), key.size());
            }));
        RC_ASSERT(shown == std::multiset<std::string>(keys.begin(), keys.end()));
    }));
}

TEST_CASE("a transaction that is cancelled leaves nothing, one that is committed survives") {
    const TestDirectory directory;
    {
        TdbFile file(in(directory, DatabaseKind::is_persistent));
        file.begin_transaction();
        file.store(bytes("lost").span(), header, {});
        file.cancel_transaction();
        file.begin_transaction();
        file.store(bytes("kept").span(), header, {});
        file.commit_transaction();
        CHECK(file.intact());
    }
    TdbFile file(in(directory, DatabaseKind::is_persistent));
    int records = 0;
    file.scan([&](ByteSpan key, ByteSpan) {
        CHECK(key.size() == 4);
        ++records;
    });
    CHECK(records == 1);
    CHECK(file.header(bytes("kept").span()) == header);
}

TEST_CASE("a file that cannot be opened is an error that names it") {
    CHECK_THROWS_WITH_AS(TdbFile({.path = "/nonexistent/t.tdb.0"}),
                         "cannot open /nonexistent/t.tdb.0: No such file or directory", TdbError);
}
