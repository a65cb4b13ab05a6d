#include "ctdbd/daemon/chain_locks.h"

#include "base/check.h"
#include "net/logs.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

// Most holders let go within a moment, and a process costs some milliseconds: look again this
// often, each time after twice as long, before one is started. A client that takes the lock again
// and again is met between two of its turns.
constexpr unsigned tries_max = 8;
constexpr unsigned doublings_max = 12; // some 80 ms: no longer, and no more often
constexpr auto first_try_after = 20us;
// Until the next attempt when a helper cannot be started or has failed.
constexpr auto after_failure = 100ms;

std::string hex(const Bytes& bytes) {
    if (bytes.empty()) return "NULL";
    std::string text;
    for (const std::uint8_t byte : bytes.span())
        fmt::format_to(std::back_inserter(text), "{:02X}", byte);
    return text;
}

double seconds_since(std::chrono::steady_clock::time_point since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

} // namespace

ChainLocks::ChainLocks(boost::asio::io_context& loop,
                       const LockSettings& settings,
                       TdbFile& file,
                       std::string database,
                       protocol::LockStatistics& statistics)
    : loop_(loop), settings_(settings), file_(file), database_(std::move(database)),
      statistics_(statistics) {}

ChainLocks::~ChainLocks() {
    *alive_ = false;
    thaw();
    for (auto& [key, queue] : queues_)
        if (queue.helper != nullptr) dismiss(*queue.helper);
}

std::size_t ChainLocks::waiting() const {
    std::size_t sum = 0;
    for (const auto& [key, queue] : queues_)
        sum += queue.work.size();
    return sum;
}

// -- one key

void ChainLocks::with(const Bytes& key, Work work) {
    ++statistics_.num_calls;
    ++statistics_.num_pending;
    const auto [queue, first] = queues_.try_emplace(key);
    queue->second.work.push_back(std::move(work));
    if (!first) return; // behind those who wait, or inside the work that is being done for this key
    queue->second.since = Clock::now();
    if (!run_if_free(queue)) try_again_soon(queue);
}

bool ChainLocks::run_if_free(Queues::iterator queue) {
    if (!file_.try_lock(queue->first.span())) return false;
    run_all(queue, Held::by_us);
    return true;
}

// Serves all who wait for the key, and those who come while they are served.
void ChainLocks::run_all(Queues::iterator queue, Held held) {
    const Bytes key = queue->first;
    if (held == Held::by_helper) file_.mark_locked(key.span());
    ++statistics_.num_current;
    while (!queue->second.work.empty()) {
        const Work work = std::move(queue->second.work.front());
        queue->second.work.pop_front();
        --statistics_.num_pending;
        count(queue->second.since);
        work();
    }
    --statistics_.num_current;
    if (held == Held::by_us) file_.unlock(key.span());
    if (held == Held::by_helper) file_.unmark_locked(key.span());
    const std::shared_ptr<Helper> helper = queue->second.helper;
    queues_.erase(queue);
    if (helper == nullptr) return;
    dismiss(*helper);
    --helpers_;
    start_waiting_helpers();
}

// Also when a helper waits: it is woken when the lock is let go, and a client that takes it again
// at once may be faster for a long time, while we come by at any moment.
void ChainLocks::try_again_soon(Queues::iterator queue) {
    auto timer = std::make_shared<boost::asio::steady_timer>(
        loop_, first_try_after * (1U << std::min(queue->second.tries, doublings_max)));
    timer->async_wait(
        [this, timer, key = queue->first, since = queue->second.since, alive = alive_](auto) {
            if (!*alive) return;
            const auto found = queues_.find(key);
            if (found == queues_.end() || found->second.since != since || run_if_free(found))
                return;
            if (++found->second.tries == tries_max) start_helper(found);
            try_again_soon(found);
        });
}

void ChainLocks::start_helper(Queues::iterator queue) {
    if (helpers_ >= settings_.helpers_max) {
        without_helper_.push_back(queue->first);
        return;
    }
    ++helpers_;
    queue->second.helper = launch(queue->first);
}

void ChainLocks::start_waiting_helpers() {
    while (!without_helper_.empty() && helpers_ < settings_.helpers_max) {
        const auto queue = queues_.find(std::exchange(without_helper_.front(), {}));
        without_helper_.pop_front();
        if (queue == queues_.end() || queue->second.helper != nullptr || run_if_free(queue))
            continue;
        start_helper(queue);
    }
}

void ChainLocks::count(Clock::time_point since) {
    const double seconds = seconds_since(since);
    statistics_.latency.add(seconds);
    ++statistics_.buckets[protocol::lock_bucket(seconds)];
}

// -- helpers

// wire 7.1. A helper that cannot be started is tried again: the disk or the process table may have
// been full, and giving up would leave a client waiting for ever.
std::shared_ptr<ChainLocks::Helper> ChainLocks::launch(std::optional<Bytes> key) {
    auto helper = std::make_shared<Helper>(loop_);
    helper->key = std::move(key);
    helper->since = Clock::now();
    complain(helper);
    try {
        start_process(*helper);
        listen(helper);
    } catch (const std::system_error& error) {
        logs::databases().error("{}: cannot wait for a chain lock: {}", database_, error.what());
        helper_failed(helper);
    }
    return helper;
}

