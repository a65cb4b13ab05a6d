// The packaged ctdb-eventd: started, asked to run events, started again if it dies (ctdb-wire.md 6;
// ctdb-behaviour.md 5.5).
//
// Which event is due and what its result means is not known here. Events are run one after the
// other in the order in which they were asked for, by eventd's own rules; a result is errno-like, 0
// for success. Unlike the stock daemon, which ends with its event daemon, we start another one:
// events that were running then were cancelled (ECANCELED), those asked for meanwhile wait.
#pragma once

#include "ctdbd/daemon/child.h"
#include "ctdbd/protocol/eventd.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ctdbd::daemon {

struct EventDaemonSettings {
    std::filesystem::path program, socket, pid_file;
};

class EventDaemon {
public:
    using Done = std::function<void(int result)>;
    using Failed = std::function<void(const std::string& why)>;

    EventDaemon(boost::asio::io_context& loop, EventDaemonSettings settings);
    ~EventDaemon();

    EventDaemon(const EventDaemon&) = delete;
    EventDaemon& operator=(const EventDaemon&) = delete;

    // One of the two is called once: the first start must go well within a few attempts; later on
    // another one is started for ever.
    void start(std::function<void()> ready, Failed failed);
    // No arguments at all is something else than empty ones, for "init". `done` is called once,
    // from the loop, unless this object goes first.
    void run(const std::string& event,
             std::optional<std::string> arguments,
             std::chrono::seconds time_limit,
             Done done);
    // Its log files have been moved.
    void reopen_logs();
    // It ends, and is not started again. What runs is not answered any more.
    void stop();

private:
    using Socket = boost::asio::local::stream_protocol::socket;
    struct Process; // one life of eventd

    void launch();
    void listening(const std::shared_ptr<Process>& process);
    void died(const std::shared_ptr<Process>& process, const std::string& why);
    void read(const std::shared_ptr<Process>& process);
    void write(const std::shared_ptr<Process>& process);
    void arrived(const base::Bytes& packet);

    boost::asio::io_context& loop_;
    EventDaemonSettings settings_;
    std::function<void()> ready_;
    Failed failed_; // as long as none has ever listened
    int first_starts_left_ = 6;
    std::shared_ptr<Process> process_;
    boost::asio::steady_timer patience_timer_, restart_timer_;
    std::deque<base::Bytes> outgoing_;       // requests that eventd has not got yet
    std::map<std::uint32_t, Done> answered_; // by reqid: what to do with the answer
    std::uint32_t last_reqid_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace ctdbd::daemon
