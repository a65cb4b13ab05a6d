#include "ctdbd/model/config_paths.h"

#include "ctdbd/model/config_error.h"

#include <cstdlib>

namespace ctdbd::config {
namespace {

constexpr const char* helper_directory = "/usr/libexec/ctdb";

fs::path helper(const Environment& environment, const char* variable, const char* name) {
    return environment(variable).value_or((fs::path(helper_directory) / name).string());
}

void place_directories(Paths& paths, const Environment& environment) {
    const std::optional<std::string> base = environment("CTDB_BASE");
    paths.test_mode = environment("CTDB_TEST_MODE").has_value();
    if (!paths.test_mode) {
        paths.base = base.value_or("/etc/ctdb");
        paths.run = "/run/ctdb";
        paths.var = "/var/lib/ctdb";
        paths.share = "/usr/share/ctdb";
        return;
    }
    if (!base)
        throw ConfigError({.file = "environment", .key = "CTDB_BASE"},
                          "CTDB_TEST_MODE is set, but CTDB_BASE is not",
                          "set CTDB_BASE to the directory of this node");
    paths.base = *base;
    paths.run = paths.base / "run";
    paths.var = paths.base / "var";
    paths.share = paths.base / "share";
}

void check_socket(const fs::path& socket) {
    if (socket.native().size() <= socket_path_max) return;
    throw ConfigError({.file = "environment", .key = "CTDB_SOCKET"},
                      fmt::format("The socket's path is {} bytes long: {}", socket.native().size(),
                                  socket.string()),
                      fmt::format("a unix socket's path has at most {} bytes", socket_path_max));
}

} // namespace

std::optional<std::string> process_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

Paths find_paths(const Environment& environment) {
    Paths paths;
    place_directories(paths, environment);
    paths.socket = environment("CTDB_SOCKET").value_or((paths.run / "ctdbd.socket").string());
    check_socket(paths.socket);
    paths.pid_file = paths.run / "ctdbd.pid";
    paths.eventd_socket = paths.run / "eventd.socket";
    paths.eventd_pid_file = paths.run / "eventd.pid";
    paths.ctdb_conf = paths.base / "ctdb.conf";
    paths.totem_conf = paths.base / "totem.conf";
    paths.nodes = paths.base / "nodes";
    paths.public_addresses = paths.base / "public_addresses";
    paths.tunables = paths.base / "ctdb.tunables";
    paths.events = paths.base / "events" / "legacy";
    paths.notify_script = paths.base / "notify.sh";
    paths.eventd = helper(environment, "CTDB_EVENTD", "ctdb-eventd");
    paths.event_helper = helper(environment, "CTDB_EVENT_HELPER", "ctdb-event");
    paths.lock_helper = helper(environment, "CTDB_LOCK_HELPER", "ctdb_lock_helper");
    paths.recovery_helper = helper(environment, "CTDB_RECOVERY_HELPER", "ctdb_recovery_helper");
    paths.takeover_helper = helper(environment, "CTDB_TAKEOVER_HELPER", "ctdb_takeover_helper");
    paths.cluster_mutex_helper =
        helper(environment, "CTDB_CLUSTER_MUTEX_HELPER", "ctdb_mutex_fcntl_helper");
    return paths;
}

} // namespace ctdbd::config
