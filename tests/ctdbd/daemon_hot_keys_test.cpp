// Which records moved most, and how often within one second.
#include "ctdbd/daemon/hot_keys.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace ctdbd::daemon;
using namespace std::chrono_literals;

TEST_CASE("moves are counted by the second, and the most of one second is kept") {
    HotKeys keys;
    const HotKeys::Clock::time_point begin{100s};
    CHECK(keys.moved("a", begin) == 1);
    CHECK(keys.moved("a", begin + 999ms) == 2);
    CHECK(keys.moved("a", begin + 1s) == 1);
    CHECK(keys.moved("b", begin + 1s) == 1);
    const auto hottest = keys.hottest();
    CHECK(hottest[0].count == 2);
    CHECK(hottest[0].key.view() == "a");
    CHECK(hottest[1].count == 1);
    CHECK(hottest[2].count == 0);
}

TEST_CASE("the ten hottest of any number are kept") {
    CHECK(rc::check([](const std::vector<std::uint8_t>& moves) {
        HotKeys keys;
        std::map<std::uint8_t, std::uint32_t> counts;
        for (const std::uint8_t key : moves) {
            keys.moved(std::to_string(key), HotKeys::Clock::time_point{1s});
            ++counts[key];
        }
        std::vector<std::uint32_t> expected, shown;
        for (const auto& [key, count] : counts)
            expected.push_back(count);
        std::ranges::sort(expected, std::ranges::greater{});
        expected.resize(ctdbd::protocol::hot_keys);
        for (const auto& hot : keys.hottest())
            shown.push_back(hot.count);
        RC_ASSERT(shown == expected);
    }));
}
