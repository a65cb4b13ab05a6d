// ctdbd: the program. Command line, configuration, background, signals, exit codes
// (ctdb-behaviour.md 5.1, 7.7 to 7.10); what it then is stands in daemon/daemon.h.
#include "base/check.h"
#include "ctdbd/daemon/daemon.h"
#include "ctdbd/daemon/pid_file.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace {

using namespace ctdbd;

// ctdb-behaviour.md 7.9.
constexpr int exit_usage = 1, exit_configuration = 1, exit_socket = 10, exit_pid_file = 11;

std::string host_name(const config::Paths& paths) {
    if (paths.test_mode) return paths.base.filename().string();
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    return name.data();
}

// The parent returns at once, as the stock daemon does; whether the start went well the log tells.
void go_to_background(bool test_mode) {
    const pid_t child = fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child > 0) _exit(0);
    if (test_mode) return; // whose standard input may be the pipe that says when to end
    setsid();
    const int nothing = open("/dev/null", O_RDWR);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        dup2(nothing, standard);
    if (nothing > STDERR_FILENO) close(nothing);
}

bool stdin_is_a_pipe() {
    struct stat status {};

    return fstat(STDIN_FILENO, &status) == 0 && S_ISFIFO(status.st_mode);
}

// What the operating system tells the daemon.
class Signals {
public:
    Signals(boost::asio::io_context& loop, daemon::Daemon& daemon, daemon::Logging& logging)
        : daemon_(daemon), logging_(logging), signals_(loop, SIGTERM, SIGINT, SIGHUP),
          input_(loop) {
        listen();
        if (daemon.setup.paths.test_mode && stdin_is_a_pipe()) {
            input_.assign(dup(STDIN_FILENO));
            watch_input();
        }
    }

private:
    void listen() {
        signals_.async_wait([this](const boost::system::error_code& error, int number) {
            if (error) return;
            if (number == SIGHUP) {
                logging_.reopen();
                daemon_.lifecycle.events().reopen_logs();
            } else {
                daemon_.shut_down(0, fmt::format("received signal {}", number));
            }
            listen();
        });
    }

    // In test mode whoever started us ends us by closing our standard input.
    void watch_input() {
        input_.async_read_some(boost::asio::buffer(ignored_),
                               [this](const boost::system::error_code& error, std::size_t) {
                                   if (error == boost::asio::error::operation_aborted) return;
                                   if (error)
                                       daemon_.shut_down(EPIPE, "standard input was closed");
                                   else
                                       watch_input();
                               });
    }

    daemon::Daemon& daemon_;
    daemon::Logging& logging_;
    boost::asio::signal_set signals_;
    boost::asio::posix::stream_descriptor input_;
    std::array<char, 64> ignored_{};
};

int serve(daemon::Setup setup, daemon::Logging& logging) {
    for (const config::Warning& warning : setup.warnings)
        spdlog::warn("{}", warning);
    std::optional<daemon::PidFile> pid_file;
    try {
        pid_file.emplace(setup.paths.pid_file);
    } catch (const std::system_error& error) {
        spdlog::critical("{}: is a ctdbd running already?", error.what());
        return exit_pid_file;
    }
    daemon::tell_children(setup);
    const daemon::Past past = daemon::read_past(setup, daemon::state_files_of(setup));
    if (past.new_identity) spdlog::info("this node has no past: it begins with a new identity");
    boost::asio::io_context loop(1);
    std::optional<daemon::Daemon> daemon;
    try {
        daemon.emplace(loop, std::move(setup), past, logging);
    } catch (const std::system_error& error) {
        spdlog::critical("{}", error.what());
        return exit_socket;
    }
    const Signals signals(loop, *daemon, logging);
    daemon->run();
    spdlog::info("CTDB daemon shutting down");
    return daemon->exit_code();
}

int run(bool interactive) {
    daemon::Setup setup = daemon::read_configuration();
    setup.pnn = daemon::find_own_line(setup);
    daemon::Logging logging(setup.conf.logging.location, setup.conf.logging.level,
                            host_name(setup.paths), setup.totem.levels);
    if (!interactive) go_to_background(setup.paths.test_mode);
    base::observe_failed_checks([](const char* sentence) { spdlog::critical("{}", sentence); });
    try {
        return serve(std::move(setup), logging);
    } catch (const std::exception& error) {
        spdlog::critical("{}", error.what());
        throw;
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == daemon::guard_option)
        return daemon::guard_addresses();
    if (argc >= 2 && std::string_view(argv[1]) == daemon::witness_option)
        return daemon::touch_witness({argv + 2, argv + argc});
    CLI::App app{"The CTDB cluster daemon, on virtual synchrony."};
    app.footer(
        "Configuration: /etc/ctdb/ctdb.conf, nodes, ctdb.tunables, totem.conf; see README.md.");
    bool interactive = false, usage = false;
    app.add_flag("-i,--interactive", interactive, "stay in the foreground");
    app.add_flag("--usage", usage, "display a brief usage message");
    app.set_help_flag("-?,-h,--help", "show this help message");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    if (usage) {
        fmt::print("Usage: ctdbd [-i|--interactive] [-?|--help] [--usage]\n");
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    try {
        return run(interactive);
    } catch (const std::exception& error) {
        fmt::print(stderr, "ctdbd: {}\n", error.what());
        return exit_configuration;
    }
}
