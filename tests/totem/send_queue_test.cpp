// The send queue: bounds, packing, fragmentation (totem.md 3.10).
#include "totem/send_queue.h"

#include <doctest/doctest.h>

#include <string>

#include "allocations.h"

using namespace totem;

namespace {

Bytes message(std::size_t size) { return Bytes::copy_of(std::string(size, 'm')); }

// A queue with these messages, all agreed.
struct Queue {
    BlockPool pool{2048};
    SendQueue queue{1 << 20, pool};

    Queue(std::initializer_list<std::size_t> sizes) {
        for (const std::size_t size : sizes)
            push(size);
    }

    void push(std::size_t size, Service service = Service::agreed) {
        REQUIRE(queue.push(message(size), service).has_value());
    }
};

std::vector<Chunk> chunks_of(const SendQueue::Packed& packed) {
    std::vector<Chunk> chunks;
    ChunkReader reader({.chunk_count = packed.chunk_count, .chunks = packed.chunks});
    while (!reader.at_end())
        chunks.push_back(reader.next().value());
    CHECK(reader.consumed_all_bytes());
    return chunks;
}

// "first 10", "whole 3", "middle 7": what a packet holds, in words.
std::vector<std::string> words_of(const SendQueue::Packed& packed) {
    std::vector<std::string> words;
    for (const Chunk& chunk : chunks_of(packed)) {
        const char* kind =
            chunk.first ? (chunk.last ? "whole" : "first") : (chunk.last ? "last" : "middle");
        words.push_back(kind + (" " + std::to_string(chunk.bytes.size())));
    }
    return words;
}

using Words = std::vector<std::string>;

} // namespace

TEST_CASE("send queue: small messages share a packet, and their names are counted from 1") {
    Queue q{5, 0, 7};
    const auto packed = q.queue.pack(1000);
    CHECK(words_of(packed) == Words{"whole 5", "whole 0", "whole 7"});
    CHECK(packed.chunks.size() == 3 * 3 + 12);
    REQUIRE(packed.completed.size() == 3);
    for (std::uint8_t i = 0; i < 3; ++i) {
        CHECK(packed.completed[i].counter == i + 1u);
        CHECK(packed.completed[i].index == i);
    }
    CHECK(packed.completed[2].size == 7);
    CHECK(q.queue.empty());
}

TEST_CASE("send queue: a packet has one service level") {
    Queue q{1, 2};
    q.push(3, Service::safe);
    q.push(4);
    CHECK(q.queue.packets_needed(1000) == 3);
    const auto first = q.queue.pack(1000);
    CHECK(words_of(first) == Words{"whole 1", "whole 2"});
    CHECK(first.service == Service::agreed);
    const auto second = q.queue.pack(1000);
    CHECK(words_of(second) == Words{"whole 3"});
    CHECK(second.service == Service::safe);
    CHECK(q.queue.packets_needed(1000) == 1);
    CHECK(words_of(q.queue.pack(1000)) == Words{"whole 4"});
}

TEST_CASE("send queue: a large message fills packets, and the next one follows its end") {
    Queue q{250, 9};
    const auto first = q.queue.pack(100);
    CHECK(words_of(first) == Words{"first 97"});
    CHECK(first.chunks.size() == 100);
    CHECK(first.completed.empty());
    CHECK(words_of(q.queue.pack(100)) == Words{"middle 98"});
    const auto third = q.queue.pack(100);
    CHECK(words_of(third) == Words{"last 55", "whole 9"});
    CHECK(third.completed[0].counter == 1);
    CHECK(third.completed[0].size == 250);
    CHECK(third.completed[1].index == 1);
}

TEST_CASE("send queue: a rest of 64 bytes is used for a fragment, of 63 it is not") {
    Queue used{33, 500}; // 36 bytes with its head
    CHECK(words_of(used.queue.pack(100)) == Words{"whole 33", "first 61"});
    Queue left{34, 500};
    CHECK(words_of(left.queue.pack(100)) == Words{"whole 34"});
    CHECK(words_of(left.queue.pack(100)) == Words{"first 97"});
    Queue whole{34, 60}; // a whole message may fill the smallest rest
    CHECK(words_of(whole.queue.pack(100)) == Words{"whole 34", "whole 60"});
}

TEST_CASE("send queue: at most 64 chunks a packet") {
    Queue q{};
    for (int i = 0; i < 65; ++i)
        q.push(1);
    CHECK(q.queue.packets_needed(10000) == 2);
    CHECK(q.queue.pack(10000).chunk_count == chunks_max);
    CHECK(q.queue.pack(10000).chunk_count == 1);
}

