#include "bench/ring_client.h"

#include "base/match.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>

namespace bench {

namespace {

constexpr std::size_t control_size = 64;
constexpr int idle_wait_us = 5000;
constexpr int full_wait_us = 1000;
constexpr std::uint64_t settle_ns = 200'000'000; // every node has seen the membership by then
constexpr double patience_s = 60;

// The messages carry some content that is not zero, and a word at their end that follows seq.
std::vector<std::uint8_t> filled(std::size_t size) {
    std::vector<std::uint8_t> bytes(std::max(size, control_size));
    for (std::size_t i = sizeof(Header); i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
    return bytes;
}

void narrate(const net::NodeReport& report) {
    const membership::Statistics& ring = report.statistics;
    const auto rotation =
        std::chrono::duration_cast<std::chrono::microseconds>(ring.rotation_smoothed);
    spdlog::info("tokens {} (again {}), rotation {} us, packets originated {}, answered {}, "
                 "duplicates {}, dropped {}, malformed {}; datagrams out {}, in {}, refused {}, "
                 "overruns {}",
                 ring.tokens_handled, ring.token_retransmissions, rotation.count(),
                 ring.packets_originated, ring.retransmissions, ring.duplicates, ring.dropped,
                 ring.malformed, report.packets_sent, report.packets_received,
                 report.packets_refused, report.socket_overruns);
}

} // namespace

RingClient::RingClient(RingWork work, totem::Service service, net::NodeOptions options)
    : work_(std::move(work)), service_(service), tally_(work_), node_(std::move(options)),
      pool_(std::max(work_.size, control_size)) {
    ::prctl(PR_SET_TIMERSLACK, 1000UL);
    if (work_.mode == Mode::probe) {
        work_.mode = work_.node == 1 ? Mode::pingpong : Mode::flood;
        if (work_.node == 1) work_.size = control_size;
    }
    prototype_ = filled(work_.size);
}

bool RingClient::run() {
    node_.start({});
    const std::uint64_t give_up =
        monotonic_ns() + static_cast<std::uint64_t>((work_.seconds + patience_s) * 1e9);
    while (!tally_.done() && broken_.empty()) {
        if (work_.mode == Mode::watch) {
            poll(idle_wait_us);
            continue;
        }
        if (!tally_.running() && work_.node == 1) open_window();
        poll(send_what_may());
        if (monotonic_ns() > give_up) break;
    }
    if (!tally_.done())
        fmt::print(stderr, "totem-bench: node {} gave up with {} members: {}\n", work_.node,
                   members_, broken_.empty() ? node_.report().explanation : broken_);
    fmt::print("{}\n", tally_.result(own_sent_, refused_));
    narrate(node_.report());
    std::fflush(stdout);
    // The others may still lack the last message: we answer their requests for a while.
    constexpr std::uint64_t linger_ns = 300'000'000;
    const std::uint64_t end = monotonic_ns() + linger_ns;
    while (monotonic_ns() < end)
        poll(idle_wait_us);
    return tally_.done();
}

void RingClient::poll(int timeout_us) {
    pollfd waiting{node_.event_fd(), POLLIN, 0};
    const timespec timeout{0, timeout_us * 1000L};
    if (timeout_us > 0) ::ppoll(&waiting, 1, &timeout, nullptr);
    node_.poll([this](net::Event&& event) { handle(std::move(event)); });
}

void RingClient::handle(net::Event&& event) {
    std::visit(
        base::Match{
            [&](const net::Delivery& delivery) { tally_.delivered(delivery.payload.span()); },
            [&](const net::Configuration& configuration) {
                if (configuration.kind != net::Configuration::Kind::regular) return;
                members_ = configuration.members.size();
                const bool watching = work_.mode == Mode::watch;
                if (watching)
                    fmt::print("{{\"event\":\"members\",\"node\":{},\"n\":{},\"t_ns\":{}}}\n",
                               work_.node, members_, monotonic_ns());
                else if (tally_.running())
                    fmt::print("{{\"event\":\"members\",\"node\":{},\"n\":{},\"at_s\":{:.3f}}}\n",
                               work_.node, members_, tally_.elapsed());
                std::fflush(stdout);
            },
            [&](const net::Broken& broken) { broken_ = broken.why; },
            [](const auto&) {},
        },
        event);
}

bool RingClient::submit(Kind kind, std::size_t size) {
    totem::WritableBytes message = pool_.allocate();
    std::memcpy(message.data(), prototype_.data(), size);
    const Header header{.kind = kind,
                        .node = static_cast<std::uint16_t>(work_.node),
                        .seq = own_sent_,
                        .sent_ns = monotonic_ns(),
                        .size = static_cast<std::uint32_t>(size)};
    std::memcpy(message.data(), &header, sizeof header);
    if (size >= sizeof header + sizeof(std::uint64_t)) {
        const std::uint64_t tail = own_sent_ * 0x9E3779B97F4A7C15;
        std::memcpy(message.data() + size - sizeof tail, &tail, sizeof tail);
    }
    if (node_.submit(message.freeze(size), service_)) return true;
    ++refused_;
    return false;
}

void RingClient::open_window() {
    if (start_sent_ || members_ < static_cast<std::size_t>(work_.nodes)) return;
    if (all_there_ns_ == 0) all_there_ns_ = monotonic_ns();
    if (monotonic_ns() > all_there_ns_ + settle_ns) start_sent_ = submit(Kind::start, control_size);
}

int RingClient::send_what_may() {
    if (!tally_.running() || !(work_.all_send || work_.node == 1)) return idle_wait_us;
    if (work_.node == 1 && tally_.elapsed() >= work_.seconds) {
        if (!stop_sent_) stop_sent_ = submit(Kind::stop, control_size);
        return stop_sent_ ? idle_wait_us : full_wait_us;
    }
    return send_burst();
}

int RingClient::send_burst() {
    constexpr int burst = 16;
    int wait_us = idle_wait_us;
    for (int i = 0; i < burst && may_send(own_sent_); ++i) {
        if (!submit(Kind::data, work_.size)) {
            wait_us = full_wait_us;
            break;
        }
        ++own_sent_;
        wait_us = 0;
    }
    if (work_.mode != Mode::paced || wait_us == full_wait_us) return wait_us;
    const double due_us = (static_cast<double>(own_sent_) / work_.rate - tally_.elapsed()) * 1e6;
    return due_us <= 0 ? 0 : static_cast<int>(std::min(due_us, double{idle_wait_us})) + 1;
}

bool RingClient::may_send(std::uint64_t sent) const {
    const std::uint64_t in_flight = sent - tally_.own_delivered();
    switch (work_.mode) {
    case Mode::pingpong:
        return in_flight < work_.outstanding;
    case Mode::paced:
        return static_cast<double>(sent) <= tally_.elapsed() * work_.rate;
    case Mode::flood:
        return work_.inflight == 0 || in_flight < work_.inflight;
    case Mode::probe:
    case Mode::watch:
        return false;
    }
    return false;
}

} // namespace bench
