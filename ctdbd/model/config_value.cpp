#include "ctdbd/model/config_value.h"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace ctdbd::config {
std::optional<std::uint32_t> number_in(std::string_view text) {
    int base = 10;
    if (boost::algorithm::istarts_with(text, "0x")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text[0] == '0') {
        base = 8;
    }
    std::uint32_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return value;
}

bool Value::boolean() const {
    using boost::algorithm::iequals;
    if (iequals(text(), "true") || iequals(text(), "yes")) return true;
    if (iequals(text(), "false") || iequals(text(), "no")) return false;
    refuse("it takes true or false");
}

std::uint32_t Value::number(std::uint32_t min, std::uint32_t max) const {
    const std::optional<std::uint32_t> value = number_in(text());
    if (!value || *value < min || *value > max)
        refuse(fmt::format("it takes a number from {} to {}", min, max));
    return *value;
}

protocol::DebugLevel Value::level() const {
    const std::optional<protocol::DebugLevel> level = protocol::debug_level_named(text());
    if (!level) refuse("it takes ERROR, WARNING, NOTICE, INFO or DEBUG");
    return *level;
}

Place Value::place() const {
    return {file_, assignment_.line,
            fmt::format("[{}] -> {}", assignment_.section, assignment_.name)};
}

void Value::refuse(const std::string& remedy) const {
    throw ConfigError(place(), fmt::format("Invalid value for {} = {}", place().key, text()),
                      remedy);
}

void Value::check_present() const {
    if (text().empty())
        throw ConfigError(place(), fmt::format("Empty value for {}", place().key),
                          "give it a value or remove the line");
}

} // namespace ctdbd::config
