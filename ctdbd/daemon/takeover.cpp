#include "ctdbd/daemon/takeover.h"

#include "ctdbd/daemon/daemon.h"
#include "net/logs.h"

#include <boost/asio/read.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;
namespace srvid = protocol::srvid;

constexpr auto retry_pause = 1s;
constexpr unsigned failures_max = 5; // until those who asked are told
constexpr auto wait_pause = 50ms;    // for who has vanished
constexpr auto run_max = 60s;        // as long as the others stay out of it
constexpr auto off_margin = 100ms;   // for taking addresses off, beyond suspend_after

} // namespace

struct Takeover::Run {
    boost::asio::posix::stream_descriptor pipe;
    std::unique_ptr<Child> helper;
    std::int32_t result = -1;
    std::vector<protocol::SrvidMessage> askers;
    std::set<Pnn> rebalance;

    explicit Run(boost::asio::io_context& loop) : pipe(loop) {}
};

Takeover::Takeover(boost::asio::io_context& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon), timer_(loop) {}

void Takeover::begin() {
    Messenger& messenger = daemon_.messenger;
    messenger.listen(srvid::takeover_run, [this](const Bytes& data) { asked(data); });
    messenger.listen(srvid::disable_takeover_runs, [this](const Bytes& data) { forbidden(data); });
    messenger.listen(srvid::disable_ip_check,
                     [this](const Bytes& data) { ip_check_forbidden(data); });
    messenger.listen(srvid::rebalance_node, [this](const Bytes& data) {
        if (const auto pnn = protocol::decode<std::uint32_t>(data)) rebalance_.insert(*pnn);
    });
}

// -- who wants a run

void Takeover::wanted() {
    wanted_ = true;
    look();
}

// The leader answers; whoever does not lead leaves it at that.
void Takeover::asked(const Bytes& data) {
    const auto request = protocol::decode<protocol::SrvidMessage>(data);
    if (!request || daemon_.nodes.leader() != daemon_.nodes.self()) return;
    if (request->srvid != 0) askers_.push_back(*request);
    wanted();
}

void Takeover::answer(const std::vector<protocol::SrvidMessage>& askers, std::int32_t result) {
    for (const protocol::SrvidMessage& asker : askers)
        daemon_.messenger.send(asker.pnn, asker.srvid, protocol::encode(result));
}

// -- who does not

void Takeover::forbid(Pnn by, std::chrono::seconds length) {
    if (length > 0s)
        forbidden_[by] = Clock::now() + length;
    else
        forbidden_.erase(by);
    look();
}

void Takeover::forbidden(const Bytes& data) {
    const auto request = protocol::decode<protocol::DisableMessage>(data);
    if (!request) return;
    const bool in_a_run = run_ != nullptr && request->timeout > 0;
    if (!in_a_run) forbid(request->pnn, std::chrono::seconds(request->timeout));
    if (request->srvid == 0) return;
    const auto answer = in_a_run ? -EAGAIN : static_cast<std::int32_t>(daemon_.nodes.self());
    daemon_.messenger.send(request->pnn, request->srvid,
                           protocol::encode(static_cast<std::int32_t>(answer)));
}

// It does not say who asks: a tool, so nobody's leaving ends it.
void Takeover::ip_check_forbidden(const Bytes& data) {
    if (const auto seconds = protocol::decode<std::uint32_t>(data))
        forbid(protocol::pnn::unknown, std::chrono::seconds(*seconds));
}

bool Takeover::is_forbidden() {
    const auto now = Clock::now();
    std::erase_if(forbidden_, [&](const auto& entry) { return entry.second <= now; });
    return !forbidden_.empty();
}

void Takeover::node_gone(Pnn pnn) {
    forbidden_.erase(pnn);
    forbidden_.erase(protocol::pnn::unknown);
}

void Takeover::tell_others(std::chrono::seconds length) {
    const protocol::DisableMessage message{.pnn = daemon_.nodes.self(),
                                           .srvid = 0,
                                           .timeout = static_cast<std::uint32_t>(length.count())};
    for (const Pnn pnn : daemon_.nodes.destinations(protocol::pnn::broadcast_connected))
        if (pnn != daemon_.nodes.self())
            daemon_.messenger.send(pnn, srvid::disable_takeover_runs, protocol::encode(message));
}

