// The control opcodes of CTDB 4.17 (ctdb-wire.md 3.2): numbers, the names the ctdb tool prints, and
// what can be said of a control before its payload is looked into. Gaps in the numbers were removed
// or never given out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ctdbd::protocol {

enum class Opcode : std::uint32_t {
    process_exists = 0,
    statistics = 1,
    ping = 3,
    getdbpath = 4,
    getvnnmap = 5,
    setvnnmap = 6,
    get_debug = 7,
    set_debug = 8,
    get_dbmap = 9,
    get_nodemapv4 = 10,
    set_dmaster = 11,
    pull_db = 13,
    push_db = 14,
    get_recmode = 15,
    set_recmode = 16,
    statistics_reset = 17,
    db_attach = 18,
    set_call = 19,
    traverse_start = 20,
    traverse_all = 21,
    traverse_data = 22,
    register_srvid = 23,
    deregister_srvid = 24,
    get_dbname = 25,
    enable_seqnum = 26,
    update_seqnum = 27,
    dump_memory = 29,
    get_pid = 30,
    get_recmaster = 31,
    set_recmaster = 32,
    freeze = 33,
    thaw = 34,
    get_pnn = 35,
    shutdown = 36,
    get_monmode = 37,
    takeover_ipv4 = 42,
    release_ipv4 = 43,
    tcp_client = 44,
    tcp_add = 45,
    tcp_remove = 46,
    startup = 47,
    set_tunable = 48,
    get_tunable = 49,
    list_tunables = 50,
    get_public_ipsv4 = 51,
    modify_flags = 52,
    get_all_tunables = 53,
    kill_tcp = 54,
    get_tcp_tickle_list = 55,
    set_tcp_tickle_list = 56,
    register_server_id = 57,
    unregister_server_id = 58,
    check_server_id = 59,
    get_server_id_list = 60,
    db_attach_persistent = 61,
    persistent_store = 62,
    update_record = 63,
    send_gratuitous_arp = 64,
    transaction_start = 65,
    transaction_commit = 66,
    wipe_database = 67,
    uptime = 69,
    start_recovery = 70,
    end_recovery = 71,
    reload_nodes_file = 72,
    try_delete_records = 74,
    enable_monitor = 75,
    disable_monitor = 76,
    add_public_ip = 77,
    del_public_ip = 78,
    run_eventscripts = 79,
    get_capabilities = 80,
    start_persistent_update = 81,
    cancel_persistent_update = 82,
    trans2_commit = 83,
    trans2_finished = 84,
    trans2_error = 85,
    trans2_commit_retry = 86,
    recd_ping = 87,
    release_ip = 88,
    takeover_ip = 89,
    get_public_ips = 90,
    get_nodemap = 91,
    get_event_script_status = 96,
    traverse_kill = 97,
    recd_reclock_latency = 98,
    get_reclock_file = 99,
    set_reclock_file = 100,
    stop_node = 101,
    continue_node = 102,
    set_natgwstate = 103,
    set_lmasterrole = 104,
    set_recmasterrole = 105,
    enable_script = 107,
    disable_script = 108,
    set_ban_state = 109,
    get_ban_state = 110,
    set_db_priority = 111,
    get_db_priority = 112,
    transaction_cancel = 113,
    register_notify = 114,
    deregister_notify = 115,
    trans2_active = 116,
    get_log = 117,
    clear_log = 118,
    trans3_commit = 119,
    get_db_seqnum = 120,
    db_set_healthy = 121,
    db_get_health = 122,
    get_public_ip_info = 123,
    get_ifaces = 124,
    set_iface_link_state = 125,
    tcp_add_delayed_update = 126,
    get_stat_history = 127,
    schedule_for_deletion = 128,
    set_db_readonly = 129,
    check_srvids = 130,
    traverse_start_ext = 131,
    get_db_statistics = 132,
    set_db_sticky = 133,
    reload_public_ips = 134,
    traverse_all_ext = 135,
    receive_records = 136,
    ipreallocated = 137,
    get_runstate = 138,
    db_detach = 139,
    get_nodes_file = 140,
    db_freeze = 141,
    db_thaw = 142,
    db_transaction_start = 143,
    db_transaction_commit = 144,
    db_transaction_cancel = 145,
    db_pull = 146,
    db_push_start = 147,
    db_push_confirm = 148,
    db_open_flags = 149,
    db_attach_replicated = 150,
    check_pid_srvid = 151,
    tunnel_register = 152,
    tunnel_deregister = 153,
    vacuum_fetch = 154,
    db_vacuum = 155,
    echo_data = 156,
    disable_node = 157,
    enable_node = 158,
};

enum class OpcodeState : std::uint8_t {
    live,
    vestigial, // answered, but no client is left that sends it
    dead,      // has a number and a name; answered with status -1 like an unknown one
};

enum class OpcodeScope : std::uint8_t {
    any,     // executed on the destination, wherever it is
    client,  // about the sending client: only works when the destination is the local node
    internal // between daemons; a client may send it too
};

struct OpcodeFacts {
    Opcode opcode{};
    std::string_view name; // "GET_PNN"
    OpcodeState state{};
    OpcodeScope scope{};
    // The only accepted payload size; none: it depends, the payload's decoder decides.
    std::optional<std::uint16_t> payload_size;

    [[nodiscard]] bool accepts(std::size_t size) const {
        return !payload_size || *payload_size == size;
    }
};

// Every named opcode, in the order of the numbers.
[[nodiscard]] std::span<const OpcodeFacts> all_opcodes();

// Null for a number without a name.
[[nodiscard]] const OpcodeFacts* facts_of(Opcode opcode);

// "GET_PNN"; "UNKNOWN" for a number without a name.
[[nodiscard]] std::string_view name_of(Opcode opcode);

} // namespace ctdbd::protocol
