// The table of controls, walked: every opcode that a client of the stock daemon may send has a
// function here, or stands in one of the lists below with the reason why not (ctdb-wire.md 3.2).
#include "ctdbd/daemon/control_desk.h"
#include "ctdbd/protocol/opcodes.h"

#include <doctest/doctest.h>

#include <set>

using namespace ctdbd::daemon;
using namespace ctdbd::protocol;

namespace {

// Said by the stock daemon to its peers, its recovery process or its recovery helper, never by its
// clients. Our daemons have letters and an order, and recover without a helper.
const std::set<Opcode> between_stock_daemons = {
    Opcode::setvnnmap,
    Opcode::traverse_all,
    Opcode::traverse_data,
    Opcode::freeze,
    Opcode::startup,
    Opcode::start_recovery,
    Opcode::end_recovery,
    Opcode::try_delete_records,
    Opcode::recd_ping,
    Opcode::traverse_kill,
    Opcode::recd_reclock_latency,
    Opcode::traverse_all_ext,
    Opcode::vacuum_fetch,
    Opcode::modify_flags,
    Opcode::set_tcp_tickle_list,
};

// About public addresses and the nodes file.
const std::set<Opcode> about_addresses_and_nodes = {
    Opcode::tcp_add,
    Opcode::tcp_remove,
    Opcode::get_tcp_tickle_list,
    Opcode::send_gratuitous_arp,
    Opcode::reload_nodes_file,
    Opcode::add_public_ip,
    Opcode::del_public_ip,
    Opcode::release_ip,
    Opcode::takeover_ip,
    Opcode::get_public_ip_info,
    Opcode::set_iface_link_state,
    Opcode::tcp_add_delayed_update,
    Opcode::reload_public_ips,
    Opcode::ipreallocated,
};

} // namespace

TEST_CASE("every live control has its function, but for those that only stock daemons say") {
    for (const OpcodeFacts& facts : all_opcodes()) {
        CAPTURE(facts.name);
        const bool is_here = control_function(facts.opcode) != nullptr;
        if (facts.state == OpcodeState::dead)
            CHECK_FALSE(is_here);
        else if (!between_stock_daemons.contains(facts.opcode) &&
                 !about_addresses_and_nodes.contains(facts.opcode))
            CHECK(is_here);
    }
}

TEST_CASE("no control has a function without standing in the table of opcodes") {
    for (std::uint32_t number = 0; number < 300; ++number)
        if (control_function(Opcode{number}) != nullptr) CHECK(facts_of(Opcode{number}) != nullptr);
}
