// Where log lines go and what they look like (ctdb-behaviour.md 7.7): the stock daemon's backends,
// line format and levels, over spdlog, which the rest of the program logs with.
//
// CTDB has one level more than spdlog between warnings and debugging: NOTICE is spdlog's info, INFO
// its debug, DEBUG its trace. What CTDB has not: each facility (net/logs.h) may have its own level.
#pragma once

#include "ctdbd/protocol/numbers.h"
#include "net/logs.h"

#include <spdlog/common.h>

#include <map>
#include <memory>
#include <string>

namespace ctdbd::daemon {

using protocol::DebugLevel;

[[nodiscard]] spdlog::level::level_enum spdlog_level(DebugLevel level);

class LogFile;

class Logging {
public:
    // `location` as in ctdb.conf. `host` is what lines carry as their host. Throws
    // std::runtime_error with a sentence for the operator.
    // The facilities of `own` have a level of their own, which set_level() leaves alone.
    Logging(const std::string& location,
            DebugLevel level,
            const std::string& host,
            std::map<logs::Facility, DebugLevel> own = {});
    ~Logging();

    Logging(const Logging&) = delete;
    Logging& operator=(const Logging&) = delete;

    void set_level(DebugLevel level);

    [[nodiscard]] DebugLevel level() const { return level_; }

    // The file may have been moved away (SIGHUP).
    void reopen();

private:
    [[nodiscard]] std::shared_ptr<spdlog::sinks::sink> sink_of(const std::string& location,
                                                               const std::string& host);

    std::shared_ptr<LogFile> file_; // null: not to a file
    DebugLevel level_;
    std::map<logs::Facility, DebugLevel> own_;
};

} // namespace ctdbd::daemon
