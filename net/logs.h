// Which part of the program a log line is from, so that each can be as talkative as its operator
// wants (totem.conf(5), [logging]). Where lines go is not known here: until somebody says
// otherwise, to spdlog's default logger, which is also that of whatever is no part below.
#pragma once

#include <spdlog/logger.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace logs {

enum class Facility : std::uint8_t { ring, cluster, databases, addresses, events, clients };

inline constexpr std::array<std::string_view, 6> facility_names = {
    "ring", "cluster", "databases", "addresses", "events", "clients"};

// Not while other threads log. Nothing: the default logger again.
void redirect(Facility facility, std::shared_ptr<spdlog::logger> logger);

[[nodiscard]] spdlog::logger& of(Facility facility);

inline spdlog::logger& ring() { return of(Facility::ring); }

inline spdlog::logger& cluster() { return of(Facility::cluster); }

inline spdlog::logger& databases() { return of(Facility::databases); }

inline spdlog::logger& addresses() { return of(Facility::addresses); }

inline spdlog::logger& events() { return of(Facility::events); }

inline spdlog::logger& clients() { return of(Facility::clients); }

} // namespace logs
