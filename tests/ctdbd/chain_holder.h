// Another process that holds a chain of a TDB file, as a client would: the packaged lock helper.
#pragma once

#include "ctdbd/daemon/chain_locks.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>

namespace ctdbd::daemon {

// A process that holds a chain, or the whole file, from its construction on.
class ChainHolder {
public:
    ChainHolder(boost::asio::io_context& loop, const TdbFile& file, const char* hex_key) {
        std::array<int, 2> ends{};
        REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
        Command command{.arguments = {LockSettings{}.helper, std::to_string(getpid()), "3",
                                      hex_key != nullptr ? "RECORD" : "DB", file.path().string(),
                                      fmt::format("0x{:x}", file.open_flags())},
                        .extra_descriptor = ends[1],
                        .environment = {}};
        if (hex_key != nullptr) command.arguments.emplace_back(hex_key);
        child_ = std::make_unique<Child>(loop, command, [this](int) { gone_ = true; });
        close(ends[1]);
        char verdict = 1;
        REQUIRE(read(ends[0], &verdict, 1) == 1);
        REQUIRE(verdict == 0);
        close(ends[0]);
    }

    void let_go(boost::asio::io_context& loop) {
        child_->signal(SIGTERM);
        CHECK(turn_until(loop, [this] { return gone_; }));
    }

    void die(boost::asio::io_context& loop) {
        child_->signal(SIGKILL);
        CHECK(turn_until(loop, [this] { return gone_; }));
    }

private:
    std::unique_ptr<Child> child_;
    bool gone_ = false;
};

} // namespace ctdbd::daemon
