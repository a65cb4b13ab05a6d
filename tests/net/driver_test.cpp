// The ring's thread itself: when it works and when it sleeps.
#include "tests/net/ring_of_nodes.h"

#include <boost/asio.hpp>
#include <doctest/doctest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <thread>

using namespace net;
using namespace std::chrono_literals;
using tests::Cluster;

namespace {

// A log in which whoever writes stops in the middle of it, for as long as the gate is closed.
class Gate final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

    void open() {
        const std::lock_guard lock(mutex_);
        closed_ = false;
        changed_.notify_all();
    }

    [[nodiscard]] bool holds_somebody() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [this] { return held_; });
    }

protected:
    void sink_it_(const spdlog::details::log_msg&) override {
        std::unique_lock lock(mutex_);
        held_ = closed_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !closed_; });
        held_ = false;
    }

    void flush_() override {}

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool closed_ = false, held_ = false;
};

// The log of this process goes through the gate, every word of it.
class GatedLog {
public:
    explicit GatedLog(std::shared_ptr<Gate> gate) : before_(spdlog::default_logger()) {
        auto logger = std::make_shared<spdlog::logger>("gated", std::move(gate));
        logger->set_level(spdlog::level::trace);
        spdlog::set_default_logger(std::move(logger));
    }

    ~GatedLog() { spdlog::set_default_logger(before_); }

private:
    std::shared_ptr<spdlog::logger> before_;
};

void knock_at_both_ports(const NodeOptions& options) {
    boost::asio::io_context context;
    boost::asio::ip::udp::socket socket(context, boost::asio::ip::udp::v4());
    const auto address = boost::asio::ip::make_address(options.addresses.at(1));
    for (const std::uint16_t port : {options.port, options.token_port})
        socket.send_to(boost::asio::buffer("nothing"), {address, port});
}

} // namespace

// A stall of the thread, be it SIGSTOP, a loaded machine or a slow log: when it goes on, everything
// that it waits for has happened at once. The event loop then had nothing left to do, ended for
// good, and the thread turned without ever sleeping again, at real-time priority.
TEST_CASE("after a stall in which everything happened at once the ring's thread sleeps again") {
    const auto gate = std::make_shared<Gate>();
    const GatedLog log(gate);
    Cluster cluster({.nodes = 1});
    NodeOptions options = cluster.options(1);
    options.settings.probe = 20ms;
    cluster.start(1, options);
    REQUIRE(cluster.ring_of({1}));

    gate->close();
    REQUIRE(gate->holds_somebody());
    knock_at_both_ports(options);
    REQUIRE(cluster.submit(1, "an order", Service::agreed));
    std::this_thread::sleep_for(5 * options.settings.probe); // so that the timer is due as well
    gate->open();

    REQUIRE(cluster.until([&] { return cluster.journal(1).delivered.size() == 1; }));
    const auto turns = [&] { return cluster.node(1).report().turns; };
    const std::uint64_t before = turns();
    REQUIRE(cluster.until([&] { return turns() != before; })); // reports come five times a second
    const std::uint64_t between = turns();
    REQUIRE(cluster.until([&] { return turns() != between; }));
    CHECK(turns() - between < 2000); // a spinning thread makes tens of thousands
}
