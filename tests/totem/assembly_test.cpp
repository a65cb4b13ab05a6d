// From packets back to messages (totem.md 3.10).
#include "totem/chunks.h"

#include <doctest/doctest.h>

#include <string>

#include "allocations.h"

using namespace totem;

namespace {

constexpr ProcessorId a{.node = 1, .incarnation = 1};
constexpr ProcessorId b{.node = 2, .incarnation = 1};

struct Piece {
    bool first;
    bool last;
    std::uint64_t counter;
    std::string content;
};

Piece whole(std::uint64_t counter, std::string content) {
    return {true, true, counter, std::move(content)};
}

Piece first(std::uint64_t counter, std::string content) {
    return {true, false, counter, std::move(content)};
}

Piece middle(std::string content) { return {false, false, 0, std::move(content)}; }

Piece last(std::string content) { return {false, true, 0, std::move(content)}; }

// Gives an Assembly one packet after the other and keeps what comes out, as "1.7 content".
struct Receiver {
    explicit Receiver(ProcessorId self = nobody) : assembly(self) {}

    Assembly assembly;
    std::vector<Delivery> delivered;
    std::uint64_t seq = 0;

    DataPacket packet(ProcessorId origin,
                      const std::vector<Piece>& pieces,
                      Service service = Service::agreed) {
        std::vector<std::uint8_t> bytes;
        for (const Piece& piece : pieces) {
            const ChunkHead head{piece.first, piece.last, piece.counter, piece.content.size()};
            const std::size_t at = bytes.size();
            bytes.resize(at + encoded_size(head));
            write(bytes.data() + at, head);
            bytes.insert(bytes.end(), piece.content.begin(), piece.content.end());
        }
        return {.ring = {.seq = 4, .representative = a},
                .seq = Seq{++seq},
                .origin = origin,
                .service = service,
                .chunk_count = static_cast<std::uint8_t>(pieces.size()),
                .chunks = Bytes::copy_of(bytes)};
    }

    void take(ProcessorId origin, const std::vector<Piece>& pieces) {
        assembly.take(packet(origin, pieces), delivered);
    }

