// ctdb.conf: every option of CTDB 4.17, its default, and what is wrong with a value
// (ctdb-behaviour.md 7.3).
//
// Wrong values are errors, as in the stock daemon. What it ignores silently, unknown sections and
// options, is a warning here. Options that are understood but change nothing in this daemon are
// warned about as well: an operator must not believe in a setting that is not there.
#pragma once

#include "ctdbd/model/config_error.h"
#include "ctdbd/model/config_paths.h"
#include "ctdbd/model/config_text.h"
#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/numbers.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctdbd::config {

using protocol::DebugLevel;
using protocol::IpAddress;

// What stands at a path: some options must name something that exists.
enum class PathKind : std::uint8_t { absent, directory, file, executable, other };
using LookAt = std::function<PathKind(const fs::path&)>;

[[nodiscard]] PathKind look_at_disk(const fs::path& path);

struct Logging {
    std::string location = "file:/var/log/ctdb/log.ctdb"; // backend[:detail], checked
    DebugLevel level = DebugLevel::notice;
};

struct Cluster {
    std::optional<IpAddress> node_address; // none: the nodes file's line that is local
    std::string lock;                      // "cluster lock", else "recovery lock"; empty: none
    std::chrono::seconds leader_timeout{5};
    bool leader_capability = true;
};

struct Database {
    fs::path volatile_directory = "/var/lib/ctdb/volatile";
    fs::path persistent_directory = "/var/lib/ctdb/persistent";
    fs::path state_directory = "/var/lib/ctdb/state";
    fs::path lock_debug_script; // empty: none; else below CTDB_BASE
    bool tdb_mutexes = true;
};

struct Legacy {
    bool realtime_scheduling = true;
    bool lmaster_capability = true;
    bool start_as_stopped = false;
    bool start_as_disabled = false;
    DebugLevel script_log_level = DebugLevel::error;
};

struct CtdbConf {
    Logging logging;
    Cluster cluster;
    Database database;
    fs::path event_debug_script; // eventd runs it; empty: none; else below CTDB_BASE
    bool failover_disabled = false;
    Legacy legacy;

    std::vector<Assignment> given; // what the operator wrote, known options only
    std::vector<Warning> warnings; // to be logged once logging is open

    [[nodiscard]] bool was_given(std::string_view section, std::string_view name) const;
};

// Throws ConfigError. `base` is where scripts are looked for.
[[nodiscard]] CtdbConf parse_ctdb_conf(std::string_view text,
                                       const std::string& file,
                                       const fs::path& base,
                                       const LookAt& look = look_at_disk);

// A missing file is all defaults (whose directories are checked, too).
[[nodiscard]] CtdbConf load_ctdb_conf(const Paths& paths);

} // namespace ctdbd::config
