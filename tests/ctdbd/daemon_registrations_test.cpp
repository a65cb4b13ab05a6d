// Who gets which message: registrations as clients count on them.
#include "ctdbd/daemon/registrations.h"
#include "ctdbd/protocol/numbers.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;
namespace srvid = ctdbd::protocol::srvid;

TEST_CASE("an address registered twice by one client is delivered twice") {
    Registrations registrations;
    registrations.add(1, 42);
    registrations.add(1, 42);
    registrations.add(2, 42);
    CHECK(registrations.listeners(42) == std::vector<ClientId>{1, 1, 2});
    CHECK(registrations.remove(1, 42));
    CHECK(registrations.listeners(42) == std::vector<ClientId>{1, 2});
    CHECK(registrations.remove(1, 42));
    CHECK_FALSE(registrations.remove(1, 42));
    CHECK_FALSE(registrations.has(1, 42));
    CHECK(registrations.has(2, 42));
}

TEST_CASE("who listens to all addresses gets every message but traverse records") {
    Registrations registrations;
    registrations.add(7, srvid::all);
    CHECK(registrations.listeners(5) == std::vector<ClientId>{7});
    CHECK(registrations.listeners(srvid::all) == std::vector<ClientId>{7});
    CHECK(registrations.listeners(5, false).empty());
}

TEST_CASE("a client that is gone listens no more, and leaves what it wanted to be sent") {
    Registrations registrations;
    registrations.add(1, 5);
    registrations.add(2, 5);
    CHECK(registrations.add_notification(1, {.srvid = 9, .data = bytes("farewell")}));
    CHECK_FALSE(registrations.add_notification(1, {.srvid = 9, .data = bytes("again")}));
    CHECK(registrations.add_notification(2, {.srvid = 9, .data = bytes("not me")}));
    CHECK(registrations.add_notification(1, {.srvid = 10, .data = {}}));
    CHECK(registrations.remove_notification(1, 10));
    CHECK_FALSE(registrations.remove_notification(1, 10));
    const auto to_send = registrations.forget(1);
    REQUIRE(to_send.size() == 1);
    CHECK(to_send.front().data == bytes("farewell"));
    CHECK(registrations.listeners(5) == std::vector<ClientId>{2});
    CHECK(registrations.forget(1).empty());
}
