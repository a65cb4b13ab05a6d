// The two bounded queues between the ring's thread and the application's.
#include "net/bridge.h"
#include "tests/net/loopback.h"

#include <doctest/doctest.h>

#include <thread>

using namespace net;

namespace {

Delivery delivery(std::uint64_t counter) {
    return {.origin = {1, 1}, .counter = counter, .payload = Bytes::copy_of("x")};
}

const auto ignore = [](Event&&) {};

} // namespace

TEST_CASE("events come out once, in order, and the descriptor is level-triggered") {
    Bridge bridge({64, 1000});
    for (std::uint64_t i = 1; i <= 3; ++i)
        bridge.push(delivery(i));
    bridge.publish();
    std::vector<std::uint64_t> seen;
    const auto note = [&](Event&& event) { seen.push_back(std::get<Delivery>(event).counter); };
    REQUIRE(tests::becomes_readable(bridge.event_fd()));
    CHECK(bridge.poll(note, 2) == 2);
    REQUIRE(tests::becomes_readable(bridge.event_fd())); // one is left
    CHECK(bridge.poll(note, 2) == 1);
    CHECK(seen == std::vector<std::uint64_t>{1, 2, 3});
    pollfd quiet{bridge.event_fd(), POLLIN, 0};
    CHECK(::poll(&quiet, 1, 0) == 0);
    CHECK(bridge.take_consumed() == 3);
    CHECK(bridge.take_consumed() == 0);
}

TEST_CASE("what the bounded queue has no room for waits, and is told when there is room") {
    Bridge bridge({16, 1000});
    for (std::uint64_t i = 1; i <= 100; ++i)
        bridge.push(delivery(i));
    bridge.publish();
    CHECK(bridge.backed_up());
    std::uint64_t expected = 1;
    while (expected <= 100) {
        REQUIRE(tests::becomes_readable(bridge.event_fd()));
        const std::size_t handled = bridge.poll(
            [&](Event&& event) { CHECK(std::get<Delivery>(event).counter == expected++); }, 1000);
        REQUIRE(handled > 0);
        if (expected > 100) break;
        REQUIRE(tests::becomes_readable(bridge.order_fd())); // the ring is woken to move more
        bridge.hush_orders();
        bridge.publish();
    }
    CHECK_FALSE(bridge.backed_up());
}

TEST_CASE("a refused submission is untouched, and its room is announced when it is really there") {
    Bridge bridge({64, 100});
    const Bytes small = Bytes::copy_of(std::string(60, 's'));
    const Bytes large = Bytes::copy_of(std::string(1000, 'l'));
    CHECK(bridge.submit(large, Service::agreed)); // one message fits an empty queue, always
    CHECK_FALSE(bridge.submit(small, Service::agreed));
    CHECK(small.size() == 60);
    CHECK_FALSE(bridge.take_room_wish()); // no room yet
    REQUIRE(bridge.next_submission() != nullptr);
    CHECK(bridge.next_submission()->message == large);
    bridge.submission_taken();
    CHECK(bridge.take_room_wish());
    CHECK_FALSE(bridge.take_room_wish()); // once
    CHECK(bridge.submit(small, Service::safe));
    CHECK_FALSE(bridge.submit(large, Service::agreed));
    CHECK_FALSE(bridge.take_room_wish()); // there is room, but not for that
    CHECK(bridge.next_submission()->service == Service::safe);
    bridge.submission_taken();
    CHECK(bridge.take_room_wish());
}

TEST_CASE("only the newest hint counts, and after leave() nothing is accepted") {
    Bridge bridge({64, 100});
    CHECK_FALSE(bridge.take_hint());
    bridge.set_hint(Bytes::copy_of("old"));
    bridge.set_hint(Bytes::copy_of("new"));
    CHECK(bridge.take_hint() == Bytes::copy_of("new"));
    CHECK_FALSE(bridge.take_hint());
    bridge.leave();
    CHECK(bridge.leave_wished());
    CHECK_FALSE(bridge.submit(Bytes::copy_of("late"), Service::agreed));
}

TEST_CASE("two threads: nothing is lost, doubled, reordered or slept through") {
    constexpr std::uint64_t messages = 20'000;
    Bridge bridge({32, 5'000});

    // The ring: echoes each submission as a delivery, and sleeps whenever it has nothing to do.
    std::thread ring([&] {
        std::uint64_t counter = 0;
        while (!bridge.stop_wished()) {
            bridge.hush_orders();
            while (bridge.next_submission() != nullptr) {
                bridge.push(delivery(++counter));
                bridge.submission_taken();
            }
            if (bridge.take_room_wish()) bridge.push(RoomAvailable{});
            (void)bridge.take_consumed();
            bridge.publish();
            pollfd waiting{bridge.order_fd(), POLLIN, 0};
            if (::poll(&waiting, 1, 10'000) == 0) break; // slept through: the test will notice
        }
    });

    std::uint64_t submitted = 0;
    std::uint64_t delivered = 0;
    bool in_order = true;
    bool room = true;
    const auto handle = [&](Event&& event) {
        if (std::holds_alternative<RoomAvailable>(event))
            room = true;
        else
            in_order = std::get<Delivery>(event).counter == ++delivered && in_order;
    };
    const Bytes message = Bytes::copy_of(std::string(40, 'm'));
    while (delivered < messages) {
        while (room && submitted < messages)
            if (bridge.submit(message, Service::agreed))
                ++submitted;
            else
                room = false;
        if (!tests::becomes_readable(bridge.event_fd())) break;
        bridge.poll(handle, 100);
    }
    CHECK(delivered == messages);
    CHECK(in_order);
    bridge.stop();
    ring.join();
    CHECK(bridge.poll(ignore, 10) == 0);
}
