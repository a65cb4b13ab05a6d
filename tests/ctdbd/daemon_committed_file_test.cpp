// Files of persistent databases: what is told to be durable is there after a crash, under the right
// version.
#include "ctdbd/daemon/committed_file.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <fstream>
#include <string>

using namespace ctdbd::daemon;
using statedb::Content;
using statedb::Version;
using statedb::Write;

namespace {

Bytes value(std::string_view data, std::uint8_t pad = 0) {
    std::string text(24, '\0');
    text[0] = 1;
    text[23] = static_cast<char>(pad); // clients leave garbage in the pad
    return bytes(text.append(data));
}

struct Fixture {
    const TestDirectory& directory;
    boost::asio::io_context loop;
    DiskThread disk{loop};
    std::vector<Version> durable;
    CommittedFile file;

    explicit Fixture(const TestDirectory& where, DatabaseKind kind = DatabaseKind::is_persistent)
        : directory(where), file(disk,
                                 {.path = where.path() / "p.tdb.0", .kind = kind, .hash_size = 101},
                                 where.path() / "p.tdb.0.version",
                                 [this](Version version) { durable.push_back(version); }) {}

    void settle(std::size_t count) {
        CHECK(turn_until(loop, [&] { return durable.size() >= count; }));
    }
};

} // namespace

TEST_CASE("what was applied is there in the next life, with its version") {
    const TestDirectory directory;
    {
        Fixture f(directory);
        CHECK(f.file.version() == Version{});
        CHECK(f.file.take_content().empty());
        f.file.apply({1, 10}, {{"a", value("1", 0xaa)}, {"b", value("2")}});
        f.file.apply({1, 11}, {{"a", value("3")}});
        f.file.confirm({2, 12});
        f.settle(3);
        CHECK(f.durable == std::vector<Version>{{1, 10}, {1, 11}, {2, 12}});
    }
    Fixture f(directory);
    CHECK(f.file.version() == Version{2, 12});
    CHECK(f.file.take_content() == Content{{"a", value("3")}, {"b", value("2")}});
}

TEST_CASE("replacing leaves nothing of what was there") {
    const TestDirectory directory;
    {
        Fixture f(directory);
        f.file.apply({1, 1}, {{"old", value("x")}, {"both", value("x")}});
        f.file.replace({5, 5}, {{"new", value("y")}, {"both", value("y")}});
        f.settle(2);
    }
    Fixture f(directory);
    CHECK(f.file.version() == Version{5, 5});
    CHECK(f.file.take_content() == Content{{"both", value("y")}, {"new", value("y")}});
}

TEST_CASE("a content that another program changed has no version") {
    const TestDirectory directory;
    {
        Fixture f(directory);
        f.file.apply({3, 3}, {{"a", value("1")}});
        f.settle(1);
    }
    {
        TdbFile stranger(
            {.path = directory.path() / "p.tdb.0", .kind = DatabaseKind::is_persistent});
        stranger.store(bytes("a").span(), value("2").span());
    }
    Fixture f(directory);
    CHECK(f.file.version() == Version{});
    CHECK(f.file.take_content() == Content{{"a", value("2")}});
}

TEST_CASE("a crash between the version and the content leaves the version of the content") {
    const TestDirectory directory;
    const std::filesystem::path path = directory.path() / "v";
    ContentDigest one;
    one.add("k", value("1").span());
    ContentDigest two = one;
    two.remove("k", value("1").span());
    two.add("k", value("2").span());
    {
        VersionFile versions(path);
        CHECK_FALSE(versions.version_of(0));
        versions.write({}, {{1, 1}, one.value()});
        versions.write({{1, 1}, one.value()}, {{1, 2}, two.value()});
    }
    CHECK(VersionFile(path).version_of(one.value()) == Version{1, 1});
    CHECK(VersionFile(path).version_of(two.value()) == Version{1, 2});
    CHECK_FALSE(VersionFile(path).version_of(one.value() + 1));
    {
        // A torn write of the last slot: what was before it counts.
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(40);
        file.put('x');
    }
    CHECK(VersionFile(path).version_of(one.value()) == Version{1, 1});
    CHECK_FALSE(VersionFile(path).version_of(two.value()));
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
        Fixture f(directory);
        f.file.apply({1, 1}, {{"a", value(std::string(1000, 'x'))}});
        f.settle(1);
    }
    {
        std::fstream file(directory.path() / "p.tdb.0",
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(400); // into the hash table
        file << std::string(1200, '\x5a');
    }
    CHECK_THROWS_AS(Fixture{directory}, TdbError);
}

TEST_CASE("a replicated database begins every life empty") {
    const TestDirectory directory;
    {
        Fixture f(directory, DatabaseKind::is_replicated);
        f.file.apply({1, 1}, {{"a", value("1")}});
        f.settle(1);
    }
    Fixture f(directory, DatabaseKind::is_replicated);
    CHECK(f.file.version() == Version{});
    CHECK(f.file.take_content().empty());
}
