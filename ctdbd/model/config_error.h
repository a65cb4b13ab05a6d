// What is said to an operator about a configuration file: where, what, and what to do about it.
//
// An error ends the start (main prints it and exits); a warning is logged and the start goes on.
// Which of the two a mistake is follows the stock daemon, so that a file which worked there works
// here.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace ctdbd::config {

struct Place {
    std::string file;
    unsigned line = 0; // 0: the file as a whole
    std::string key;   // "[cluster] -> transport", "EnableBans"; empty where there is none

    friend bool operator==(const Place&, const Place&) = default;
};

struct Warning {
    Place place;
    std::string text;

    friend bool operator==(const Warning&, const Warning&) = default;
};

class ConfigError : public std::runtime_error {
public:
    // what(): "<problem> (<file> line <n>: <remedy>)".
    ConfigError(Place place, const std::string& problem, const std::string& remedy);

    [[nodiscard]] const Place& place() const { return place_; }

private:
    Place place_;
};

} // namespace ctdbd::config

// "/etc/ctdb/ctdb.conf line 3: unknown option ..."
template <>
struct fmt::formatter<ctdbd::config::Warning> : fmt::formatter<std::string_view> {
    fmt::format_context::iterator format(const ctdbd::config::Warning& warning,
                                         fmt::format_context& context) const;
};
