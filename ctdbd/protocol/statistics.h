// The counters of a node (488 bytes) and of one of its databases (ctdb-wire.md 3.1.5, 3.1.6).
//
// Counting is done where things happen; this is only how it is told to `ctdb statistics`.
#pragma once

#include "ctdbd/protocol/codec.h"
#include "ctdbd/protocol/nodes.h"

#include <array>
#include <cstdint>
#include <vector>

namespace ctdbd::protocol {

inline constexpr std::size_t count_buckets = 16;

using Buckets = std::array<std::uint32_t, count_buckets>;

// Seconds. Without a sample (num 0) all are 0.
struct LatencyCounter {
    std::int32_t num = 0;
    double min = 0, max = 0, total = 0;

    void add(double seconds);
    void add(const LatencyCounter& more);

    friend bool operator==(const LatencyCounter&, const LatencyCounter&) = default;
};

struct LockStatistics {
    std::uint32_t num_calls = 0, num_current = 0, num_pending = 0, num_failed = 0;
    LatencyCounter latency;
    Buckets buckets{}; // lock_bucket()

    friend bool operator==(const LockStatistics&, const LockStatistics&) = default;
};

// <1 ms, <10 ms, <100 ms, <1 s, <2 s, <4 s, ... <64 s, longer: 0 to 10.
[[nodiscard]] std::size_t lock_bucket(double seconds);
// The number of significant bits, 15 at most.
[[nodiscard]] std::size_t hop_count_bucket(std::uint32_t hops);

struct NodePacketCounts {
    std::uint32_t req_call = 0, reply_call = 0, req_dmaster = 0, reply_dmaster = 0, reply_error = 0;
    std::uint32_t req_message = 0, req_control = 0, reply_control = 0, req_tunnel = 0;

    friend bool operator==(const NodePacketCounts&, const NodePacketCounts&) = default;
};

struct ClientPacketCounts {
    std::uint32_t req_call = 0, req_message = 0, req_control = 0, req_tunnel = 0;

    friend bool operator==(const ClientPacketCounts&, const ClientPacketCounts&) = default;
};

struct TimeoutCounts {
    std::uint32_t call = 0, control = 0, traverse = 0;

    friend bool operator==(const TimeoutCounts&, const TimeoutCounts&) = default;
};

struct Statistics {
    std::uint32_t num_clients = 0; // this, frozen, recovering and memory_used: as of the request
    std::uint32_t frozen = 0, recovering = 0;
    std::uint32_t client_packets_sent = 0, client_packets_recv = 0;
    std::uint32_t node_packets_sent = 0, node_packets_recv = 0;
    std::uint32_t keepalive_packets_sent = 0, keepalive_packets_recv = 0;
    NodePacketCounts node;
    ClientPacketCounts client;
    TimeoutCounts timeouts;
    LatencyCounter reclock_ctdbd, reclock_recd;
    LockStatistics locks;
    std::uint32_t total_calls = 0, pending_calls = 0;
    std::uint32_t childwrite_calls = 0, pending_childwrite_calls = 0;
    std::uint32_t memory_used = 0;
    std::uint32_t max_hop_count = 0;
    Buckets hop_count_buckets{};
    LatencyCounter call_latency, childwrite_latency;
    std::uint32_t num_recoveries = 0;
    Timeval started, now;
    std::uint32_t total_ro_delegations = 0, total_ro_revokes = 0;

    friend bool operator==(const Statistics&, const Statistics&) = default;
};

// Counts of two stretches as those of one; what is not counted but measured stays as it is in
// `sum`.
void add(LockStatistics& sum, const LockStatistics& more);
void add(Statistics& sum, const Statistics& more);
// What came between two looks at a counter. Of the latencies in between only the mean is known.
[[nodiscard]] LockStatistics since(const LockStatistics& before, const LockStatistics& now);

inline constexpr std::size_t statistics_size = 488;
inline constexpr std::size_t statistics_history = 100; // entries in GET_STAT_HISTORY, always

struct StatisticsList {
    std::vector<Statistics> entries; // newest first; unused ones are zero

    friend bool operator==(const StatisticsList&, const StatisticsList&) = default;
};

struct HotKey {
    std::uint32_t count = 0;
    Bytes key;

    friend bool operator==(const HotKey&, const HotKey&) = default;
};

inline constexpr std::size_t hot_keys = 10;

struct DbStatistics {
    LockStatistics locks;
    LatencyCounter vacuum_latency;
    std::uint32_t ro_delegations = 0, ro_revokes = 0;
    Buckets hop_count_buckets{};
    std::array<HotKey, hot_keys> hottest;

    friend bool operator==(const DbStatistics&, const DbStatistics&) = default;
};

} // namespace ctdbd::protocol
