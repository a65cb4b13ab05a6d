// The daemon's loop, and when it stays awake: for the answer to a question that another node was
// asked past the order (docs/adr/0016-direct-moves.md).
//
// The owner of a record answers within some tens of microseconds if nothing keeps him, and a
// processor that has gone to rest takes as long to come back, a virtual one above all. So the loop
// goes on looking for a while instead of sleeping. It adapts: where answers take longer, because
// others wait for the same records or the network is slow, looking on is tried ever more seldom. A
// daemon that asks nobody never stays awake, nor does one that has a single processor to itself.
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>

namespace ctdbd::daemon {

// Whether to look on, by how that went lately.
class Patience {
public:
    // Each question asks once. After the n-th vigil in vain 2^n - 1 of them are left out, at most
    // 63.
    [[nodiscard]] bool pays();

    void rewarded() { left_out_ = to_leave_out_ = 0; }

    void disappointed();

private:
    unsigned left_out_ = 0; // so many of the next questions
    unsigned to_leave_out_ = 0;
};

class Vigil {
public:
    // Looks on for `longest` at a time; zero: never. `loop` is borrowed.
    Vigil(boost::asio::io_context& loop, std::chrono::microseconds longest);

    Vigil(const Vigil&) = delete;
    Vigil& operator=(const Vigil&) = delete;

    void asked();    // a question is on its way
    void answered(); // what was asked for is here

    // Runs the loop until it is stopped.
    void run();

private:
    using Clock = std::chrono::steady_clock;

    boost::asio::io_context& loop_;
    std::chrono::microseconds longest_;
    Patience patience_;
    std::optional<Clock::time_point> until_; // it is being looked for
};

} // namespace ctdbd::daemon
