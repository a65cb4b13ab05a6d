// What the daemon says to ctdb-eventd and hears from it (ctdb-wire.md section 6): run an event, ask
// how the last run went. A protocol of its own: no magic, no padding, a shorter header.
#pragma once

#include "ctdbd/protocol/codec.h"
#include "ctdbd/protocol/nodes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ctdbd::protocol::eventd {

enum class Command : std::uint32_t { run = 1, status = 2, script = 3 };

struct Run {
    std::string component = "legacy";
    std::string event;
    std::optional<std::string>
        arguments;              // none: the null string, which the stock daemon sends for "init"
    std::uint32_t timeout = 30; // seconds
    std::uint32_t flags = 0;

    friend bool operator==(const Run&, const Run&) = default;
};

struct Status {
    std::string component = "legacy";
    std::string event;

    friend bool operator==(const Status&, const Status&) = default;
};

struct ScriptRun {
    std::string name;
    Timeval begin, end;
    std::int32_t result = 0; // >0 exit status, <0 -errno: -ENOEXEC is disabled, -ETIMEDOUT
    std::string output;

    friend bool operator==(const ScriptRun&, const ScriptRun&) = default;
};

struct StatusReport {
    std::int32_t summary = 0;
    std::vector<ScriptRun> scripts;

    friend bool operator==(const StatusReport&, const StatusReport&) = default;
};

struct Reply {
    std::uint32_t reqid = 0;
    Command command{};
    std::int32_t result = 0;            // 0 or an errno
    std::optional<StatusReport> report; // of STATUS with result 0

    friend bool operator==(const Reply&, const Reply&) = default;
};

struct Request {
    std::uint32_t reqid = 0;
    std::variant<Run, Status> what;

    friend bool operator==(const Request&, const Request&) = default;
};

// A stream is cut into packets by its first four bytes, the whole packet's length; it is never
// padded.
inline constexpr std::size_t packet_size_max = 16u << 20;

// Of whole packets, length included.
[[nodiscard]] Decoded<Request> decode_request(const Bytes& packet);
[[nodiscard]] Decoded<Reply> decode_reply(const Bytes& packet);
[[nodiscard]] Bytes encode_packet(const Request& request);
[[nodiscard]] Bytes encode_packet(const Reply& reply);

} // namespace ctdbd::protocol::eventd