    [[nodiscard]] std::vector<std::string> messages() const {
        std::vector<std::string> texts;
        for (const Delivery& delivery : delivered)
            texts.push_back(describe(delivery.origin) + "." + std::to_string(delivery.counter) +
                            " " + std::string(delivery.payload.view()));
        return texts;
    }
};

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("assembly: whole messages are slices of their packet") {
    Receiver receiver;
    const DataPacket packet = receiver.packet(a, {whole(7, "one"), whole(8, "")}, Service::safe);
    receiver.assembly.take(packet, receiver.delivered);
    CHECK(receiver.messages() == Texts{"1.7 one", "1.8 "});
    const Delivery& delivery = receiver.delivered[0];
    CHECK(delivery.payload.data() > packet.chunks.data());
    CHECK(delivery.payload.data() < packet.chunks.data() + packet.chunks.size());
    CHECK(delivery.service == Service::safe);
    CHECK(delivery.ring == packet.ring);
    CHECK(receiver.delivered[1].position == Position{Seq{1}, 1});
}

TEST_CASE("assembly: whole messages take nothing from the heap") {
    Receiver receiver;
    const DataPacket packet = receiver.packet(a, {whole(1, "one"), whole(2, "two")});
    receiver.delivered.reserve(100);
    const std::size_t before = allocations_so_far();
    for (int i = 0; i < 20; ++i)
        receiver.assembly.take(packet, receiver.delivered);
    CHECK(allocations_so_far() == before);
}

TEST_CASE("assembly: fragments of several senders between each other") {
    Receiver receiver;
    receiver.take(a, {whole(1, "x"), first(2, "Hel")});
    receiver.take(b, {first(9, "Wor")});
    receiver.take(a, {middle("lo ")});
    receiver.take(b, {last("ld")});
    receiver.take(a, {last("there"), whole(3, "y")});
    CHECK(receiver.messages() == Texts{"1.1 x", "2.9 World", "1.2 Hello there", "1.3 y"});
    CHECK(receiver.delivered[2].position == Position{Seq{5}, 0}); // of its last chunk
    CHECK(receiver.assembly.misfits() == 0);
}

TEST_CASE("assembly: a message without end is dropped when another follows") {
    for (const bool follower_is_whole : {true, false}) {
        Receiver receiver;
        receiver.take(a, {first(1, "lost")});
        receiver.take(a, {follower_is_whole ? whole(2, "next") : first(2, "next")});
        receiver.take(a, {last(" end")});
        CHECK(receiver.assembly.misfits() == (follower_is_whole ? 2 : 1));
        CHECK(receiver.messages() ==
              (follower_is_whole ? Texts{"1.2 next"} : Texts{"1.2 next end"}));
    }
}

TEST_CASE("assembly: a continuation of nothing is dropped, what follows it is not") {
    Receiver receiver;
    receiver.take(a, {middle("?")});
    receiver.take(a, {last("?"), whole(5, "good")});
    CHECK(receiver.assembly.misfits() == 2);
    CHECK(receiver.messages() == Texts{"1.5 good"});
}

TEST_CASE("assembly: a message does not change its service on the way") {
    Receiver receiver;
    receiver.take(a, {first(1, "agreed")});
    receiver.assembly.take(receiver.packet(a, {last("safe")}, Service::safe), receiver.delivered);
    CHECK(receiver.assembly.misfits() == 1);
    CHECK(receiver.messages().empty());
}

TEST_CASE("assembly: no message grows beyond the limit") {
    const std::string megabyte(1 << 20, 'm');
    Receiver receiver;
    receiver.take(a, {first(1, megabyte)});
    for (int i = 1; i < 15; ++i)
        receiver.take(a, {middle(megabyte)});
    SUBCASE("16 MiB is legal") {
        receiver.take(a, {last(megabyte)});
        REQUIRE(receiver.delivered.size() == 1);
        CHECK(receiver.delivered[0].payload.size() == message_size_max);
    }
    SUBCASE("a byte more is not") {
        receiver.take(a, {last(megabyte + "!")});
        CHECK(receiver.delivered.empty());
        CHECK(receiver.assembly.misfits() == 1);
    }
}

TEST_CASE("assembly: a wrapped packet holds no message, a malformed one harms nobody") {
    Receiver receiver;
    DataPacket wrapped = receiver.packet(a, {whole(1, "old")});
    wrapped.wrapped = true;
    receiver.assembly.take(wrapped, receiver.delivered);
    CHECK(receiver.delivered.empty());
    DataPacket cut = receiver.packet(a, {whole(1, "good"), whole(2, "cut")});
    cut.chunks = cut.chunks.slice(0, cut.chunks.size() - 1);
    receiver.assembly.take(cut, receiver.delivered);
    CHECK(receiver.messages() == Texts{"1.1 good"});
    CHECK(receiver.assembly.misfits() == 1);
}

TEST_CASE("assembly: a message of our own comes back as it was submitted, without a copy") {
    Receiver receiver(a);
    const Bytes submitted = Bytes::copy_of("one message");
    receiver.take(a, {first(3, "one ")});
    receiver.take(b, {first(9, "another ")});
    receiver.assembly.keep(3, submitted);
    receiver.take(a, {last("message"), whole(4, "two")});
    receiver.take(b, {last("one")});
    CHECK(receiver.messages() == Texts{"1.3 one message", "1.4 two", "2.9 another one"});
    CHECK(receiver.delivered[0].payload.data() == submitted.data());
}

TEST_CASE("assembly: our own is put together where the whole is not at hand") {
    Receiver receiver(a);
    receiver.assembly.keep(2, Bytes::copy_of("of an earlier message"));
    receiver.take(a, {first(3, "one ")});
    receiver.take(a, {last("message")});
    CHECK(receiver.messages() == Texts{"1.3 one message"});
}

TEST_CASE("assembly: a large message after a small one and a small one after a large one") {
    Receiver receiver;
    const auto send = [&](std::uint64_t counter, std::size_t size) {
        const std::string content(size, static_cast<char>('a' + counter));
        receiver.take(b, {first(counter, content.substr(0, size / 3))});
        receiver.take(b, {middle(content.substr(size / 3, size / 3))});
        receiver.take(b, {last(content.substr(2 * (size / 3)))});
        const Bytes& payload = receiver.delivered.back().payload;
        CHECK(payload.view() == content);
        // What the application keeps is not much more than what it was sent.
        CHECK(payload.footprint() <= std::max<std::size_t>(2048, size + size / 4));
    };
    std::uint64_t counter = 0;
    for (const std::size_t size : {30, 100'000, 40, 3'000'000, 2'900'000, 100'000, 5'000, 30})
        send(++counter, size);
    CHECK(receiver.assembly.misfits() == 0);
}
