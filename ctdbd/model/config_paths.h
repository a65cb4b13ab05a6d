// Where everything is: from the environment, as the stock daemon and its tools agree on it
// (ctdb-behaviour.md 7.1, 7.8, 7.10).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace ctdbd::config {

namespace fs = std::filesystem;

// Reads one environment variable; what main passes is getenv, what a test passes is its own.
using Environment = std::function<std::optional<std::string>(const char* name)>;

[[nodiscard]] std::optional<std::string> process_environment(const char* name);

struct Paths {
    bool test_mode = false; // CTDB_TEST_MODE: no privileges, everything below CTDB_BASE
    fs::path base;          // CTDB_BASE: the configuration

    fs::path run, var, share;
    fs::path socket, pid_file; // CTDB_SOCKET replaces the socket in every mode
    fs::path eventd_socket, eventd_pid_file;

    fs::path ctdb_conf, totem_conf, nodes, public_addresses, tunables;
    fs::path events; // events/legacy: the event scripts
    fs::path notify_script;

    // Programs of the packages, each replaceable by its environment variable.
    fs::path eventd;               // CTDB_EVENTD
    fs::path event_helper;         // CTDB_EVENT_HELPER
    fs::path lock_helper;          // CTDB_LOCK_HELPER
    fs::path recovery_helper;      // CTDB_RECOVERY_HELPER
    fs::path takeover_helper;      // CTDB_TAKEOVER_HELPER
    fs::path cluster_mutex_helper; // CTDB_CLUSTER_MUTEX_HELPER
};

// A unix socket's path must fit into sockaddr_un with its NUL.
inline constexpr std::size_t socket_path_max = 107;

// Throws ConfigError: test mode without CTDB_BASE, or a socket path that is too long.
[[nodiscard]] Paths find_paths(const Environment& environment);

} // namespace ctdbd::config
