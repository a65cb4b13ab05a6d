#include "ctdbd/protocol/numbers.h"

#include <boost/algorithm/string/predicate.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace ctdbd::protocol {
namespace {

struct LevelName {
    DebugLevel level;
    std::string_view name;
};

constexpr auto level_names = std::to_array<LevelName>({{DebugLevel::error, "ERROR"},
                                                       {DebugLevel::warning, "WARNING"},
                                                       {DebugLevel::notice, "NOTICE"},
                                                       {DebugLevel::info, "INFO"},
                                                       {DebugLevel::debug, "DEBUG"}});

// In the order in which `ctdb status` prints them.
constexpr auto flag_words = std::to_array<std::pair<std::uint32_t, std::string_view>>(
    {{node_flag::disconnected, "DISCONNECTED"},
     {node_flag::permanently_disabled, "DISABLED"},
     {node_flag::banned, "BANNED"},
     {node_flag::unhealthy, "UNHEALTHY"},
     {node_flag::deleted, "DELETED"},
     {node_flag::stopped, "STOPPED"},
     {node_flag::inactive, "INACTIVE"}});

} // namespace

std::string_view name_of(Operation operation) {
    switch (operation) {
    case Operation::req_call:
        return "REQ_CALL";
    case Operation::reply_call:
        return "REPLY_CALL";
    case Operation::req_dmaster:
        return "REQ_DMASTER";
    case Operation::reply_dmaster:
        return "REPLY_DMASTER";
    case Operation::reply_error:
        return "REPLY_ERROR";
    case Operation::req_message:
        return "REQ_MESSAGE";
    case Operation::req_control:
        return "REQ_CONTROL";
    case Operation::reply_control:
        return "REPLY_CONTROL";
    case Operation::req_keepalive:
        return "REQ_KEEPALIVE";
    case Operation::req_tunnel:
        return "REQ_TUNNEL";
    }
    return "UNKNOWN";
}

std::string_view name_of(RunState state) {
    switch (state) {
    case RunState::unknown:
        return "UNKNOWN";
    case RunState::init:
        return "INIT";
    case RunState::setup:
        return "SETUP";
    case RunState::first_recovery:
        return "FIRST_RECOVERY";
    case RunState::startup:
        return "STARTUP";
    case RunState::running:
        return "RUNNING";
    case RunState::shutdown:
        return "SHUTDOWN";
    }
    return "UNKNOWN";
}

std::string node_flags_text(std::uint32_t flags) {
    std::string text;
    for (const auto& [bits, word] : flag_words)
        if ((flags & bits) != 0) text.append(text.empty() ? "" : "|").append(word);
    return text.empty() ? "OK" : text;
}

std::string_view name_of(DebugLevel level) {
    for (const LevelName& candidate : level_names)
        if (candidate.level == level) return candidate.name;
    return name_of(debug_level_of(static_cast<std::int32_t>(level)));
}

DebugLevel debug_level_of(std::int32_t number) {
    DebugLevel found = DebugLevel::error;
    for (const LevelName& candidate : level_names)
        if (static_cast<std::int32_t>(candidate.level) <= number) found = candidate.level;
    return found;
}

std::optional<DebugLevel> debug_level_named(std::string_view text) {
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return debug_level_of(number);
    // No two names begin with the same letter, so any beginning is unambiguous.
    for (const LevelName& candidate : level_names)
        if (!text.empty() && boost::algorithm::istarts_with(candidate.name, text))
            return candidate.level;
    return std::nullopt;
}

} // namespace ctdbd::protocol
