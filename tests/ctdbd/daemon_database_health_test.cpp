// What is known of sick databases outlives the daemon that found out.
#include "ctdbd/daemon/database_health.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;

TEST_CASE("a database is sick until it is declared healthy, in whichever life") {
    const TestDirectory directory;
    const auto path = directory.path() / "persistent_health.tdb.0";
    {
        DatabaseHealth health(path);
        CHECK(health.reason("secrets.tdb").empty());
        health.mark("secrets.tdb", "the file is damaged");
        health.mark("passdb.tdb", "the same");
    }
    {
        DatabaseHealth health(path);
        CHECK(health.reason("secrets.tdb") == "the file is damaged");
        health.clear("secrets.tdb");
        health.clear("never.tdb");
    }
    const DatabaseHealth health(path);
    CHECK(health.reason("secrets.tdb").empty());
    CHECK(health.reason("passdb.tdb") == "the same");
}
