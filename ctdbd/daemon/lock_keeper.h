// The cluster lock where a site has configured one: a component becomes primary only when its
// lowest node has it (design.md, Quorum; ctdb-behaviour.md 5.10).
//
// The votes decide first; the lock is a second condition, for those who trust their file system
// more. A node that does not lead a component that may act lets go of it, so the others can take
// it. If it is lost while we serve and nobody else has it, we take it again and go on, since the
// votes alone make sure that nobody else serves; if somebody else has it, there is a rival, and we
// end.
//
// With a witness beside the lock (witness.h) the lock decides even against the votes: a component
// without enough of them takes it once nobody else has wanted it for a while, and goes on if the
// witness knows of nothing newer than its members do. The witness is read before anything forms,
// and told of it.
#pragma once

#include "ctdbd/daemon/cluster_lock.h"
#include "ctdbd/daemon/witness.h"
#include "totem/ids.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>

namespace ctdbd::daemon {

class Daemon;

class LockKeeper {
public:
    LockKeeper(boost::asio::io_context& loop, Daemon& daemon);

    // The component is another one, or in another phase.
    void look();

private:
    [[nodiscard]] bool is_needed();
    [[nodiscard]] bool was_patient();
    void lost_beside_witness();
    void take();
    void answered(LockAnswer answer, std::chrono::duration<double> took);
    void consult();
    void witness_failed();
    void again();
    void let_go();

    Daemon& daemon_;
    std::optional<ClusterLock> lock_; // none is configured
    std::optional<Witness> witness_;  // likewise
    boost::asio::steady_timer timer_, patience_timer_;
    std::optional<totem::RingId> outvoted_in_; // the ring in which we have been patient, or are
    bool patience_over_ = false;
    bool was_held_ = false; // by us, for the component that serves now
};

} // namespace ctdbd::daemon
