// Opcodes, flags and levels carry the numbers and words of the real tools.
#include "ctdbd/protocol/numbers.h"
#include "ctdbd/protocol/opcodes.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ctdbd::protocol;

namespace {

std::ptrdiff_t count(OpcodeState state) {
    return std::ranges::count(all_opcodes(), state, &OpcodeFacts::state);
}

} // namespace

TEST_CASE("opcodes are known by number and name") {
    CHECK(name_of(Opcode::get_pnn) == "GET_PNN");
    CHECK(name_of(Opcode{0}) == "PROCESS_EXISTS");
    CHECK(name_of(Opcode{4}) == "GETDBPATH");
    CHECK(name_of(Opcode{91}) == "GET_NODEMAP");
    CHECK(name_of(Opcode{119}) == "TRANS3_COMMIT");
    CHECK(name_of(Opcode{158}) == "ENABLE_NODE");
    for (const std::uint32_t gap : {2u, 12u, 28u, 38u, 68u, 92u, 95u, 106u, 159u, 0xFFFFFFFFu}) {
        CHECK(facts_of(Opcode{gap}) == nullptr);
        CHECK(name_of(Opcode{gap}) == "UNKNOWN");
    }
    for (const OpcodeFacts& facts : all_opcodes())
        CHECK(facts_of(facts.opcode) == &facts);
}

TEST_CASE("what is known of an opcode before its payload is read") {
    CHECK(count(OpcodeState::live) == 103);
    CHECK(count(OpcodeState::vestigial) == 2);
    CHECK(count(OpcodeState::dead) == 40);
    CHECK(facts_of(Opcode::set_call)->state == OpcodeState::dead);
    CHECK(facts_of(Opcode::register_srvid)->scope == OpcodeScope::client);
    CHECK(facts_of(Opcode::traverse_all)->scope == OpcodeScope::internal);
    CHECK(facts_of(Opcode::check_pid_srvid)->accepts(12));
    CHECK_FALSE(facts_of(Opcode::check_pid_srvid)->accepts(16));
    CHECK(facts_of(Opcode::db_vacuum)->accepts(5));
    CHECK(facts_of(Opcode::get_db_seqnum)->accepts(8));
    CHECK_FALSE(facts_of(Opcode::statistics)->accepts(4));
    CHECK(facts_of(Opcode::get_pnn)->accepts(4)); // its payload is ignored
}

TEST_CASE("node flags read as in ctdb status") {
    CHECK(node_flags_text(0) == "OK");
    CHECK(node_flags_text(node_flag::banned) == "BANNED|INACTIVE");
    CHECK(node_flags_text(node_flag::disconnected | node_flag::unhealthy) ==
          "DISCONNECTED|UNHEALTHY|INACTIVE");
    CHECK(node_flags_text(node_flag::unhealthy | node_flag::permanently_disabled) ==
          "DISABLED|UNHEALTHY");
    CHECK(node_flag::inactive == 0x39);
    CHECK(node_flag::disabled == 0x06);
    CHECK(capability::by_default == 0x30003);
}

TEST_CASE("debug levels by name, beginning and number") {
    CHECK(debug_level_named("ERR") == DebugLevel::error);
    CHECK(debug_level_named("deb") == DebugLevel::debug);
    CHECK(debug_level_named("Notice") == DebugLevel::notice);
    CHECK(debug_level_named("3") == DebugLevel::notice);
    CHECK(debug_level_named("2") == DebugLevel::warning);
    for (const char* wrong : {"", "x", "errorx", "3x", "3 "})
        CHECK_FALSE(debug_level_named(wrong).has_value());
    CHECK(debug_level_of(-1) == DebugLevel::error);
    CHECK(debug_level_of(4) == DebugLevel::notice);
    CHECK(debug_level_of(9) == DebugLevel::info);
    CHECK(debug_level_of(99) == DebugLevel::debug);
    CHECK(name_of(DebugLevel{2}) == "WARNING");
    CHECK(name_of(DebugLevel::info) == "INFO");
}

TEST_CASE("operations and run states have their names") {
    CHECK(name_of(Operation::req_call) == "REQ_CALL");
    CHECK(name_of(Operation::req_tunnel) == "REQ_TUNNEL");
    CHECK(name_of(Operation{6}) == "UNKNOWN");
    CHECK(name_of(RunState::first_recovery) == "FIRST_RECOVERY");
    CHECK(name_of(RunState{7}) == "UNKNOWN");
    CHECK(pnn::is_broadcast(pnn::broadcast_active));
    CHECK_FALSE(pnn::is_broadcast(pnn::current_node));
    CHECK_FALSE(pnn::is_broadcast(pnn::multicast));
}
