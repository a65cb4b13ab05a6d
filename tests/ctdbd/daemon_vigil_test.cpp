// When the loop stays awake for an answer, and when no more.
#include "ctdbd/daemon/vigil.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

using namespace ctdbd::daemon;
using namespace std::chrono_literals;

namespace {

// How many questions are left out before the next vigil.
unsigned left_out(Patience& patience) {
    unsigned count = 0;
    while (!patience.pays())
        ++count;
    return count;
}

} // namespace

TEST_CASE("patience: what was in vain is tried ever more seldom, but never given up") {
    Patience patience;
    CHECK(left_out(patience) == 0);
    for (const unsigned expected : {1U, 3U, 7U, 15U, 31U, 63U, 63U, 63U}) {
        patience.disappointed();
        CHECK(left_out(patience) == expected);
    }
}

TEST_CASE("patience: one that was rewarded begins anew") {
    Patience patience;
    for (int i = 0; i < 5; ++i)
        patience.disappointed();
    CHECK(left_out(patience) == 31);
    patience.rewarded();
    CHECK(left_out(patience) == 0);
    patience.disappointed();
    CHECK(left_out(patience) == 1);
}

TEST_CASE("vigil: whether it looks on, sleeps or was answered, the loop's work is done") {
    for (const auto longest : {0us, 50us, 1'000'000us}) {
        CAPTURE(longest.count());
        boost::asio::io_context loop(1);
        Vigil vigil(loop, longest);
        boost::asio::steady_timer answer(loop), end(loop);
        int done = 0;
        boost::asio::post(loop, [&] {
            vigil.asked();
            boost::asio::post(loop, [&] { ++done; }); // met while it looks on
        });
        answer.expires_after(2ms); // after the short vigil, within the long one
        answer.async_wait([&](auto) {
            ++done;
            vigil.answered();
            vigil.answered(); // an answer that nobody waits for any more
            end.expires_after(1ms);
            end.async_wait([&](auto) {
                ++done;
                loop.stop();
            });
        });
        vigil.run();
        CHECK(done == 3);
    }
}
