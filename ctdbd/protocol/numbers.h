// The numbers of CTDB's client protocol that everybody means the same by (ctdb-wire.md 1.4,
// 2, 3.1.7, 4, 5): node numbers, operations, flags, states, levels and message addresses. Control
// opcodes have their own table in opcodes.h. Numbers that travel unchecked or are combined as bits
// are plain integers in small namespaces; those that name one state are enums.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctdbd::protocol {

enum class Operation : std::uint32_t {
    req_call = 0,
    reply_call = 1,
    req_dmaster = 2,
    reply_dmaster = 3,
    reply_error = 4,
    req_message = 5,
    req_control = 7,
    reply_control = 8,
    req_keepalive = 9,
    req_tunnel = 10,
};

// "REQ_CALL"; "UNKNOWN" for what is not in the enum.
[[nodiscard]] std::string_view name_of(Operation operation);

// Where a packet goes: a PNN, or one of these. All broadcasts include the local node.
namespace pnn {
inline constexpr std::uint32_t current_node = 0xF0000001;
inline constexpr std::uint32_t broadcast_all = 0xF0000002;       // not DELETED
inline constexpr std::uint32_t broadcast_active = 0xF0000003;    // none of the INACTIVE flags
inline constexpr std::uint32_t broadcast_connected = 0xF0000004; // neither DELETED nor DISCONNECTED
inline constexpr std::uint32_t multicast = 0xF0000005;           // reserved: always an invalid node
inline constexpr std::uint32_t unknown = 0xFFFFFFFF;             // no node: no leader, no holder

[[nodiscard]] constexpr bool is_broadcast(std::uint32_t number) {
    return number >= broadcast_all && number <= broadcast_connected;
}
} // namespace pnn

namespace call_flag {
inline constexpr std::uint32_t immediate_migration = 0x1;
inline constexpr std::uint32_t vacuum_migration = 0x2;
inline constexpr std::uint32_t want_readonly = 0x4;
} // namespace call_flag

namespace call_id {
inline constexpr std::uint32_t null = 0xFF000001;              // migrate only: no data in the reply
inline constexpr std::uint32_t fetch = 0xFF000002;             // the value without its ltdb header
inline constexpr std::uint32_t fetch_with_header = 0xFF000003; // ltdb header and value
} // namespace call_id

namespace control_flag {
inline constexpr std::uint32_t noreply = 0x00000001;
inline constexpr std::uint32_t only_available = 0x00010000;  // GET_PUBLIC_IPS
inline constexpr std::uint32_t attach_recovery = 0x00020000; // DB_ATTACH*
} // namespace control_flag

namespace tunnel_flag {
inline constexpr std::uint32_t request = 0x1;
inline constexpr std::uint32_t reply = 0x2;
inline constexpr std::uint32_t noreply = 0x10;
} // namespace tunnel_flag

namespace node_flag {
inline constexpr std::uint32_t disconnected = 0x01;
inline constexpr std::uint32_t unhealthy = 0x02;
inline constexpr std::uint32_t permanently_disabled = 0x04;
inline constexpr std::uint32_t banned = 0x08;
inline constexpr std::uint32_t deleted = 0x10;
inline constexpr std::uint32_t stopped = 0x20;

inline constexpr std::uint32_t disabled = unhealthy | permanently_disabled;
inline constexpr std::uint32_t inactive = deleted | disconnected | banned | stopped;
} // namespace node_flag

// "OK", "BANNED|INACTIVE", ...: the words of `ctdb status`, in its order.
[[nodiscard]] std::string node_flags_text(std::uint32_t flags);

namespace db_flag {
inline constexpr std::uint8_t persistent = 0x01;
inline constexpr std::uint8_t readonly = 0x02;
inline constexpr std::uint8_t sticky = 0x04;
inline constexpr std::uint8_t replicated = 0x08;
} // namespace db_flag

namespace capability {
inline constexpr std::uint32_t leader = 0x1; // RECMASTER of old
inline constexpr std::uint32_t lmaster = 0x2;
inline constexpr std::uint32_t parallel_recovery = 0x00010000;
inline constexpr std::uint32_t fragmented_controls = 0x00020000;

inline constexpr std::uint32_t by_default =
    leader | lmaster | parallel_recovery | fragmented_controls;
} // namespace capability

enum class RunState : std::uint32_t {
    unknown = 0,
    init = 1,
    setup = 2,
    first_recovery = 3,
    startup = 4,
    running = 5,
    shutdown = 6,
};

// "FIRST_RECOVERY", as `ctdb runstate` prints it.
[[nodiscard]] std::string_view name_of(RunState state);

enum class RecoveryMode : std::uint32_t { normal = 0, active = 1 };

