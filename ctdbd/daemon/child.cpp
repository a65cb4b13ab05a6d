#include "ctdbd/daemon/child.h"

#include <csignal>
#include <spawn.h>
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

// posix_spawn's two parameter objects, given back at the end of the scope.
struct SpawnParameters {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};

    explicit SpawnParameters(int extra_descriptor) {
        posix_spawn_file_actions_init(&files);
        int first_to_close = extra_descriptor_in_child;
        if (extra_descriptor >= 0) {
            posix_spawn_file_actions_adddup2(&files, extra_descriptor, extra_descriptor_in_child);
            ++first_to_close;
        }
        posix_spawn_file_actions_addclosefrom_np(&files, first_to_close);

        // What we ignore or block is our own affair.
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigemptyset(&none);
        sigset_t changed = none;
        for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD})
            sigaddset(&changed, number);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &changed);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }

    SpawnParameters(const SpawnParameters&) = delete;
    SpawnParameters& operator=(const SpawnParameters&) = delete;

    ~SpawnParameters() {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
    }
};

pid_t spawn(const Command& command) {
    std::vector<std::string> arguments = command.arguments;
    std::vector<std::string> environment = command.environment;
    for (char** variable = environ; *variable != nullptr; ++variable)
        environment.emplace_back(*variable); // of two definitions the first one counts
    const SpawnParameters parameters(command.extra_descriptor);
    pid_t pid = 0;
    throw_if(posix_spawn(&pid, arguments.front().c_str(), &parameters.files, &parameters.attributes,
                         pointers_to(arguments).data(), pointers_to(environment).data()),
             "cannot start " + arguments.front());
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
