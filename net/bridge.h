// Between the application's thread and the ring's: two bounded lock-free queues, and a bell at each
// end that a thread can sleep on. Neither side ever waits for the other, nothing is dropped, and
// both directions push back: a submission without room is refused, and what the application has not
// taken stays uncounted, so that the ring holds its aru back (totem.md 8.1, 35 and 36).
//
// Where the application drives the ring in its own loop, both sides are one thread: events wait in
// one plain queue, and submissions do not come this way.
#pragma once

#include "net/file.h"
#include "net/interface.h"
#include "net/node.h"

#include <boost/lockfree/spsc_queue.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace net {

// An eventfd that is written once until it is heard, however often it is rung.
class Bell {
public:
    Bell();

    void ring();
    // Called before looking at what was announced: whatever is announced after this rings again.
    void hush();

    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    Descriptor fd_;
    std::atomic<bool> rung_{false};
};

class Bridge {
public:
    struct Bounds {
        std::size_t events = 0;
        std::size_t submitted_bytes = 0;
    };

    explicit Bridge(Bounds bounds, bool one_thread = false);

    // -- the application's side: one thread

    [[nodiscard]] bool submit(const Bytes& message, Service service);
    void set_hint(Bytes hint);
    void mourn(NodeId node);
    void set_others(std::map<NodeId, Address> others);
    void leave();
    void stop();
    std::size_t poll(const std::function<void(Event&&)>& handle, std::size_t limit);

    [[nodiscard]] int event_fd() const { return to_application_.fd(); }

    // -- the ring's side: one thread

    struct Submission {
        Bytes message;
        Service service = Service::agreed;
    };

    [[nodiscard]] bool is_one_thread() const { return one_thread_; }

    [[nodiscard]] int order_fd() const { return to_ring_.fd(); }

    void wake_ring() { to_ring_.ring(); } // from any thread

    void hush_orders() { to_ring_.hush(); }

    // The oldest submission, until it is done with: a full ring leaves it where it is.
    [[nodiscard]] const Submission* next_submission();
    void submission_taken();
    // True once after submissions were refused and there is room again.
    [[nodiscard]] bool take_room_wish();
    [[nodiscard]] std::optional<Bytes> take_hint();
    [[nodiscard]] std::vector<NodeId> take_dead();
    [[nodiscard]] std::optional<std::map<NodeId, Address>> take_others();

    [[nodiscard]] bool leave_wished() const { return leave_.load(std::memory_order_acquire); }

    [[nodiscard]] bool stop_wished() const { return stop_.load(std::memory_order_acquire); }

    // Deliveries that the application has handled since the last call.
    [[nodiscard]] std::uint64_t take_consumed();

    // Always succeeds: what the bounded queue has no room for waits here, and the ring's aru,
    // held back meanwhile, bounds how much that can be.
    void push(Event event);
    void publish(); // moves what waits into the queue and rings, if there is anything

    [[nodiscard]] bool backed_up() const { return first_waiting_ < waiting_.size(); }

    [[nodiscard]] bool has_news() const { return backed_up(); } // one thread: poll() has something

private:
    bool move_waiting();
    void forget_moved();
    std::size_t poll_waiting(const std::function<void(Event&&)>& handle, std::size_t limit);

    boost::lockfree::spsc_queue<Event> events_;
    boost::lockfree::spsc_queue<Submission> submissions_;
    std::size_t submitted_bytes_max_;
    bool one_thread_;

    Bell to_application_;
    Bell to_ring_;

    std::atomic<std::size_t> submitted_bytes_{0};
    std::atomic<std::size_t> room_wish_{0}; // size of the refused submission, 0: none
    std::atomic<std::uint64_t> consumed_{0};
    std::atomic<bool> consumption_awaited_{false};
    std::atomic<bool> leave_{false};
    std::atomic<bool> stop_{false};

    std::atomic<bool> hint_changed_{false}, others_changed_{false};
    std::atomic<bool> somebody_died_{false};
    std::mutex news_mutex_; // of what is rare: only the newest counts, but for the dead
    std::optional<Bytes> hint_;
    std::optional<std::map<NodeId, Address>> others_;
    std::vector<NodeId> dead_;

    std::vector<Event> waiting_; // the ring's own: [first_waiting_, size) wait
    std::size_t first_waiting_ = 0;
    std::uint64_t unconsumed_ = 0; // the ring's own: deliveries pushed and not yet consumed
};

} // namespace net
