// Packets that are made byte by byte, against bytes that were computed elsewhere (RFC 791, 793,
// 826, 4861).
#include "ctdbd/daemon/address_guard.h"
#include "ctdbd/daemon/obituary.h"
#include "ctdbd/daemon/raw_packets.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace ctdbd::daemon;

namespace {

auto ip(const char* text) { return boost::asio::ip::make_address(text); }

std::string hex(const Frame& frame) { return fmt::format("{:02x}", fmt::join(frame, "")); }

constexpr MacAddress mac{2, 0, 0, 0, 0, 1};

} // namespace

TEST_CASE("a tickle is an acknowledgement from the server to the client, with right checksums") {
    CHECK(hex(tickle_packet({{ip("10.0.0.99"), 50000}, {ip("10.0.0.1"), 445}})) ==
          "4500002800000000ff06a76c0a0000010a00006301bdc3500000000000000000501004d2d1910000");
    CHECK(hex(tickle_packet({{ip("fd00::2"), 50000}, {ip("fd00::1"), 445}})) ==
          "60000000001406fffd000000000000000000000000000001fd000000000000000000000000000002"
          "01bdc3500000000000000000501004d2ebf00000");
    CHECK(tickle_packet({{ip("fd00::2"), 50000}, {ip("10.0.0.1"), 445}}).empty());
}

TEST_CASE("an address is announced as its own question and as an answer that nobody asked for") {
    const std::string head = "ffffffffffff020000000001"
                             "0806"
                             "0001080006040";
    CHECK(hex(arp_frame(ip("10.0.0.1").to_v4(), mac, false)) == head + "001020000000001"
                                                                       "0a000001"
                                                                       "000000000000"
                                                                       "0a000001");
    CHECK(hex(arp_frame(ip("10.0.0.1").to_v4(), mac, true)) == head + "002020000000001"
                                                                      "0a000001"
                                                                      "020000000001"
                                                                      "0a000001");
    CHECK(hex(advertisement_frame(ip("fd00::1").to_v6(), mac)) ==
          "33330000000102000000000186dd6000000000203afffd000000000000000000000000000001ff02"
          "000000000000000000000000000188005a9b20000000fd000000000000000000000000000001020102000000"
          "0001");
}

TEST_CASE("the guard understands what it is told, and nothing else") {
    const std::vector<HeldAddress> held = {{ip("10.0.0.1"), 24, "eth0"},
                                           {ip("fd00::1"), 64, "br0"}};
    const auto silence = std::chrono::milliseconds(830);
    for (const HeldReport& report :
         {HeldReport{silence, true, held}, HeldReport{silence, false, {}}})
        CHECK(parse_held(encode(report)) == report);
    CHECK_FALSE(parse_held(""));
    CHECK_FALSE(parse_held("0 1\n"));
    CHECK_FALSE(parse_held("830 1\nnonsense 24 eth0\n"));
    CHECK_FALSE(parse_held("830 1\n10.0.0.1 999 eth0\n"));

    const Will will{"an obituary", {{ip("10.0.0.2"), 4381}, {ip("fd00::2"), 9}}};
    CHECK(parse_will(encode(will)) == will);
    CHECK_FALSE(parse_will(encode(HeldReport{silence, true, held})));
    CHECK_FALSE(parse_held(encode(will)));
    CHECK_FALSE(parse_will("will\nan obituary\nnowhere 4381\n"));
}

TEST_CASE("only who knows the secret can tell of a death") {
    const Obituary obituary{{.node = 3, .incarnation = 7}, draw_secret()};
    CHECK(decode_obituary(encode(obituary)) == obituary);
    CHECK(commitment_to(obituary.secret) ==
          commitment_to(decode_obituary(encode(obituary))->secret));
    CHECK(commitment_to(obituary.secret) != commitment_to(draw_secret()));
    const std::string text = encode(obituary);
    CHECK_FALSE(decode_obituary(""));
    CHECK_FALSE(decode_obituary(text.substr(0, text.size() - 1)));
    CHECK_FALSE(decode_obituary(text.substr(0, text.size() - 1) + "x"));
    CHECK_FALSE(decode_obituary("another " + text));
}
