// When scripts make a node unhealthy, and how often they are asked (ctdb-behaviour.md 5.7).
#include "ctdbd/daemon/monitoring.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace ctdbd::daemon;
using Seconds = MonitorPace::Seconds;

TEST_CASE("a script that fails is bad, one that was interrupted says nothing") {
    HealthJudge judge;
    CHECK(judge.judge(0, 20) == Health::good);
    CHECK(judge.judge(ENOEXEC, 20) == Health::bad);
    CHECK(judge.judge(ECANCELED, 20) == Health::unknown);
    CHECK(judge.judge(EIO, 20) == Health::bad);
}

TEST_CASE("scripts that hang are bad when they did so too often in a row") {
    HealthJudge judge;
    for (int i = 0; i < 2; ++i)
        CHECK(judge.judge(ETIMEDOUT, 3) == Health::unknown);
    CHECK(judge.judge(0, 3) == Health::good);
    for (int i = 0; i < 2; ++i)
        CHECK(judge.judge(ETIMEDOUT, 3) == Health::unknown);
    CHECK(judge.judge(ECANCELED, 3) == Health::unknown);
    CHECK(judge.judge(ETIMEDOUT, 3) == Health::bad);
    CHECK(judge.judge(ETIMEDOUT, 3) == Health::bad);
}

TEST_CASE("looks become rarer up to the interval, and more frequent after a change") {
    MonitorPace pace;
    CHECK(pace.after(true, true, Seconds(15)) == Seconds(5));
    CHECK(pace.after(true, false, Seconds(15)) == Seconds(10));
    CHECK(pace.after(true, false, Seconds(15)) == Seconds(15));
    CHECK(pace.after(true, false, Seconds(15)) == Seconds(15));
    CHECK(pace.after(false, true, Seconds(15)) == Seconds(5));
    CHECK(pace.after(false, false, Seconds(15)) == Seconds(5));
    CHECK(pace.after(true, true, Seconds(3)) == Seconds(3));
    CHECK(pace.after(true, false, Seconds(0)) == Seconds(1));
}

TEST_CASE("a node that is well from the beginning is looked at after 2, 4, 8 seconds") {
    MonitorPace pace;
    for (const int seconds : {2, 4, 8, 15, 15})
        CHECK(pace.after(true, false, Seconds(15)) == Seconds(seconds));
}
