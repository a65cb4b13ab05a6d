// What nodes tell about themselves and each other: maps, flags, bans, times, requests and answers
// that travel as messages (ctdb-wire.md 3.1.2, 3.1.3, 4.3).
#pragma once

#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/codec.h"

#include <cstdint>
#include <vector>

namespace ctdbd::protocol {

struct Timeval {
    std::int64_t seconds = 0;
    std::int64_t microseconds = 0;

    friend bool operator==(const Timeval&, const Timeval&) = default;
};

struct Node {
    std::uint32_t pnn = 0;
    std::uint32_t flags = 0; // node_flag::
    SocketAddress address;   // port: node_port

    friend bool operator==(const Node&, const Node&) = default;
};

// In PNN order; deleted nodes keep their slot. Tolerates a tail.
struct NodeMap {
    std::vector<Node> nodes;

    friend bool operator==(const NodeMap&, const NodeMap&) = default;
};

// Tolerates a tail.
struct VnnMap {
    std::uint32_t generation = 0;
    std::vector<std::uint32_t> pnns;

    friend bool operator==(const VnnMap&, const VnnMap&) = default;
};

struct NodeFlagChange {
    std::uint32_t pnn = 0, new_flags = 0, old_flags = 0;

    friend bool operator==(const NodeFlagChange&, const NodeFlagChange&) = default;
};

struct BanState {
    std::uint32_t pnn = 0;
    std::uint32_t seconds = 0; // 0: not banned, or unban

    friend bool operator==(const BanState&, const BanState&) = default;
};

struct Uptime {
    Timeval now, started, recovery_started, recovery_finished;

    friend bool operator==(const Uptime&, const Uptime&) = default;
};

// CHECK_PID_SRVID. On the wire without alignment: 12 bytes.
struct PidSrvid {
    std::int32_t pid = 0;
    std::uint64_t srvid = 0;

    friend bool operator==(const PidSrvid&, const PidSrvid&) = default;
};

// TAKEOVER_RUN, MEM_DUMP: whom to answer. srvid 0: nobody.
struct SrvidMessage {
    std::uint32_t pnn = 0;
    std::uint64_t srvid = 0;

    friend bool operator==(const SrvidMessage&, const SrvidMessage&) = default;
};

// DISABLE_TAKEOVER_RUNS, DISABLE_RECOVERIES. timeout 0: enable again.
struct DisableMessage {
    std::uint32_t pnn = 0;
    std::uint64_t srvid = 0;
    std::uint32_t timeout = 0; // seconds

    friend bool operator==(const DisableMessage&, const DisableMessage&) = default;
};

struct ElectionMessage {
    std::uint32_t num_connected = 0;
    Timeval priority_time;
    std::uint32_t pnn = 0;
    std::uint32_t node_flags = 0;

    friend bool operator==(const ElectionMessage&, const ElectionMessage&) = default;
};

// A Samba process; opaque to the daemon but for tests and g_lock.
struct ServerId {
    std::uint64_t pid = 0;
    std::uint32_t task_id = 0;
    std::uint32_t vnn = 0;
    std::uint64_t unique_id = 0;

    friend bool operator==(const ServerId&, const ServerId&) = default;
};

// REGISTER_NOTIFY: what to send, to which srvid, when the client is gone.
struct NotifyData {
    std::uint64_t srvid = 0;
    Bytes data;

    friend bool operator==(const NotifyData&, const NotifyData&) = default;
};

// ECHO_DATA, both ways. Tolerates a tail.
struct EchoData {
    std::uint32_t timeout = 0;
    Bytes data;

    friend bool operator==(const EchoData&, const EchoData&) = default;
};

} // namespace ctdbd::protocol
