// Controls about counters (ctdb-wire.md 3.1.5). What has no meaning here stays zero.
#include "ctdbd/daemon/daemon.h"

#include <fmt/format.h>

#include <array>
#include <malloc.h>

namespace ctdbd::daemon {

namespace {

using protocol::Opcode;
using protocol::ReplyControl;

ControlOutcome statistics(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.statistics_history.since_reset()));
}

ControlOutcome statistics_reset(const ControlCall& call) {
    call.daemon.statistics_history.reset();
    return ReplyControl::done();
}

ControlOutcome get_stat_history(const ControlCall& call) {
    return ReplyControl::done(protocol::encode(call.daemon.statistics_history.stretches()));
}

// Text for people: here, what this program holds.
ControlOutcome dump_memory(const ControlCall& call) {
    const auto records = call.daemon.cluster.records().status();
    const std::string text = fmt::format(
        "heap {} bytes\nclients {}\ndatabases {}\nrecords in the directory {}\ncalls waiting {}\n",
        mallinfo2().uordblks, call.daemon.clients.size(), call.daemon.databases.size(),
        records.records, call.daemon.records.calls_waiting());
    return ReplyControl::done(Bytes::copy_of(std::string_view(text)));
}

constexpr auto rows = std::to_array<ControlRow>({
    {Opcode::statistics, statistics},
    {Opcode::statistics_reset, statistics_reset},
    {Opcode::get_stat_history, get_stat_history},
    {Opcode::dump_memory, dump_memory},
});

} // namespace

std::span<const ControlRow> statistics_controls() { return rows; }

} // namespace ctdbd::daemon
