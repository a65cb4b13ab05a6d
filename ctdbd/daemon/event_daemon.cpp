#include "ctdbd/daemon/event_daemon.h"

#include "net/logs.h"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace eventd = protocol::eventd;

constexpr auto listening_max = 10s; // ctdb-wire.md 6.1
constexpr auto restart_pause = 500ms;
constexpr std::size_t length_size = 4;

// One that an earlier daemon left behind looks for its parent only now and then; until it has gone
// it holds the pid file, and no other one starts (ctdb-behaviour.md 9).
void end_orphan(const std::filesystem::path& pid_file) {
    pid_t pid = 0;
    if (!(std::ifstream(pid_file) >> pid) || pid <= 1) return;
    std::ifstream command(fmt::format("/proc/{}/cmdline", pid));
    std::vector<std::string> words;
    for (std::string word; std::getline(command, word, '\0');)
        words.push_back(word);
    const bool is_eventd = words.size() >= 3 && words[0].ends_with("eventd") && words[1] == "-P";
    if (!is_eventd || kill(static_cast<pid_t>(std::atoi(words[2].c_str())), 0) == 0) return;
    logs::events().info("ending the event daemon (pid {}) of a daemon that is gone", pid);
    kill(pid, SIGTERM);
}

std::uint32_t length_of(const std::array<std::uint8_t, length_size>& head) {
    std::uint32_t length = 0;
    std::memcpy(&length, head.data(), sizeof length);
    return length;
}

} // namespace

struct EventDaemon::Process {
    asio::posix::stream_descriptor pipe; // it says here that it listens; closed: it is gone
    Socket socket;
    std::unique_ptr<Child> child;
    bool listening = false, writing = false;
    std::uint32_t greeting = 0;
    std::array<std::uint8_t, length_size> head{};
    base::WritableBytes packet{length_size};

    explicit Process(asio::io_context& loop) : pipe(loop), socket(loop) {}

    // Whoever waits for it is told that it is gone, and forgets it.
    void end(int signal) {
        if (child) child->signal(signal);
        boost::system::error_code ignored;
        pipe.close(ignored);
        socket.close(ignored);
    }
};

EventDaemon::EventDaemon(asio::io_context& loop, EventDaemonSettings settings)
    : loop_(loop), settings_(std::move(settings)), patience_timer_(loop), restart_timer_(loop) {}

EventDaemon::~EventDaemon() { *alive_ = false; }

// -- life

void EventDaemon::start(std::function<void()> ready, Failed failed) {
    ready_ = std::move(ready);
    failed_ = std::move(failed);
    launch();
}

void EventDaemon::launch() {
    auto process = std::make_shared<Process>(loop_);
    process_ = process;
    end_orphan(settings_.pid_file);
    std::error_code ignored;
    std::filesystem::remove(settings_.socket, ignored);
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        died(process, std::strerror(errno));
        return;
    }
    process->pipe.assign(ends[0]);
    try {
        const Command command{.arguments = {settings_.program.string(), "-P",
                                            std::to_string(getpid()), "-S",
                                            std::to_string(extra_descriptor_in_child)},
                              .extra_descriptor = ends[1],
                              .environment = {},
                              .dies_with_us = true};
        process->child = std::make_unique<Child>(loop_, command);
        close(ends[1]);
    } catch (const std::system_error& error) {
        close(ends[1]);
        died(process, error.what());
        return;
    }
    asio::async_read(
        process->pipe, asio::buffer(&process->greeting, sizeof process->greeting),
        [this, alive = alive_, process](const boost::system::error_code& error, std::size_t) {
            if (!*alive || process != process_) return;
            if (error || process->greeting != 0)
                died(process, "it ended before it listened; its log says why");
            else
                listening(process);
        });
    patience_timer_.expires_after(listening_max);
    patience_timer_.async_wait(
        [this, alive = alive_, process](const boost::system::error_code& error) {
            if (!error && *alive && process == process_ && !process->listening)
                died(process, "it does not begin to listen");
        });
}

