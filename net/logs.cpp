#include "net/logs.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace logs {

namespace {

std::array<std::shared_ptr<spdlog::logger>, facility_names.size()>& loggers() {
    static std::array<std::shared_ptr<spdlog::logger>, facility_names.size()> all;
    return all;
}

} // namespace

void redirect(Facility facility, std::shared_ptr<spdlog::logger> logger) {
    loggers().at(static_cast<std::size_t>(facility)) = std::move(logger);
}

spdlog::logger& of(Facility facility) {
    const auto& logger = loggers().at(static_cast<std::size_t>(facility));
    return logger != nullptr ? *logger : *spdlog::default_logger_raw();
}

} // namespace logs
