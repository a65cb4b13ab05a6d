#include "net/bridge.h"

#include "base/check.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/eventfd.h>
#include <unistd.h>

namespace net {

namespace {

constexpr std::size_t submissions_max = 4096;
constexpr std::uint64_t unconsumed_unmentioned = 64; // deliveries; far below any consumer window

} // namespace

// -- Bell

Bell::Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_.get() < 0)
        throw std::runtime_error(
            fmt::format("eventfd: {}; raise the limit of open files", std::strerror(errno)));
}

void Bell::ring() {
    if (rung_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

// The exchange pairs with ring()'s: whoever finds the bell rung already has his announcement seen
// by the look that follows.
void Bell::hush() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(fd_.get(), &count, sizeof count);
    rung_.exchange(false, std::memory_order_acq_rel);
}

// -- the application's side

Bridge::Bridge(Bounds bounds, bool one_thread)
    : events_(one_thread ? 1 : std::max<std::size_t>(bounds.events, 16)),
      submissions_(one_thread ? 1 : submissions_max), submitted_bytes_max_(bounds.submitted_bytes),
      one_thread_(one_thread) {}

bool Bridge::submit(const Bytes& message, Service service) {
    if (leave_.load(std::memory_order_relaxed)) return false;
    // One message always fits an empty queue, however large it is.
    const std::size_t before = submitted_bytes_.load(std::memory_order_acquire);
    const bool fits = before == 0 || before + message.size() <= submitted_bytes_max_;
    // Counted before it is handed over, so that the ring never subtracts what was not added.
    submitted_bytes_.fetch_add(message.size(), std::memory_order_relaxed);
    if (fits && submissions_.push(Submission{message, service})) {
        to_ring_.ring();
        return true;
    }
    submitted_bytes_.fetch_sub(message.size(), std::memory_order_relaxed);
    room_wish_.store(std::max<std::size_t>(message.size(), 1), std::memory_order_release);
    to_ring_.ring(); // the ring may have made room meanwhile, and be asleep
    return false;
}

void Bridge::set_hint(Bytes hint) {
    {
        const std::lock_guard lock(news_mutex_);
        hint_ = std::move(hint);
    }
    hint_changed_.store(true, std::memory_order_release);
    to_ring_.ring();
}

void Bridge::mourn(NodeId node) {
    {
        const std::lock_guard lock(news_mutex_);
        dead_.push_back(node);
    }
    somebody_died_.store(true, std::memory_order_release);
    to_ring_.ring();
}

void Bridge::set_others(std::map<NodeId, Address> others) {
    {
        const std::lock_guard lock(news_mutex_);
        others_ = std::move(others);
    }
    others_changed_.store(true, std::memory_order_release);
    to_ring_.ring();
}

void Bridge::leave() {
    leave_.store(true, std::memory_order_release);
    to_ring_.ring();
}

void Bridge::stop() {
    stop_.store(true, std::memory_order_release);
    to_ring_.ring();
}

std::size_t Bridge::poll(const std::function<void(Event&&)>& handle, std::size_t limit) {
    if (one_thread_) return poll_waiting(handle, limit);
    to_application_.hush();
    std::size_t handled = 0;
    std::uint64_t deliveries = 0;
    const auto pass_on = [&](Event& event) {
        if (std::holds_alternative<Delivery>(event)) ++deliveries;
        handle(std::move(event));
    };
    while (handled < limit && events_.consume_one(pass_on))
        ++handled;
    if (handled > 0) {
        // Even where it adds nothing: the ring must not miss that the queue has room (publish()).
        consumed_.fetch_add(deliveries, std::memory_order_seq_cst);
        if (consumption_awaited_.load(std::memory_order_seq_cst)) to_ring_.ring();
    }
    if (events_.read_available() > 0) to_application_.ring();
    return handled;
}

// The handler may submit, and so add to what waits: nothing is held on to while it runs.
std::size_t Bridge::poll_waiting(const std::function<void(Event&&)>& handle, std::size_t limit) {
    std::size_t handled = 0;
    std::uint64_t deliveries = 0;
    for (; handled < limit && backed_up(); ++handled) {
        Event event = std::move(waiting_[first_waiting_++]);
        if (std::holds_alternative<Delivery>(event)) ++deliveries;
        handle(std::move(event));
    }
    forget_moved();
    consumed_.fetch_add(deliveries, std::memory_order_relaxed);
    if (backed_up()) to_ring_.ring();
    return handled;
}

// -- the ring's side

const Bridge::Submission* Bridge::next_submission() {
    return submissions_.read_available() > 0 ? &submissions_.front() : nullptr;
}

void Bridge::submission_taken() {
    submissions_.consume_one([&](const Submission& submission) {
        submitted_bytes_.fetch_sub(submission.message.size(), std::memory_order_release);
    });
}

bool Bridge::take_room_wish() {
    const std::size_t wish = room_wish_.load(std::memory_order_acquire);
    const std::size_t waiting = submitted_bytes_.load(std::memory_order_relaxed);
    const bool room = waiting == 0 || (waiting + wish <= submitted_bytes_max_ &&
                                       submissions_.read_available() <= submissions_max / 2);
    return wish != 0 && room && room_wish_.exchange(0, std::memory_order_acq_rel) != 0;
}

std::optional<Bytes> Bridge::take_hint() {
    if (!hint_changed_.exchange(false, std::memory_order_acquire)) return {};
    const std::lock_guard lock(news_mutex_);
    return std::exchange(hint_, {});
}

std::vector<NodeId> Bridge::take_dead() {
    if (!somebody_died_.exchange(false, std::memory_order_acquire)) return {};
    const std::lock_guard lock(news_mutex_);
    return std::exchange(dead_, {});
}

std::optional<std::map<NodeId, Address>> Bridge::take_others() {
    if (!others_changed_.exchange(false, std::memory_order_acquire)) return {};
    const std::lock_guard lock(news_mutex_);
    return std::exchange(others_, {});
}

std::uint64_t Bridge::take_consumed() {
    const std::uint64_t consumed = consumed_.exchange(0, std::memory_order_seq_cst);
    base::check(consumed <= unconsumed_, "only what was delivered can be consumed");
    unconsumed_ -= consumed;
    return consumed;
}

void Bridge::push(Event event) {
    if (std::holds_alternative<Delivery>(event)) ++unconsumed_;
    waiting_.push_back(std::move(event));
}

bool Bridge::move_waiting() {
    const std::size_t before = first_waiting_;
    while (backed_up() && events_.push(std::move(waiting_[first_waiting_])))
        ++first_waiting_;
    const bool moved = first_waiting_ > before;
    forget_moved();
    return moved;
}

// Memory is kept for the next ones; where the queue never runs empty, its dead beginning is cut.
void Bridge::forget_moved() {
    if (!backed_up())
        waiting_.clear();
    else if (first_waiting_ < waiting_.size() / 2)
        return;
    else
        waiting_.erase(waiting_.begin(),
                       waiting_.begin() + static_cast<std::ptrdiff_t>(first_waiting_));
    first_waiting_ = 0;
}

void Bridge::publish() {
    if (one_thread_) return;
    bool moved = move_waiting();
    const bool awaited = backed_up() || unconsumed_ >= unconsumed_unmentioned;
    consumption_awaited_.store(awaited, std::memory_order_seq_cst);
    // The application consumes, then looks at the flag; we set the flag, then look at what it
    // consumed: one of us sees the other.
    if (awaited && consumed_.load(std::memory_order_seq_cst) > 0) to_ring_.ring();
    if (backed_up()) moved = move_waiting() || moved;
    if (moved) to_application_.ring();
}

} // namespace net
