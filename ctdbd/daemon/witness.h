// The witness of the cluster lock: a file on a file system that the whole cluster shares, which
// only who has the lock reads and writes (statedb/quorum.h; ADR 19).
//
// That file system may be dead, and whoever touches a file on it then hangs: so another process
// does, and is given up after a while. When to ask: lock_keeper.h.
#pragma once

#include "ctdbd/daemon/child.h"
#include "statedb/quorum.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ctdbd::daemon {

// The argument with which this program touches the file: `read FILE`, or `write FILE HISTORY`.
inline constexpr const char* witness_option = "--witness";

// That process's whole life.
int touch_witness(const std::vector<std::string>& arguments);

// What it says of a file that it has read; none: it failed. A file that is not there remembers
// nothing.
[[nodiscard]] std::optional<statedb::History> parse_witness(const std::string& said);

class Witness {
public:
    Witness(boost::asio::io_context& loop, std::filesystem::path file);
    ~Witness();

    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    // One at a time; `done` is called once, unless it is given up before.
    void read(std::function<void(std::optional<statedb::History>)> done);
    void write(const statedb::History& memory, std::function<void(bool well)> done);
    void give_up();

    [[nodiscard]] bool busy() const { return child_ != nullptr; }

private:
    using Done = std::function<void(const std::string& said)>;

    void run(std::vector<std::string> arguments, Done done);

    boost::asio::io_context& loop_;
    std::filesystem::path file_;
    boost::asio::posix::stream_descriptor output_;
    boost::asio::steady_timer limit_timer_;
    std::unique_ptr<Child> child_;
    std::string said_;
    std::uint64_t attempt_ = 0; // later events of an earlier one are not for us
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
