// The tunables: all 62 of CTDB 4.17 with their defaults, by name and by index, and the file that
// sets them at start (ctdb-wire.md 3.1.4, ctdb-behaviour.md 7.5, 7.6). What a tunable does is
// decided where it is read.
#pragma once

#include "ctdbd/model/config_error.h"
#include "ctdbd/model/config_paths.h"
#include "ctdbd/protocol/tunables.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctdbd::config {

// In the order of GET_ALL_TUNABLES.
enum class Tunable : std::uint8_t {
    max_redirect_count,
    seqnum_interval,
    control_timeout,
    traverse_timeout,
    keepalive_interval,
    keepalive_limit,
    recover_timeout,
    recover_interval,
    election_timeout,
    takeover_timeout,
    monitor_interval,
    tickle_update_interval,
    event_script_timeout,
    monitor_timeout_count,
    event_script_unhealthy_on_timeout,
    recovery_grace_period,
    recovery_ban_period,
    database_hash_size,
    database_max_dead,
    rerecovery_timeout,
    enable_bans,
    deterministic_ips,
    reclock_ping_period,
    no_ip_failback,
    disable_ip_failover,
    verbose_memory_names,
    recd_ping_timeout,
    recd_fail_count,
    log_latency_ms,
    rec_lock_latency_ms,
    recovery_drop_all_ips,
    verify_recovery_lock,
    vacuum_interval,
    vacuum_max_run_time,
    repack_limit,
    vacuum_limit,
    max_queue_drop_msg,
    allow_unhealthy_db_read,
    stat_history_interval,
    deferred_attach_to,
    vacuum_fast_path_count,
    lcp2_public_ips,
    allow_client_db_attach,
    recover_pdb_by_seq_num,
    deferred_rebalance_on_node_add,
    fetch_collapse,
    hopcount_make_sticky,
    sticky_duration,
    sticky_pindown,
    no_ip_takeover,
    db_record_count_warn,
    db_record_size_warn,
    db_size_warn,
    pull_db_preallocation,
    no_ip_host_on_all_disabled,
    samba3_avoid_deadlocks,
    tdb_mutex_enabled,
    lock_processes_per_db,
    rec_buffer_size_limit,
    queue_buffer_size,
    ip_alloc_algorithm,
    allow_mixed_versions,
};

struct TunableFacts {
    std::string_view name;
    std::uint32_t by_default;
    // Nothing reads it any more: it keeps its slot and can be got and set, but is not listed.
    bool obsolete;
};

[[nodiscard]] std::span<const TunableFacts> all_tunables();

[[nodiscard]] inline const TunableFacts& facts_of(Tunable tunable) {
    return all_tunables()[static_cast<std::size_t>(tunable)];
}

// In any case of letters.
[[nodiscard]] std::optional<Tunable> tunable_named(std::string_view name);

class Tunables {
public:
    Tunables(); // the defaults

    [[nodiscard]] std::uint32_t operator[](Tunable tunable) const {
        return values_.values[static_cast<std::size_t>(tunable)];
    }

    void set(Tunable tunable, std::uint32_t value) {
        values_.values[static_cast<std::size_t>(tunable)] = value;
    }

    [[nodiscard]] const protocol::TunableValues& all() const { return values_; }

    friend bool operator==(const Tunables&, const Tunables&) = default;

private:
    protocol::TunableValues values_;
};

// LIST_TUNABLES: every name that is not obsolete, each after a colon, in the stock daemon's order.
[[nodiscard]] std::string tunable_names_text();

// ctdb.tunables: NAME=VALUE lines. Lines that are wrong are skipped and returned as warnings, so is
// the use of an obsolete name (which is set nevertheless); a node starts in any case.
[[nodiscard]] std::vector<Warning>
parse_tunables(std::string_view text, const std::string& file, Tunables& tunables);

// A missing file changes nothing. Throws ConfigError if it exists but cannot be read.
[[nodiscard]] std::vector<Warning> load_tunables(const fs::path& path, Tunables& tunables);

} // namespace ctdbd::config
