// The TDB file of a volatile database and the order in which it is worked on: key by key under
// chain locks, with barriers that have the whole file to themselves.
//
// Work on one key is done in order; work on different keys does not wait for each other; a barrier
// waits for all before it, and all after it waits for the barrier. None of it blocks the loop, and
// a client that never lets go of a chain holds up its key, or the barrier, and nothing else.
#pragma once

#include "ctdbd/daemon/chain_locks.h"
#include "ctdbd/daemon/tdb_file.h"

#include <deque>

namespace ctdbd::daemon {

class VolatileFile {
public:
    using Work = ChainLocks::Work;

    VolatileFile(boost::asio::io_context& loop,
                 const LockSettings& settings,
                 TdbOptions options,
                 const std::string& database);

    [[nodiscard]] TdbFile& file() { return file_; }

    [[nodiscard]] const protocol::LockStatistics& lock_statistics() const { return statistics_; }

    void reset_statistics() { statistics_ = {}; }

    // Work with the chain of `key` locked.
    void with(const Bytes& key, Work work);
    // Work with the whole file locked.
    void barrier(Work work);

    // While shut, no client enters a chain. Takes effect as soon as those who are in one have left.
    void shut(bool shut);
    // `work` when that is so; never, if somebody never leaves.
    void when_shut(Work work);

    // Clients are kept out now.
    [[nodiscard]] bool is_shut() const { return locks_.frozen(); }

private:
    struct Waiting {
        std::optional<Bytes> key; // none: a barrier
        Work work;
    };

    void start_barrier(Work work);
    void end_barrier();

    protocol::LockStatistics statistics_;
    TdbFile file_;
    ChainLocks locks_;
    bool shut_ = false;
    bool in_barrier_ = false;
    std::deque<Waiting> behind_barrier_;
};

} // namespace ctdbd::daemon
