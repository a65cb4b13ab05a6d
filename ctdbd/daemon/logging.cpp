#include "ctdbd/daemon/logging.h"

#include "base/check.h"
#include "ctdbd/daemon/syslog_sinks.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace ctdbd::daemon {

// Appends whole lines, so that several programs may share the file; reopened on demand.
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
public:
    // An empty path: standard error.
    explicit LogFile(std::string path) : path_(std::move(path)) {
        descriptor_ = open();
        if (descriptor_ < 0)
            throw std::runtime_error(fmt::format("cannot open the log file {}: {}; create its "
                                                 "directory or change [logging] -> location",
                                                 path_, std::strerror(errno)));
    }

    ~LogFile() override {
        if (!path_.empty()) close(descriptor_);
    }

    void reopen() {
        const std::lock_guard guard(mutex_);
        if (path_.empty()) return;
        const int fresh = open();
        if (fresh < 0) return; // the old one is better than none
        close(std::exchange(descriptor_, fresh));
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        // A full disk must not stop the daemon, and there is nobody to tell.
        [[maybe_unused]] const ssize_t written = write(descriptor_, line.data(), line.size());
    }

    void flush_() override {}

private:
    [[nodiscard]] int open() const {
        if (path_.empty()) return STDERR_FILENO;
        return ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    }

    std::string path_;
    int descriptor_ = -1;
};

namespace {

void log_broken_promise(const char* sentence) { spdlog::critical("{}", sentence); }

} // namespace

spdlog::level::level_enum spdlog_level(DebugLevel level) {
    switch (level) {
    case DebugLevel::error:
        return spdlog::level::err;
    case DebugLevel::warning:
        return spdlog::level::warn;
    case DebugLevel::notice:
        return spdlog::level::info;
    case DebugLevel::info:
        return spdlog::level::debug;
    case DebugLevel::debug:
        break;
    }
    return spdlog::level::trace;
}

Logging::Logging(const std::string& location,
                 DebugLevel level,
                 const std::string& host,
                 std::map<logs::Facility, DebugLevel> own)
    : level_(level), own_(std::move(own)) {
    const auto sink = sink_of(location, host);
    const auto logger_called = [&](std::string name) {
        auto logger = std::make_shared<spdlog::logger>(std::move(name), sink);
        logger->set_pattern(fmt::format("%Y-%m-%dT%H:%M:%S.%f%z {} ctdbd[%P]: %v", host));
        return logger;
    };
    spdlog::set_default_logger(logger_called("ctdbd"));
    for (std::size_t i = 0; i < logs::facility_names.size(); ++i)
        logs::redirect(static_cast<logs::Facility>(i),
                       logger_called(std::string(logs::facility_names.at(i))));
    set_level(level);
    base::observe_failed_checks(log_broken_promise);
}

Logging::~Logging() {
    for (std::size_t i = 0; i < logs::facility_names.size(); ++i)
        logs::redirect(static_cast<logs::Facility>(i), nullptr);
}

std::shared_ptr<spdlog::sinks::sink> Logging::sink_of(const std::string& location,
                                                      const std::string& host) {
    const std::size_t colon = location.find(':');
    const std::string backend = location.substr(0, colon);
    const std::string detail = colon == std::string::npos ? "" : location.substr(colon + 1);
    if (backend != "syslog") {
        file_ = std::make_shared<LogFile>(detail == "-" ? "" : detail);
        return file_;
    }
    if (const auto method = syslog_method_named(detail))
        return std::make_shared<SyslogSocket>(*method, host);
    return std::make_shared<Syslog>();
}

void Logging::set_level(DebugLevel level) {
    level_ = level;
    spdlog::default_logger()->set_level(spdlog_level(level));
    for (std::size_t i = 0; i < logs::facility_names.size(); ++i) {
        const auto facility = static_cast<logs::Facility>(i);
        const auto own = own_.find(facility);
        logs::of(facility).set_level(spdlog_level(own != own_.end() ? own->second : level));
    }
}

void Logging::reopen() {
    if (file_ != nullptr) file_->reopen();
}

} // namespace ctdbd::daemon