void ChainLocks::start_process(Helper& helper) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe");
    helper.pipe.assign(ends[0]);
    const boost::asio::posix::stream_descriptor theirs(loop_, ends[1]);
    Command command{.arguments = {settings_.helper, std::to_string(getpid()),
                                  std::to_string(extra_descriptor_in_child),
                                  helper.key ? "RECORD" : "DB", file_.path().string(),
                                  fmt::format("0x{:x}", file_.open_flags())},
                    .extra_descriptor = ends[1],
                    .environment = {},
                    .dies_with_us = true};
    if (helper.key) command.arguments.push_back(hex(*helper.key));
    helper.child = std::make_unique<Child>(loop_, command);
}

// One byte 0: it is locked. Anything else, or the end: it is not, or not any more.
void ChainLocks::listen(const std::shared_ptr<Helper>& helper) {
    helper->pipe.async_read_some(
        boost::asio::buffer(&helper->verdict, 1),
        [this, helper, alive = alive_](const boost::system::error_code& error, std::size_t size) {
            if (!*alive || helper->child == nullptr) return; // dismissed
            if (error || size != 1 || helper->verdict != 0) {
                helper_failed(helper);
            } else if (helper->key) {
                run_all(queue_of(*helper), Held::by_helper);
            } else {
                helper->timer.cancel();
                listen(helper); // its death would let clients in
                file_locked(Frozen::by_helper);
            }
        });
}

// A helper that was not dismissed is that of its key's queue.
ChainLocks::Queues::iterator ChainLocks::queue_of(const Helper& helper) {
    const auto queue = queues_.find(*helper.key);
    base::check(queue != queues_.end() && queue->second.helper.get() == &helper,
                "a lock helper works for the queue of its key");
    return queue;
}

void ChainLocks::helper_failed(const std::shared_ptr<Helper>& helper) {
    ++statistics_.num_failed;
    if (!helper->key && frozen()) {
        logs::databases().error("{}: the helper that held the frozen file is gone", database_);
        unfreeze();
    }
    dismiss(*helper);
    helper->timer.expires_after(after_failure);
    helper->timer.async_wait([this, helper, alive = alive_](const auto& error) {
        if (error || !*alive) return;
        if (!helper->key) {
            if (freezer_ == helper) freezer_ = launch(std::nullopt);
            return;
        }
        const auto queue = queues_.find(*helper->key);
        if (queue == queues_.end() || queue->second.helper != helper) return;
        queue->second.helper.reset();
        --helpers_;
        if (!run_if_free(queue)) start_helper(queue);
    });
}

// SIGTERM: it unlocks and ends.
void ChainLocks::dismiss(Helper& helper) {
    helper.timer.cancel();
    helper.pipe.close();
    helper.child.reset();
    helper.debug_script.reset();
}

void ChainLocks::complain(const std::shared_ptr<Helper>& helper) {
    helper->timer.expires_after(settings_.complain_after);
    helper->timer.async_wait([this, helper, alive = alive_](const auto& error) {
        if (error || !*alive) return;
        const auto seconds = static_cast<long>(seconds_since(helper->since));
        const bool record = helper->key.has_value();
        logs::databases().warn("Unable to get {} lock on database {} for {} seconds{}",
                               record ? "RECORD" : "DB", database_, seconds,
                               record ? fmt::format(" (key {})", hex(*helper->key))
                                      : std::string());
        if (!settings_.debug_script.empty() && helper->child != nullptr) {
            const bool mutex = (file_.open_flags() & 0x1000) != 0;
            try {
                const Command command{.arguments = {settings_.debug_script,
                                                    std::to_string(helper->child->pid()),
                                                    record ? "RECORD" : "DB", file_.path().string(),
                                                    mutex ? "MUTEX" : "FCNTL"},
                                      .dies_with_us = true};
                helper->debug_script = std::make_unique<Child>(loop_, command);
            } catch (const std::system_error& failure) {
                logs::databases().warn("{}", failure.what());
            }
        }
        complain(helper);
    });
}

// -- the whole file

void ChainLocks::freeze(Work frozen) {
    if (this->frozen()) {
        frozen();
        return;
    }
    when_frozen_.push_back(std::move(frozen));
    if (freezer_ != nullptr) return;
    if (file_.try_lock_all())
        file_locked(Frozen::by_us);
    else
        freezer_ = launch(std::nullopt);
}

// Now every chain is ours, so all that waited for one can be done.
void ChainLocks::file_locked(Frozen how) {
    frozen_ = how;
    if (how == Frozen::by_helper) file_.mark_all_locked();
    while (!queues_.empty())
        run_all(queues_.begin(), Held::by_freeze);
    for (const Work& work : std::exchange(when_frozen_, {}))
        work();
}

void ChainLocks::unfreeze() {
    if (frozen_ == Frozen::by_us) file_.unlock_all();
    if (frozen_ == Frozen::by_helper) file_.unmark_all_locked();
    frozen_ = Frozen::no;
}

void ChainLocks::thaw() {
    when_frozen_.clear();
    unfreeze();
    if (freezer_ != nullptr) dismiss(*freezer_);
    freezer_.reset();
}

} // namespace ctdbd::daemon
