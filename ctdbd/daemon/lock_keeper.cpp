#include "ctdbd/daemon/lock_keeper.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

constexpr auto take_max = 120s;
constexpr auto retry_pause = 500ms;

} // namespace

LockKeeper::LockKeeper(boost::asio::io_context& loop, Daemon& daemon)
    : daemon_(daemon), timer_(loop), patience_timer_(loop) {
    const std::string& lock = daemon.setup.conf.cluster.lock;
    if (lock.empty()) return;
    lock_.emplace(loop, lock_command(lock, daemon.setup.paths.cluster_mutex_helper), [this] {
        logs::cluster().error("the cluster lock is lost");
        if (witness_) lost_beside_witness();
        look();
    });
    if (const auto& file = daemon.setup.totem.witness; !file.empty()) witness_.emplace(loop, file);
}

// While a ring is being formed nothing is decided: who has the lock keeps it.
bool LockKeeper::is_needed() {
    const ClusterView& view = daemon_.cluster.view();
    if (view.phase == statedb::HostPhase::waiting) return lock_->held() || lock_->taking();
    const bool leads =
        !view.members.empty() && pnn_of(view.members.front()) == daemon_.nodes.self();
    if (view.phase != statedb::HostPhase::no_quorum) return leads;
    return leads && (view.testimony_counts || (view.testimony_wanted && was_patient()));
}

// Somebody else may have it now, and tell the witness something that we would not know of.
void LockKeeper::lost_beside_witness() {
    witness_->give_up();
    const bool counts = daemon_.cluster.view().testimony_counts;
    daemon_.cluster.permit(false);
    if (counts)
        daemon_.give_up(1, "the cluster lock was lost while a component was being formed by what "
                           "its witness says");
}

// The votes are against us: those for whom they are come first.
bool LockKeeper::was_patient() {
    const totem::RingId ring = daemon_.cluster.view().ring;
    if (std::exchange(outvoted_in_, ring) == ring) return patience_over_;
    patience_over_ = false;
    patience_timer_.expires_after(daemon_.setup.totem.lock_patience);
    patience_timer_.async_wait([this, ring](const boost::system::error_code& error) {
        if (error || outvoted_in_ != ring) return;
        patience_over_ = true;
        look();
    });
    return false;
}

void LockKeeper::look() {
    if (!lock_) return;
    if (!is_needed())
        let_go();
    else if (lock_->held())
        consult();
    else if (!lock_->taking())
        take();
}

void LockKeeper::let_go() {
    was_held_ = false;
    timer_.cancel();
    if (lock_->held()) logs::cluster().info("letting go of the cluster lock");
    if (witness_) witness_->give_up();
    lock_->release();
    daemon_.cluster.permit(false);
}

// The lock is ours. What the witness says is of a moment: it counts for the ring for which it was
// asked, and while the lock is held.
void LockKeeper::consult() {
    if (!witness_) {
        daemon_.cluster.permit(true);
        return;
    }
    if (witness_->busy()) return;
    const ClusterView& view = daemon_.cluster.view();
    const auto still = [this, ring = view.ring] {
        return lock_->held() && daemon_.cluster.view().ring == ring;
    };
    if (view.testimony_wanted) {
        witness_->read([this, still](const std::optional<statedb::History>& memory) {
            if (!memory) return witness_failed();
            if (still()) daemon_.cluster.testify(*memory);
            look();
        });
    } else if (view.attempt) {
        witness_->write(statedb::witnessed(*view.attempt), [this, still](bool well) {
            if (!well) return witness_failed();
            if (still()) daemon_.cluster.permit(true);
            look();
        });
    }
}

void LockKeeper::take() {
    lock_->take(take_max, [this](LockAnswer answer, std::chrono::duration<double> took) {
        answered(answer, took);
    });
}

void LockKeeper::answered(LockAnswer answer, std::chrono::duration<double> took) {
    const std::chrono::milliseconds slow(daemon_.tunables[config::Tunable::rec_lock_latency_ms]);
    if (took > slow) logs::cluster().warn("the cluster lock took {:.3f} s to answer", took.count());
    switch (answer) {
    case LockAnswer::held:
        logs::cluster().info("the cluster lock is ours");
        was_held_ = true;
        consult();
        return;
    case LockAnswer::contention:
        if (was_held_) {
            daemon_.give_up(1, "the cluster lock was lost to somebody else");
            return;
        }
        logs::cluster().warn("somebody else has the cluster lock: this component may not serve");
        break;
    case LockAnswer::timeout:
        logs::cluster().error("the cluster lock helper does not answer");
        break;
    case LockAnswer::error:
        logs::cluster().error("the cluster lock helper failed");
        break;
    }
    again();
}

void LockKeeper::witness_failed() {
    logs::cluster().error("the witness of the cluster lock fails: nothing may form without it");
    again();
}

void LockKeeper::again() {
    timer_.expires_after(retry_pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) look();
    });
}

} // namespace ctdbd::daemon
