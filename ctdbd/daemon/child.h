// A process that we start: what it is told, how we learn that it ended, how it is stopped.
//
// It inherits standard input, output (or gets one of ours) and error, at most one more descriptor
// as number 3, and nothing else: a client's socket that a helper kept open would hide our death
// from that client.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ctdbd::daemon {

struct Command {
    std::vector<std::string> arguments;   // [0] is the path of the program
    int extra_descriptor = -1;            // of ours, becomes 3 in the child
    std::vector<std::string> environment; // NAME=VALUE, added to ours
    int output_descriptor = -1;           // of ours, becomes its standard output
    // Killed when we end, however we end. (It is the thread that starts it whose end counts.)
    bool dies_with_us = false;
};

// The number under which a child knows Command::extra_descriptor.
inline constexpr int extra_descriptor_in_child = 3;

class Child {
public:
    // Called once from the loop when the process has ended, with its wait status; not after the
    // Child is gone.
    using Ended = std::function<void(int wait_status)>;

    // Throws std::system_error if there is no such program or no room for a process.
    Child(boost::asio::io_context& loop, const Command& command, Ended ended = {});
    ~Child(); // asks it to end (SIGTERM); it is reaped when it does

    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const;
    void signal(int number);

private:
    struct Process;
    std::shared_ptr<Process> process_;
};

} // namespace ctdbd::daemon
