// totemctl: what the ctdb tool has no word for, asked from the daemon on this node.
#include "net/control_client.h"
#include "net/control_metrics.h"
#include "net/control_text.h"
#include "net/file.h"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

json::object ask(net::ControlClient& daemon, const char* verb) {
    daemon.send({{"verb", verb}});
    return daemon.next();
}

// Readers of the file never see half of it; whoever collects metrics may read it.
void write_metrics(const std::string& path, const std::string& text) {
    net::durable_write(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                       0644);
}

// A terminal that gives us each key at once, and is as before when we end.
class Keys {
public:
    Keys() {
        if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios now = before_;
        now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        active_ = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
    }

    ~Keys() {
        if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }

    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;

    // True if the operator wants to end before `patience` is over.
    [[nodiscard]] bool quit_within(std::chrono::milliseconds patience) const {
        pollfd keys{.fd = active_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
        char key = 0;
        return poll(&keys, 1, static_cast<int>(patience.count())) > 0 &&
               (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q');
    }

private:
    termios before_{};
    bool active_ = false;
};

// A screen every interval, `count` of them or until `q`; on anything but a terminal one below the
// other.
void show_top(net::ControlClient& daemon, std::chrono::milliseconds interval, unsigned count) {
    const Keys keys;
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    json::object before = ask(daemon, "status");
    auto asked_at = Clock::now();
    for (unsigned shown = 0; (count == 0 || shown < count) && !keys.quit_within(interval);
         ++shown) {
        json::object now = ask(daemon, "status");
        const auto elapsed = Clock::now() - asked_at;
        asked_at += elapsed;
        fmt::print("{}{}{}", terminal ? "\x1b[H\x1b[2J" : "",
                   net::describe_top(before, now, elapsed), terminal ? "\nq: end\n" : "\n");
        std::fflush(stdout);
        before = std::move(now);
    }
}

int run(int argc, char** argv) {
    CLI::App app("Shows the ring and the locks as this node's ctdbd knows them.", "totemctl");
    app.require_subcommand(1);
    std::string socket = net::default_control_socket().string(), out;
    bool as_json = false;
    double interval = 1;
    unsigned count = 0;
    app.add_option("--socket", socket, "where ctdbd listens")->capture_default_str();
    CLI::App* status = app.add_subcommand("status", "the ring, its members, what it counted");
    CLI::App* locks = app.add_subcommand("locks", "who holds the named locks, and who waits");
    CLI::App* top = app.add_subcommand("top", "a live screen; q ends it");
    CLI::App* metrics = app.add_subcommand("metrics", "the status as Prometheus text");
    for (CLI::App* command : {status, locks})
        command->add_flag("--json", as_json, "the daemon's answer itself");
    top->add_option("--interval", interval, "seconds between screens")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    top->add_option("--count", count, "how many screens; 0: until q")->capture_default_str();
    metrics->add_option("--out", out, "replace this file, as a whole, instead of printing");
    CLI11_PARSE(app, argc, argv);

    net::ControlClient daemon(socket);
    if (*top) {
        show_top(daemon, std::chrono::milliseconds(static_cast<int>(interval * 1000)), count);
        return 0;
    }
    const json::object answer = ask(daemon, *locks ? "locks" : "status");
    if (*metrics && !out.empty())
        write_metrics(out, net::describe_metrics(answer));
    else if (*metrics)
        fmt::print("{}", net::describe_metrics(answer));
    else if (as_json)
        fmt::print("{}\n", json::serialize(answer));
    else
        fmt::print("{}", *status ? net::describe_status(answer) : net::describe_locks(answer));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "totemctl: {}\n", error.what());
        return 1;
    }
}
