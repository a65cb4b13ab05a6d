// totem-lock: runs a command while it holds one of the cluster's named locks. Only the command line
// is read here; what happens then is net/locked_command.h.
#include "net/control_client.h"
#include "net/locked_command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cmath>

namespace {

int misused(const std::string& sentence) {
    fmt::print(stderr, "totem-lock: {}\n", sentence);
    return net::lock_exit::misused;
}

int run(int argc, char** argv) {
    // What stands behind the first `--` is the command's own, to the letter.
    const auto mark = std::find(argv, argv + argc, std::string("--"));
    net::LockedCommand what;
    what.command.assign(mark == argv + argc ? mark : mark + 1, argv + argc);

    CLI::App app(
        "totem-lock [OPTIONS] NAME -- COMMAND...\n"
                 "Runs COMMAND while holding the cluster-wide lock NAME, and exits as it does.\n"
        "Other exits: 5 the lock was lost meanwhile, 64 misuse, 69 no daemon, 126 and 127\n"
        "the command cannot be run or found, 128+N signal N.",
        "totem-lock");
    std::string socket = net::default_control_socket().string();
    std::optional<double> seconds;
    app.add_option("--socket", socket, "where ctdbd listens")->capture_default_str();
    app.add_option("--timeout", seconds, "how many seconds to wait for the lock; else for ever")
        ->check(CLI::Range(0.001, 1e9));
    app.add_option("--conflict-exit-code", what.conflict_exit_code, "the exit after the timeout")
        ->check(CLI::Range(0, 255))
        ->capture_default_str();
    app.add_flag("--kill-on-loss", what.kill_on_loss,
                 "if the lock is lost, end the command: SIGTERM, and SIGKILL 5 seconds later");
    app.add_option("NAME", what.lock, "1 to 255 bytes; the same on all nodes")->required();
    try {
        app.parse(static_cast<int>(mark - argv), argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : net::lock_exit::misused;
    }
    if (what.lock.empty() || what.lock.size() > 255)
        return misused("the name of a lock has 1 to 255 bytes");
    if (what.command.empty()) return misused("no command; write `totem-lock NAME -- COMMAND...`");
    what.socket = socket;
    if (seconds) what.patience = std::chrono::milliseconds(std::llround(*seconds * 1000));
    return net::run_locked(what);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "totem-lock: {}\n", error.what());
        return net::lock_exit::unavailable;
    }
}
