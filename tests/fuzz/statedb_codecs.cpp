// Everything that hosts and services put into messages, hints, snapshots and histories. The first
// byte chooses a decoder; what it accepts must survive being written and read again.
#include "statedb/database_commands.h"
#include "statedb/host_codec.h"
#include "statedb/locks_codec.h"
#include "statedb/messages_codec.h"
#include "statedb/record_commands.h"
#include "tests/fuzz/input.h"

namespace {

using namespace fuzz;
using namespace statedb;

// Compared as bytes: not every value compares itself.
template <class Read, class Write>
void round_trip(const Bytes& bytes, Read read, Write write) {
    const auto value = read(bytes);
    if (!value) return;
    const Bytes written = write(*value);
    const auto again = read(written);
    check(again.has_value() && write(*again) == written, "a value survives being written");
}

constexpr auto write_any = [](const auto& value) { return encode(value); };

void history(const Bytes& bytes) {
    const auto read = [](const Bytes& from) { return decode_history(from.span()); };
    round_trip(bytes, read, write_any);
    const auto known = read(bytes);
    if (!known) return;
    const Bytes hint = hint_of(*known);
    check(hint.size() <= hint_size_max, "a hint is small");
    check(read(hint).has_value(), "a hint can be read");
}

void envelope(const Bytes& bytes) {
    const auto opened = unwrap(bytes);
    if (!opened) return;
    const auto again = unwrap(wrap(*opened));
    check(again.has_value() && *again == *opened, "an envelope survives being written");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in({data, size});
    const std::uint8_t chosen = in.byte() % 14;
    const Bytes bytes = in.rest();
    switch (chosen) {
    case 0:
        round_trip(bytes, decode_host_message, write_any);
        break;
    case 1:
        round_trip(bytes, decode_snapshot, write_any);
        break;
    case 2:
        envelope(bytes);
        break;
    case 3:
        history(bytes);
        break;
    case 4:
        round_trip(bytes, decode_lock_command, write_any);
        break;
    case 5:
        round_trip(bytes, decode_lock_queues, write_any);
        break;
    case 6:
        round_trip(bytes, decode_node_message, write_any);
        break;
    case 7:
        round_trip(bytes, record_command::decode, record_command::encode);
        break;
    case 8:
        round_trip(bytes, record_command::decode_state, record_command::encode_state);
        break;
    case 9:
        round_trip(bytes, database_command::decode, database_command::encode);
        break;
    case 10:
        round_trip(bytes, database_command::decode_summary, database_command::encode_summary);
        break;
    case 13:
        round_trip(bytes, database_command::decode_direct, database_command::encode_direct);
        break;
    case 11:
        round_trip(bytes, record_command::decode_direct, record_command::encode_direct);
        break;
    default:
        round_trip(bytes, database_command::decode_state, database_command::encode_state);
    }
    return 0;
}
