// What the line in ctdb.conf means, and what a helper's word does (ctdb-wire.md 7.4).
#include "ctdbd/daemon/cluster_lock.h"

#include "ctdbd/daemon/witness.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;
using Words = std::vector<std::string>;

TEST_CASE("a path is for the packaged helper, a command line for itself") {
    CHECK(lock_command("/shared/lock file", "/helper") == Words{"/helper", "/shared/lock file"});
    CHECK(lock_command("!/bin/lock a  b\tc ", "/helper") == Words{"/bin/lock", "a", "b", "c"});
    CHECK(lock_command("! /bin/lock", "/helper") == Words{"/bin/lock"});
}

TEST_CASE("only one word means that the lock is held") {
    CHECK(lock_answer('0') == LockAnswer::held);
    CHECK(lock_answer('1') == LockAnswer::contention);
    CHECK(lock_answer('2') == LockAnswer::timeout);
    CHECK(lock_answer('3') == LockAnswer::error);
    CHECK(lock_answer('x') == LockAnswer::error);
}

TEST_CASE("a witness that is not there remembers nothing, one that cannot be read is no witness") {
    CHECK(parse_witness("well ") == statedb::History{});
    CHECK_FALSE(parse_witness(""));
    CHECK_FALSE(parse_witness("well 0"));
    CHECK_FALSE(parse_witness("well zz"));
    CHECK_FALSE(parse_witness("well ffff"));
}
