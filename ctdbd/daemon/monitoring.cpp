#include "ctdbd/daemon/monitoring.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <algorithm>
#include <cerrno>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

constexpr auto pause_after_change = 5s;
constexpr auto pause_while_idle = 1s; // not active, or recovering: nothing to see

} // namespace

Health HealthJudge::judge(int result, std::uint32_t timeouts_max) {
    if (result == ECANCELED || result == EAGAIN) return Health::unknown;
    timeouts_ = result == ETIMEDOUT ? timeouts_ + 1 : 0;
    if (result == 0) return Health::good;
    if (result == ETIMEDOUT && timeouts_ < timeouts_max) return Health::unknown;
    return Health::bad;
}

MonitorPace::Seconds MonitorPace::after(bool healthy, bool changed, Seconds longest) {
    last_ = changed || !healthy ? Seconds(pause_after_change) : 2 * last_;
    last_ = std::min(last_, std::max(longest, Seconds(1)));
    return last_;
}

Monitoring::Monitoring(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {}

void Monitoring::begin() { look(); }

void Monitoring::end() {
    ended_ = true;
    timer_.cancel();
}

void Monitoring::look() {
    const bool serving = daemon_.recovery_mode() == protocol::RecoveryMode::normal;
    if (!serving || !daemon_.nodes.self_active())
        look_after(pause_while_idle);
    else
        daemon_.lifecycle.run("monitor", "", [this](int result) { seen(result); });
}

void Monitoring::seen(int result) {
    using config::Tunable;
    if (ended_) return;
    const std::uint32_t flags = daemon_.cluster.nodes().said().flags;
    const bool was_healthy = (flags & protocol::node_flag::unhealthy) == 0;
    const Health health = judge_.judge(result, daemon_.tunables[Tunable::monitor_timeout_count]);
    const bool healthy = health == Health::unknown ? was_healthy : health == Health::good;
    if (healthy != was_healthy) {
        logs::events().warn(healthy ? "monitor event OK - node re-enabled"
                                    : "monitor event failed - disabling node");
        daemon_.life.set_healthy(healthy);
        daemon_.lifecycle.notify(healthy ? "healthy" : "unhealthy");
    }
    look_after(pace_.after(healthy, healthy != was_healthy,
                           std::chrono::seconds(daemon_.tunables[Tunable::monitor_interval])));
}

void Monitoring::look_after(std::chrono::seconds pause) {
    if (ended_) return;
    timer_.expires_after(pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) look();
    });
}

} // namespace ctdbd::daemon
