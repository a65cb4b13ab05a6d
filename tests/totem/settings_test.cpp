// The protocol's numbers keep their constraints whatever an operator turns (totem.md 5.2).
#include "totem/settings.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace totem;
using namespace std::chrono_literals;

TEST_CASE("settings: the defaults are valid, on a LAN and in the simulator") {
    CHECK(Settings{}.validate() == std::nullopt);
    CHECK(Settings::simulated().validate() == std::nullopt);
}

TEST_CASE("settings: every token loss time-out that totem.conf takes is valid") {
    CHECK(rc::check([] {
        const auto milliseconds = *rc::gen::inRange(10, 600'001);
        const auto settings = Settings::for_token_loss(std::chrono::milliseconds(milliseconds));
        RC_ASSERT(settings.token_loss == std::chrono::milliseconds(milliseconds));
        RC_ASSERT(settings.validate() == std::nullopt);
    }));
    CHECK(Settings::for_token_loss(10ms).validate() == std::nullopt);
    CHECK(Settings::for_token_loss(600s).validate() == std::nullopt);
}

TEST_CASE("settings: waiting scales with the token loss time-out, repeating only becomes quicker") {
    const auto usual = Settings::for_token_loss(300ms);
    CHECK(usual.consensus == Settings{}.consensus);
    CHECK(usual.hold_max == Settings{}.hold_max);

    const auto patient = Settings::for_token_loss(1500ms);
    CHECK(patient.consensus == 1800ms);
    CHECK(patient.commit == 1500ms);
    CHECK(patient.join == usual.join);
    CHECK(patient.hold_max == usual.hold_max);

    const auto quick = Settings::for_token_loss(30ms);
    CHECK(quick.consensus == 36ms);
    CHECK(quick.join == 3ms);
    CHECK(quick.hold_max == 2ms);
}
