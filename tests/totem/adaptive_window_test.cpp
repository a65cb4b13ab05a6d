#include "totem/flow.h"

#include <doctest/doctest.h>

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

TEST_CASE("a window that drowns a receiver shrinks, but not below its least size") {
    AdaptiveWindow window = after(100, {.sent = 60, .too_small = true});
    window.turned({.sent = 400, .lost = 200, .too_small = true});
    CHECK(window.packets() == 288);
    for (int i = 0; i < 100; ++i)
        window.turned({.sent = 100, .lost = 100, .too_small = true});
    CHECK(window.packets() == 60);
}

TEST_CASE("a window of fixed size never changes") {
    AdaptiveWindow window({.least = 50, .most = 50});
    window.turned({.sent = 50, .too_small = true});
    CHECK(window.packets() == 50);
    window.turned({.sent = 50, .lost = 50, .too_small = true});
    CHECK(window.packets() == 50);
}
