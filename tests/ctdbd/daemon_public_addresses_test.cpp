// What a node knows of public addresses, and what it does when it is told to take one.
#include "ctdbd/model/public_addresses.h"

#include <doctest/doctest.h>

using namespace ctdbd::config;
using What = TakeDecision::What;

namespace {

IpAddress ip(const char* text) { return boost::asio::ip::make_address(text); }

PublicAddresses three_on_two_interfaces() {
    const auto line = [](const char* address, std::vector<std::string> ifaces) {
        return PublicAddressLine{
            .address = ip(address), .mask_bits = 24, .ifaces = std::move(ifaces)};
    };
    return PublicAddresses({line("10.0.0.1", {"eth0", "eth1"}), line("10.0.0.2", {"eth0", "eth1"}),
                            line("10.0.0.3", {"eth1"})});
}

void take(PublicAddresses& table, const char* address) {
    PublicAddress& taken = *table.find(ip(address));
    const TakeDecision decision = table.decide_take(taken);
    REQUIRE(decision.what == What::take);
    table.taken(taken, decision.iface, 7);
}

} // namespace

TEST_CASE("an address goes to the interface with the fewest, and only if one is up") {
    PublicAddresses table = three_on_two_interfaces();
    take(table, "10.0.0.3");
    CHECK(table.find(ip("10.0.0.3"))->iface == "eth1");
    take(table, "10.0.0.1");
    CHECK(table.find(ip("10.0.0.1"))->iface == "eth0");
    CHECK(table.find(ip("10.0.0.1"))->holder == 7);
    CHECK(table.set_link("eth0", false));
    CHECK(table.decide_take(*table.find(ip("10.0.0.2"))) == TakeDecision{What::take, "eth1"});
    CHECK(table.set_link("eth1", false));
    CHECK(table.decide_take(*table.find(ip("10.0.0.2"))).what == What::refuse);
    CHECK_FALSE(table.can_host(*table.find(ip("10.0.0.3"))));
    CHECK_FALSE(table.set_link("eth2", true));
}

TEST_CASE("one that is held moves only if its interface is down or has two more than another") {
    PublicAddresses table = three_on_two_interfaces();
    PublicAddress& first = *table.find(ip("10.0.0.1"));
    table.taken(first, "eth0", 7);
    CHECK(table.decide_take(first).what == What::nothing);
    table.taken(*table.find(ip("10.0.0.2")), "eth0", 7);
    CHECK(table.decide_take(first) == TakeDecision{What::update, "eth1"});
    table.taken(*table.find(ip("10.0.0.3")), "eth1", 7);
    CHECK(table.decide_take(first).what == What::nothing);
    CHECK(table.set_link("eth0", false));
    CHECK(table.decide_take(first) == TakeDecision{What::update, "eth1"});
}

TEST_CASE("while an event is running nothing else begins; a suspended address is taken anew") {
    PublicAddresses table = three_on_two_interfaces();
    PublicAddress& address = *table.find(ip("10.0.0.1"));
    address.busy = true;
    CHECK(table.decide_take(address).what == What::refuse);
    address.busy = false;
    table.taken(address, "eth0", 7);
    address.suspended = true;
    CHECK(table.decide_take(address).what == What::take);
    table.taken(address, "eth0", 7);
    CHECK_FALSE(address.suspended);
}

TEST_CASE("an address that is held is forgotten when it is released") {
    PublicAddresses table = three_on_two_interfaces();
    CHECK(table.remove(ip("10.0.0.2")));
    CHECK(table.find(ip("10.0.0.2")) == nullptr);
    CHECK_FALSE(table.remove(ip("10.0.0.2")));
    take(table, "10.0.0.3");
    CHECK(table.remove(ip("10.0.0.3")));
    CHECK_FALSE(table.remove(ip("10.0.0.3")));
    REQUIRE(table.find(ip("10.0.0.3")) != nullptr);
    table.released(*table.find(ip("10.0.0.3")), 2);
    CHECK(table.find(ip("10.0.0.3")) == nullptr);
    CHECK(table.remove(ip("10.0.0.1")));
    CHECK(table.ifaces().empty());
}

TEST_CASE("an address that comes back while it is leaving stays") {
    PublicAddresses table = three_on_two_interfaces();
    take(table, "10.0.0.3");
    const PublicAddressLine line{.address = ip("10.0.0.3"), .mask_bits = 24, .ifaces = {"eth1"}};
    CHECK_FALSE(table.add(line));
    CHECK(table.remove(ip("10.0.0.3")));
    CHECK(table.add(line));
    CHECK_FALSE(table.find(ip("10.0.0.3"))->leaving);
}

TEST_CASE("what a client is told of an address and of interfaces") {
    PublicAddresses table = three_on_two_interfaces();
    table.taken(*table.find(ip("10.0.0.1")), "eth1", 7);
    const auto info = table.info(*table.find(ip("10.0.0.1")));
    CHECK(info.ip.pnn == 7);
    CHECK(info.active == 1);
    CHECK(info.ifaces == table.ifaces());
    CHECK(info.ifaces[1] == ctdbd::protocol::Iface{"eth1", 1, 1});
    const auto other = table.info(*table.find(ip("10.0.0.2")));
    CHECK(other.active == ctdbd::protocol::PublicIpInfo::no_iface);
    CHECK(other.ip.pnn == ctdbd::protocol::pnn::unknown);
}