// Of a VNN map or a database that no recovery has blessed. Real generations are never 0 or 1.
inline constexpr std::uint32_t invalid_generation = 1;

// The levels that SET_DEBUG and ctdb.conf speak of; between them lies what prints as the lower one.
enum class DebugLevel : std::int32_t { error = 0, warning = 1, notice = 3, info = 5, debug = 10 };

[[nodiscard]] std::string_view name_of(DebugLevel level);
// The level that a number on the wire means: 4 is NOTICE, 99 is DEBUG, below 0 is ERROR.
[[nodiscard]] DebugLevel debug_level_of(std::int32_t number);
// By name or unambiguous beginning of it, in any case ("ERR", "deb"), or by number.
[[nodiscard]] std::optional<DebugLevel> debug_level_named(std::string_view text);

// Flags in a record's ltdb header.
namespace record_flag {
inline constexpr std::uint32_t migrated_with_data = 0x00010000;
inline constexpr std::uint32_t vacuum_migrated = 0x00020000; // never stored
inline constexpr std::uint32_t automatic = 0x00040000;       // never stored
inline constexpr std::uint32_t ro_have_delegations = 0x01000000;
inline constexpr std::uint32_t ro_have_readonly = 0x02000000;
inline constexpr std::uint32_t ro_revoking_readonly = 0x04000000;
inline constexpr std::uint32_t ro_revoke_complete = 0x08000000;

inline constexpr std::uint32_t ro_flags =
    ro_have_delegations | ro_have_readonly | ro_revoking_readonly | ro_revoke_complete;
} // namespace record_flag

// What DB_OPEN_FLAGS answers: the flags with which clients must open the TDB file.
namespace tdb_open_flag {
inline constexpr std::int32_t volatile_with_mutexes = 0x1C41;
inline constexpr std::int32_t volatile_without_mutexes = 0x0C41;
inline constexpr std::int32_t replicated = 0x0C41;
inline constexpr std::int32_t persistent = 0x0400;
inline constexpr std::int32_t seqnum = 0x0080; // added once ENABLE_SEQNUM was called
} // namespace tdb_open_flag

// Message addresses with an agreed meaning. A Samba process' own address is its pid.
namespace srvid {
inline constexpr std::uint64_t all = 0xFFFFFFFFFFFFFFFF;
inline constexpr std::uint64_t recovery = 0xF001000000000000; // plus a counter
inline constexpr std::uint64_t banning = 0xF002000000000000;
inline constexpr std::uint64_t election = 0xF100000000000000;
inline constexpr std::uint64_t leader = 0xF101000000000000;
inline constexpr std::uint64_t reconfigure = 0xF200000000000000;
inline constexpr std::uint64_t release_ip = 0xF300000000000000;
inline constexpr std::uint64_t take_ip = 0xF301000000000000;
inline constexpr std::uint64_t set_node_flags = 0xF400000000000000;  // obsolete
inline constexpr std::uint64_t recd_update_ip = 0xF500000000000000;  // obsolete
inline constexpr std::uint64_t vacuum_fetch = 0xF700000000000000;    // obsolete
inline constexpr std::uint64_t detach_database = 0xF701000000000000; // obsolete
inline constexpr std::uint64_t mem_dump = 0xF800000000000000;
inline constexpr std::uint64_t getlog = 0xF801000000000000;   // obsolete
inline constexpr std::uint64_t clearlog = 0xF802000000000000; // obsolete
inline constexpr std::uint64_t push_node_flags = 0xF900000000000000;
inline constexpr std::uint64_t reload_nodes = 0xFA00000000000000;
inline constexpr std::uint64_t takeover_run = 0xFB00000000000000;
inline constexpr std::uint64_t rebalance_node = 0xFB01000000000000;
inline constexpr std::uint64_t disable_takeover_runs = 0xFB03000000000000;
inline constexpr std::uint64_t disable_recoveries = 0xFB04000000000000;
inline constexpr std::uint64_t disable_ip_check = 0xFC00000000000000;
inline constexpr std::uint64_t samba_notify = 0xFE00000000000000;
inline constexpr std::uint64_t samba_notify_proxy = 0xFE00000000000001;
inline constexpr std::uint64_t samba_process = 0xFE00000000000002;
inline constexpr std::uint64_t tool_range = 0xCE00000000000000;
inline constexpr std::uint64_t tool_pushdb = 0xCE02000000000000;
inline constexpr std::uint64_t client_range = 0xBE00000000000000;
inline constexpr std::uint64_t test_range = 0xAE00000000000000;
} // namespace srvid

inline constexpr std::uint16_t node_port = 4379; // what node addresses carry, whoever listens there

} // namespace ctdbd::protocol
