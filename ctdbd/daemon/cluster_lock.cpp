#include "ctdbd/daemon/cluster_lock.h"

#include "net/logs.h"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <csignal>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

LockAnswer lock_answer(char word) {
    switch (word) {
    case '0':
        return LockAnswer::held;
    case '1':
        return LockAnswer::contention;
    case '2':
        return LockAnswer::timeout;
    default:
        return LockAnswer::error;
    }
}

std::vector<std::string> lock_command(const std::string& lock,
                                      const std::filesystem::path& default_helper) {
    if (!lock.starts_with('!')) return {default_helper.string(), lock};
    const std::string line = boost::algorithm::trim_copy(lock.substr(1));
    std::vector<std::string> words;
    boost::algorithm::split(words, line, boost::algorithm::is_any_of(" \t"),
                            boost::algorithm::token_compress_on);
    return words;
}

ClusterLock::ClusterLock(boost::asio::io_context& loop,
                         std::vector<std::string> command,
                         std::function<void()> lost)
    : loop_(loop), command_(std::move(command)), lost_(std::move(lost)), output_(loop),
      limit_timer_(loop) {}

ClusterLock::~ClusterLock() { *alive_ = false; }

void ClusterLock::take(std::chrono::seconds limit, Answered answered) {
    release();
    answered_ = std::move(answered);
    began_ = std::chrono::steady_clock::now();
    std::array<int, 2> ends{-1, -1};
    try {
        if (pipe2(ends.data(), O_CLOEXEC) != 0)
            throw std::system_error(errno, std::generic_category(), "pipe");
        output_.assign(ends[0]);
        helper_ = std::make_unique<Child>(loop_, Command{.arguments = command_,
                                                         .extra_descriptor = -1,
                                                         .environment = {},
                                                         .output_descriptor = ends[1],
                                                         .dies_with_us = true});
    } catch (const std::system_error& error) {
        logs::cluster().error("cluster lock: {}", error.what());
    }
    close(ends[1]);
    read(); // also of a helper that is not there: its end of the pipe is closed
    limit_timer_.expires_after(limit);
    limit_timer_.async_wait(
        [this, alive = alive_, attempt = attempt_](const boost::system::error_code& error) {
            if (!error && *alive && attempt == attempt_ && answered_) heard(LockAnswer::timeout);
        });
}

void ClusterLock::release() {
    ++attempt_;
    held_ = false;
    answered_ = {};
    limit_timer_.cancel();
    boost::system::error_code ignored;
    output_.close(ignored);
    helper_.reset(); // which is asked to end, and lets go of the lock
}

void ClusterLock::read() {
    output_.async_read_some(boost::asio::buffer(word_),
                            [this, alive = alive_, attempt = attempt_](
                                const boost::system::error_code& error, std::size_t) {
                                if (!*alive || attempt != attempt_) return;
                                if (answered_) {
                                    heard(error ? LockAnswer::error : lock_answer(word_[0]));
                                } else if (!error) {
                                    read(); // whatever else it says
                                } else if (held_) {
                                    release();
                                    lost_();
                                }
                            });
}

void ClusterLock::heard(LockAnswer answer) {
    const Answered tell = std::exchange(answered_, {});
    const auto took = std::chrono::steady_clock::now() - began_;
    if (answer == LockAnswer::held) {
        limit_timer_.cancel();
        held_ = true;
        read(); // its end is the loss of the lock
    } else {
        release();
    }
    tell(answer, took);
}

} // namespace ctdbd::daemon