TEST_CASE("send queue: on a new ring a message that was sent in part starts over") {
    Queue q{250};
    CHECK(words_of(q.queue.pack(100)) == Words{"first 97"});
    CHECK(q.queue.packets_needed(100) == 2);
    CHECK(q.queue.bytes() == 250); // it was not originated
    q.queue.restart_head();
    CHECK(q.queue.packets_needed(100) == 3);
    const auto again = q.queue.pack(400);
    CHECK(words_of(again) == Words{"whole 250"});
    CHECK(again.completed[0].counter == 1);
}

TEST_CASE("send queue: a packet larger than the pool's blocks comes from the heap") {
    BlockPool pool(128);
    SendQueue queue(1 << 20, pool);
    REQUIRE(queue.push(message(500), Service::agreed));
    CHECK(words_of(queue.pack(1000)) == Words{"whole 500"});
}

TEST_CASE("send queue: what does not fit is refused, and room is told once") {
    BlockPool pool(2048);
    SendQueue queue(2000, pool);
    std::size_t accepted = 0;
    while (queue.push(message(100), Service::agreed))
        ++accepted;
    CHECK(accepted >= 10);
    CHECK(queue.bytes() == 100 * accepted);
    CHECK(queue.bytes() <= 2000);
    CHECK_FALSE(queue.take_room_signal());
    (void)queue.pack(320); // three messages: still more than half is left
    CHECK_FALSE(queue.take_room_signal());
    while (!queue.empty())
        (void)queue.pack(320);
    CHECK(queue.take_room_signal());
    CHECK_FALSE(queue.take_room_signal());
    // A refusal uses up no name.
    CHECK(queue.push(message(1), Service::agreed) == accepted + 1);
}

TEST_CASE("send queue: messages without bytes are bounded as well") {
    BlockPool pool(2048);
    SendQueue queue(10000, pool);
    int accepted = 0;
    while (accepted < 10000 && queue.push({}, Service::agreed))
        ++accepted;
    CHECK(accepted < 1000);
}

TEST_CASE("send queue: a message beyond the bound fits an empty queue") {
    BlockPool pool(2048);
    SendQueue queue(1000, pool);
    REQUIRE(queue.push(message(5000), Service::agreed));
    CHECK_FALSE(queue.push(message(0), Service::agreed));
}

TEST_CASE("send queue: in steady state it takes nothing from the heap") {
    Queue q{};
    const auto turn = [&q](const Bytes& payload) {
        for (int i = 0; i < 100; ++i)
            (void)q.queue.push(payload, Service::agreed);
        while (!q.queue.empty())
            (void)q.queue.pack(1300);
    };
    const Bytes payload = message(64);
    turn(payload);
    const std::size_t before = allocations_so_far();
    for (int i = 0; i < 10; ++i)
        turn(payload);
    CHECK(allocations_so_far() == before);
}

TEST_CASE("send queue: a small message is not cut to fill the last eighth of a packet") {
    Queue q{};
    for (int i = 0; i < 40; ++i)
        q.push(200);
    for (int packet = 0; packet < 6; ++packet) { // all of one size: one run for the network
        const auto packed = q.queue.pack(1344);
        CHECK(words_of(packed) == Words(6, "whole 200"));
        CHECK(packed.chunks.size() == 6 * 204);
    }
    CHECK(words_of(q.queue.pack(1344)) == Words(4, "whole 200"));
}

TEST_CASE("send queue: a message is cut where much of the packet would stay empty") {
    Queue q{700, 700};
    CHECK(words_of(q.queue.pack(1344)) == Words{"whole 700", "first 636"});
    CHECK(words_of(q.queue.pack(1344)) == Words{"last 64"});
}

TEST_CASE("send queue: one that no packet holds is cut wherever a fragment has room") {
    Queue q{1240, 2000};
    CHECK(words_of(q.queue.pack(1344)).size() == 2);
}

TEST_CASE("send queue: a message of several packets is given back whole with its last one") {
    Queue q{10};
    const Bytes large = message(3000);
    REQUIRE(q.queue.push(large, Service::agreed).has_value());
    const auto first = q.queue.pack(1344);
    REQUIRE(first.completed.size() == 1);
    CHECK(first.completed[0].message.empty()); // it lies in this packet alone
    CHECK(q.queue.pack(1344).completed.empty());
    const auto last = q.queue.pack(1344);
    REQUIRE(last.completed.size() == 1);
    CHECK(last.completed[0].message.data() == large.data());
}
