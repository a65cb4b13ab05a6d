#include "ctdbd/daemon/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

void throw_if(int error, const std::string& what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts)
        pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

constexpr std::array changed_signals = {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

// What the child needs, made ready before there is one: between vfork and exec it lives in our
// memory and may only make system calls.
struct Start {
    const char* program;
    char** arguments;
    char** environment;
    int extra_descriptor;
    int output_descriptor;
    bool dies_with_us;
    pid_t parent;
};

// Runs in the child. What we ignore or block is our own affair, and so are our descriptors.
[[noreturn]] void become(const Start& start, volatile int& error) {
    struct sigaction by_default {};

    by_default.sa_handler = SIG_DFL;
    for (const int number : changed_signals)
        sigaction(number, &by_default, nullptr);
    if (start.output_descriptor >= 0) dup2(start.output_descriptor, STDOUT_FILENO);
    unsigned first_to_close = extra_descriptor_in_child;
    if (start.extra_descriptor >= 0) {
        ++first_to_close;
        if (start.extra_descriptor == extra_descriptor_in_child)
            fcntl(extra_descriptor_in_child, F_SETFD, 0);
        else
            dup2(start.extra_descriptor, extra_descriptor_in_child);
    }
    close_range(first_to_close, ~0U, 0);
    if (start.dies_with_us) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != start.parent) _exit(127); // too late to be told
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(start.program, start.arguments, start.environment);
    error = errno;
    _exit(127);
}

// posix_spawn has no word for dying with us, and fork copies the page tables of a large process.
// No handler of ours may run in the child, which has our memory: signals wait meanwhile.
[[gnu::noinline]] pid_t start_process(const Start& start, volatile int& error) {
    const pid_t pid = vfork();
    if (pid == 0) become(start, error);
    return pid;
}

pid_t spawn(const Command& command) {
    std::vector<std::string> arguments = command.arguments;
    std::vector<std::string> environment = command.environment;
    for (char** variable = environ; *variable != nullptr; ++variable)
        environment.emplace_back(*variable); // of two definitions the first one counts
    const auto argument_pointers = pointers_to(arguments);
    const auto environment_pointers = pointers_to(environment);
    const Start start{.program = arguments.front().c_str(),
                      .arguments = const_cast<char**>(argument_pointers.data()),
                      .environment = const_cast<char**>(environment_pointers.data()),
                      .extra_descriptor = command.extra_descriptor,
                      .output_descriptor = command.output_descriptor,
                      .dies_with_us = command.dies_with_us,
                      .parent = getpid()};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    volatile int failure = 0;
    const pid_t pid = start_process(start, failure);
    const int error = pid < 0 ? errno : failure;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid > 0 && error != 0) waitpid(pid, nullptr, 0);
    throw_if(error, "cannot start " + command.arguments.front());
    return pid;
}

} // namespace

// Lives until the process has been reaped, which may be after the Child is gone.
struct Child::Process {
    boost::asio::posix::stream_descriptor descriptor; // pidfd: readable when the process has ended
    pid_t pid;
    Ended ended;

    Process(boost::asio::io_context& loop, pid_t child) : descriptor(loop), pid(child) {}

    static void watch(const std::shared_ptr<Process>& self) {
        self->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                    [self](const boost::system::error_code& error) {
                                        if (!error) self->reap();
                                    });
    }

    void reap() {
        int status = 0;
        if (waitpid(pid, &status, WNOHANG) != pid) return;
        pid = 0;
        descriptor.close();
        if (const Ended callback = std::exchange(ended, {})) callback(status);
    }
};

Child::Child(boost::asio::io_context& loop, const Command& command, Ended ended)
    : process_(std::make_shared<Process>(loop, spawn(command))) {
    const auto descriptor = static_cast<int>(syscall(SYS_pidfd_open, process_->pid, 0));
    if (descriptor < 0) {
        const int error = errno;
        kill(process_->pid, SIGKILL);
        waitpid(process_->pid, nullptr, 0);
        throw_if(error, "cannot watch " + command.arguments.front());
    }
    process_->descriptor.assign(descriptor);
    process_->ended = std::move(ended);
    Process::watch(process_);
}

Child::~Child() {
    process_->ended = {};
    signal(SIGTERM);
}

pid_t Child::pid() const { return process_->pid; }

void Child::signal(int number) {
    // Not reaped yet, so the number still names our child.
    if (process_->pid > 0) kill(process_->pid, number);
}

} // namespace ctdbd::daemon
