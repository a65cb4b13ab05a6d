#include "ctdbd/daemon/vigil.h"

#include <algorithm>
#include <thread>

namespace ctdbd::daemon {

namespace {

constexpr unsigned left_out_max = 63;

// With one processor nothing could happen for which it is worth staying awake.
std::chrono::microseconds affordable(std::chrono::microseconds longest) {
    return std::thread::hardware_concurrency() > 1 ? longest : std::chrono::microseconds(0);
}

} // namespace

bool Patience::pays() {
    if (left_out_ == 0) return true;
    --left_out_;
    return false;
}

void Patience::disappointed() {
    to_leave_out_ = std::min(2 * to_leave_out_ + 1, left_out_max);
    left_out_ = to_leave_out_;
}

Vigil::Vigil(boost::asio::io_context& loop, std::chrono::microseconds longest)
    : loop_(loop), longest_(affordable(longest)) {}

void Vigil::asked() {
    if (longest_.count() == 0 || until_ || !patience_.pays()) return;
    until_ = Clock::now() + longest_;
}

void Vigil::answered() {
    if (!until_) return;
    until_.reset();
    patience_.rewarded();
}

void Vigil::run() {
    while (!loop_.stopped()) {
        if (!until_) {
            loop_.run_one();
            continue;
        }
        loop_.poll();
        if (!until_ || Clock::now() < *until_) continue;
        until_.reset();
        patience_.disappointed();
    }
}

} // namespace ctdbd::daemon
