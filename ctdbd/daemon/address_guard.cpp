#include "ctdbd/daemon/address_guard.h"

#include "ctdbd/daemon/tcp_reset.h"
#include "net/logs.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sstream>
#include <string_view>
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
// A script that was at work when the daemon died may put an address back: shorter than a daemon
// that is started again takes until it may have one.
constexpr auto scripts_linger = 1s;
constexpr auto look_again = 20ms;
constexpr int copies = 3; // of the obituary
constexpr auto copy_pause = 5ms;

constexpr std::string_view will_opening = "will";

} // namespace

std::string encode(const HeldReport& report) {
    std::string text = fmt::format("{} {:d}\n", report.silence_max.count(), report.settled);
    for (const HeldAddress& address : report.held)
        text += fmt::format("{} {} {}\n", address.ip.to_string(), address.mask_bits, address.iface);
    return text;
}

std::optional<HeldReport> parse_held(const std::string& text) {
    std::istringstream in(text);
    HeldReport report;
    std::chrono::milliseconds::rep silence = 0;
    if (!(in >> silence >> report.settled) || silence <= 0) return std::nullopt;
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

std::string encode(const Will& will) {
    std::string text = fmt::format("{}\n{}\n", will_opening, will.obituary);
    for (const auto& heir : will.heirs)
        text += fmt::format("{} {}\n", heir.address().to_string(), heir.port());
    return text;
}

std::optional<Will> parse_will(const std::string& text) {
    std::istringstream in(text);
    std::string line, ip;
    Will will;
    if (!std::getline(in, line) || line != will_opening || !std::getline(in, will.obituary))
        return std::nullopt;
    for (std::uint16_t port = 0; in >> ip >> port;) {
        boost::system::error_code error;
        const auto address = boost::asio::ip::make_address(ip, error);
        if (error) return std::nullopt;
        will.heirs.emplace_back(address, port);
    }
    return will;
}

// -- the guard

namespace {

void pause(std::chrono::milliseconds time) { poll(nullptr, 0, static_cast<int>(time.count())); }

// Connections first: whoever has connected since the daemon died, faster than we are, is known to
// no other node, and nobody else would ever tell him.
void take_all_off(const HeldReport& known) {
    for (const HeldAddress& address : known.held) {
        deafen(address);
        reset_connections_at(address.ip);
        take_off(address);
    }
}

void execute(const Will& will) {
    boost::asio::io_context loop;
    for (int copy = 0; copy < copies; ++copy) {
        if (copy > 0) pause(copy_pause);
        for (const auto& heir : will.heirs) {
            boost::system::error_code ignored; // the others wait for who does not tell them
            boost::asio::ip::udp::socket socket(loop);
            socket.open(heir.protocol(), ignored);
            socket.send_to(boost::asio::buffer(will.obituary), heir, 0, ignored);
        }
    }
}

// The daemon is dead.
void bury(const HeldReport& known, const Will& will) {
    take_all_off(known);
    if (known.settled) return execute(will);
    const auto end = std::chrono::steady_clock::now() + scripts_linger;
    while (std::chrono::steady_clock::now() < end) {
        pause(look_again);
        take_all_off(known);
    }
}

} // namespace

int guard_addresses() {
    prctl(PR_SET_NAME, "ctdbd-guard");
    // Whoever ends the daemon politely ends us by closing the socket; nobody else does.
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
        signal(number, SIG_IGN);
    constexpr int socket = extra_descriptor_in_child;
    HeldReport known;
    Will will;
    std::string buffer(report_size_max, '\0');
    while (true) {
        pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
        const int limit = known.held.empty() ? -1 : static_cast<int>(known.silence_max.count());
        const int ready = poll(&wait, 1, limit);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) {
            take_all_off(known);
            known.held.clear();
            static_cast<void>(send(socket, "d", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
            continue;
        }
        const ssize_t size = recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        const std::string text = buffer.substr(0, static_cast<std::size_t>(size));
        if (auto report = parse_held(text))
            known = std::move(*report);
        else if (auto last_will = parse_will(text))
            will = std::move(*last_will);
    }
    bury(known, will);
    return 0;
}

// -- the daemon's side

AddressGuard::AddressGuard(boost::asio::io_context& loop,
                           std::chrono::milliseconds silence_max,
                           std::function<void()> dropped)
    : loop_(loop), dropped_(std::move(dropped)), socket_(loop), beat_timer_(loop),
      restart_timer_(loop) {
    report_.silence_max = silence_max;
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
        logs::addresses().error("the guard of the public addresses is gone: starting another one");
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
    tell(encode(report_));
    tell(encode(will_));
}

void AddressGuard::hold(std::vector<HeldAddress> held, bool settled) {
    const bool was_idle = report_.held.empty();
    report_.held = std::move(held);
    report_.settled = settled;
    tell(encode(report_));
    if (was_idle && !report_.held.empty()) beat();
}

void AddressGuard::bequeath(Will will) {
    will_ = std::move(will);
    tell(encode(will_));
}

void AddressGuard::tell(const std::string& text) {
    static_cast<void>(
        send(socket_.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void AddressGuard::beat() {
    if (report_.held.empty()) return;
    tell(encode(report_));
    beat_timer_.expires_after(report_.silence_max / beats_in_a_silence);
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