void EventDaemon::listening(const std::shared_ptr<Process>& process) {
    boost::system::error_code error;
    process->socket.connect(settings_.socket.string(), error);
    if (error) {
        died(process, fmt::format("{}: {}", settings_.socket.string(), error.message()));
        return;
    }
    process->listening = true;
    patience_timer_.cancel();
    // The pipe stays open as long as it lives and carries nothing more.
    asio::async_read(
        process->pipe, asio::buffer(&process->greeting, 1),
        [this, alive = alive_, process](const boost::system::error_code&, std::size_t) {
            if (*alive && process == process_) died(process, "it ended");
        });
    read(process);
    write(process);
    failed_ = {};
    if (const auto ready = std::exchange(ready_, {})) ready();
}

// What it has been told may have run or not; what it has not will be told to the next one.
void EventDaemon::died(const std::shared_ptr<Process>& process, const std::string& why) {
    process->end(SIGKILL);
    process_.reset();
    // One that an earlier daemon left behind may still be on its way out.
    if (failed_ && --first_starts_left_ == 0) {
        std::exchange(failed_, {})(fmt::format("{}: {}", settings_.program.string(), why));
        return;
    }
    logs::events().log(failed_ ? spdlog::level::info : spdlog::level::err,
                       "the event daemon is gone ({}): starting another one", why);
    std::map<std::uint32_t, Done> lost;
    if (process->listening) {
        lost = std::exchange(answered_, {});
        outgoing_.clear();
    }
    restart_timer_.expires_after(restart_pause);
    restart_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
        if (!error && *alive && !process_) launch();
    });
    for (const auto& [reqid, done] : lost)
        done(ECANCELED);
}

void EventDaemon::reopen_logs() {
    if (process_ && process_->child) process_->child->signal(SIGHUP);
}

void EventDaemon::stop() {
    restart_timer_.cancel();
    patience_timer_.cancel();
    answered_.clear();
    outgoing_.clear();
    if (const auto process = std::exchange(process_, nullptr)) process->end(SIGTERM);
}

// -- events

void EventDaemon::run(const std::string& event,
                      std::optional<std::string> arguments,
                      std::chrono::seconds time_limit,
                      Done done) {
    const std::uint32_t reqid = ++last_reqid_;
    answered_.emplace(reqid, std::move(done));
    outgoing_.push_back(eventd::encode_packet(eventd::Request{
        .reqid = reqid,
        .what = eventd::Run{.event = event,
                            .arguments = std::move(arguments),
                            .timeout = static_cast<std::uint32_t>(time_limit.count())}}));
    if (process_) write(process_);
}

void EventDaemon::write(const std::shared_ptr<Process>& process) {
    if (!process->listening || process->writing || outgoing_.empty()) return;
    process->writing = true;
    const base::Bytes packet = outgoing_.front();
    asio::async_write(process->socket, asio::buffer(packet.data(), packet.size()),
                      [this, alive = alive_, process,
                       packet](const boost::system::error_code& error, std::size_t) {
                          if (!*alive || process != process_) return;
                          process->writing = false;
                          if (error) {
                              died(process, error.message());
                              return;
                          }
                          outgoing_.pop_front();
                          write(process);
                      });
}

void EventDaemon::read(const std::shared_ptr<Process>& process) {
    asio::async_read(
        process->socket, asio::buffer(process->head),
        [this, alive = alive_, process](const boost::system::error_code& error, std::size_t) {
            if (!*alive || process != process_) return;
            const std::uint32_t length = length_of(process->head);
            if (error || length < length_size || length > eventd::packet_size_max) {
                died(process, error ? error.message() : "it broke the framing");
                return;
            }
            process->packet = base::WritableBytes(length);
            std::memcpy(process->packet.data(), process->head.data(), length_size);
            asio::async_read(
                process->socket,
                asio::buffer(process->packet.data() + length_size, length - length_size),
                [this, alive, process, length](const boost::system::error_code& broken,
                                               std::size_t) {
                    if (!*alive || process != process_) return;
                    if (broken) {
                        died(process, broken.message());
                        return;
                    }
                    read(process);
                    arrived(process->packet.freeze(length));
                });
        });
}

void EventDaemon::arrived(const base::Bytes& packet) {
    const auto reply = eventd::decode_reply(packet);
    if (!reply) {
        logs::events().error("the event daemon said something strange: {}", reply.error());
        return;
    }
    if (const auto asked = answered_.extract(reply->reqid)) asked.mapped()(reply->result);
}

} // namespace ctdbd::daemon
