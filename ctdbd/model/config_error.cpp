#include "ctdbd/model/config_error.h"

namespace ctdbd::config {
namespace {

std::string text_of(const Place& place) {
    return place.line > 0 ? fmt::format("{} line {}", place.file, place.line) : place.file;
}

} // namespace

ConfigError::ConfigError(Place place, const std::string& problem, const std::string& remedy)
    : std::runtime_error(fmt::format("{} ({}: {})", problem, text_of(place), remedy)),
      place_(std::move(place)) {}

} // namespace ctdbd::config

fmt::format_context::iterator
fmt::formatter<ctdbd::config::Warning>::format(const ctdbd::config::Warning& warning,
                                               fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}: {}", ctdbd::config::text_of(warning.place),
                          warning.text);
}
