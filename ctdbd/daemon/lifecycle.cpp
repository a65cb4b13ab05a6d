#include "ctdbd/daemon/lifecycle.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

using protocol::RunState;

namespace {

using namespace std::chrono_literals;

constexpr auto startup_pause = 5s;
constexpr auto recovery_pause = 1s;

// The others want databases, or addresses, that may be somebody else's.
bool allowed_in_recovery(std::string_view event) {
    constexpr auto events = std::to_array<std::string_view>(
        {"init", "setup", "startrecovery", "shutdown", "releaseip", "ipreallocated"});
    return std::ranges::find(events, event) != events.end();
}

} // namespace

bool done_or_timed_out(int result) { return result == 0 || result == ETIMEDOUT; }

Lifecycle::Lifecycle(boost::asio::io_context& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon), events_(loop,
                                            {.program = daemon.setup.paths.eventd,
                                             .socket = daemon.setup.paths.eventd_socket,
                                             .pid_file = daemon.setup.paths.eventd_pid_file}),
      again_timer_(loop) {}

void Lifecycle::run(const std::string& event,
                    const std::string& arguments,
                    EventDaemon::Done done) {
    const bool serving = daemon_.recovery_mode() == protocol::RecoveryMode::normal;
    if (!serving && !allowed_in_recovery(event)) {
        logs::events().info("event {} {}: not while this node recovers", event, arguments);
        done(EAGAIN);
        return;
    }
    const std::chrono::seconds limit(daemon_.tunables[config::Tunable::event_script_timeout]);
    logs::events().debug("event {} {}", event, arguments);
    events_.run(event, arguments, limit, [event, arguments, done = std::move(done)](int result) {
        if (result != 0 && result != ECANCELED)
            logs::events().error("event {} {}: {}", event, arguments,
                                 result == ENOEXEC ? "a script failed" : std::strerror(result));
        done(result);
    });
}

void Lifecycle::notify(const std::string& word) {
    const auto& script = daemon_.setup.paths.notify_script;
    if (access(script.c_str(), X_OK) != 0) return;
    try {
        const Command command{.arguments = {"/bin/sh", "-c", script.string() + " " + word},
                              .extra_descriptor = -1,
                              .environment = {}};
        const auto place = notifications_.emplace(notifications_.end());
        *place = std::make_unique<Child>(loop_, command,
                                         [this, place](int) { notifications_.erase(place); });
    } catch (const std::system_error& error) {
        logs::events().warn("{} {}: {}", script.string(), word, error.what());
    }
}

// -- beginning

void Lifecycle::begin() {
    events_.start(
        [this] {
            daemon_.advance(RunState::init);
            const std::chrono::seconds limit(
                daemon_.tunables[config::Tunable::event_script_timeout]);
            events_.run("init", std::nullopt, limit, [this](int result) { initialized(result); });
        },
        [this](const std::string& why) { daemon_.give_up(1, why); });
}

void Lifecycle::initialized(int result) {
    if (result != 0) {
        daemon_.give_up(1, "the event init failed");
        return;
    }
    notify("init");
    daemon_.open_doors();
    daemon_.advance(RunState::setup);
    run("setup", "", [this](int done) { set_up(done); });
}

void Lifecycle::set_up(int result) {
    if (result != 0) {
        daemon_.give_up(1, "the event setup failed");
        return;
    }
    notify("setup");
    daemon_.advance(RunState::first_recovery);
    run_recovery_events();
}

// -- a new generation

void Lifecycle::generation_began() {
    generation_is_new_ = true;
    run_recovery_events();
}

// However fast generations follow each other, the last one has both of its events.
void Lifecycle::run_recovery_events() {
    const bool may = daemon_.recovery_mode() == protocol::RecoveryMode::normal &&
                     daemon_.run_state() >= RunState::first_recovery &&
                     daemon_.run_state() < RunState::shutdown;
    if (!may || recovery_events_run_ || !std::exchange(generation_is_new_, false)) return;
    recovery_events_run_ = true;
    run("startrecovery", "", [this](int result) {
        if (!done_or_timed_out(result)) {
            recovery_events_ended("startrecovery", result);
            return;
        }
        run("recovered", "", [this](int done) {
            recovery_events_ended("recovered", done_or_timed_out(done) ? 0 : done);
        });
    });
}

void Lifecycle::recovery_events_ended(const char* event, int result) {
    recovery_events_run_ = false;
    if (result != 0) {
        logs::events().warn("the event {} failed and is tried again", event);
        generation_is_new_ = true;
        again_after(recovery_pause, [this] {
            run_recovery_events();
            if (daemon_.run_state() == RunState::startup) run_startup(); // which had the timer
        });
        return;
    }
    run_recovery_events();
    if (recovery_events_run_) return;
    daemon_.takeover.wanted();
    if (daemon_.run_state() != RunState::first_recovery) return;
    daemon_.advance(RunState::startup);
    daemon_.attaching.look_at_deferred();
    run_startup();
}

void Lifecycle::run_startup() {
    run("startup", "", [this](int result) { started_up(result); });
}

void Lifecycle::started_up(int result) {
    if (daemon_.run_state() != RunState::startup) return;
    if (result != 0) {
        again_after(startup_pause, [this] { run_startup(); });
        return;
    }
    daemon_.advance(RunState::running);
    notify("startup");
    daemon_.controls.tell(protocol::pnn::broadcast_connected,
                          {.opcode = protocol::Opcode::startup,
                           .srvid = 0,
                           .client_id = 0,
                           .flags = protocol::control_flag::noreply,
                           .data = {}});
    daemon_.monitoring.begin();
}

void Lifecycle::again_after(std::chrono::seconds pause, std::function<void()> what) {
    again_timer_.expires_after(pause);
    again_timer_.async_wait([what = std::move(what)](const boost::system::error_code& error) {
        if (!error) what();
    });
}

// -- the end

void Lifecycle::end(std::function<void()> then) {
    again_timer_.cancel();
    run("shutdown", "", [this, then = std::move(then)](int) {
        events_.stop();
        then();
    });
}

} // namespace ctdbd::daemon
