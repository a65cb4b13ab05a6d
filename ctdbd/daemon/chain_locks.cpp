#include "ctdbd/daemon/chain_locks.h"

#include "base/check.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

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
// often, this far apart, before one is started.
constexpr unsigned tries_max = 3;
constexpr auto between_tries = 500us;
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
    const Bytes& key = queue->first;
    if (!file_.try_lock(key.span())) return false;
    run_all(queue);
    return true;
}

// The chain is ours, by lock or by mark: serves all who wait for the key, and those whom they call.
void ChainLocks::run_all(Queues::iterator queue) {
    const Bytes key = queue->first;
    const std::shared_ptr<Helper> helper = queue->second.helper;
    ++statistics_.num_current;
    while (!queue->second.work.empty()) {
        const Work work = std::move(queue->second.work.front());
        queue->second.work.pop_front();
        --statistics_.num_pending;
        count(queue->second.since);
        work();
    }
    --statistics_.num_current;
    if (helper == nullptr)
        file_.unlock(key.span());
    else
        file_.unmark_locked(key.span());
    queues_.erase(queue);
    if (helper == nullptr) return;
    dismiss(*helper);
    --helpers_;
    start_waiting_helpers();
}

void ChainLocks::try_again_soon(Queues::iterator queue) {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, between_tries);
    timer->async_wait([this, timer, key = queue->first, alive = alive_](auto) {
        if (!*alive) return;
        const auto found = queues_.find(key);
        if (run_if_free(found)) return;
        if (++found->second.tries < tries_max)
            try_again_soon(found);
        else
            start_helper(found);
    });
}

void ChainLocks::start_helper(Queues::iterator queue) {
    if (helpers_ >= settings_.helpers_max) {
        without_helper_.push_back(queue->first);
        return;
    }
    ++helpers_;
    queue->second.helper = launch(&queue->first);
}

void ChainLocks::start_waiting_helpers() {
    while (!without_helper_.empty() && helpers_ < settings_.helpers_max) {
        const Bytes key = std::exchange(without_helper_.front(), {});
        without_helper_.pop_front();
        const auto queue = queues_.find(key);
        if (!run_if_free(queue)) start_helper(queue);
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
std::shared_ptr<ChainLocks::Helper> ChainLocks::launch(const Bytes* key) {
    auto helper = std::make_shared<Helper>(loop_);
    helper->key = key;
    helper->since = Clock::now();
    complain(helper);
    try {
        start_process(*helper);
        listen(helper);
    } catch (const std::system_error& error) {
        spdlog::error("{}: cannot wait for a chain lock: {}", database_, error.what());
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
                                  helper.key != nullptr ? "RECORD" : "DB", file_.path().string(),
                                  fmt::format("0x{:x}", file_.open_flags())},
                    .extra_descriptor = ends[1],
                    .environment = {}};
    if (helper.key != nullptr) command.arguments.push_back(hex(*helper.key));
    helper.child = std::make_unique<Child>(loop_, command);
}

// One byte 0: it is locked. Anything else, or the end: it is not, or not any more.
void ChainLocks::listen(const std::shared_ptr<Helper>& helper) {
    helper->pipe.async_read_some(
        boost::asio::buffer(&helper->verdict, 1),
        [this, helper, alive = alive_](const boost::system::error_code& error, std::size_t size) {
            if (!*alive || error == boost::asio::error::operation_aborted) return;
            if (error || size != 1 || helper->verdict != 0)
                helper_failed(helper);
            else if (helper->key != nullptr)
                record_locked(Bytes(*helper->key));
            else
                file_locked(helper);
        });
}

void ChainLocks::record_locked(const Bytes& key) {
    file_.mark_locked(key.span());
    run_all(queues_.find(key));
}

void ChainLocks::file_locked(const std::shared_ptr<Helper>& helper) {
    helper->held = true;
    helper->timer.cancel();
    file_.mark_all_locked();
    listen(helper); // its death would let clients in
    for (const Work& work : std::exchange(when_frozen_, {}))
        work();
}

void ChainLocks::helper_failed(const std::shared_ptr<Helper>& helper) {
    ++statistics_.num_failed;
    if (helper->held) {
        spdlog::error("{}: the helper that held the frozen file is gone", database_);
        file_.unmark_all_locked();
    }
    dismiss(*helper);
    helper->timer.expires_after(after_failure);
    helper->timer.async_wait([this, helper, alive = alive_](const auto& error) {
        if (error || !*alive) return;
        if (helper->key == nullptr) {
            freezer_ = launch(nullptr);
            return;
        }
        const auto queue = queues_.find(Bytes(*helper->key));
        queue->second.helper.reset();
        --helpers_;
        if (!run_if_free(queue)) start_helper(queue);
    });
}

// SIGTERM: it unlocks and ends.
void ChainLocks::dismiss(Helper& helper) {
    helper.held = false;
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
        const bool record = helper->key != nullptr;
        spdlog::warn("Unable to get {} lock on database {} for {} seconds{}",
                     record ? "RECORD" : "DB", database_, seconds,
                     record ? fmt::format(" (key {})", hex(*helper->key)) : std::string());
        if (!settings_.debug_script.empty() && helper->child != nullptr) {
            const bool mutex = (file_.open_flags() & 0x1000) != 0;
            try {
                const Command command{.arguments = {settings_.debug_script,
                                                    std::to_string(helper->child->pid()),
                                                    record ? "RECORD" : "DB", file_.path().string(),
                                                    mutex ? "MUTEX" : "FCNTL"}};
                helper->debug_script = std::make_unique<Child>(loop_, command);
            } catch (const std::system_error& failure) {
                spdlog::warn("{}", failure.what());
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
    if (freezer_ == nullptr) freezer_ = launch(nullptr);
}

void ChainLocks::thaw() {
    when_frozen_.clear();
    if (freezer_ == nullptr) return;
    if (freezer_->held) file_.unmark_all_locked();
    dismiss(*freezer_);
    freezer_.reset();
}

} // namespace ctdbd::daemon
