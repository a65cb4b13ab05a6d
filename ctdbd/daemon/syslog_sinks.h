// The four ways to syslog (ctdb-behaviour.md 7.7): the C library's, which may have to wait for the
// syslog daemon, and three that never do: a datagram to /dev/log, or over UDP to this machine in
// the old format (RFC 3164) or the new one (RFC 5424). What does not fit into their socket is
// dropped.
//
// spdlog's own sink would do for the first, but for its levels: CTDB has one more (logging.h).
#pragma once

#include <boost/asio/generic/datagram_protocol.hpp>
#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ctdbd::daemon {

class Syslog final : public spdlog::sinks::base_sink<std::mutex> {
public:
    Syslog();
    ~Syslog() override;

protected:
    void sink_it_(const spdlog::details::log_msg& message) override;

    void flush_() override {}
};

enum class SyslogMethod : std::uint8_t { nonblocking, udp, udp_rfc5424 };

// The word of ctdb.conf; none for the first way.
[[nodiscard]] std::optional<SyslogMethod> syslog_method_named(std::string_view word);

class SyslogSocket final : public spdlog::sinks::base_sink<std::mutex> {
public:
    using Endpoint = boost::asio::generic::datagram_protocol::endpoint;

    // `host`: of RFC 5424's lines. `to`: instead of where the syslog daemon usually listens. Throws
    // std::runtime_error if there can be no socket; that nobody listens is none of our business.
    SyslogSocket(SyslogMethod method, std::string host, std::optional<Endpoint> to = std::nullopt);
    ~SyslogSocket() override;

protected:
    void sink_it_(const spdlog::details::log_msg& message) override;

    void flush_() override {}

private:
    [[nodiscard]] std::string header_of(const spdlog::details::log_msg& message) const;

    SyslogMethod method_;
    std::string host_;
    Endpoint to_;
    int socket_;
};

} // namespace ctdbd::daemon
