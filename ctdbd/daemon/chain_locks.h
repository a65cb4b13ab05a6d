// Who waits for which chain lock of one TDB file (ctdb-behaviour.md 2.5).
//
// Clients hold chain locks as long as they like, and while they do they may wait for our answer:
// the loop never waits for a lock. What cannot be done at once is queued by key and done in order
// of arrival when a helper process, which may wait, has got the lock. Between two turns of the loop
// we never hold a chain ourselves; a frozen file is held by its helper.
#pragma once

#include "ctdbd/daemon/child.h"
#include "ctdbd/daemon/tdb_file.h"
#include "ctdbd/protocol/statistics.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ctdbd::daemon {

struct LockSettings {
    std::string helper = "/usr/libexec/ctdb/ctdb_lock_helper"; // CTDB_LOCK_HELPER
    std::size_t helpers_max = 200;                             // LockProcessesPerDB
    std::chrono::seconds complain_after{10};
    std::string debug_script; // empty: none; told about locks that take too long
};

class ChainLocks {
public:
    using Work = std::function<void()>;

    // All are borrowed and outlive the locks. `statistics` counts what happens here.
    ChainLocks(boost::asio::io_context& loop,
               const LockSettings& settings,
               TdbFile& file,
               std::string database,
               protocol::LockStatistics& statistics);
    ~ChainLocks(); // work that still waits is dropped

    ChainLocks(const ChainLocks&) = delete;
    ChainLocks& operator=(const ChainLocks&) = delete;

    // Does `work` with the chain of `key` locked: now if it is free and nobody waits for the key,
    // else after those who came before. Work must not wait, and looks at the record anew: much may
    // have happened since.
    void with(const Bytes& key, Work work);

    // Takes the lock of the whole file, so that clients block in their own chain locks, and keeps
    // it. `frozen` is called when it is held and all work that was waiting has been done; never, if
    // a client never lets go. New work goes on meanwhile. Freezing twice calls back twice and still
    // needs one thaw.
    void freeze(Work frozen);
    void thaw();

    [[nodiscard]] bool frozen() const { return frozen_ != Frozen::no; }

    [[nodiscard]] std::size_t waiting() const;

private:
    using Clock = std::chrono::steady_clock;

    // A helper process and what it waits for: a key's chain, or the whole file.
    struct Helper {
        explicit Helper(boost::asio::io_context& loop) : pipe(loop), timer(loop) {}

        boost::asio::posix::stream_descriptor pipe;
        boost::asio::steady_timer timer; // complaint, or the next try
        std::unique_ptr<Child> child, debug_script;
        std::optional<Bytes> key;
        std::uint8_t verdict = 0;
        Clock::time_point since;
    };

    struct Queue {
        std::deque<Work> work;
        std::shared_ptr<Helper> helper;
        unsigned tries = 0;
        Clock::time_point since;
    };

    struct SmallerKey {
        bool operator()(const Bytes& a, const Bytes& b) const { return a.view() < b.view(); }
    };

    using Queues = std::map<Bytes, Queue, SmallerKey>;

    enum class Held : std::uint8_t { by_us, by_helper, by_freeze };
    enum class Frozen : std::uint8_t { no, by_us, by_helper };

    bool run_if_free(Queues::iterator queue);
    void run_all(Queues::iterator queue, Held held);
    void try_again_soon(Queues::iterator queue);
    void start_helper(Queues::iterator queue);
    void start_waiting_helpers();
    std::shared_ptr<Helper> launch(std::optional<Bytes> key);
    void start_process(Helper& helper);
    void listen(const std::shared_ptr<Helper>& helper);
    [[nodiscard]] Queues::iterator queue_of(const Helper& helper);
    void file_locked(Frozen how);
    void unfreeze();
    void helper_failed(const std::shared_ptr<Helper>& helper);
    static void dismiss(Helper& helper);
    void complain(const std::shared_ptr<Helper>& helper);
    void count(Clock::time_point since);

    boost::asio::io_context& loop_;
    const LockSettings& settings_;
    TdbFile& file_;
    std::string database_;
    protocol::LockStatistics& statistics_;
    Queues queues_;
    std::deque<Bytes> without_helper_; // keys whose helper must wait for another one to end
    std::size_t helpers_ = 0;
    Frozen frozen_ = Frozen::no;
    std::shared_ptr<Helper> freezer_; // waits for the whole file, or holds it
    std::vector<Work> when_frozen_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
