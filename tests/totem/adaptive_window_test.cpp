#include "totem/flow.h"

#include <doctest/doctest.h>

#include <initializer_list>

using totem::AdaptiveWindow;

namespace {

constexpr AdaptiveWindow::Bounds bounds{.least = 60, .most = 384};

AdaptiveWindow after(int rotations, const AdaptiveWindow::Rotation& rotation) {
    AdaptiveWindow window(bounds);
    for (int i = 0; i < rotations; ++i)
        window.turned(rotation);
    return window;
}

} // namespace

TEST_CASE("the window begins small, and grows to its bound while more waits than it lets through") {
    CHECK(AdaptiveWindow(bounds).packets() == 60);
    CHECK(after(1, {.sent = 60, .too_small = true}).packets() == 67);
    CHECK(after(100, {.sent = 60, .too_small = true}).packets() == 384);
}

TEST_CASE("a window that is large enough stays as it is") {
    CHECK(after(100, {.sent = 60, .too_small = false}).packets() == 60);
}

TEST_CASE("loss by chance does not shrink the window: to send less would not help") {
    AdaptiveWindow window = after(100, {.sent = 60, .too_small = true});
    for (int i = 0; i < 100; ++i)
        window.turned({.sent = 400, .lost = 60, .too_small = true});
    CHECK(window.packets() == 384);
}

TEST_CASE("a run of packets that is lost at once says nothing either") {
    AdaptiveWindow window = after(100, {.sent = 60, .too_small = true});
    for (int i = 0; i < 100; ++i)
        window.turned({.sent = 400, .lost = i % 8 == 0 ? 300U : 0U, .too_small = true});
    CHECK(window.packets() == 384);
}

TEST_CASE("what the least window loses too is chance, and the window grows in spite of it") {
    CHECK(after(200, {.sent = 60, .lost = 15, .too_small = true}).packets() == 384);
}

TEST_CASE("a window that drowns a receiver shrinks, but not below its least size") {
    AdaptiveWindow window = after(100, {.sent = 60, .too_small = true});
    for (int i = 0; i < 8; ++i)
        window.turned({.sent = 400, .lost = 200, .too_small = true});
    CHECK(window.packets() < 384);
    for (int i = 0; i < 100; ++i)
        window.turned({.sent = 100, .lost = 90, .too_small = true});
    CHECK(window.packets() == 60);
}

TEST_CASE("a receiver that holds so much and no more settles the window around that") {
    for (const std::uint32_t holds : {80, 150, 300}) {
        AdaptiveWindow window(bounds);
        std::uint32_t lost = 0, sent = 0;
        for (int i = 0; i < 2000; ++i) {
            const std::uint32_t packets = window.packets();
            const std::uint32_t over = packets > holds ? packets - holds : 0;
            window.turned({.sent = packets, .lost = over, .too_small = true});
            lost += over;
            sent += packets;
        }
        CAPTURE(holds);
        CHECK(lost < sent / 6);
        CHECK(sent - lost > 2000 * holds * 3 / 4);
    }
}

TEST_CASE("a window of fixed size never changes") {
    AdaptiveWindow window({.least = 50, .most = 50});
    window.turned({.sent = 50, .too_small = true});
    CHECK(window.packets() == 50);
    window.turned({.sent = 50, .lost = 50, .too_small = true});
    CHECK(window.packets() == 50);
}

TEST_CASE("whoever has something to say gets its part, however much the others send") {
    const totem::FlowLimits limits{
        .window = 60, .part = 20, .visit_max = 20, .outstanding_max = 1000};
    const totem::FlowDemand demand{
        .sent_in_rotation = 500, .outstanding = 500, .backlog = 100, .backlog_elsewhere = 200};
    CHECK(totem::allowance(limits, demand) == 20);
    totem::FlowDemand again = demand; // the same visit goes on
    again.sent_in_visit = 15;
    CHECK(totem::allowance(limits, again) == 5);
    totem::FlowDemand far = demand; // memory is above this rule
    far.outstanding = 995;
    CHECK(totem::allowance(limits, far) == 5);
}
