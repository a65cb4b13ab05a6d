#include "net/clock.h"
#include "net/waiter.h"
#include "tests/net/loopback.h"

#include <doctest/doctest.h>

#include <sys/eventfd.h>

using namespace net;

namespace {

Descriptor bell() { return Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

void ring(const Descriptor& bell) {
    const std::uint64_t one = 1;
    REQUIRE(::write(bell.get(), &one, sizeof one) == sizeof one);
}

} // namespace

TEST_CASE("the waiter names the descriptors that have something, until it is taken") {
    Waiter waiter;
    const Descriptor first = bell(), second = bell();
    waiter.watch(first.get(), 1);
    waiter.watch(second.get(), 2);
    CHECK(waiter.wait(false).bits == 0);
    ring(second);
    CHECK(waiter.wait(true).bits == 2);
    CHECK(waiter.wait(true).bits == 2);
    ring(first);
    CHECK(waiter.wait(true).bits == 3);
    std::uint64_t count = 0;
    REQUIRE(::read(second.get(), &count, sizeof count) == sizeof count);
    CHECK(waiter.wait(true).bits == 1);
    waiter.forget(first.get());
    CHECK(waiter.wait(false).bits == 0);
}

TEST_CASE("the waiter can itself be waited for, by descriptor and by deadline") {
    Waiter waiter;
    const Descriptor one = bell();
    waiter.watch(one.get(), 1);
    waiter.wake_at(BootClock::now() + 20ms);
    CHECK(tests::becomes_readable(waiter.fd()));
    CHECK(waiter.wait(true).bits == 0); // the alarm is nobody's bit
    CHECK(waiter.wait(false).bits == 0);
    ring(one);
    CHECK(tests::becomes_readable(waiter.fd()));
    CHECK(waiter.wait(true).bits == 1);
}

TEST_CASE("an earlier deadline replaces a later one, and one that has passed wakes at once") {
    Waiter waiter;
    const Instant begin = BootClock::now();
    waiter.wake_at(begin + 1h);
    waiter.wake_at(begin + 10ms);
    waiter.wake_at(begin + 2h); // left alone: to wake too early is allowed
    (void)waiter.wait(true);
    CHECK(BootClock::now() - begin >= 10ms);
    waiter.wake_at(Instant{});
    (void)waiter.wait(true); // would sleep for ever if the alarm were disarmed
    CHECK(BootClock::now() - begin < 1h);
}

TEST_CASE("everything that is waited for may come at once, again and again") {
    Waiter waiter;
    const Descriptor one = bell();
    waiter.watch(one.get(), 1);
    for (int i = 0; i < 3; ++i) {
        ring(one);
        waiter.wake_at(BootClock::now());
        CHECK(waiter.wait(true).bits <= 1);
        std::uint64_t count = 0;
        REQUIRE(::read(one.get(), &count, sizeof count) == sizeof count);
        waiter.wake_at(BootClock::now() + 5ms);
        const Instant begin = BootClock::now();
        while (waiter.wait(true).bits != 0 || BootClock::now() - begin < 4ms) {
        }
        CHECK(BootClock::now() - begin >= 4ms);
    }
}

TEST_CASE("a waiter that may spin does so while that pays, and sleeps when it does not") {
    Waiter waiter(20ms);
    const auto processor_time_of_a_wait = [&](Duration length) {
        const auto used = [] {
            timespec time{};
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
            return Duration(std::chrono::seconds(time.tv_sec)) + Duration(time.tv_nsec);
        };
        const Duration before = used();
        const Instant begin = BootClock::now();
        waiter.wake_at(begin + length);
        (void)waiter.wait(true);
        CHECK(BootClock::now() - begin >= length);
        return used() - before;
    };
    (void)processor_time_of_a_wait(100ms);        // longer than it is worth
    CHECK(processor_time_of_a_wait(100ms) < 5ms); // so it sleeps at once
    CHECK(processor_time_of_a_wait(5ms) < 3ms);   // still; but that was short:
    CHECK(processor_time_of_a_wait(5ms) > 500us); // it looks on
    (void)processor_time_of_a_wait(100ms);
    CHECK(processor_time_of_a_wait(100ms) < 5ms);
}
