#include "ctdbd/daemon/lock_keeper.h"

#include "ctdbd/daemon/daemon.h"

#include <spdlog/spdlog.h>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

constexpr auto take_max = 120s;
constexpr auto retry_pause = 500ms;

} // namespace

LockKeeper::LockKeeper(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop) {
    const std::string& lock = daemon.setup.conf.cluster.lock;
    if (lock.empty()) return;
    lock_.emplace(loop, lock_command(lock, daemon.setup.paths.cluster_mutex_helper), [this] {
        spdlog::error("the cluster lock is lost");
        look();
    });
}

// While a ring is being formed nothing is decided: who has the lock keeps it.
bool LockKeeper::is_needed() const {
    const ClusterView& view = daemon_.cluster.view();
    if (view.phase == statedb::HostPhase::waiting) return lock_->held() || lock_->taking();
    return view.phase != statedb::HostPhase::no_quorum && !view.members.empty() &&
           pnn_of(view.members.front()) == daemon_.nodes.self();
}

void LockKeeper::look() {
    if (!lock_) return;
    if (!is_needed()) {
        was_held_ = false;
        timer_.cancel();
        if (lock_->held()) spdlog::info("letting go of the cluster lock");
        lock_->release();
        daemon_.cluster.permit(false);
    } else if (!lock_->held() && !lock_->taking()) {
        take();
    }
}

void LockKeeper::take() {
    lock_->take(take_max, [this](LockAnswer answer, std::chrono::duration<double> took) {
        answered(answer, took);
    });
}

void LockKeeper::answered(LockAnswer answer, std::chrono::duration<double> took) {
    const std::chrono::milliseconds slow(daemon_.tunables[config::Tunable::rec_lock_latency_ms]);
    if (took > slow) spdlog::warn("the cluster lock took {:.3f} s to answer", took.count());
    switch (answer) {
    case LockAnswer::held:
        spdlog::info("the cluster lock is ours");
        was_held_ = true;
        daemon_.cluster.permit(true);
        return;
    case LockAnswer::contention:
        if (was_held_) {
            daemon_.give_up(1, "the cluster lock was lost to somebody else");
            return;
        }
        spdlog::warn("somebody else has the cluster lock: this component may not serve");
        break;
    case LockAnswer::timeout:
        spdlog::error("the cluster lock helper does not answer");
        break;
    case LockAnswer::error:
        spdlog::error("the cluster lock helper failed");
        break;
    }
    again();
}

void LockKeeper::again() {
    timer_.expires_after(retry_pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) look();
    });
}

} // namespace ctdbd::daemon
