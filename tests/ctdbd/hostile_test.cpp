// Whatever a client sends, decoding ends with a value or a reason: genuine packets cut short at
// every byte and spoilt at every byte are given to every decoder. What is accepted must then be a
// value like any other.
#include "ctdbd/protocol/eventd.h"
#include "tests/ctdbd/genuine.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace ctdbd::protocol;

namespace {

// True if the bytes were accepted; what they mean must survive encoding.
template <class T>
bool accepts(const Bytes& bytes) {
    const auto value = decode<T>(bytes);
    if (!value) return false;
    if constexpr (requires { T::operation; })
        return true; // bodies are written by encode_packet only
    else {
        const Bytes written = encode(*value);
        const auto again = decode<T>(written);
        REQUIRE(again.has_value());
        // Compared as bytes: a NaN is not even equal to itself.
        REQUIRE(encode(*again) == written);
        return true;
    }
}

// Gives the bytes to every decoder there is, in memory of exactly their size so that a sanitizer
// sees the slightest over-read; returns how many accepted them.
int offer(const std::vector<std::uint8_t>& bytes) {
    const Bytes exact = Bytes::copy_of(std::span(bytes));
    int accepted = 0;
    const auto decode_as = [&]<class T>() { accepted += accepts<T>(exact) ? 1 : 0; };
    for_each_type(Structures{}, decode_as);
    for_each_type(Bodies{}, decode_as);
    accepted += decode_string(exact).has_value() ? 1 : 0;
    accepted += eventd::decode_request(exact).has_value() ? 1 : 0;
    accepted += eventd::decode_reply(exact).has_value() ? 1 : 0;
    return accepted;
}

std::vector<std::vector<std::uint8_t>> genuine_payloads() {
    std::vector<std::vector<std::uint8_t>> payloads;
    for (const auto& [name, bytes] : genuine_packets()) {
        payloads.emplace_back(bytes.span().begin(), bytes.span().end());
        // The body, and what lies inside controls, messages and replies.
        for (const std::size_t offset : {std::size_t{32}, std::size_t{44}, std::size_t{60}})
            if (bytes.size() > offset)
                payloads.emplace_back(bytes.span().begin() + static_cast<std::ptrdiff_t>(offset),
                                      bytes.span().end());
    }
    return payloads;
}

} // namespace

TEST_CASE("genuine packets cut short") {
    int accepted = 0;
    for (auto bytes : genuine_payloads())
        for (; !bytes.empty(); bytes.pop_back())
            accepted += offer(bytes);
    CHECK(accepted > 0);
}

TEST_CASE("genuine packets with one byte spoilt") {
    int accepted = 0;
    for (auto bytes : genuine_payloads())
        for (std::uint8_t& byte : bytes) {
            const std::uint8_t good = byte;
            for (const int wrong : {0x00, 0x01, 0x7f, 0x80, 0xff, good + 1, good - 1}) {
                byte = static_cast<std::uint8_t>(wrong);
                accepted += offer(bytes);
            }
            byte = good;
        }
    CHECK(accepted > 0);
}

TEST_CASE("bytes of pure chance") {
    CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) { RC_ASSERT(offer(bytes) >= 0); }));
}

TEST_CASE("a stream of pure chance") {
    CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) {
        Framer framer;
        framer.push(bytes);
        while (const auto packet = framer.next())
            RC_ASSERT(packet->bytes.size() <= bytes.size());
    }));
}
