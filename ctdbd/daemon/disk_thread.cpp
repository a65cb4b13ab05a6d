#include "ctdbd/daemon/disk_thread.h"

#include <boost/asio/post.hpp>

#include <csignal>
#include <exception>
#include <pthread.h>
#include <utility>

namespace ctdbd::daemon {

DiskThread::DiskThread(boost::asio::io_context& loop) : loop_(loop) {
    // Signals are the loop's business: the thread is born with all of them blocked.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

DiskThread::~DiskThread() {
    {
        const std::lock_guard guard(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void DiskThread::submit(Job job, Job done) {
    ++unfinished_;
    {
        const std::lock_guard guard(mutex_);
        waiting_.push_back({std::move(job), std::move(done)});
    }
    changed_.notify_one();
}

void DiskThread::when_idle(Job action) {
    if (unfinished_ == 0)
        boost::asio::post(loop_, std::move(action));
    else
        submit([] {}, std::move(action));
}

void DiskThread::run() {
    std::unique_lock guard(mutex_);
    while (true) {
        changed_.wait(guard, [this] { return ending_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        Work work = std::move(waiting_.front());
        waiting_.pop_front();
        guard.unlock();
        perform(std::move(work));
        guard.lock();
    }
}

void DiskThread::perform(Work work) {
    std::exception_ptr failure;
    try {
        work.job();
    } catch (...) {
        failure = std::current_exception();
    }
    boost::asio::post(loop_, [this, failure, done = std::move(work.done)] {
        --unfinished_;
        if (failure) std::rethrow_exception(failure);
        done();
    });
}

} // namespace ctdbd::daemon
