// Processes that we start: that they start, or that we are told why not, and that they end with us.
#include "ctdbd/daemon/child.h"
#include "tests/ctdbd/daemon_files.h"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

using namespace ctdbd::daemon;

namespace {

// Whether the last one that could write to this pipe is gone, soon.
bool ends_soon(int reader) {
    pollfd waiting{.fd = reader, .events = POLLIN, .revents = 0};
    char byte = 0;
    return poll(&waiting, 1, 10'000) == 1 && read(reader, &byte, 1) == 0;
}

} // namespace

TEST_CASE("a child has what it was given, and its end is told with its status") {
    boost::asio::io_context loop;
    int status = -1;
    const Child child(loop,
                      {.arguments = {"/bin/sh", "-c", "test \"$GIVEN\" = yes && exit 7"},
                       .extra_descriptor = -1,
                       .environment = {"GIVEN=yes"}},
                      [&](int ended) { status = ended; });
    CHECK(turn_until(loop, [&] { return status != -1; }));
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("a program that does not exist is no child") {
    boost::asio::io_context loop;
    CHECK_THROWS_AS(Child(loop, {.arguments = {"/nonexistent/program"}}), std::system_error);
}

// A lock helper that outlives us keeps a chain, or a whole file, from whoever comes next.
TEST_CASE("a child that dies with us is killed when we are") {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const pid_t us = fork();
    if (us == 0) {
        boost::asio::io_context loop;
        const Child child(loop, {.arguments = {"/bin/sleep", "1000"},
                                 .extra_descriptor = ends[1],
                                 .environment = {},
                                 .dies_with_us = true});
        raise(SIGKILL);
    }
    close(ends[1]);
    waitpid(us, nullptr, 0);
    CHECK(ends_soon(ends[0]));
    close(ends[0]);
}
