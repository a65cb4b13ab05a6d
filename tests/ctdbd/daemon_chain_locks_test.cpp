// Work that waits for chain locks, against real holders in other processes: the packaged lock
// helper plays the client that holds a chain.
#include "ctdbd/daemon/chain_locks.h"
#include "tests/ctdbd/chain_holder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using namespace ctdbd::daemon;

namespace {

struct Fixture {
    TestDirectory directory;
    boost::asio::io_context loop;
    LockSettings settings;
    ctdbd::protocol::LockStatistics statistics;
    TdbFile file;
    ChainLocks locks;

    explicit Fixture(bool mutexes = true)
        : file({.path = directory.path() / "t.tdb.0", .mutexes = mutexes, .hash_size = 1009}),
          locks(loop, settings, file, "t.tdb", statistics) {}
};

const char* const k1_hex = "6B31";

} // namespace

TEST_CASE("work on a free chain is done at once") {
    Fixture f;
    bool done = false;
    f.locks.with(bytes("k1"), [&] { done = true; });
    CHECK(done);
    CHECK(f.statistics.num_calls == 1);
    CHECK(f.statistics.num_pending == 0);
}

TEST_CASE("work asked for by work on the same key is done next, not inside") {
    Fixture f;
    std::vector<int> order;
    f.locks.with(bytes("k1"), [&] {
        f.locks.with(bytes("k1"), [&] { order.push_back(2); });
        order.push_back(1);
    });
    CHECK(order == std::vector{1, 2});
}

TEST_CASE("work on a held chain waits, in order, while other keys go on") {
    for (const bool mutexes : {true, false}) {
        CAPTURE(mutexes);
        Fixture f(mutexes);
        ChainHolder holder(f.loop, f.file, k1_hex);
        std::vector<int> order;
        for (int number : {1, 2, 3})
            f.locks.with(bytes("k1"), [&, number] {
                CHECK(f.file.try_lock(bytes("k1").span())); // it is ours to lock again
                f.file.unlock(bytes("k1").span());
                order.push_back(number);
            });
        bool other = false;
        f.locks.with(bytes("k2"), [&] { other = true; });
        CHECK(other);
        f.loop.run_for(std::chrono::milliseconds(100));
        CHECK(order.empty());
        CHECK(f.locks.waiting() == 3);
        holder.let_go(f.loop);
        CHECK(turn_until(f.loop, [&] { return order.size() == 3; }));
        CHECK(order == std::vector{1, 2, 3});
        CHECK(f.statistics.num_pending == 0);
    }
}

TEST_CASE("a holder that is killed inside the lock does not keep it") {
    for (const bool mutexes : {true, false}) {
        Fixture f(mutexes);
        ChainHolder holder(f.loop, f.file, k1_hex);
        bool done = false;
        f.locks.with(bytes("k1"), [&] { done = true; });
        holder.die(f.loop);
        CHECK(turn_until(f.loop, [&] { return done; }));
    }
}

TEST_CASE("no more helpers than allowed, and everybody is served") {
    Fixture f;
    f.settings.helpers_max = 1;
    ChainHolder first(f.loop, f.file, "6B31");
    ChainHolder second(f.loop, f.file, "6B32");
    int done = 0;
    for (const char* key : {"k1", "k2"})
        f.locks.with(bytes(key), [&] { ++done; });
    f.loop.run_for(std::chrono::milliseconds(100));
    CHECK(done == 0);
    second.let_go(f.loop);
    first.let_go(f.loop);
    CHECK(turn_until(f.loop, [&] { return done == 2; }));
}

TEST_CASE("a frozen file shuts clients out and lets us work") {
    for (const bool mutexes : {true, false}) {
        CAPTURE(mutexes);
        Fixture f(mutexes);
        bool frozen = false;
        f.locks.freeze([&] { frozen = true; });
        CHECK(turn_until(f.loop, [&] { return frozen; }));
        CHECK(f.locks.frozen());
        bool worked = false;
        f.locks.with(bytes("k1"), [&] {
            f.file.store(bytes("k1").span(), {}, bytes("v").span());
            worked = true;
        });
        CHECK(worked);
        f.file.wipe();
        CHECK_FALSE(f.file.fetch(bytes("k1").span()));
        f.locks.thaw();
        CHECK_FALSE(f.locks.frozen());
        // The chain can be had by others again.
        ChainHolder client(f.loop, f.file, k1_hex);
        client.let_go(f.loop);
    }
}

TEST_CASE("freezing does what waited for chains first, then calls back") {
    Fixture f;
    ChainHolder holder(f.loop, f.file, k1_hex);
    std::vector<int> order;
    f.locks.with(bytes("k1"), [&] { order.push_back(1); });
    f.locks.freeze([&] { order.push_back(2); });
    f.locks.freeze([&] { order.push_back(3); });
    f.loop.run_for(std::chrono::milliseconds(100));
    CHECK(order.empty());
    holder.let_go(f.loop);
    CHECK(turn_until(f.loop, [&] { return order.size() == 3; }));
    CHECK(order == std::vector{1, 2, 3});
    f.locks.thaw();
    CHECK_FALSE(f.locks.frozen());
}

TEST_CASE("freezing waits for the client that holds a chain, thawing gives up waiting") {
    Fixture f;
    ChainHolder holder(f.loop, f.file, k1_hex);
    bool frozen = false;
    f.locks.freeze([&] { frozen = true; });
    f.loop.run_for(std::chrono::milliseconds(100));
    CHECK_FALSE(frozen);
    f.locks.thaw();
    holder.let_go(f.loop);
    f.loop.run_for(std::chrono::milliseconds(100));
    CHECK_FALSE(frozen);
}

TEST_CASE("without a helper program the lock is still got in the end") {
    Fixture f;
    f.settings.helper = "/nonexistent/helper";
    ChainHolder holder(f.loop, f.file, k1_hex);
    bool done = false;
    f.locks.with(bytes("k1"), [&] { done = true; });
    f.loop.run_for(std::chrono::milliseconds(50));
    CHECK(f.statistics.num_failed > 0);
    holder.let_go(f.loop);
    CHECK(turn_until(f.loop, [&] { return done; }));
}
