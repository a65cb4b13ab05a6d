#include "ctdbd/daemon/address_guard.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t report_size_max = 64 * 1024;
constexpr auto restart_pause = 1s;
constexpr int beats_in_a_silence = 8;

} // namespace

std::string held_text(std::chrono::milliseconds silence_max, std::span<const HeldAddress> held) {
    std::string text = fmt::format("{}\n", silence_max.count());
    for (const HeldAddress& address : held)
        text += fmt::format("{} {} {}\n", address.ip.to_string(), address.mask_bits, address.iface);
    return text;
}

std::optional<HeldReport> parse_held(const std::string& text) {
    std::istringstream in(text);
    HeldReport report;
    std::chrono::milliseconds::rep silence = 0;
    if (!(in >> silence) || silence <= 0) return std::nullopt;
    report.silence_max = std::chrono::milliseconds(silence);
    std::string ip, iface;
    for (std::uint32_t mask = 0; in >> ip >> mask >> iface;) {
        boost::system::error_code error;
        const auto address = boost::asio::ip::make_address(ip, error);
        if (error || mask > 128) return std::nullopt;
        report.held.push_back({address, mask, iface});
    }
    return report;
}

// -- the guard

int guard_addresses() {
    prctl(PR_SET_NAME, "ctdbd-guard");
    // Whoever ends the daemon politely ends us by closing the socket; nobody else does.
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
        signal(number, SIG_IGN);
    constexpr int socket = extra_descriptor_in_child;
    HeldReport known;
    std::string buffer(report_size_max, '\0');
    const auto take_all_off = [&known] {
        for (const HeldAddress& address : std::exchange(known.held, {}))
            take_off(address);
    };
    while (true) {
        pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
        const int limit = known.held.empty() ? -1 : static_cast<int>(known.silence_max.count());
        const int ready = poll(&wait, 1, limit);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) {
            take_all_off();
            static_cast<void>(send(socket, "d", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
            continue;
        }
        const ssize_t size = recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        if (auto report = parse_held(buffer.substr(0, static_cast<std::size_t>(size))))
            known = std::move(*report);
    }
    take_all_off();
    return 0;
}

// -- the daemon's side

AddressGuard::AddressGuard(boost::asio::io_context& loop,
                           std::chrono::milliseconds silence_max,
                           std::function<void()> dropped)
    : loop_(loop), silence_max_(silence_max), dropped_(std::move(dropped)), socket_(loop),
      beat_timer_(loop), restart_timer_(loop) {
    launch();
}

AddressGuard::~AddressGuard() { *alive_ = false; }

void AddressGuard::launch() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    boost::system::error_code ignored;
    socket_.close(ignored);
    socket_.assign(ends[0]);
    socket_.non_blocking(true);
    const Command command{.arguments = {"/proc/self/exe", guard_option},
                          .extra_descriptor = ends[1],
                          .environment = {}};
    const auto gone = [this](int) {
        spdlog::error("the guard of the public addresses is gone: starting another one");
        restart_timer_.expires_after(restart_pause);
        restart_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
            if (!error && *alive) launch();
        });
    };
    try {
        child_ = std::make_unique<Child>(loop_, command, gone);
    } catch (const std::system_error&) {
        close(ends[1]);
        throw;
    }
    close(ends[1]);
    listen();
    tell();
}

void AddressGuard::hold(std::vector<HeldAddress> held) {
    const bool was_idle = held_.empty();
    held_ = std::move(held);
    tell();
    if (was_idle && !held_.empty()) beat();
}

void AddressGuard::tell() {
    const std::string text = held_text(silence_max_, held_);
    static_cast<void>(
        send(socket_.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void AddressGuard::beat() {
    if (held_.empty()) return;
    tell();
    beat_timer_.expires_after(silence_max_ / beats_in_a_silence);
    beat_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
        if (!error && *alive) beat();
    });
}

void AddressGuard::listen() {
    socket_.async_read_some(
        boost::asio::buffer(word_),
        [this, alive = alive_](const boost::system::error_code& error, std::size_t) {
            if (error || !*alive) return;
            dropped_();
            listen();
        });
}

} // namespace ctdbd::daemon
