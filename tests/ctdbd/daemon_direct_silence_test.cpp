// When it is said that a node is not heard past the ring.
#include "ctdbd/daemon/direct_silence.h"

#include <doctest/doctest.h>

using namespace ctdbd::daemon;
using namespace std::chrono_literals;

namespace {

// Asks so often, each time after so long. Whether that was once the reason to say it.
int times_said(DirectSilence& silence,
               totem::NodeId whom,
               int questions,
               std::chrono::milliseconds pause) {
    static DirectSilence::Clock::time_point now{};
    int said = 0;
    for (int i = 0; i < questions; ++i, now += pause)
        said += silence.asked(whom, now) ? 1 : 0;
    return said;
}

} // namespace

TEST_CASE("a node that is not heard for long through many questions is told of once") {
    DirectSilence silence;
    CHECK(times_said(silence, 2, 200, 100ms) == 1);
    CHECK(times_said(silence, 2, 200, 100ms) == 0);
    CHECK(times_said(silence, 3, 200, 100ms) == 1); // another one
}

TEST_CASE("neither few questions nor a short time are a reason") {
    DirectSilence silence;
    CHECK(times_said(silence, 2, 29, 10s) == 0);
    CHECK(times_said(silence, 3, 4000, 1ms) == 0);
}

TEST_CASE("a node that is heard now and then is not told of, and one that falls silent again is") {
    DirectSilence silence;
    for (int i = 0; i < 10; ++i) {
        CHECK(times_said(silence, 2, 40, 100ms) == 0);
        silence.heard(2);
    }
    CHECK(times_said(silence, 2, 200, 100ms) == 1);
    silence.heard(2);
    CHECK(times_said(silence, 2, 200, 100ms) == 1);
}
