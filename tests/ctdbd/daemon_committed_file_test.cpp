// Files of persistent databases: what is told to be durable is there after a crash, under the right
// version.
#include "tests/ctdbd/daemon_committed_life.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <fstream>
#include <string>

using namespace ctdbd::daemon;
using ctdbd::ContentDigest;
using statedb::Content;
using statedb::OnDisk;
using statedb::Version;
using statedb::Write;

TEST_CASE("what was applied is there in the next life, with its version") {
    const TestDirectory directory;
    {
        Life f(directory);
        CHECK(f.file.version() == Version{});
        CHECK(f.file.take_content().empty());
        f.file.apply({1, 10}, {{"a", value("1", 0xaa)}, {"b", value("2")}});
        f.file.apply({1, 11}, {{"a", value("3")}});
        f.file.confirm({2, 12});
        f.settle(3);
        CHECK(f.durable ==
              std::vector<OnDisk>{{Life::id, {1, 10}}, {Life::id, {1, 11}}, {Life::id, {2, 12}}});
    }
    Life f(directory);
    CHECK(f.file.version() == Version{2, 12});
    CHECK(f.file.take_content() == Content{{"a", value("3")}, {"b", value("2")}});
}

TEST_CASE("replacing leaves nothing of what was there") {
    const TestDirectory directory;
    {
        Life f(directory);
        f.file.apply({1, 1}, {{"old", value("x")}, {"both", value("x")}});
        f.file.replace({5, 5}, {{"new", value("y")}, {"both", value("y")}});
        f.settle(2);
    }
    Life f(directory);
    CHECK(f.file.version() == Version{5, 5});
    CHECK(f.file.take_content() == Content{{"both", value("y")}, {"new", value("y")}});
}

TEST_CASE("a content that another program changed has no version") {
    const TestDirectory directory;
    {
        Life f(directory);
        f.file.apply({3, 3}, {{"a", value("1")}});
        f.settle(1);
    }
    {
        TdbFile stranger(
            {.path = directory.path() / "p.tdb.0", .kind = DatabaseKind::is_persistent});
        stranger.store(bytes("a").span(), value("2").span());
    }
    Life f(directory);
    CHECK(f.file.version() == Version{});
    CHECK(f.file.take_content() == Content{{"a", value("2")}});
}

TEST_CASE("the digest does not depend on the way to a content") {
    CHECK(rc::check([](const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& after) {
        ContentDigest straight;
        for (const auto& [key, data] : after)
            straight.add(key, bytes(data).span());
        ContentDigest winding;
        for (const auto& [key, data] : before)
            winding.add(key, bytes(data).span());
        for (const auto& [key, data] : after)
            winding.add(key, bytes(data).span());
        for (const auto& [key, data] : before)
            winding.remove(key, bytes(data).span());
        RC_ASSERT(straight == winding);
        RC_ASSERT((before == after) == [&] {
            ContentDigest other;
            for (const auto& [key, data] : before)
                other.add(key, bytes(data).span());
            return other == straight;
        }());
    }));
}

TEST_CASE("a damaged file is refused with the way out") {
    const TestDirectory directory;
    {
        Life f(directory);
        f.file.apply({1, 1}, {{"a", value(std::string(1000, 'x'))}});
        f.settle(1);
    }
    {
        std::fstream file(directory.path() / "p.tdb.0",
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(400); // into the hash table
        file << std::string(1200, '\x5a');
    }
    CHECK_THROWS_AS(Life{directory}, TdbError);
}

TEST_CASE("a replicated database begins every life empty") {
    const TestDirectory directory;
    {
        Life f(directory, DatabaseKind::is_replicated);
        f.file.apply({1, 1}, {{"a", value("1")}});
        f.settle(1);
    }
    Life f(directory, DatabaseKind::is_replicated);
    CHECK(f.file.version() == Version{});
    CHECK(f.file.take_content().empty());
}