// -- when

void Takeover::generation_began() {
    for (const totem::ProcessorId who : daemon_.cluster.records().status().unnoticed)
        unnoticed_.insert(who);
    look();
}

// A node that vanished freezes within the notice period, and takes its addresses off soon after,
// unless its guard has told us that it is dead and they are off already.
bool Takeover::must_wait() {
    const auto now = daemon_.cluster.records().status().unnoticed;
    unnoticed_.insert(now.begin(), now.end());
    std::erase_if(unnoticed_, [&](totem::ProcessorId who) {
        if (daemon_.obituaries.tell_of(who)) return true;
        const bool noticed = std::ranges::find(now, who) == now.end();
        if (noticed) noticed_at_ = Clock::now();
        return noticed;
    });
    return !unnoticed_.empty() || Clock::now() < noticed_at_ + suspend_after + off_margin;
}

void Takeover::look() {
    const bool leads = daemon_.nodes.leader() == daemon_.nodes.self();
    if (run_ != nullptr) {
        if (!leads && run_->helper) run_->helper->signal(SIGKILL); // somebody else begins one
        return;
    }
    const bool must_be_patient = must_wait(); // who does not lead may soon
    if (!unnoticed_.empty()) look_after(wait_pause);
    if (!wanted_) return;
    const bool serves = daemon_.recovery_mode() == protocol::RecoveryMode::normal;
    if (!leads) {
        wanted_ = false; // whoever leads now is asked by the generation
        answer(std::exchange(askers_, {}), -1);
    } else if (!serves) {
        look_after(retry_pause);
    } else if (is_forbidden() || must_be_patient) {
        look_after(wait_pause);
    } else {
        start_run();
    }
}

void Takeover::look_after(Clock::duration pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) look();
    });
}

// -- a run

void Takeover::start_run() {
    auto run = std::make_shared<Run>(loop_);
    run->askers = std::exchange(askers_, {});
    run->rebalance = std::exchange(rebalance_, {});
    wanted_ = false;
    run_ = run;
    std::vector<std::string> arguments = {daemon_.setup.paths.takeover_helper.string(),
                                          std::to_string(extra_descriptor_in_child),
                                          daemon_.setup.paths.socket.string()};
    if (!run->rebalance.empty())
        arguments.push_back(fmt::format("{}", fmt::join(run->rebalance, ",")));
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        ended(false);
        return;
    }
    run->pipe.assign(ends[0]);
    tell_others(run_max);
    try {
        run->helper = std::make_unique<Child>(loop_, Command{.arguments = std::move(arguments),
                                                             .extra_descriptor = ends[1],
                                                             .environment = {},
                                                             .dies_with_us = true});
    } catch (const std::system_error& error) {
        logs::addresses().error("{}", error.what());
    }
    close(ends[1]);
    read_result(run); // also of a helper that was never there: its end of the pipe is closed
    timer_.expires_after(run_max);
    timer_.async_wait([this, run](const boost::system::error_code& error) {
        if (error || run != run_ || !run->helper) return;
        logs::addresses().error("the takeover helper hangs");
        run->helper->signal(SIGKILL);
    });
}

void Takeover::read_result(const std::shared_ptr<Run>& run) {
    boost::asio::async_read(run->pipe, boost::asio::buffer(&run->result, sizeof run->result),
                            [this, run](const boost::system::error_code& error, std::size_t) {
                                if (run == run_) ended(!error && run->result == 0);
                            });
}

void Takeover::ended(bool well) {
    const auto run = std::exchange(run_, nullptr);
    timer_.cancel();
    tell_others(0s);
    failures_ = well ? 0 : failures_ + 1;
    if (well)
        answer(run->askers, static_cast<std::int32_t>(daemon_.nodes.self()));
    else if (failures_ % failures_max == 0)
        answer(run->askers, -1);
    else // perhaps a node had just begun to release by itself
        askers_.insert(askers_.begin(), run->askers.begin(), run->askers.end());
    if (!well) {
        logs::addresses().warn("the takeover run failed and is tried again");
        rebalance_.insert(run->rebalance.begin(), run->rebalance.end());
        wanted_ = true;
        look_after(retry_pause);
        return;
    }
    logs::addresses().info("takeover run done");
    look();
}

} // namespace ctdbd::daemon
