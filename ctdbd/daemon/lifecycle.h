// The daemon's life from its event daemon to its last event: run states, the events that belong to
// them, and those around each new generation (ctdb-behaviour.md 5.1, 5.2, 5.6, 5.14; ctdb-wire.md
// 6.6).
//
// What a result means is decided here; how an event is run is event_daemon.h's business, when the
// node is healthy monitoring.h's.
#pragma once

#include "ctdbd/daemon/child.h"
#include "ctdbd/daemon/event_daemon.h"
#include "ctdbd/protocol/numbers.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace ctdbd::daemon {

class Daemon;

// Whether an event that ended so may count as done: a script that hangs must not keep an address or
// a generation from everybody (ctdb-behaviour.md 5.6).
[[nodiscard]] bool done_or_timed_out(int result);

class Lifecycle {
public:
    Lifecycle(boost::asio::io_context& loop, Daemon& daemon);

    // Event daemon, `init`, clients and ring, `setup`. What fails ends the daemon.
    void begin();
    // We serve with another generation than before: `startrecovery`, `recovered`, and after the
    // first time `startup`.
    void generation_began();
    // `shutdown`, then the event daemon's end.
    void end(std::function<void()> then);

    // An event, with the time limit that is tuned now. One that may not run while the databases
    // are not served is refused then (EAGAIN) without being tried.
    void run(const std::string& event, const std::string& arguments, EventDaemon::Done done);
    // The notification script, which nobody waits for.
    void notify(const std::string& word);

    [[nodiscard]] EventDaemon& events() { return events_; }

private:
    void initialized(int result);
    void set_up(int result);
    void run_recovery_events();
    void recovery_events_ended(const char* event, int result);
    void run_startup();
    void started_up(int result);
    void again_after(std::chrono::seconds pause, std::function<void()> what);

    boost::asio::io_context& loop_;
    Daemon& daemon_;
    EventDaemon events_;
    boost::asio::steady_timer again_timer_;
    bool generation_is_new_ = false; // its events have not begun
    bool recovery_events_run_ = false;
    std::list<std::unique_ptr<Child>> notifications_; // until they end
};

} // namespace ctdbd::daemon
