#include "ctdbd/protocol/opcodes.h"

#include <algorithm>
#include <array>

namespace ctdbd::protocol {
namespace {

constexpr auto live = OpcodeState::live;
constexpr auto vestigial = OpcodeState::vestigial;
constexpr auto dead = OpcodeState::dead;
constexpr auto any = OpcodeScope::any;
constexpr auto cli = OpcodeScope::client;
constexpr auto internal = OpcodeScope::internal;
constexpr auto any_size = std::nullopt;

// clang-format off
constexpr auto opcodes = std::to_array<OpcodeFacts>({
    {Opcode::process_exists, "PROCESS_EXISTS", live, any, 4},
    {Opcode::statistics, "STATISTICS", live, any, 0},
    {Opcode::ping, "PING", live, any, 0},
    {Opcode::getdbpath, "GETDBPATH", live, any, 4},
    {Opcode::getvnnmap, "GETVNNMAP", live, any, 0},
    {Opcode::setvnnmap, "SETVNNMAP", live, any, any_size},
    {Opcode::get_debug, "GET_DEBUG", live, any, 0},
    {Opcode::set_debug, "SET_DEBUG", live, any, 4},
    {Opcode::get_dbmap, "GET_DBMAP", live, any, 0},
    {Opcode::get_nodemapv4, "GET_NODEMAPv4", dead, any, any_size},
    {Opcode::set_dmaster, "SET_DMASTER", dead, any, any_size},
    {Opcode::pull_db, "PULL_DB", dead, any, any_size},
    {Opcode::push_db, "PUSH_DB", dead, any, any_size},
    {Opcode::get_recmode, "GET_RECMODE", live, any, any_size},
    {Opcode::set_recmode, "SET_RECMODE", live, any, 4},
    {Opcode::statistics_reset, "STATISTICS_RESET", live, any, 0},
    {Opcode::db_attach, "DB_ATTACH", live, any, any_size},
    {Opcode::set_call, "SET_CALL", dead, any, any_size},
    {Opcode::traverse_start, "TRAVERSE_START", live, cli, 16},
    {Opcode::traverse_all, "TRAVERSE_ALL", live, internal, 24},
    {Opcode::traverse_data, "TRAVERSE_DATA", live, internal, any_size},
    {Opcode::register_srvid, "REGISTER_SRVID", live, cli, any_size},
    {Opcode::deregister_srvid, "DEREGISTER_SRVID", live, cli, any_size},
    {Opcode::get_dbname, "GET_DBNAME", live, any, 4},
    {Opcode::enable_seqnum, "ENABLE_SEQNUM", live, any, 4},
    {Opcode::update_seqnum, "UPDATE_SEQNUM", live, internal, 4},
    {Opcode::dump_memory, "DUMP_MEMORY", live, any, 0},
    {Opcode::get_pid, "GET_PID", live, any, any_size},
    {Opcode::get_recmaster, "GET_RECMASTER", dead, any, any_size},
    {Opcode::set_recmaster, "SET_RECMASTER", dead, any, any_size},
    {Opcode::freeze, "FREEZE", live, any, 0},
    {Opcode::thaw, "THAW", dead, any, any_size},
    {Opcode::get_pnn, "GET_PNN", live, any, any_size},
    {Opcode::shutdown, "SHUTDOWN", live, any, any_size},
    {Opcode::get_monmode, "GET_MONMODE", dead, any, any_size},
    {Opcode::takeover_ipv4, "TAKEOVER_IPv4", dead, any, any_size},
    {Opcode::release_ipv4, "RELEASE_IPv4", dead, any, any_size},
    {Opcode::tcp_client, "TCP_CLIENT", live, cli, 56},
    {Opcode::tcp_add, "TCP_ADD", live, any, 56},
    {Opcode::tcp_remove, "TCP_REMOVE", live, any, 56},
    {Opcode::startup, "STARTUP", live, internal, 0},
    {Opcode::set_tunable, "SET_TUNABLE", live, any, any_size},
    {Opcode::get_tunable, "GET_TUNABLE", live, any, any_size},
    {Opcode::list_tunables, "LIST_TUNABLES", live, any, any_size},
    {Opcode::get_public_ipsv4, "GET_PUBLIC_IPSv4", dead, any, any_size},
    {Opcode::modify_flags, "MODIFY_FLAGS", live, any, 12},
    {Opcode::get_all_tunables, "GET_ALL_TUNABLES", live, any, 0},
    {Opcode::kill_tcp, "KILL_TCP", dead, any, any_size},
    {Opcode::get_tcp_tickle_list, "GET_TCP_TICKLE_LIST", live, any, 28},
    {Opcode::set_tcp_tickle_list, "SET_TCP_TICKLE_LIST", live, internal, any_size},
    {Opcode::register_server_id, "REGISTER_SERVER_ID", dead, any, any_size},
    {Opcode::unregister_server_id, "UNREGISTER_SERVER_ID", dead, any, any_size},
    {Opcode::check_server_id, "CHECK_SERVER_ID", dead, any, any_size},
    {Opcode::get_server_id_list, "GET_SERVER_ID_LIST", dead, any, any_size},
    {Opcode::db_attach_persistent, "DB_ATTACH_PERSISTENT", live, any, any_size},
    {Opcode::persistent_store, "PERSISTENT_STORE", dead, any, any_size},
    {Opcode::update_record, "UPDATE_RECORD", live, any, any_size},
    {Opcode::send_gratuitous_arp, "SEND_GRATUITOUS_ARP", live, any, any_size},
    {Opcode::transaction_start, "TRANSACTION_START", dead, any, any_size},
    {Opcode::transaction_commit, "TRANSACTION_COMMIT", dead, any, any_size},
    {Opcode::wipe_database, "WIPE_DATABASE", live, any, 8},
    {Opcode::uptime, "UPTIME", live, any, any_size},
    {Opcode::start_recovery, "START_RECOVERY", live, any, any_size},
    {Opcode::end_recovery, "END_RECOVERY", live, any, any_size},
    {Opcode::reload_nodes_file, "RELOAD_NODES_FILE", live, any, 0},
    {Opcode::try_delete_records, "TRY_DELETE_RECORDS", live, internal, any_size},
    {Opcode::enable_monitor, "ENABLE_MONITOR", dead, any, any_size},
    {Opcode::disable_monitor, "DISABLE_MONITOR", dead, any, any_size},
    {Opcode::add_public_ip, "ADD_PUBLIC_IP", live, any, any_size},
    {Opcode::del_public_ip, "DEL_PUBLIC_IP", live, any, any_size},
    {Opcode::run_eventscripts, "RUN_EVENTSCRIPTS", dead, any, any_size},
    {Opcode::get_capabilities, "GET_CAPABILITIES", live, any, any_size},
    {Opcode::start_persistent_update, "START_PERSISTENT_UPDATE", vestigial, cli, any_size},
    {Opcode::cancel_persistent_update, "CANCEL_PERSISTENT_UPDATE", vestigial, cli, any_size},
    {Opcode::trans2_commit, "TRANS2_COMMIT", dead, any, any_size},
    {Opcode::trans2_finished, "TRANS2_FINISHED", dead, any, any_size},
    {Opcode::trans2_error, "TRANS2_ERROR", dead, any, any_size},
    {Opcode::trans2_commit_retry, "TRANS2_COMMIT_RETRY", dead, any, any_size},
    {Opcode::recd_ping, "RECD_PING", live, any, 0},
    {Opcode::release_ip, "RELEASE_IP", live, any, 32},
    {Opcode::takeover_ip, "TAKEOVER_IP", live, any, 32},
    {Opcode::get_public_ips, "GET_PUBLIC_IPS", live, any, 0},
    {Opcode::get_nodemap, "GET_NODEMAP", live, any, 0},
    {Opcode::get_event_script_status, "GET_EVENT_SCRIPT_STATUS", dead, any, any_size},
    {Opcode::traverse_kill, "TRAVERSE_KILL", live, internal, 16},
    {Opcode::recd_reclock_latency, "RECD_RECLOCK_LATENCY", live, any, 8},
    {Opcode::get_reclock_file, "GET_RECLOCK_FILE", live, any, 0},
    {Opcode::set_reclock_file, "SET_RECLOCK_FILE", dead, any, any_size},
    {Opcode::stop_node, "STOP_NODE", live, any, 0},
    {Opcode::continue_node, "CONTINUE_NODE", live, any, 0},
    {Opcode::set_natgwstate, "SET_NATGWSTATE", dead, any, any_size},
    {Opcode::set_lmasterrole, "SET_LMASTERROLE", live, any, 4},
    {Opcode::set_recmasterrole, "SET_RECMASTERROLE", live, any, 4},
    {Opcode::enable_script, "ENABLE_SCRIPT", dead, any, any_size},
    {Opcode::disable_script, "DISABLE_SCRIPT", dead, any, any_size},
    {Opcode::set_ban_state, "SET_BAN_STATE", live, any, 8},
    {Opcode::get_ban_state, "GET_BAN_STATE", live, any, 0},
    {Opcode::set_db_priority, "SET_DB_PRIORITY", dead, any, any_size},
    {Opcode::get_db_priority, "GET_DB_PRIORITY", dead, any, any_size},
    {Opcode::transaction_cancel, "TRANSACTION_CANCEL", dead, any, any_size},
    {Opcode::register_notify, "REGISTER_NOTIFY", live, cli, any_size},
    {Opcode::deregister_notify, "DEREGISTER_NOTIFY", live, cli, 8},
    {Opcode::trans2_active, "TRANS2_ACTIVE", dead, any, any_size},
    {Opcode::get_log, "GET_LOG", dead, any, any_size},
    {Opcode::clear_log, "CLEAR_LOG", dead, any, any_size},
    {Opcode::trans3_commit, "TRANS3_COMMIT", live, cli, any_size},
    {Opcode::get_db_seqnum, "GET_DB_SEQNUM", live, any, 8},
    {Opcode::db_set_healthy, "DB_SET_HEALTHY", live, any, 4},
    {Opcode::db_get_health, "DB_GET_HEALTH", live, any, 4},
    {Opcode::get_public_ip_info, "GET_PUBLIC_IP_INFO", live, any, 28},
    {Opcode::get_ifaces, "GET_IFACES", live, any, 0},
    {Opcode::set_iface_link_state, "SET_IFACE_LINK_STATE", live, any, 24},
    {Opcode::tcp_add_delayed_update, "TCP_ADD_DELAYED_UPDATE", live, any, 56},
    {Opcode::get_stat_history, "GET_STAT_HISTORY", live, any, 0},
    {Opcode::schedule_for_deletion, "SCHEDULE_FOR_DELETION", live, any, any_size},
    {Opcode::set_db_readonly, "SET_DB_READONLY", live, any, 4},
    {Opcode::check_srvids, "CHECK_SRVIDS", dead, any, any_size},
    {Opcode::traverse_start_ext, "TRAVERSE_START_EXT", live, cli, 24},
    {Opcode::get_db_statistics, "GET_DB_STATISTICS", live, any, 4},
    {Opcode::set_db_sticky, "SET_DB_STICKY", live, any, 4},
    {Opcode::reload_public_ips, "RELOAD_PUBLIC_IPS", live, any, 0},
    {Opcode::traverse_all_ext, "TRAVERSE_ALL_EXT", live, internal, 32},
    {Opcode::receive_records, "RECEIVE_RECORDS", dead, any, any_size},
    {Opcode::ipreallocated, "IPREALLOCATED", live, any, 0},
    {Opcode::get_runstate, "GET_RUNSTATE", live, any, 0},
    {Opcode::db_detach, "DB_DETACH", live, any, any_size},
    {Opcode::get_nodes_file, "GET_NODES_FILE", live, any, 0},
    {Opcode::db_freeze, "DB_FREEZE", live, any, 4},
    {Opcode::db_thaw, "DB_THAW", live, any, 4},
    {Opcode::db_transaction_start, "DB_TRANSACTION_START", live, any, 8},
    {Opcode::db_transaction_commit, "DB_TRANSACTION_COMMIT", live, any, 8},
    {Opcode::db_transaction_cancel, "DB_TRANSACTION_CANCEL", live, any, 4},
    {Opcode::db_pull, "DB_PULL", live, any, 16},
    {Opcode::db_push_start, "DB_PUSH_START", live, any, 16},
    {Opcode::db_push_confirm, "DB_PUSH_CONFIRM", live, any, 4},
    {Opcode::db_open_flags, "DB_OPEN_FLAGS", live, any, 4},
    {Opcode::db_attach_replicated, "DB_ATTACH_REPLICATED", live, any, any_size},
    {Opcode::check_pid_srvid, "CHECK_PID_SRVID", live, any, 12},
    {Opcode::tunnel_register, "TUNNEL_REGISTER", live, cli, any_size},
    {Opcode::tunnel_deregister, "TUNNEL_DEREGISTER", live, cli, any_size},
    {Opcode::vacuum_fetch, "VACUUM_FETCH", live, internal, any_size},
    {Opcode::db_vacuum, "DB_VACUUM", live, any, 5},
    {Opcode::echo_data, "ECHO_DATA", live, any, any_size},
    {Opcode::disable_node, "DISABLE_NODE", live, any, 0},
    {Opcode::enable_node, "ENABLE_NODE", live, any, 0},
});
// clang-format on

static_assert(std::ranges::is_sorted(opcodes, {}, &OpcodeFacts::opcode));

} // namespace

std::span<const OpcodeFacts> all_opcodes() { return opcodes; }

const OpcodeFacts* facts_of(Opcode opcode) {
    const auto found = std::ranges::lower_bound(opcodes, opcode, {}, &OpcodeFacts::opcode);
    return found != opcodes.end() && found->opcode == opcode ? &*found : nullptr;
}

std::string_view name_of(Opcode opcode) {
    const OpcodeFacts* facts = facts_of(opcode);
    return facts != nullptr ? facts->name : "UNKNOWN";
}

} // namespace ctdbd::protocol
