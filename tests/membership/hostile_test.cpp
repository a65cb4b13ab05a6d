// Members gone mad: authentic packets that no honest processor writes. They are refused, and who
// receives them goes on. tests/fuzz/processor.cpp thinks of more of them; here are the plain ones.
#include "tests/membership/world.h"

#include <doctest/doctest.h>

using namespace membership;
using namespace membership::testing;

namespace {

void send(World& world, const std::string& from, const std::string& to, const Packet& packet) {
    std::vector<std::uint8_t> body(Settings::simulated().body_max);
    const std::size_t size = encode(packet, body).value();
    world.tell(to, PacketArrived{.from = world.node(from).id,
                                 .type = type_of(packet),
                                 .body = Bytes::copy_of(std::span(body).first(size))});
}

std::uint64_t refused(World& world, const std::string& name) {
    return world[name].statistics().malformed;
}

// Whether the ring still orders messages.
bool works(World& world, const std::string& names) {
    const std::size_t before = world.node("A").shown.messages.size();
    (void)world.submit("A", "still here", Service::safe);
    return world.run_until(
        [&] { return world.is_ring(names) && world.node("A").shown.messages.size() > before; });
}

} // namespace

TEST_CASE("hostile: a token is taken from the predecessor alone, on a ring of one from nobody") {
    World world(2);
    world.start("A");
    REQUIRE(world.form("A"));
    send(world, "B", "A",
         Token{.ring = world["A"].ring(), .token_seq = TokenSeq{1000}, .seq = Seq{3}});
    CHECK(refused(world, "A") == 1);
    CHECK(works(world, "A"));
}

TEST_CASE("hostile: a second token is refused while the first one rests") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    bool rests = false;
    world.observe = [&](const Node&, const Action& action) {
        const auto* sent = std::get_if<Multicast>(&action);
        rests = sent != nullptr && std::holds_alternative<Hold>(sent->packet);
    };
    REQUIRE(world.run_until([&] { return rests; }));
    Token token{.ring = world["A"].ring(), .token_seq = world["A"].view().last_token_seq};
    token.token_seq.value += 2;
    token.seq = token.aru = Seq{2};
    send(world, "B", "A", token);
    CHECK(refused(world, "A") == 1);
    CHECK(works(world, "A B"));
}

TEST_CASE("hostile: a token that has outrun flow control is refused") {
    World world(2);
    world.start_all();
    REQUIRE(world.form("A B"));
    const TokenSeq later{world["B"].view().last_token_seq.value + 2};
    const Seq far{1 << 20};
    send(world, "A", "B",
         Token{.ring = world["B"].ring(), .token_seq = later, .seq = far, .aru = far});
    CHECK(refused(world, "B") == 1);
    CHECK(works(world, "A B"));
}
