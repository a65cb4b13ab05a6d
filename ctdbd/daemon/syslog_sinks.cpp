#include "ctdbd/daemon/syslog_sinks.h"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

namespace {

using namespace std::chrono;

constexpr std::array<std::pair<std::string_view, SyslogMethod>, 3> methods = {
    {{"nonblocking", SyslogMethod::nonblocking},
     {"udp", SyslogMethod::udp},
     {"udp-rfc5424", SyslogMethod::udp_rfc5424}}};

SyslogSocket::Endpoint usual_place_of(SyslogMethod method) {
    if (method == SyslogMethod::nonblocking)
        return boost::asio::local::datagram_protocol::endpoint("/dev/log");
    return boost::asio::ip::udp::endpoint(boost::asio::ip::address_v4::loopback(), 514);
}

int severity_of(spdlog::level::level_enum level) {
    switch (level) {
    case spdlog::level::critical:
        return LOG_CRIT;
    case spdlog::level::err:
        return LOG_ERR;
    case spdlog::level::warn:
        return LOG_WARNING;
    case spdlog::level::info: // CTDB's NOTICE
        return LOG_NOTICE;
    case spdlog::level::debug:
        return LOG_INFO;
    default:
        return LOG_DEBUG;
    }
}

} // namespace

Syslog::Syslog() { openlog("ctdbd", LOG_PID, LOG_DAEMON); }

Syslog::~Syslog() { closelog(); }

void Syslog::sink_it_(const spdlog::details::log_msg& message) {
    syslog(severity_of(message.level), "%.*s", static_cast<int>(message.payload.size()),
           message.payload.data());
}

std::optional<SyslogMethod> syslog_method_named(std::string_view word) {
    const auto* const found =
        std::ranges::find(methods, word, &decltype(methods)::value_type::first);
    return found == methods.end() ? std::nullopt : std::optional(found->second);
}

SyslogSocket::SyslogSocket(SyslogMethod method, std::string host, std::optional<Endpoint> to)
    : method_(method), host_(std::move(host)), to_(to.value_or(usual_place_of(method))),
      socket_(socket(to_.data()->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0)
        throw std::runtime_error(fmt::format(
            "cannot log to syslog: {}; change [logging] -> location", std::strerror(errno)));
}

SyslogSocket::~SyslogSocket() { close(socket_); }

std::string SyslogSocket::header_of(const spdlog::details::log_msg& message) const {
    const int priority = LOG_DAEMON | severity_of(message.level);
    const auto time = spdlog::log_clock::to_time_t(message.time);
    if (method_ != SyslogMethod::udp_rfc5424)
        return fmt::format("<{}>{:%b %e %H:%M:%S} ctdbd[{}]: ", priority, fmt::localtime(time),
                           getpid());
    const auto part = duration_cast<microseconds>(message.time.time_since_epoch()) % 1s;
    return fmt::format("<{}>1 {:%Y-%m-%dT%H:%M:%S}.{:06}Z {} ctdbd {} - - ", priority,
                       fmt::gmtime(time), part.count(), host_, getpid());
}

void SyslogSocket::sink_it_(const spdlog::details::log_msg& message) {
    const std::string line =
        header_of(message).append(message.payload.data(), message.payload.size());
    [[maybe_unused]] const ssize_t sent = sendto(socket_, line.data(), line.size(), MSG_NOSIGNAL,
                                                 to_.data(), static_cast<socklen_t>(to_.size()));
}

} // namespace ctdbd::daemon
