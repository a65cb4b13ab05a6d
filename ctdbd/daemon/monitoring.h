// Whether this node is healthy, as its scripts say every few seconds (ctdb-behaviour.md 5.7;
// ctdb-wire.md 6.6).
//
// Health decides who hosts public addresses, so a change asks the leader for a takeover run. The
// first look is taken as soon as the node runs (the packaged daemon waits 2 s before it, in which
// the node hosts nothing, and nothing else happens); the next ones with growing pauses, sooner again
// after a change.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>

namespace ctdbd::daemon {

class Daemon;

// What the result of a monitor event says.
enum class Health : std::uint8_t { good, bad, unknown };

// The rule, apart from its timing. Scripts that hang say nothing until they have done so too often.
class HealthJudge {
public:
    [[nodiscard]] Health judge(int result, std::uint32_t timeouts_max);

private:
    std::uint32_t timeouts_ = 0; // in a row
};

// How long until the next look.
class MonitorPace {
public:
    using Seconds = std::chrono::seconds;

    [[nodiscard]] Seconds after(bool healthy, bool changed, Seconds longest);

private:
    Seconds last_{1};
};

class Monitoring {
public:
    Monitoring(boost::asio::io_context& loop, Daemon& daemon);

    void begin();
    void end();

private:
    void look();
    void seen(int result);
    void look_after(std::chrono::seconds pause);

    Daemon& daemon_;
    boost::asio::steady_timer timer_;
    HealthJudge judge_;
    MonitorPace pace_;
    bool ended_ = false;
};

} // namespace ctdbd::daemon
