#include "net/locked_command.h"

#include "net/control_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace net {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds mercy{5000}; // between SIGTERM and SIGKILL, when the lock is lost

void say(const std::string& sentence) { fmt::print(stderr, "totem-lock: {}\n", sentence); }

[[noreturn]] void fail(std::string_view doing, int error) {
    throw std::runtime_error(fmt::format("{}: {}", doing, std::strerror(error)));
}

// The signals that would end us, as a descriptor to wait on. Those that our caller ignores (nohup)
// stay ignored. The command gets the mask that we were given.
class Signals {
public:
    Signals() {
        sigset_t ours;
        sigemptyset(&ours);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction now {};

            sigaction(signal, nullptr, &now);
            if (now.sa_handler != SIG_IGN) sigaddset(&ours, signal);
        }
        pthread_sigmask(SIG_BLOCK, &ours, &before_);
        fd_ = Descriptor(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
        if (fd_.get() < 0) fail("cannot wait for signals", errno);
    }

    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    ~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] const sigset_t& before() const { return before_; }

    [[nodiscard]] std::optional<signalfd_siginfo> take() const {
        signalfd_siginfo signal{};
        if (::read(fd_.get(), &signal, sizeof signal) != sizeof signal) return {};
        return signal;
    }

private:
    sigset_t before_{};
    Descriptor fd_;
};

// A child of ours; not yet waited for, so its pid is its own.
class Command {
public:
    // Throws the errno of the failed exec as std::system_error.
    Command(const std::vector<std::string>& words, const Signals& signals, int inherited) {
        std::vector<char*> argv;
        for (const std::string& word : words)
            argv.push_back(const_cast<char*>(word.c_str())); // posix_spawnp does not write there
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, inherited, inherited); // clears close-on-exec
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &signals.before());
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        const int error =
            ::posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::system_error(error, std::generic_category(), words[0]);
        // By number: glibc 2.36 declares pidfd_open() for C only.
        ended_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        if (ended_.get() < 0) {
            const int reason = errno;
            send(SIGKILL); // we could not tell when it ends
            (void)status();
            fail("cannot watch the command", reason);
        }
    }

    [[nodiscard]] int fd() const { return ended_.get(); } // readable when it ended

    void send(int signal) const { ::kill(pid_, signal); }

    // As a shell would say it.
    [[nodiscard]] int status() const {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : lock_exit::by_signal + WTERMSIG(status);
    }

private:
    pid_t pid_ = 0;
    Descriptor ended_;
};

class Locking {
public:
    explicit Locking(const LockedCommand& what) : what_(what), daemon_(what.socket) {}

    int run() {
        if (const auto exit = wait_for_lock()) return *exit;
        try {
            const Command command(what_.command, signals_, daemon_.fd());
            const int status = accompany(command);
            release();
            return lost_ ? lock_exit::lost : status;
        } catch (const std::system_error& error) {
            say(error.what());
            return error.code().value() == ENOENT ? lock_exit::not_found : lock_exit::not_runnable;
        }
    }

private:
    std::optional<int> wait_for_lock(); // nothing: we hold it; else the exit status
    int accompany(const Command& command);
    void look_for_loss(const Command& command);
    void release();

    [[nodiscard]] bool is(const boost::json::object& answer, const char* word) const {
        const boost::json::value* name = answer.if_contains(word);
        return name != nullptr && name->is_string() && name->get_string() == what_.lock;
    }

    const LockedCommand& what_;
    Signals signals_;
    ControlClient daemon_;
    bool lost_ = false; // from then on we listen to the daemon no more
    std::optional<Clock::time_point> kill_at_;
};

// Milliseconds for poll(): rounded up, so that nobody wakes up just before the time and spins.
int until(const std::optional<Clock::time_point>& when) {
    if (!when) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*when - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

std::optional<int> Locking::wait_for_lock() {
    std::optional<Clock::time_point> end;
    if (what_.patience) end = Clock::now() + *what_.patience;
    daemon_.send({{"verb", "lock"}, {"name", what_.lock}});
    for (;;) {
        std::array<pollfd, 2> wake{pollfd{daemon_.fd(), POLLIN, 0},
                                   pollfd{signals_.fd(), POLLIN, 0}};
        ::poll(wake.data(), wake.size(), until(end));
        if (const auto signal = signals_.take())
            return lock_exit::by_signal + static_cast<int>(signal->ssi_signo);
        if (const auto answer = daemon_.next(milliseconds(0)); answer && is(*answer, "granted"))
            return {};
        if (end && Clock::now() >= *end) {
            say(fmt::format("lock {} was not free in time", what_.lock));
            return what_.conflict_exit_code;
        }
    }
}

int Locking::accompany(const Command& command) {
    for (;;) {
        look_for_loss(command);
        std::array<pollfd, 3> wake{pollfd{command.fd(), POLLIN, 0},
                                   pollfd{signals_.fd(), POLLIN, 0},
                                   pollfd{lost_ ? -1 : daemon_.fd(), POLLIN, 0}};
        ::poll(wake.data(), wake.size(), until(kill_at_));
        // A loss that happened before the command's end is one, whichever we see first.
        look_for_loss(command);
        if (wake[0].revents != 0) return command.status();
        // What a terminal sends (SI_KERNEL), it sends to the command as well.
        if (const auto signal = signals_.take(); signal && signal->ssi_code != SI_KERNEL)
            command.send(static_cast<int>(signal->ssi_signo));
        if (kill_at_ && Clock::now() >= *kill_at_) {
            command.send(SIGKILL);
            kill_at_.reset();
        }
    }
}

// Once lost, lost for good: if the lock comes back to us, somebody may have had it in between.
void Locking::look_for_loss(const Command& command) {
    if (lost_) return;
    try {
        while (const auto answer = daemon_.next(milliseconds(0)))
            lost_ = lost_ || is(*answer, "lost");
        if (!lost_) return;
        say(fmt::format("lock {} is lost: this part of the cluster has no quorum; others may hold "
                        "the lock while the command runs",
                        what_.lock));
    } catch (const std::runtime_error& error) {
        lost_ = true;
        say(fmt::format("{}: lock {} is lost; others may hold it while the command runs",
                        error.what(), what_.lock));
    }
    if (!what_.kill_on_loss) return;
    command.send(SIGTERM);
    kill_at_ = Clock::now() + mercy;
}

// Not by closing alone: what the command left running in the background holds the connection too.
void Locking::release() {
    try {
        daemon_.send({{"verb", "unlock"}, {"name", what_.lock}});
    } catch (const std::runtime_error&) {
        // The daemon is gone, and our claim with it.
    }
}

} // namespace

int run_locked(const LockedCommand& what) { return Locking(what).run(); }

} // namespace net
