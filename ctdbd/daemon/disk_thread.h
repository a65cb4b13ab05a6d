// One thread that may wait for the disk, so that the loop never does.
//
// Jobs run in order, one at a time; what a job touches belongs to it until its `done` has been
// called in the loop. A job that throws stops the loop with its exception: a disk that does not
// keep what it was given is nothing to go on with.
#pragma once

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ctdbd::daemon {

class DiskThread {
public:
    using Job = std::function<void()>;

    explicit DiskThread(boost::asio::io_context& loop);
    ~DiskThread(); // does all jobs first; their `done` is not called

    DiskThread(const DiskThread&) = delete;
    DiskThread& operator=(const DiskThread&) = delete;

    // `job` on the thread, then `done` in the loop.
    void submit(Job job, Job done);

    // `action` in a later turn of the loop, when all jobs submitted until now are done. Actions
    // keep their order.
    void when_idle(Job action);

private:
    struct Work {
        Job job, done;
    };

    void run();
    void perform(Work work);

    boost::asio::io_context& loop_;
    std::size_t unfinished_ = 0; // the loop's
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work> waiting_; // under the mutex, like ending_
    bool ending_ = false;
    std::thread thread_;
};

} // namespace ctdbd::daemon
