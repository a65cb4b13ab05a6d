// The cluster lock: a helper program takes it, keeps it while it lives, and says so (ctdb-wire.md
// 7.4; ctdb-behaviour.md 5.10). Any helper that keeps the contract will do; a plain path is given
// to the packaged fcntl helper.
//
// Who needs the lock, and when, is not known here.
#pragma once

#include "ctdbd/daemon/child.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ctdbd::daemon {

// What a helper says first; `error` also if it says nothing.
enum class LockAnswer : std::uint8_t { held, contention, timeout, error };

[[nodiscard]] LockAnswer lock_answer(char word);

// `lock` as it stands in ctdb.conf: a path, or "!" and a command line.
[[nodiscard]] std::vector<std::string> lock_command(const std::string& lock,
                                                    const std::filesystem::path& default_helper);

class ClusterLock {
public:
    using Answered = std::function<void(LockAnswer answer, std::chrono::duration<double> took)>;

    ClusterLock(boost::asio::io_context& loop,
                std::vector<std::string> command,
                std::function<void()> lost);
    ~ClusterLock();

    ClusterLock(const ClusterLock&) = delete;
    ClusterLock& operator=(const ClusterLock&) = delete;

    // Answers once; not at all if it is released before. A helper that does not say anything within
    // the limit is ended, and the answer is `timeout`.
    void take(std::chrono::seconds limit, Answered answered);
    void release();

    [[nodiscard]] bool held() const { return held_; }

    [[nodiscard]] bool taking() const { return static_cast<bool>(answered_); }

private:
    void read();
    void heard(LockAnswer answer);

    boost::asio::io_context& loop_;
    std::vector<std::string> command_;
    std::function<void()> lost_;
    boost::asio::posix::stream_descriptor output_;
    boost::asio::steady_timer limit_timer_;
    std::unique_ptr<Child> helper_;
    Answered answered_;
    std::chrono::steady_clock::time_point began_{};
    std::array<char, 1> word_{};
    bool held_ = false;
    std::uint64_t attempt_ = 0; // later events of an earlier helper are not for us
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
